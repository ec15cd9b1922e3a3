"""An answer put together from its pieces; a whole answer is one piece.

`sparekey.wire.deltas` reads each provider's answers and events. What the pieces add up to and how tokens are counted is decided here,
once for all of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.errors import ContentFilteredError, IncompleteAnswerError
from sparekey.stats.tokens import as_dict
from sparekey.types import Usage
from sparekey.vlm.types import ToolCall, VLMChunk, VLMResponse
from sparekey.wire import ends
from sparekey.wire.think import Parts, ThinkFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.wire.deltas import Delta, ToolDelta

_COUNTS: Final = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


@dataclass(slots=True)
class _Tool:
    id: str = ""
    name: str = ""
    text: list[str] = field(default_factory=list)
    arguments: dict[str, Any] | None = None

    def add(self, delta: ToolDelta) -> None:
        self.id, self.name = self.id or delta.id, self.name or delta.name
        if isinstance(delta.arguments, dict):
            self.arguments = delta.arguments
        else:
            self.text.append(delta.arguments)

    def call(self) -> ToolCall:
        return ToolCall(self.id, self.name, self._parsed() if self.arguments is None else self.arguments)

    def _parsed(self) -> dict[str, Any]:
        text = "".join(self.text)
        try:
            value = json.loads(text or "{}")
        except ValueError:
            return {"raw": text}
        return value if isinstance(value, dict) else {"raw": text}


class Assembler:
    """Collects the pieces of one answer. Not shared between calls."""

    def __init__(self) -> None:
        """Start before the first piece."""
        self._think = ThinkFilter()
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._tools: dict[int, _Tool] = {}
        self._finish: str | None = None
        self._model = ""
        self.usage: Usage | None = None

    def feed(self, delta: Delta) -> VLMChunk:
        """Add a piece; return what of it can be shown already."""
        for tool in delta.tools:
            self._tools.setdefault(tool.index, _Tool()).add(tool)
        if delta.finish_reason:
            self._finish = ends.plain(delta.finish_reason)
        self.usage, self._model = delta.usage or self.usage, delta.model or self._model
        return self._shown(self._think.feed(delta.content) if delta.content else Parts("", ""), delta.reasoning)

    def finish(self) -> VLMChunk:
        """End a stream; return the last chunk.

        Raises:
            IncompleteAnswerError: it ended without a finish reason.
            ContentFilteredError: the provider withheld all of it.
        """
        last = self._shown(self._think.finish())
        if self._finish is None:
            raise IncompleteAnswerError("the stream ended without a finish reason: the answer is cut off")
        self._refuse_filtered()
        calls = tuple(self._calls())
        return VLMChunk(last.content, last.reasoning_content, calls, self._finish_reason(), self.usage, self._model, self._wordless)

    def response(self) -> VLMResponse:
        """Return the whole answer; one that came in one piece is complete without a finish reason.

        Raises:
            ContentFilteredError: the provider withheld all of it.
        """
        self._shown(self._think.finish())
        self._refuse_filtered()
        return VLMResponse(
            content="".join(self._content) or None,
            tool_calls=self._calls(),
            finish_reason=self._finish_reason(),
            usage=as_dict(self.usage) if self.usage else {},
            reasoning_content="".join(self._reasoning).strip() or None,
            model=self._model,
        )

    def _shown(self, parts: Parts, reasoning: str = "") -> VLMChunk:
        chunk = VLMChunk(parts.content, reasoning + parts.reasoning)
        self._content.append(chunk.content)
        self._reasoning.append(chunk.reasoning_content)
        return chunk

    def _calls(self) -> list[ToolCall]:
        return [tool.call() for _, tool in sorted(self._tools.items())]

    def _finish_reason(self) -> str:
        """Return the reason; some hosts say `stop` and call tools all the same."""
        if self._tools and self._finish in {None, "stop"}:
            return "tool_calls"
        return self._finish or "stop"

    @property
    def _wordless(self) -> bool:
        return not self._tools and not any(self._content)

    def _refuse_filtered(self) -> None:
        """Refuse an answer of which the provider withheld all; that any other one is an answer, `sparekey.wire.answer` has seen."""
        if self._wordless and self._finish == "content_filter":
            raise ContentFilteredError("the provider withheld the answer for its content")


def collect(chunks: Iterable[VLMChunk]) -> VLMResponse:
    """Return the whole answer of a stream's chunks."""
    parts = list(chunks)
    last = parts[-1] if parts else VLMChunk()
    return VLMResponse(
        content="".join(c.content for c in parts) or None,
        tool_calls=[call for c in parts for call in c.tool_calls],
        finish_reason=last.finish_reason or "stop",
        usage=as_dict(last.usage) if last.usage else {},
        reasoning_content="".join(c.reasoning_content for c in parts).strip() or None,
        model=last.model,
    )


def chunk_of(answer: VLMResponse | str) -> VLMChunk:
    """Return a whole answer as the one chunk of a stream; older models answer with a plain text."""
    if isinstance(answer, str):
        return VLMChunk(answer, finish_reason="stop")
    usage = Usage(**{name: answer.usage.get(name, 0) for name in _COUNTS}) if answer.usage else None
    return VLMChunk(
        answer.content or "", answer.reasoning_content or "", tuple(answer.tool_calls), answer.finish_reason, usage, answer.model
    )
