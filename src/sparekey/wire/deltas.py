"""What an answer, or one event of one, adds to what its reader is shown: text, thoughts, tool calls, the end, tokens.

For readers of one answer; of several choices the first one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.openai import texts_of
from sparekey.wire.usage import later, usage_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.types import Usage

_THOUGHTS: Final = ("reasoning_content", "reasoning", "thinking")
"""Fields of OpenAI's format in which hosts put thoughts; where several hold the same, one is read."""


@dataclass(frozen=True, slots=True)
class ToolDelta:
    """A piece of a tool call: pieces of one call share the `index`; `arguments` is JSON text, or the whole object."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str | dict[str, Any] = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event of a provider adds to the answer. `usage` counts the call so far: the last one holds."""

    content: str = ""
    reasoning: str = ""
    tools: tuple[ToolDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""


class DeltaReader:
    """Reads the JSON of one whole answer, or of the events of one stream in their order."""

    def __init__(self, dialect: str) -> None:
        """Start before the first event of a dialect: `openai`, `anthropic` or `gemini`."""
        self._dialect, self._read = dialect, _READ[dialect]
        self._usage: Usage | None = None
        self._tools = 0

    def __call__(self, value: Any) -> Delta:
        """Return what an event adds; kinds that are not known add nothing.

        Raises:
            TypeError, AttributeError, KeyError: it is of no shape that the API has.
        """
        counted = usage_of(self._dialect, value)
        self._usage = later(self._usage, counted)
        delta = self._read(value, self._tools, self._usage if counted else None)
        if self._dialect == "gemini":  # tool calls come whole there, and are told apart by their order
            self._tools += len(delta.tools)
        return delta


def _openai(value: dict[str, Any], _before: int, usage: Usage | None) -> Delta:
    choices, model = value.get("choices"), value.get("model") or ""
    if not choices:
        return Delta(usage=usage, model=model)
    message = choices[0].get("message") or choices[0].get("delta") or {}
    text, thoughts = texts_of(message.get("content"))
    return Delta(
        content=text or message.get("refusal") or "",
        reasoning=thoughts or next((texts_of(message[name])[0] for name in _THOUGHTS if message.get(name)), ""),
        tools=tuple(_function(i, call) for i, call in enumerate(message.get("tool_calls") or ())),
        finish_reason=choices[0].get("finish_reason"),
        usage=usage,
        model=model,
    )


def _function(position: int, call: dict[str, Any]) -> ToolDelta:
    index, function = call.get("index"), call.get("function") or {}
    return ToolDelta(
        position if index is None else index, call.get("id") or "", function.get("name") or "", function.get("arguments") or ""
    )


def _anthropic(value: dict[str, Any], _before: int, usage: Usage | None) -> Delta:
    match value.get("type"):
        case "message_start":
            return Delta(model=value["message"].get("model") or "", usage=usage)
        case "content_block_start" | "content_block_delta":
            return _block(value["index"], value.get("content_block") or value["delta"])
        case "message_delta":
            return Delta(finish_reason=value["delta"].get("stop_reason"), usage=usage)
        case "message" | None if isinstance(value.get("content"), list):
            return _message(value, usage)
        case _:
            return Delta()


def _message(value: dict[str, Any], usage: Usage | None) -> Delta:
    blocks = value["content"]
    return Delta(
        content="".join(b.get("text") or "" for b in blocks if b.get("type") == "text"),
        reasoning="".join(b.get("thinking") or "" for b in blocks if b.get("type") == "thinking"),
        tools=tuple(_tool_use(i, b) for i, b in enumerate(blocks) if b.get("type") == "tool_use"),
        finish_reason=value.get("stop_reason"),
        usage=usage,
        model=value.get("model") or "",
    )


def _tool_use(index: int, block: dict[str, Any]) -> ToolDelta:
    return ToolDelta(index, block.get("id") or "", block.get("name") or "", dict(block.get("input") or {}))


def _block(index: int, block: dict[str, Any]) -> Delta:
    match block.get("type"):
        case "text" | "text_delta":
            return Delta(content=block.get("text") or "")
        case "thinking" | "thinking_delta":
            return Delta(reasoning=block.get("thinking") or "")
        case "tool_use":
            return Delta(tools=(ToolDelta(index, block.get("id") or "", block.get("name") or ""),))
        case "input_json_delta":
            return Delta(tools=(ToolDelta(index, arguments=block.get("partial_json") or ""),))
        case _:
            return Delta()


def _gemini(value: dict[str, Any], before: int, usage: Usage | None) -> Delta:
    """A prompt that is blocked has no candidate: that it is, is the end."""
    blocked = (value.get("promptFeedback") or {}).get("blockReason")
    candidate: dict[str, Any] = next(iter(value.get("candidates") or ()), {"finishReason": "prohibited_content" if blocked else None})
    parts = (candidate.get("content") or {}).get("parts") or []
    calls = [part["functionCall"] for part in parts if part.get("functionCall")]
    finish = candidate.get("finishReason")
    return Delta(
        content="".join(part["text"] for part in parts if part.get("text") and not part.get("thought")),
        reasoning="".join(part["text"] for part in parts if part.get("text") and part.get("thought")),
        tools=tuple(_call(i, call) for i, call in enumerate(calls, before)),
        finish_reason=None if finish == "FINISH_REASON_UNSPECIFIED" else finish,
        usage=usage,
        model=value.get("modelVersion") or "",
    )


def _call(index: int, call: dict[str, Any]) -> ToolDelta:
    return ToolDelta(index, call.get("id") or f"call_{index}", call.get("name") or "", dict(call.get("args") or {}))


_READ: Final[dict[str, Callable[[Any, int, Usage | None], Delta]]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
