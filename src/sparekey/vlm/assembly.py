"""Puts an answer together from the summaries of its events; a whole answer is one summary.

`sparekey.wire` reads each provider's answers and events. What they add up to for whoever wants one answer is decided here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.errors import ContentFilteredError, IncompleteAnswerError
from sparekey.stats.tokens import as_dict
from sparekey.types import Usage
from sparekey.vlm.types import ToolCall, VLMChunk, VLMResponse
from sparekey.wire.finish_reasons import plain
from sparekey.wire.format import later
from sparekey.wire.think_tags import Parts, ThinkFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.wire.format import EventSummary, ToolPiece

_COUNTS: Final = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


@dataclass(slots=True)
class _Tool:
    id: str = ""
    name: str = ""
    text: list[str] = field(default_factory=list)
    arguments: dict[str, Any] | None = None

    def add(self, piece: ToolPiece) -> None:
        self.id, self.name = self.id or piece.id, self.name or piece.name
        if isinstance(piece.arguments, dict):
            self.arguments = piece.arguments
        else:
            self.text.append(piece.arguments)

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
        self._places: dict[int, int] = {}
        self._finish: str | None = None
        self._lane: int | None = None
        self._model = ""
        self.usage: Usage | None = None

    def feed(self, summary: EventSummary) -> VLMChunk:
        """Add what an event tells; return what of it can be shown already. Of several answers (`n` choices) the first to begin counts."""
        self.usage, self._model = later(self.usage, summary.usage), summary.model or self._model
        if summary.begun:
            self._lane = summary.begun[0] if self._lane is None else self._lane
            if summary.begun[0] != self._lane:
                return VLMChunk()
        for tool in summary.tools:
            self._tool_of(tool).add(tool)
        if summary.finish:
            self._finish = plain(summary.finish)
        return self._shown(self._think.feed(summary.text) if summary.text else Parts("", ""), summary.thoughts)

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

    def _tool_of(self, piece: ToolPiece) -> _Tool:
        """Return the call that a piece belongs to: that of its number, unless another one begins under the same number."""
        if piece.number < 0:
            index = len(self._tools)
            return self._tools.setdefault(index, _Tool("" if piece.id else f"call_{index}"))
        place = self._places.get(piece.number, piece.number)
        found = self._tools.get(place)
        if found is not None and piece.name and piece.id and found.id and piece.id != found.id:
            place, found = max(self._tools) + 1, None
        self._places[piece.number] = place
        return found or self._tools.setdefault(place, _Tool())

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
    if not isinstance(answer, VLMResponse):
        return VLMChunk(answer, finish_reason="stop")
    usage = Usage(**{name: answer.usage.get(name, 0) for name in _COUNTS}) if answer.usage else None
    return VLMChunk(
        answer.content or "", answer.reasoning_content or "", tuple(answer.tool_calls), answer.finish_reason, usage, answer.model
    )
