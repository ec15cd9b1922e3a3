"""The answers of a chat or vision model: whole (`VLMResponse`) or piece by piece (`VLMChunk`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from sparekey.wire.format import shows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.types import Attempt, Usage


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool that the model asks for.

    Attributes:
        id: the provider's name of the call; the tool's answer refers to it.
        name: the tool.
        arguments: the parsed arguments; `{"raw": text}` where the model wrote no JSON object.
    """

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, eq=False)
class VLMResponse:
    """A whole answer. `str(answer)` is its text.

    One that calls no tool is made as a `VLMText`, which is a `str`: where OpenViking's contract has a plain text, callers strip it, cut
    it, search it and read it as JSON, and it equals whatever text is the same. One that calls tools is none, so that no caller takes it for
    a text: it equals another answer whose fields are the same, the ledger left out, and no text.

    Attributes:
        content: the visible text, without `<think>` blocks and outer white space; None if there is none.
        tool_calls: the tools to be called, in order.
        finish_reason: `stop`, `length`, `tool_calls` or `content_filter`, whatever word the provider has for it; an unknown word as it is.
        usage: tokens as the provider counted them: `prompt_tokens`, `completion_tokens`, `total_tokens`, `cached_tokens`
            (part of the prompt), `reasoning_tokens` (part of the completion). Empty if the provider sent none.
        reasoning_content: the model's thoughts, from a field of their own or from `<think>` blocks; None if there are none.
        model: the model that answered, as the provider names it; the empty string if it does not say.
        attempts: the ledger of the chain that was asked: every attempt, the first one first. Empty without a chain.
    """

    content: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str = "stop"
    usage: dict[str, int] = field(default_factory=dict)
    reasoning_content: str | None = None
    model: str = ""
    attempts: Sequence[Attempt] = field(default=(), repr=False)

    def __new__(cls, content: str | None = None, tool_calls: Sequence[ToolCall] = (), *_: Any, **__: Any) -> Self:
        """Make an answer that calls no tool a text."""
        if tool_calls:
            return super().__new__(cls)
        kind: Any = cls
        made = _text_type(kind)
        found: Self = str.__new__(made, content or "") if issubclass(made, str) else super().__new__(cls)
        return found

    @property
    def has_tool_calls(self) -> bool:
        """Tell whether the model asks for a tool."""
        return bool(self.tool_calls)

    def __str__(self) -> str:
        return self.content or ""

    def __contains__(self, text: object, /) -> bool:
        return isinstance(text, str) and text in str(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VLMResponse) or isinstance(other, VLMText):
            return NotImplemented
        return self._all() == other._all()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (_plain_type(type(self)), str(self), dict(vars(self)))

    def _all(self) -> tuple[Any, ...]:
        return self.content, self.tool_calls, self.finish_reason, self.usage, self.reasoning_content, self.model


class VLMText(VLMResponse, str):
    """A whole answer that is its text: the empty one where the model said nothing. What is cut out of it is a plain `str`.

    It compares, sorts and hashes as its text alone, like any other text.
    """

    __slots__ = ()

    def __new__(cls, content: str | None = None, tool_calls: Sequence[ToolCall] = (), *more: Any, **named: Any) -> Self:
        """Make the text; the rest is put beside it. An answer that calls tools is none, whoever makes it (`dataclasses.replace`)."""
        if tool_calls:
            return _plain_type(cls)(content, list(tool_calls), *more, **named)  # type: ignore[return-value]  # not one of this class: it is no text
        return str.__new__(cls, content or "")

    __eq__ = str.__eq__
    __ne__ = str.__ne__
    __hash__ = str.__hash__


@cache
def _text_type(cls: Any) -> Any:
    """Return the class of the answers of a class that call no tool; the class itself where it cannot be a text (it has slots)."""
    if issubclass(cls, VLMText):
        return cls
    if cls is VLMResponse:
        return VLMText
    try:
        return type(
            cls.__name__, (cls, VLMText), {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__slots__": (), **_AS_TEXT}
        )
    except TypeError:
        return cls


def _plain_type(cls: type[VLMResponse]) -> type[VLMResponse]:
    """Return the class that answers with tools have where those without are of `cls`."""
    found: Any = next(one for one in cls.__mro__ if not issubclass(one, VLMText))
    plain: type[VLMResponse] = found
    return plain


def _again(cls: type[VLMResponse], text: str, fields: dict[str, Any]) -> VLMResponse:
    """Return a copy of an answer: of the same class, with all that the class puts beside the text."""
    made = cls.__new__(cls, text, fields["tool_calls"])
    vars(made).update(fields)
    return made


_AS_TEXT: Final = {name: getattr(str, name) for name in ("__eq__", "__ne__", "__hash__")}


@dataclass(frozen=True, slots=True)
class VLMChunk:
    """One piece of a streamed answer. `str(chunk)` is its visible text, so `"".join(map(str, stream))` is the answer's.

    Attributes:
        content: visible text, without `<think>` blocks; may be empty.
        reasoning_content: thoughts; may be empty.
        tool_calls: whole tool calls; they come with the last chunk.
        finish_reason: set on the last chunk, and only there (see `VLMResponse`).
        usage: tokens of the whole call, on the last chunk, if the provider counted them.
        model: the model that answers, on the last chunk.
        wordless: on the last chunk, that the answer is one without text or tools: a picture, a pause, the end of the caller's own limit.
    """

    content: str = ""
    reasoning_content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    wordless: bool = False

    def __str__(self) -> str:
        return self.content

    @property
    def has_content(self) -> bool:
        """Tell whether it brings something that a reader sees: with the first such chunk the stream has begun. Invisible text is none."""
        return bool(self.reasoning_content or self.tool_calls) or shows(self.content) is not None

    @property
    def is_empty(self) -> bool:
        """Tell whether it brings no text at all, white space included, and no tool call."""
        return not (self.content or self.reasoning_content or self.tool_calls)
