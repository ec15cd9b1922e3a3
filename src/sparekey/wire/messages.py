"""Messages, Anthropic's format, and the text completions that were before it: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.splice import Piece
from sparekey.types import Usage
from sparekey.wire.broken_stream import error_for_sdks, event_bytes, has_a_message, own_bytes
from sparekey.wire.finish_reasons import judged
from sparekey.wire.format import ERROR, NOTHING, EventSummary, ToolPiece, count, is_visible, joined, mapping, shows
from sparekey.wire.splice_texts import Spot, mark_spot
from sparekey.wire.think_tags import closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sparekey.wire.broken_stream import Break

_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})
_SERVERS: Final = frozenset({"server_tool_use", "mcp_tool_use"})
"""Blocks with which the provider's own tools are called: the answer is still to come."""
_SIGNED: Final = frozenset({"type", "signature"})
_SHAPE: Final = frozenset({"content", "completion", "stop_reason"})
"""Fields of which every answer has one."""
_PLAIN: Final[dict[str | None, EventSummary]] = {"message_stop": EventSummary(last=True), "content_block_stop": NOTHING, "ping": NOTHING}
"""Events that always tell the same."""
_PREAMBLE: Final = frozenset({"message_start", "ping", "message_delta", "message_stop"})
_START: Final = "start"
_STOP: Final = "content_block_stop"
_THINKING: Final = frozenset({_START, _STOP, "thinking", "thinking_delta", "signature_delta", "data", "text", "text_delta"})
"""What of a block is compared while it holds no answer: channels, behind the block's number."""
_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


# What an event, or a whole answer, tells


def read_event(name: str, value: Any) -> EventSummary:
    """Read one event of a stream of messages."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "error" or name == "error" or (kind is None and mapping({"": value}, "").get("error")):
        return ERROR
    if kind == "content_block_delta" and type(delta := value.get("delta")) is dict and delta.get("type") == "text_delta":
        text = delta.get("text") or ""  # most events are such: no call more
        return EventSummary(shows(text) is not None, (0,), text=text)
    if read := _READ.get(kind):
        return read(value)
    return _completion(value) if isinstance(value, dict) and "completion" in value else _PLAIN.get(kind, NOTHING)


def read_answer(value: Any) -> EventSummary | None:
    """Read a whole message."""
    if not _SHAPE & value.keys():
        return None
    return read_event("", value) if "completion" in value else _message(value)


def is_whole(value: Any) -> bool:
    """Tell whether an event is a whole message."""
    return isinstance(value, dict) and value.get("type") == "message"


def fits(resource: str, value: Any, *, whole: bool = False) -> bool:
    """Tell whether an answer is a message, or an event of one; where text completions of old are asked for, one of those."""
    if resource == "complete":
        return not whole or "completion" in value
    return not isinstance(value, dict) or "completion" not in value


def read_usage(value: Any) -> Usage | None:
    """Read the tokens: the prompt is counted without its cached parts; the last event counts the whole call only on newer hosts."""
    found = mapping(value, "usage") or mapping(mapping(value, "message"), "usage")
    if not found:
        return None
    cached = count(found, "cache_read_input_tokens")
    prompt = count(found, "input_tokens") + cached + count(found, "cache_creation_input_tokens")
    return Usage(prompt, count(found, "output_tokens"), cached, count(mapping(found, "output_tokens_details"), "thinking_tokens"))


def _piece(value: dict[str, Any]) -> EventSummary:
    return _block(value.get("content_block") or value.get("delta") or {}, value.get("index") or 0)


def _started(value: dict[str, Any]) -> EventSummary:
    return EventSummary(begun=(0,), usage=read_usage(value), model=str(mapping(value, "message").get("model") or ""))


def _ended(value: dict[str, Any]) -> EventSummary:
    return _stopped((value.get("delta") or {}).get("stop_reason"))._replace(usage=read_usage(value))


def _completion(value: dict[str, Any]) -> EventSummary:
    """Read one of the text completions of old."""
    text = value["completion"] or ""
    return _answered([EventSummary(shows(text) is not None, (0,), text=text)], value)


def _message(value: dict[str, Any]) -> EventSummary:
    blocks = [_whole_block(block, index) for index, block in enumerate(value.get("content") or ())]
    return _answered(blocks, value)


def _answered(blocks: list[EventSummary], value: dict[str, Any]) -> EventSummary:
    """Return what the blocks of an answer tell, with its end, its tokens and its model."""
    end = _stopped(value.get("stop_reason"))
    usage, model = read_usage(value), value.get("model") or ""
    return joined([*blocks, end], ended=end.ended, fault=end.fault, finish=end.finish, usage=usage, model=model)


def _whole_block(block: dict[str, Any], index: int) -> EventSummary:
    found = _block(block, index)
    return found._replace(tools=(found.tools[0]._replace(arguments=dict(block.get("input") or {})),)) if found.tools else found


def _block(block: dict[str, Any], index: int) -> EventSummary:
    """Read the beginning of a block of content, or the piece of one that a delta brings."""
    kind = str(block.get("type") or "")
    if kind in {"text_delta", "text"}:
        text = block.get("text") or ""
        return EventSummary(shows(text) is not None, (0,), text=text)
    if kind in _THOUGHTS or kind == "thinking_delta":
        thoughts = block.get("thinking") or ""
        return EventSummary(bool(thoughts or block.get("data")), (0,), thoughts=thoughts)
    if kind in _SERVERS or kind.endswith("_tool_result"):
        return EventSummary(True, (0,))
    if kind.endswith("_delta"):  # a tool's arguments, citations, a signature: whose block it is was told at its beginning
        given = block.get("partial_json") if kind == "input_json_delta" else ""
        content = kind != "input_json_delta" and any(text for name, text in block.items() if name not in _SIGNED)
        return EventSummary(content, (0,), tools=(ToolPiece(index, arguments=given),) if given else ())
    if kind == "tool_use":  # one without a name calls nothing
        name = block.get("name") or ""
        given = block.get("input")  # all of it, from some hosts
        return EventSummary(bool(name), (0,), said=bool(name), tools=(ToolPiece(index, block.get("id") or "", name, given or ""),))
    return EventSummary(bool(kind), (0,), said=bool(kind))  # one without a type is nothing to any SDK


def _stopped(reason: str | None) -> EventSummary:
    if not reason:
        return NOTHING
    said, broken_off = judged(reason)
    return EventSummary(said, (0,), (0,), said=said, fault=reason if broken_off else "", finish=reason)


_READ: Final[dict[str | None, Callable[[dict[str, Any]], EventSummary]]] = {
    "content_block_start": _piece,
    "content_block_delta": _piece,
    "message_delta": _ended,
    "message_start": _started,
    "message": _message,
}
"""What reads the events of a type."""


# A whole message out of events, and events out of a whole message


def answer_of_events(values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Put the events of a message together."""
    whole: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for value in (value for _, value in values if isinstance(value, dict)):
        kind = value.get("type")
        if kind == "message_start":
            whole = dict(value["message"])
        elif kind == "content_block_start":
            blocks[value["index"]] = dict(value["content_block"])
        elif kind == "content_block_delta":
            _add_delta(blocks.setdefault(value["index"], {"type": "text", "text": ""}), value["delta"])
        elif kind == "message_delta":
            whole |= _without_nulls(value["delta"])
            whole["usage"] = {**(whole.get("usage") or {}), **_without_nulls(value.get("usage") or {})}
        elif "completion" in value:
            whole = {**whole, **value, "completion": whole.get("completion", "") + value["completion"]}
    if "completion" in whole:
        return whole
    for block in blocks.values():
        if isinstance(text := block.pop("partial_json", None), str):
            block["input"] = json.loads(text or "{}")
    return {**whole, "content": [blocks[index] for index in sorted(blocks)]} if whole or blocks else {}


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _add_delta(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "citation":
            block["citations"] = [*(block.get("citations") or ()), value]
        elif name != "type" and isinstance(value, str):
            block[name] = (block.get(name) or "") + value
        elif name != "type":
            block[name] = value


def events_of_answer(value: Any) -> bytes:
    """Return the events of a whole message, each block's text in one piece."""
    return b"".join(event_bytes(one, one["type"]) for one in _events(value))


def _events(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "completion" in value:
        yield {"type": "completion", **value, "stop_reason": value.get("stop_reason") or "stop_sequence"}
        return
    usage = value.get("usage") or {}
    opened = {**value, "type": "message", "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": {**opened, "usage": {**usage, "output_tokens": 0}}}
    for index, block in enumerate(value.get("content") or ()):
        empty, deltas = _taken_apart(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    called = any(block.get("type") == "tool_use" for block in value.get("content") or ())
    reason = value.get("stop_reason") or ("tool_use" if called else "end_turn")  # a whole message is whole without one
    end = {"stop_reason": reason, "stop_sequence": value.get("stop_sequence")}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": usage.get("output_tokens", 0)}}
    yield {"type": "message_stop"}


def _taken_apart(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block as it begins, and what is put to it; one of a kind that never comes in pieces begins whole."""
    kind = block.get("type")
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": one} for one in block.get("citations") or ()]
        empty = {**block, "text": "", **({"citations": []} if cited else {})}
        return empty, [*cited, {"type": "text_delta", "text": block.get("text") or ""}]
    if kind == "thinking":
        signed = [{"type": "signature_delta", "signature": block["signature"]}] if block.get("signature") else []
        empty = {**block, "thinking": "", "signature": ""}
        return empty, [{"type": "thinking_delta", "thinking": block.get("thinking") or ""}, *signed]
    if kind in {"tool_use", "server_tool_use", "mcp_tool_use"}:
        given = json.dumps(block.get("input") or {}, ensure_ascii=False)
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": given}]
    return block, []


# The texts of an event, to go on in another stream


def spots(value: dict[str, Any]) -> list[Spot]:
    """Return the text of a delta; another event tells that something begins or ends."""
    kind, index = value.get("type"), value.get("index")
    if not isinstance(kind, str) or kind in _PREAMBLE:
        return []
    if kind == "content_block_start":
        block = value.get("content_block") or {}
        begun = [mark_spot(f"{index} {_START}", f"{block.get('type')} {block.get('name', '')}")]
        return begun + [_text_spot(index, "content_block", name, text) for name in ("text", "thinking") if (text := block.get(name))]
    delta = value.get("delta") or {}
    for name, text in delta.items():
        if name == "type" or not isinstance(text, str):
            continue
        if name == "signature":  # each answer signs for itself
            break
        return [_text_spot(index, "delta", name, text)] if text else []
    return [mark_spot(f"{index} {delta.get('type', kind)}")]


def _text_spot(index: Any, field: str, name: str, text: str) -> Spot:
    channel = "text" if name == "text" and index == 0 else f"{index} {name}"
    return Spot(Piece(0, channel, text), (field, name))


def following(shown: Sequence[Piece]) -> Callable[[Any], list[Any]] | None:
    """Return what makes the events of another message follow blocks that hold nothing but thoughts; None: they hold more.

    The other message goes on with new blocks, thoughts and their signatures included.
    """
    texts: dict[int, str] = {}
    is_open = False
    for _, channel, text in shown:
        place, _, name = ("0 text" if channel == "text" else channel).partition(" ")
        if not place.isdigit() or name not in _THINKING:
            return None
        if name == _START and text.partition(" ")[0] not in {*_THOUGHTS, "text"}:
            return None
        if name in {_START, _STOP}:
            is_open = name == _START
        texts[int(place)] = texts.get(int(place), "") + (text if name == "text" else "")
    if any(map(is_visible, texts.values())):
        return None
    last = max(texts, default=-1)
    head: list[dict[str, Any]] = [{"type": _STOP, "index": last}] if is_open else []
    if is_open and (end := closing(texts[last])):
        head.insert(0, {"type": "content_block_delta", "index": last, "delta": {"type": "text_delta", "text": end}})

    def followed(value: Any) -> list[Any]:
        if not isinstance(value, dict) or value.get("type") == "message_start":
            return []
        if not isinstance(index := value.get("index"), int):
            return [value]
        before = [*head]
        head.clear()
        return [*before, {**value, "index": index + last + 1}]

    return followed


# Errors


def error_body(status: int, code: str, text: str) -> dict[str, Any]:
    """Return the JSON of an error; this format has no place for a code."""
    del code
    return {"type": "error", "error": {"type": _ERROR_TYPES.get(status, "api_error"), "message": text}}


def broken(cut: Break) -> tuple[bytes, ...]:
    """Return the provider's own event where SDKs raise for it with its text; else one for which they do."""
    own = cut.event
    if own and has_a_message(cut) and cut.value.get("type") == "error" and own.raw.rstrip() == b"event: error\ndata: " + own.data:
        return (own_bytes(own),)
    return (event_bytes({**error_for_sdks(cut, error_body), "type": "error"}, "error"),)
