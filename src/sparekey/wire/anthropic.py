"""Anthropic's wire: https://docs.anthropic.com/en/api/overview and /en/api/messages-streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire import common, ends
from sparekey.wire.model import ERROR, NOTHING, Signs

if TYPE_CHECKING:
    from sparekey.wire.model import Kind, Put, Target, WireRequest

KINDS: Final[dict[str, Kind]] = {"messages": "chat", "messages/count_tokens": "chat", "complete": "chat"}
"""The resources that ask the chain's own model."""

_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})
_SERVERS: Final = frozenset({"server_tool_use"})
"""Blocks with which the provider's own tools are called: the answer is still to come."""
_SIGNED: Final = frozenset({"type", "signature"})

_PLAIN: Final[dict[str | None, Signs]] = {
    "message_start": Signs(begun=(0,)),
    "message_stop": Signs(last=True),
    "content_block_stop": NOTHING,
    "ping": NOTHING,
}
"""Events that always tell the same."""


def put(call: WireRequest, target: Target) -> Put:
    """Put a request to Anthropic or a host that speaks its wire."""
    base, version = common.without_version(common.base_path(target))
    path = f"{base}/{version or 'v1'}/{common.safe(call.resource)}"
    return common.put(call, target, path, call.query, ("x-api-key", ""))


def read_event(name: str, value: Any) -> Signs:
    """Read one event of a stream of messages, or a whole message."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "error" or name == "error":
        return ERROR
    if kind in {"content_block_start", "content_block_delta"}:
        return _block(value.get("content_block") or value.get("delta") or {})
    if kind == "message_delta":
        return _stopped((value.get("delta") or {}).get("stop_reason"))
    if kind == "message":
        return _message(value)
    return _completion(value) if isinstance(value, dict) and "completion" in value else _PLAIN.get(kind, NOTHING)


def _completion(value: dict[str, Any]) -> Signs:
    """Read one of the text completions of old."""
    text = value["completion"] or ""
    return _joined([Signs(bool(text.strip()), (0,), text=text), _stopped(value.get("stop_reason"))])


def _message(value: dict[str, Any]) -> Signs:
    return _joined([*(_block(block) for block in value.get("content") or ()), _stopped(value.get("stop_reason"))])


def _block(block: dict[str, Any]) -> Signs:
    """Read a block of content, or the piece of one that a delta brings."""
    kind = str(block.get("type") or "")
    if kind in {"text", "text_delta"}:
        text = block.get("text") or ""
        return Signs(bool(text.strip()), (0,), text=text)
    if kind in _THOUGHTS or kind == "thinking_delta":
        return Signs(any(text for name, text in block.items() if name not in _SIGNED), (0,))
    if kind in _SERVERS or kind.endswith("_tool_result"):
        return Signs(True, (0,))
    if kind.endswith("_delta"):  # a tool's arguments, citations, a signature: whose block it is was told at its beginning
        return Signs(any(text for name, text in block.items() if name not in _SIGNED), (0,))
    return Signs(True, (0,), said=True)


def _stopped(reason: str | None) -> Signs:
    if not reason:
        return NOTHING
    said = ends.is_callers_doing(reason)
    return Signs(said, (0,), (0,), said=said, fault=reason if ends.is_fault(reason) else "")


def _joined(signs: list[Signs]) -> Signs:
    said, text = any(one.said for one in signs), "".join(one.text for one in signs)
    content = any(one.content for one in signs)
    return Signs(content, (0,), signs[-1].ended, said=said, text=text, fault=signs[-1].fault)
