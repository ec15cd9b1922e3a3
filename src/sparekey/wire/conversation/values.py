"""What every chat format can be read into: system prompts, turns of parts, tools, sampling, the form of the answer.

Nothing is lost: a field that has no place here, or a value of another type than the API's, stays in the `extra` of what it
belongs to, and a part of an unknown kind is an `OpaquePart`. Values are shared with the JSON that was read, never copied or
decoded: reading costs as much as there are parts, and nobody may change what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sparekey.wire.json_body import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

Extra: TypeAlias = "Mapping[str, Any]"
"""Fields of the origin that have no place of their own, by the origin's names."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text.

    Attributes:
        text: the words.
        extra: the origin's other fields: marks of caches, citations, signatures of a text.
    """

    text: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MediaPart:
    """An image, a sound, a film or a document: its bytes, an address, or the provider's name of it.

    Attributes:
        kind: what it is.
        data: the bytes in base64, or the plain text of a text document, as they came; "" if it is not in the request.
        media_type: as it was told: a media type, or a format such as `wav`; "" if it was not.
        url: where it is; "" if it has no address.
        file_id: its name at one provider's account, nowhere else of use; "" if it has none.
        name: the file's name, or a document's title.
        detail: how closely to look; "" if that was not said.
        extra: the origin's other fields.
    """

    kind: Literal["image", "audio", "video", "file"]
    data: str = ""
    media_type: str = ""
    url: str = ""
    file_id: str = ""
    name: str = ""
    detail: str = ""
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A tool that the model called.

    Attributes:
        id: the call's name, to which a result refers; "" if it has none (Gemini).
        name: the tool.
        arguments: what it was called with: the JSON text as the model wrote it, or the object, as the origin has it; a custom tool's text.
        is_custom: whether the tool takes any text in the place of JSON.
        extra: the origin's other fields; a signature of the thoughts before the call is among them.
    """

    id: str
    name: str
    arguments: str | Mapping[str, Any]
    is_custom: bool = False
    extra: Extra = field(default_factory=dict)

    @property
    def parsed(self) -> Mapping[str, Any] | None:
        """The arguments as an object; None if they are none."""
        if not isinstance(self.arguments, str):
            return self.arguments
        try:
            value = loads(self.arguments)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool gave back.

    Attributes:
        call_id: the call; "" if the origin tells it by the tool's name alone.
        name: the tool; "" if the origin tells it by the call alone.
        parts: the result; Gemini's, an object, is one `OpaquePart`.
        is_error: whether the tool failed; None: the origin does not say.
        is_plain: whether the origin has a bare text in the place of parts.
        extra: the origin's other fields.
    """

    call_id: str
    name: str = ""
    parts: tuple[Part, ...] = ()
    is_error: bool | None = None
    is_plain: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """Thoughts of the model.

    Attributes:
        text: what may be read of them; "" if nothing may.
        signature: what proves to their provider that they are its model's; "" if there is none.
        sealed: thoughts that only their provider can read; "" if there are none.
        extra: the origin's other fields.
    """

    text: str = ""
    signature: str = ""
    sealed: str = ""
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusalPart:
    """What the model said in the place of an answer."""

    text: str
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpaquePart:
    """A part that only its origin understands: the traffic of a provider's own tools, a new kind, nonsense; as it came."""

    value: Any


Part: TypeAlias = TextPart | MediaPart | ToolCallPart | ToolResultPart | ThinkingPart | RefusalPart | OpaquePart


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message, or one item of the Responses API. Those of one role that follow each other are one turn of the talk.

    Attributes:
        role: who speaks; results of tools are the user's.
        parts: what is said.
        is_plain: whether the origin has a bare text in the place of parts.
        extra: the origin's other fields; a role of another name than these two is among them.
    """

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]
    is_plain: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SystemPrompt:
    """An instruction that stands above the talk.

    Attributes:
        parts: what it says.
        rank: `system` or `developer`.
        before: the index of the turn before which it stands; -1: it has a field of its own.
        is_plain: whether the origin has a bare text in the place of parts.
        extra: the origin's other fields.
    """

    parts: tuple[Part, ...]
    rank: Literal["system", "developer"] = "system"
    before: int = -1
    is_plain: bool = False
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call.

    Attributes:
        name: its name; of a provider's own tool its type.
        description: what it is for.
        schema: the JSON schema of its arguments; None if it has none.
        strict: whether the arguments must keep to the schema; None: not said.
        kind: a `function`; a `custom` one, which takes any text; or `built_in`: a provider's own, settings and all in `extra`.
        extra: the origin's other fields.
    """

    name: str
    description: str = ""
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: Literal["function", "custom", "built_in"] = "function"
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools the model may or must call.

    Attributes:
        mode: `auto`, `none`, or `required` (one of `names`, if there are any); "" if it was not said.
        names: the tools to which it is restricted; empty: all.
        parallel: whether several may be called at once; None: not said.
        extra: the origin's other fields.
    """

    mode: Literal["", "auto", "none", "required"] = ""
    names: tuple[str, ...] = ()
    parallel: bool | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form that the answer has to have.

    Attributes:
        kind: `text`, `json_object` or `json_schema`; "" if it was not said.
        name: the schema's name.
        schema: the JSON schema; None if there is none.
        strict: whether the answer must keep to it; None: not said.
        extra: the origin's other fields.
    """

    kind: Literal["", "text", "json_object", "json_schema"] = ""
    name: str = ""
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the answer is drawn, how long it may be, and how long the model may think. None, or empty: not said."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    answers: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    effort: str = ""
    thinking_budget: int | None = None
    """Tokens."""
    include_thoughts: bool | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A request of any chat format.

    Attributes:
        model: the model that it names; "" where the path names it.
        system: instructions above the talk, in order.
        turns: the talk.
        tools: what the model may call.
        tool_choice: which of them it may or must call.
        sampling: how the answer is drawn.
        response_format: the form of the answer.
        stream: whether events are asked for in the body.
        spelling: where a format has several ways to say one thing, which one was used: the field of `max_tokens`, say.
        extra: the request's other fields.
    """

    model: str = ""
    system: tuple[SystemPrompt, ...] = ()
    turns: tuple[ChatTurn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    sampling: Sampling = Sampling()
    response_format: ResponseFormat = ResponseFormat()
    stream: bool | None = None
    spelling: Mapping[str, str] = field(default_factory=dict)
    extra: Extra = field(default_factory=dict)
