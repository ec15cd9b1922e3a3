"""Chat completions, OpenAI's first format, which most hosts speak, and the completions that were before it.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.splice import Piece
from sparekey.types import Usage
from sparekey.wire.broken_stream import error_for_sdks, event_bytes, has_a_message, own_bytes
from sparekey.wire.finish_reasons import judged
from sparekey.wire.format import ERROR, NOTHING, EventSummary, ToolPiece, count, holds_data, mapping, several, shows
from sparekey.wire.splice_texts import SILENT, THOUGHT, Spot, end_spots, field_spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.wire.broken_stream import Break
    from sparekey.wire.splice_texts import Path

THOUGHTS: Final = frozenset(
    {"reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking", "thinking_blocks", "thought"}
)
"""Fields of a message that hold thoughts: content of a stream, but no answer."""
_THOUGHT_TEXTS: Final = frozenset({"reasoning_content", "reasoning", "thinking"})
"""Those of them that are read; where several hold the same, one is."""
_UNSPOKEN: Final = frozenset(
    {
        *("role", "name", "id", "tool_call_id", "annotations", "citations", "logprobs", "token_ids", "matched_stop", "stop_reason"),
        *("signature", "thought_signature", "provider_specific_fields", "extra_content", "prefix", "partial", "context", "metadata"),
    }
)
"""Fields of a message that say nothing of their own; what is not listed is a part of the answer."""
_SAID_IN: Final = ("text", "message", "delta")
"""Fields of a choice that hold what it says: of a completion, of a chat, of a chat's chunk."""
_PLAIN: Final = frozenset({"index", "delta", "logprobs", "finish_reason"})
"""Fields of a choice of a chunk that says nothing but its delta."""
_CALLS: Final = frozenset({"tool_calls", "function_call"})
"""Fields of a message with which the caller's tools are called."""
_JOINED: Final = frozenset({"content", "refusal", "reasoning", "reasoning_content", "reasoning_text", "thinking", "thought"})
"""Fields of a message whose pieces are texts that follow each other."""
_ERROR_TYPES: Final = {429: "rate_limit_error", 500: "server_error", 502: "server_error", 503: "server_error", 504: "server_error"}


# What an event, or a whole answer, tells


def read_event(name: str, value: Any) -> EventSummary:
    """Read one chunk of a stream."""
    if not isinstance(value, dict):
        return NOTHING
    choices = value.get("choices")
    if name == "error" or ((not choices or "error" in value or "base_resp" in value) and is_error(value)):
        return ERROR
    counted = value.get("usage") or "x_groq" in value or (choices and choices[0].get("usage"))
    usage, model = read_usage(value) if counted else None, value.get("model") or ""
    if not choices:
        return EventSummary(usage=usage, model=model) if usage else NOTHING
    if len(choices) == 1:
        choice = choices[0]
        if choice.keys() <= _PLAIN and not choice.get("finish_reason"):
            delta = choice.get("delta")
            if type(delta) is dict and len(delta) == 1 and type(text := delta.get("content")) is str:  # as most are: no call more
                return EventSummary(shows(text) is not None, (choice.get("index") or 0,), text=text, usage=usage, model=model)
        return _choice(choice, usage, model)
    return several([_choice(choice, usage, model) for choice in choices])


def read_answer(value: Any) -> EventSummary | None:
    """Read a whole answer, which looks like one chunk with messages in the place of deltas."""
    return read_event("", value) if "choices" in value else None


def is_whole(value: Any) -> bool:
    """Tell whether an event is a whole answer: it has messages where deltas belong."""
    choices = value.get("choices") if isinstance(value, dict) else None
    return isinstance(choices, list) and any(isinstance(one, dict) and one.get("message") and not one.get("delta") for one in choices)


def fits(resource: str, value: Any, *, whole: bool = False) -> bool:
    """Tell whether an answer, or an event, has what it says in the field that SDKs read."""
    field = "text" if resource == "completions" else "message" if whole else "delta"
    for choice in (value.get("choices") if isinstance(value, dict) else None) or ():
        if not choice.get(field) and any(map(choice.get, _SAID_IN)):
            return False
    return True


def read_usage(value: Any) -> Usage | None:
    """Read the tokens; Groq has them under `x_groq`, Moonshot's streams in a choice."""
    if not isinstance(value, dict):
        return None
    found = value.get("usage") or mapping(value, "x_groq").get("usage") or _usage_in_choice(value)
    return counted(found) if isinstance(found, dict) else None


def counted(usage: dict[str, Any]) -> Usage:
    """Return the tokens of a `usage`: chats say `prompt_tokens`, the Responses API `input_tokens`."""
    return Usage(
        count(usage, "prompt_tokens", "input_tokens"),
        count(usage, "completion_tokens", "output_tokens"),
        count(mapping(usage, "prompt_tokens_details", "input_tokens_details"), "cached_tokens"),
        count(mapping(usage, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
    )


def is_error(value: dict[str, Any]) -> bool:
    """Tell whether an event is an error: a host may write one in any of these ways."""
    if value.get("error") or value.get("object") == "error" or value.get("type") in {"error", "response.failed"}:
        return True
    base = value.get("base_resp")  # MiniMax
    if isinstance(base, dict) and base.get("status_code"):
        return True
    return "code" in value and "message" in value and not {"choices", "type", "output"} & value.keys()


def texts_of(content: Any) -> tuple[str, str]:
    """Return the visible text and the thoughts of a message's content: a text, or parts of several types (Mistral)."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        thoughts = content.get("thinking") or content.get("reasoning")
        return ("", "".join(texts_of(thoughts))) if thoughts else (str(content.get("text") or content.get("refusal") or ""), "")
    pairs = [texts_of(part) for part in content or ()]
    return "".join(text for text, _ in pairs), "".join(thoughts for _, thoughts in pairs)


def _choice(choice: dict[str, Any], usage: Usage | None, model: str) -> EventSummary:
    """Read one choice of a chunk, or of a whole answer."""
    spoken = choice.get("delta") or choice.get("message") or {}
    if choice.get("error") or spoken.get("error"):
        return ERROR
    content, said, text, thoughts, refusal = False, False, choice.get("text") or "", "", ""
    tools: tuple[ToolPiece, ...] = ()
    for name, value in spoken.items():
        if not value or name in _UNSPOKEN:
            continue
        if name == "content":
            visible, thought = (value, "") if isinstance(value, str) else texts_of(value)
            text, thoughts, content = text + visible, thoughts + thought, content or bool(thought)
            said = said or not (isinstance(value, str) or visible or thought or _is_reference(value))
        elif name in THOUGHTS:
            content = True
            if not thoughts and name in _THOUGHT_TEXTS:
                thoughts = value if isinstance(value, str) else texts_of(value)[0]
        else:
            said = said or (any(map(_calls_one, value if isinstance(value, list) else [value])) if name in _CALLS else holds_data(value))
            if name == "tool_calls":
                tools = tuple(_tool_piece(position, call) for position, call in enumerate(value))
            elif name == "refusal":
                refusal = texts_of(value)[0]
    lane, finish, fault = choice.get("index") or 0, choice.get("finish_reason") or choice.get("finishReason") or "", ""
    if finish:
        callers, broken_off = judged(finish)
        said, fault = said or callers, finish if broken_off else ""
    shown = content or said or shows(text) is not None
    ended = (lane,) if finish else ()
    return EventSummary(shown, (lane,), ended, False, False, said, text or refusal, fault, thoughts, tools, finish, usage, model)


def _calls_one(call: dict[str, Any]) -> bool:
    """Tell whether a tool call, or a piece of one, names the tool. A call without a name calls nothing."""
    return bool(call.get("name")) or any(isinstance(inner, dict) and inner.get("name") for inner in call.values())


def _tool_piece(position: int, call: dict[str, Any]) -> ToolPiece:
    index, function = call.get("index"), call.get("function") or {}
    return ToolPiece(
        position if index is None else index, call.get("id") or "", function.get("name") or "", function.get("arguments") or ""
    )


def _is_reference(parts: Any) -> bool:
    """Tell whether all parts are empty texts or references to sources, which show nothing by themselves."""
    return all(isinstance(part, dict) and part.get("type") in {"text", "output_text", "thinking", "reference"} for part in parts)


def _usage_in_choice(value: dict[str, Any]) -> Any:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first.get("usage") if isinstance(first, dict) else None


# A whole answer out of chunks, and chunks out of a whole answer


def answer_of_events(values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Put the chunks of a chat, or of a completion, together."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for _, value in values:
        if not isinstance(value, dict):
            continue
        whole |= {name: one for name, one in value.items() if name != "choices" and (one is not None or name not in whole)}
        for choice in value.get("choices") or ():
            index = choice.get("index") or 0
            _add_choice(choices.setdefault(index, {"index": index}), choice)
    for choice in choices.values():
        if calls := (choice.get("message") or {}).get("tool_calls"):
            choice["message"]["tool_calls"] = [calls[index] for index in sorted(calls)]
        choice.setdefault("finish_reason", None)
    is_chat = any("message" in choice for choice in choices.values()) or "chat" in str(whole.get("object"))
    whole["object"] = "chat.completion" if is_chat else "text_completion"
    return {**whole, "choices": [choices[index] for index in sorted(choices)]}


def events_of_answer(value: Any) -> bytes:
    """Return a chunk with all that each choice says, one with the ends, one with the usage."""
    return b"".join(_chunks(value))


def _chunks(value: dict[str, Any]) -> Iterator[bytes]:
    kind = "chat.completion.chunk" if any("message" in choice for choice in value["choices"]) else "text_completion"
    common = {name: one for name, one in value.items() if name not in {"choices", "usage"}} | {"object": kind}
    yield event_bytes({**common, "choices": [_opened(position, choice) for position, choice in enumerate(value["choices"])]})
    ends = [{**_bare(choice, position), "finish_reason": _end_of(choice)} for position, choice in enumerate(value["choices"])]
    yield event_bytes({**common, "choices": ends})
    if usage := value.get("usage"):
        yield event_bytes({**common, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _opened(position: int, choice: dict[str, Any]) -> dict[str, Any]:
    rest = {name: one for name, one in choice.items() if name not in {"message", "index", "finish_reason", "finishReason"}}
    opened = {"index": choice.get("index", position), **rest, "finish_reason": None}
    if "message" not in choice:
        return opened
    message = {"role": "assistant", **(choice["message"] or {})}
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
    return {**opened, "delta": message}


def _end_of(choice: dict[str, Any]) -> str:
    """Return the finish reason of a whole choice; `stop` or `tool_calls` where the host gives none."""
    calls = (choice.get("message") or {}).get("tool_calls")
    return choice.get("finish_reason") or choice.get("finishReason") or ("tool_calls" if calls else "stop")


def _bare(choice: dict[str, Any], position: int) -> dict[str, Any]:
    empty: dict[str, Any] = {"delta": {}} if "message" in choice else {"text": ""}
    return {"index": choice.get("index", position), **empty}


def _add_choice(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    for name, value in piece.items():
        if name in {"delta", "message"}:
            message = whole.setdefault("message", {"role": "assistant", "content": None})
            for field, one in (value or {}).items():
                _add_field(message, field, one)
        elif name == "text":
            whole["text"] = whole.get("text", "") + (value or "")
        elif name == "logprobs" and isinstance(value, dict) and isinstance(whole.get("logprobs"), dict):
            for field, one in value.items():
                before = whole["logprobs"].get(field)
                whole["logprobs"][field] = before + one if isinstance(before, list) and isinstance(one, list) else one
        elif value is not None or name not in whole:
            whole[name] = deepcopy(value)


def _add_field(message: dict[str, Any], name: str, value: Any) -> None:
    """Add a piece of a field to the message: texts are joined, lists are extended, tool calls are matched by their index."""
    before = message.get(name)
    if value is None or value == "":
        message.setdefault(name, value)
    elif name == "tool_calls":
        calls = before if isinstance(before, dict) else {}
        for position, call in enumerate(value):
            place = _place_of_call(calls, call.get("index", position), call)
            calls[place] = _add_tool(calls.get(place), {k: v for k, v in call.items() if k != "index"})
        message[name] = calls
    elif name == "function_call":
        message[name] = {**(before or {}), **value, "arguments": (before or {}).get("arguments", "") + (value.get("arguments") or "")}
    elif name == "audio" and isinstance(before, dict):
        joined = {one: (before.get(one) or "") + (value.get(one) or "") for one in ("data", "transcript")}
        message[name] = {**before, **value, **joined}
    elif isinstance(before, list) and isinstance(value, list):
        message[name] = [*before, *value]
    elif name in _JOINED and isinstance(before, str) and isinstance(value, str):
        message[name] = before + value
    else:
        message[name] = deepcopy(value)


def _place_of_call(calls: dict[tuple[Any, int], dict[str, Any]], index: Any, piece: dict[str, Any]) -> tuple[Any, int]:
    """Return where a piece of a tool call belongs: to the last call of its index, unless another one begins under the same index."""
    turn = max((turn for at, turn in calls if at == index), default=0)
    known, given = calls.get((index, turn), {}).get("id"), piece.get("id")
    begins = known and given and known != given and (piece.get("function") or {}).get("name")
    return index, turn + 1 if begins else turn


def _add_tool(whole: dict[str, Any] | None, piece: dict[str, Any]) -> dict[str, Any]:
    given = piece.get("function") or {}
    if whole is None:
        return {**piece, "function": {**given, "name": given.get("name") or "", "arguments": given.get("arguments") or ""}}
    function = whole["function"]
    function["name"] = function["name"] or given.get("name") or ""
    function["arguments"] += given.get("arguments") or ""
    return {**{name: one for name, one in piece.items() if one}, **{name: one for name, one in whole.items() if one}, "function": function}


# The texts of a chunk, to go on in another stream


def spots(value: dict[str, Any]) -> list[Spot]:
    """Return the texts of a chunk: thoughts before text, text before tool calls, in whatever order the host wrote the fields."""
    found: list[Spot] = []
    for position, choice in enumerate(value.get("choices") or ()):
        lane, at = choice.get("index") or 0, ("choices", position)
        if text := choice.get("text"):
            found.append(Spot(Piece(lane, "text", text), (*at, "text")))
        if delta := choice.get("delta"):
            if len(delta) == 1 and type(text := delta.get("content")) is str:  # as most are: no call more
                if text:
                    found.append(Spot(Piece(lane, "content", text), (*at, "delta", "content")))
            else:
                _add_spots(found, lane, (*at, "delta"), delta)
        if choice.get("finish_reason"):
            found += end_spots(lane, choice, at, "finish_reason")
    return found


def _add_spots(found: list[Spot], lane: int, at: Path, delta: dict[str, Any]) -> None:
    if "role" in delta:
        found.append(Spot(Piece(lane, "", "")))
    names = sorted(delta, key=_place) if len(delta) > 1 else delta
    for name in names:
        text = delta[name]
        if not text or name in SILENT:
            continue
        if name == "tool_calls":
            for position, call in enumerate(text):
                found += _tool_spots(lane, (*at, name, position), call, call.get("index") or position)
        elif name == "function_call":
            found += _tool_spots(lane, (*at, name), {"function": text}, 0)
        elif isinstance(text, str):
            found.append(Spot(Piece(lane, name, text), (*at, name)))
        else:
            thinks = name == "content" and not texts_of(text)[0]  # Mistral has thoughts among the parts of a content
            found.append(field_spot(lane, "thinking" if thinks else name, text, (*at, name)))


def _place(name: str) -> tuple[bool, bool]:
    return name == "tool_calls", name not in THOUGHT


def _tool_spots(lane: int, at: Path, call: dict[str, Any], index: int) -> Iterator[Spot]:
    function = call.get("function") or {}
    inner = at if at[-1] == "function_call" else (*at, "function")
    if name := function.get("name"):
        yield Spot(Piece(lane, f"tool {index} name", name), (), ((*inner, "name"), (*at, "id"), (*at, "type")))
    if text := function.get("arguments"):
        yield field_spot(lane, f"tool {index}", text, (*inner, "arguments"))


# Errors


def error_body(status: int, code: str, text: str) -> dict[str, Any]:
    """Return the JSON of an error."""
    return {"error": {"message": text, "type": _ERROR_TYPES.get(status, "invalid_request_error"), "param": None, "code": code}}


def broken(cut: Break) -> tuple[bytes, ...]:
    """Return the provider's own event where SDKs raise for it with its text; else one for which they do."""
    if cut.event and has_a_message(cut) and cut.event.raw.rstrip() == b"data: " + cut.event.data:
        return (own_bytes(cut.event),)
    return (event_bytes(error_for_sdks(cut, error_body)),)
