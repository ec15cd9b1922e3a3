"""Reads the chunks of a streamed answer, so that one stream can continue in another."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparekey.core.splice import Piece, Reading
from sparekey.stats.tokens import usage_from
from sparekey.types import Usage
from sparekey.vlm.types import VLMChunk, VLMResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.engine import Answer


class ChunkReading(Reading[Any]):
    """Reads `VLMChunk`s; chunks of another make are passed on, but their streams are not recovered."""

    spoken = ("content",)
    thought = ("reasoning",)

    def content(self, item: Any) -> bool:
        """Tell whether a chunk holds content."""
        return has_content(item)

    def complete(self, item: Any) -> bool:
        """Tell whether it is the last chunk."""
        return bool(getattr(item, "finish_reason", None))

    def pieces(self, item: Any) -> Sequence[Piece] | None:
        """Return thoughts, text and tool calls, in this order."""
        if not isinstance(item, VLMChunk):
            return None
        calls = (Piece(0, f"tool {n}", json.dumps([c.name, c.arguments], sort_keys=True)) for n, c in enumerate(item.tool_calls))
        return (Piece(0, "reasoning", item.reasoning_content), Piece(0, "content", item.content), *calls)

    def cut(self, item: Any, texts: Sequence[str]) -> Any:
        """Return a chunk with other texts; a tool call is there or not."""
        reasoning, content, *calls = texts
        tools = tuple(call for call, text in zip(item.tool_calls, calls, strict=True) if text)
        cut = replace(item, reasoning_content=reasoning, content=content, tool_calls=tools)
        return None if cut.is_empty and not cut.finish_reason else cut

    def usage(self, item: Any) -> Usage | None:
        """Return the tokens that the last chunk tells."""
        usage = getattr(item, "usage", None)
        return usage if isinstance(usage, Usage) else usage_from(usage)


def with_ledger(answer: Answer[Any]) -> Any:
    """Return the answer of a chain with its ledger; one of another make is returned as it is."""
    value = answer.value
    if isinstance(value, VLMResponse):
        object.__setattr__(value, "attempts", answer.attempts)  # it is new and nobody else's; a copy of it would cost more than the call
    return value


def usage_of(answer: Any) -> Usage | None:
    """Return the tokens of a whole answer, of whatever make."""
    return usage_from(getattr(answer, "usage", None))


def has_content(chunk: Any) -> bool:
    """Tell whether a chunk holds content; of a foreign chunk we take it. An answer without words is one, too."""
    ended = getattr(chunk, "finish_reason", None) == "length"
    return bool(getattr(chunk, "has_content", True)) or ended or bool(getattr(chunk, "wordless", False))
