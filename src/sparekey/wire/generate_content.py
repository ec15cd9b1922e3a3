"""generateContent, the Gemini API's format; a stream's events look like its whole answers. https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.splice import Piece
from sparekey.types import Usage
from sparekey.wire.broken_stream import error_for_sdks, event_bytes
from sparekey.wire.finish_reasons import judged
from sparekey.wire.format import ERROR, NOTHING, EventSummary, ToolPiece, counts, holds_data, joined, several, shows
from sparekey.wire.splice_texts import SILENT, Spot, end_spots, field_spot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.wire.broken_stream import Break

_MARKS: Final = frozenset({"text", "thought", "thoughtSignature", "partMetadata"})
"""Fields of a part that are its text, or say something about it; what else it holds is to be shown."""
_TOOLS: Final = frozenset({"executableCode", "codeExecutionResult"})
"""What the provider's own tools do on the way to an answer."""
_NO_END: Final = "FINISH_REASON_UNSPECIFIED"
"""What stands where no reason does: proto's default."""
_NOT_BLOCKED: Final = (None, "", "BLOCK_REASON_UNSPECIFIED")
"""As above, for a prompt that is let through."""
_COUNTS: Final = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount")
_SHAPE: Final = frozenset({"candidates", "promptFeedback"})
"""Fields of which every answer has one."""
_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


# What an event, or a whole answer, tells


def read_event(name: str, value: Any) -> EventSummary:
    """Read one event of streamed content, or a whole answer; a blocked prompt is an answer, not an error."""
    if not isinstance(value, dict):
        return NOTHING
    if value.get("error") or name == "error":
        return ERROR
    usage, model = read_usage(value), value.get("modelVersion") or ""
    if (value.get("promptFeedback") or {}).get("blockReason") not in _NOT_BLOCKED:
        return EventSummary(True, (0,), (0,), said=True, finish="prohibited_content", usage=usage, model=model)
    found = [_candidate(candidate, usage, model) for candidate in value.get("candidates") or ()]
    if len(found) == 1:
        return found[0]
    return several(found) if found else EventSummary(usage=usage, model=model) if usage else NOTHING


def read_answer(value: Any) -> EventSummary | None:
    """Read a whole answer; where a stream was asked for without events, it is a list of them."""
    if isinstance(value, list):
        found = [read_event("", one) for one in value]
        return _followed(found) if found else None
    return read_event("", value) if _SHAPE & value.keys() else None


def is_whole(value: Any) -> bool:
    """Tell whether an event is a whole answer of another shape than events have: here they look alike."""
    del value
    return False


def fits(resource: str, value: Any, *, whole: bool = False) -> bool:
    """Tell whether an answer is content; no other resource has this format."""
    del resource, value, whole
    return True


def read_usage(value: Any) -> Usage | None:
    """Read the tokens; thoughts are counted beside the answer."""
    usage = value.get("usageMetadata") if isinstance(value, dict) else None
    if not isinstance(usage, dict):
        return None
    prompt, used, answer, thought, cached = counts(usage, _COUNTS)
    return Usage(prompt + used, answer + thought, cached, thought)


def _candidate(candidate: dict[str, Any], usage: Usage | None, model: str) -> EventSummary:
    content, said, text, thoughts, tools = False, False, "", "", []
    for part in (candidate.get("content") or {}).get("parts") or ():
        if len(part) == 1 and type(piece := part.get("text")) is str:  # as most are
            text += piece
            continue
        shown = {key for key, piece in part.items() if piece and key not in _MARKS and holds_data(piece)}
        if not (part.get("functionCall") or {}).get("name"):  # it calls nothing
            shown.discard("functionCall")
        if part.get("thought"):  # a picture among them is no answer either
            thoughts += part.get("text") or ""
        else:
            text += part.get("text") or ""
            said = said or bool(shown - _TOOLS)
        content = content or bool(shown)
        if call := part.get("functionCall"):
            tools.append(ToolPiece(-1, call.get("id") or "", call.get("name") or "", dict(call.get("args") or {})))
    lane, finish, fault = candidate.get("index") or 0, _end_of(candidate), ""
    if finish:
        callers, broken_off = judged(finish)
        said, fault = said or callers, finish if broken_off else ""
    shown_any = content or bool(thoughts) or said or shows(text) is not None
    return EventSummary(
        shown_any, (lane,), (lane,) if finish else (), False, False, said, text, fault, thoughts, tuple(tools), finish, usage, model
    )


def _end_of(candidate: dict[str, Any]) -> str:
    """Return the finish reason, in whichever of the API's spellings, or ""."""
    finish = candidate.get("finishReason") or candidate.get("finish_reason") or ""
    return "" if finish == _NO_END else finish


def _followed(events: list[EventSummary]) -> EventSummary:
    """Return what a whole stream tells that came as a list."""
    return joined(
        events,
        ended=(0,) if any(one.ended for one in events) else (),
        error=any(one.error for one in events),
        fault=next((one.fault for one in events if one.fault), ""),
        finish=next((one.finish for one in reversed(events) if one.finish), ""),
        usage=next((one.usage for one in reversed(events) if one.usage), None),
        model=next((one.model for one in events if one.model), ""),
    )


# A whole answer out of events, and events out of a whole answer


def answer_of_events(values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Put the events of a stream together."""
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for _, value in values:
        if not isinstance(value, dict):
            continue
        whole |= {name: one for name, one in value.items() if name != "candidates"}
        for candidate in value.get("candidates") or ():
            index = candidate.get("index") or 0
            found = candidates.setdefault(index, {"content": {"role": "model", "parts": []}})
            found |= {name: one for name, one in candidate.items() if name != "content"}
            for part in (candidate.get("content") or {}).get("parts") or ():
                _add_part(found["content"]["parts"], part)
    return {**whole, "candidates": [candidates[index] for index in sorted(candidates)]} if whole or candidates else {}


def _add_part(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Put a part to the others; texts that follow each other are one, unless one of them is signed."""
    last = parts[-1] if parts else {}
    if last.keys() == part.keys() and last.keys() <= {"text", "thought"} and last.get("thought") == part.get("thought") and "text" in part:
        parts[-1] = {**last, "text": last["text"] + part["text"]}
    else:
        parts.append(dict(part))


def events_of_answer(value: Any) -> bytes:
    """Return the one event of a whole answer, or those of a list."""
    return b"".join(map(event_bytes, _closed(value if isinstance(value, list) else [value])))


def _closed(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events of a whole answer, in which each candidate has an end: it is whole without a finish reason, too."""
    closed, ended = list(values), set[int]()
    for position in reversed(range(len(values))):
        candidates = []
        for candidate in values[position].get("candidates") or ():
            lane = candidate.get("index") or 0
            finish = _end_of(candidate) or ("" if lane in ended else "STOP")
            ended.add(lane)
            candidates.append({**candidate, "finishReason": finish} if finish else candidate)
        if candidates:
            closed[position] = {**values[position], "candidates": candidates}
    return closed


# The texts of an event, to go on in another stream


def spots(value: dict[str, Any]) -> list[Spot]:
    """Return the texts of each candidate."""
    found: list[Spot] = []
    for position, candidate in enumerate(value.get("candidates") or ()):
        lane, at = candidate.get("index") or 0, ("candidates", position, "content", "parts")
        for number, part in enumerate((candidate.get("content") or {}).get("parts") or ()):
            for name, text in part.items():
                if name == "text" and len(part) == 1 and type(text) is str:  # as most are: no call more
                    if text:
                        found.append(Spot(Piece(lane, name, text), (*at, number, name)))
                elif text and name not in SILENT and name != "thought":
                    channel = "thought" if name == "text" and part.get("thought") else name
                    found.append(field_spot(lane, channel, text, (*at, number, name)))
        if candidate.get("finishReason"):
            found += end_spots(lane, candidate, ("candidates", position), "finishReason")
    return found


# Errors


def error_body(status: int, code: str, text: str) -> dict[str, Any]:
    """Return the JSON of an error; the cause's one word is the status's own here."""
    del code
    return {"error": {"code": status, "message": text, "status": _STATUS.get(status, "INTERNAL")}}


def broken(cut: Break) -> tuple[bytes, ...]:
    """Return the error twice: as bare JSON, which is all that @google/genai 1.x knows, and as an event."""
    value = error_for_sdks(cut, error_body)
    return (json.dumps(value).encode() + b"\n\n", event_bytes(value))
