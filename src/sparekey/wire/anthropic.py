"""Anthropic's wire: https://docs.anthropic.com/en/api/overview and /en/api/messages-streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire import common
from sparekey.wire.model import CONTENT, ERROR, NOTHING, Signs

if TYPE_CHECKING:
    from sparekey.wire.model import Call, Kind, Put, Target

KINDS: Final[dict[str, Kind]] = {"messages": "chat", "messages/count_tokens": "chat", "complete": "chat"}
"""The resources that ask the chain's own model."""

_PLAIN_ENDS: Final = frozenset({"end_turn", "stop_sequence"})
_PLAIN_BLOCKS: Final = frozenset({"text", "thinking"})
"""Blocks that begin empty; any other one (a tool call, a search result) is content from its beginning."""

_PLAIN: Final[dict[str | None, Signs]] = {
    "message_start": Signs(begun=(0,)),
    "message_stop": Signs(last=True),
    "content_block_stop": NOTHING,
    "ping": NOTHING,
}
"""Events that always tell the same."""


def put(call: Call, target: Target) -> Put:
    """Put a request to Anthropic or a host that speaks its wire."""
    base, version = common.without_version(common.base_path(target))
    path = f"{base}/{version or 'v1'}/{common.safe(call.resource)}"
    return common.put(call, target, path, call.query, ("x-api-key", ""))


def read_event(name: str, value: Any) -> Signs:
    """Read one event of a stream of messages."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "error" or name == "error":
        return ERROR
    if kind == "completion":  # the text completions of old
        return Signs(bool(value.get("completion")), (0,), (0,) if value.get("stop_reason") else ())
    if kind in {"content_block_start", "content_block_delta"}:
        return Signs(_has_content(value), (0,))
    return _stopped((value.get("delta") or {}).get("stop_reason")) if kind == "message_delta" else _PLAIN.get(kind, CONTENT)


def _has_content(value: dict[str, Any]) -> bool:
    if block := value.get("content_block"):
        return block.get("type") not in _PLAIN_BLOCKS
    return any(text for key, text in (value.get("delta") or {}).items() if key != "type")


def _stopped(reason: str | None) -> Signs:
    return Signs(reason not in _PLAIN_ENDS, (0,), (0,)) if reason else NOTHING
