"""A whole answer as the stream of events that it would have been: for callers who asked for that."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sparekey.wire.model import WireRequest


def events_of(call: WireRequest, value: Any) -> bytes:
    """Return the events of a whole answer, which is known to be one of the dialect.

    Args:
        call: what was asked.
        value: the answer's JSON.
    """
    if call.dialect == "openai" and call.resource == "responses":
        return b"".join(_event(one, one["type"]) for one in _responses(value))
    return b"".join(_UNFOLDS[call.dialect](value))


def _event(value: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "surrogatepass")


def _openai(value: dict[str, Any]) -> Iterator[bytes]:
    """A chunk with all that each choice says, one with the ends, one with the usage."""
    kind = "chat.completion.chunk" if any("message" in choice for choice in value["choices"]) else "text_completion"
    common = {name: one for name, one in value.items() if name not in {"choices", "usage"}} | {"object": kind}
    yield _event({**common, "choices": [_opened(position, choice) for position, choice in enumerate(value["choices"])]})
    ends = [{**_bare(choice, position), "finish_reason": choice.get("finish_reason")} for position, choice in enumerate(value["choices"])]
    yield _event({**common, "choices": ends})
    if usage := value.get("usage"):
        yield _event({**common, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _opened(position: int, choice: dict[str, Any]) -> dict[str, Any]:
    rest = {name: one for name, one in choice.items() if name not in {"message", "index", "finish_reason"}}
    opened = {"index": choice.get("index", position), **rest, "finish_reason": None}
    if "message" not in choice:
        return opened
    message = {"role": "assistant", **(choice["message"] or {})}
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
    return {**opened, "delta": message}


def _bare(choice: dict[str, Any], position: int) -> dict[str, Any]:
    empty: dict[str, Any] = {"delta": {}} if "message" in choice else {"text": ""}
    return {"index": choice.get("index", position), **empty}


def _responses(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    number = itertools.count()
    begun = {**value, "status": "in_progress", "output": [], "usage": None}
    for kind in ("response.created", "response.in_progress"):
        yield {"type": kind, "sequence_number": next(number), "response": begun}
    for index, item in enumerate(value.get("output") or ()):
        for event in _item(item):
            place = {} if "item" in event else {"item_id": item.get("id")}
            yield {**event, "sequence_number": next(number), "output_index": index, **place}
    last = "response.incomplete" if value.get("status") == "incomplete" else "response.completed"
    yield {"type": last, "sequence_number": next(number), "response": value}


def _item(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = item.get("type")
    empty = {**item, "status": "in_progress"}
    if kind in {"message", "reasoning"}:
        empty |= {name: [] for name in ("content", "summary") if name in item}
    elif text := _ARGUMENTS.get(str(kind)):
        empty |= {text[0]: ""}
    yield {"type": "response.output_item.added", "item": empty}
    if kind == "message":
        for index, part in enumerate(item.get("content") or ()):
            yield from _content(index, part)
    elif kind == "reasoning":
        for index, part in enumerate(item.get("summary") or ()):
            yield from _summary(index, part)
    elif text := _ARGUMENTS.get(str(kind)):
        field, name = text
        yield {"type": f"{name}.delta", "delta": item.get(field) or ""}
        yield {"type": f"{name}.done", field: item.get(field) or "", "name": item.get("name")}
    yield {"type": "response.output_item.done", "item": item}


_ARGUMENTS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
    "mcp_call": ("arguments", "response.mcp_call_arguments"),
}
"""Items whose text comes in pieces: its field, and the name of its events."""


def _content(index: int, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    field = "refusal" if part.get("type") == "refusal" else "text"
    name = "response.refusal" if field == "refusal" else "response.output_text"
    text, at = part.get(field) or "", {"content_index": index}
    probabilities = {"logprobs": part.get("logprobs") or []} if field == "text" else {}
    yield {"type": "response.content_part.added", **at, "part": {**part, field: ""}}
    yield {"type": f"{name}.delta", **at, "delta": text, **probabilities}
    yield {"type": f"{name}.done", **at, field: text, **probabilities}
    yield {"type": "response.content_part.done", **at, "part": part}


def _summary(index: int, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text, at = part.get("text") or "", {"summary_index": index}
    yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
    yield {"type": "response.reasoning_summary_text.delta", **at, "delta": text}
    yield {"type": "response.reasoning_summary_text.done", **at, "text": text}
    yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


def _anthropic(value: dict[str, Any]) -> Iterator[bytes]:
    if "completion" in value:
        yield _event({"type": "completion", **value}, "completion")
        return
    usage = value.get("usage") or {}
    opened = {**value, "type": "message", "content": [], "stop_reason": None, "stop_sequence": None}
    yield _event({"type": "message_start", "message": {**opened, "usage": {**usage, "output_tokens": 0}}}, "message_start")
    for index, block in enumerate(value.get("content") or ()):
        empty, deltas = _taken_apart(block)
        yield _event({"type": "content_block_start", "index": index, "content_block": empty}, "content_block_start")
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield _event({"type": "content_block_stop", "index": index}, "content_block_stop")
    end = {"stop_reason": value.get("stop_reason"), "stop_sequence": value.get("stop_sequence")}
    counted = {"output_tokens": usage.get("output_tokens", 0)}
    yield _event({"type": "message_delta", "delta": end, "usage": counted}, "message_delta")
    yield _event({"type": "message_stop"}, "message_stop")


def _taken_apart(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a block as it begins, and what is put to it; one of a kind that never comes in pieces begins whole."""
    kind = block.get("type")
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": one} for one in block.get("citations") or ()]
        return {**block, "text": "", **({"citations": []} if cited else {})}, [
            *cited,
            {"type": "text_delta", "text": block.get("text") or ""},
        ]
    if kind == "thinking":
        signed = [{"type": "signature_delta", "signature": block["signature"]}] if block.get("signature") else []
        empty = {**block, "thinking": "", "signature": ""}
        return empty, [{"type": "thinking_delta", "thinking": block.get("thinking") or ""}, *signed]
    if kind in {"tool_use", "server_tool_use", "mcp_tool_use"}:
        given = json.dumps(block.get("input") or {}, ensure_ascii=False)
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": given}]
    return block, []


def _gemini(value: dict[str, Any] | list[Any]) -> Iterable[bytes]:
    """Gemini's events look like its whole answers; without events it streams a list of them."""
    return map(_event, value if isinstance(value, list) else [value])


_UNFOLDS: Final[dict[str, Callable[[Any], Iterable[bytes]]]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
