"""What the readers of the formats have in common: a talk that is put together, parts of a content, tools, the answer's form."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from sparekey.wire.conversation.values import ChatTurn, Conversation, MediaPart, OpaquePart, ResponseFormat, SystemPrompt, TextPart, Tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sparekey.wire.conversation.values import Part

    ReadPart: TypeAlias = "Callable[[Fields, str, int], Part | None]"

_SNAKE: Final = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")


class Fields:
    """The fields of an object.

    Attributes:
        rest: what nobody has taken yet.
    """

    __slots__ = ("rest",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        """Start with all fields; `value` itself is not changed."""
        self.rest = dict(value)

    def text(self, name: str, default: str = "") -> str:
        """Take a text."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), str) else default

    def whole(self, name: str) -> int | None:
        """Take a whole number."""
        value = self.rest.get(name)
        return self.rest.pop(name) if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, name: str) -> float | None:
        """Take a number."""
        value = self.rest.get(name)
        return self.rest.pop(name) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool | None:
        """Take a truth value."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), bool) else None

    def items(self, name: str) -> list[Any]:
        """Take a list."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), list) else []

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list that holds nothing but texts."""
        value = self.rest.get(name)
        return tuple(self.rest.pop(name)) if isinstance(value, list) and all(isinstance(one, str) for one in value) else ()

    def schema(self, name: str) -> Mapping[str, Any] | None:
        """Take an object as it is."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), dict) else None

    def word(self, name: str, words: Mapping[str, Any]) -> Any:
        """Take one of these words, as what it means; any other value stays, and "" is returned."""
        value = self.rest.get(name)
        if isinstance(value, str) and value in words:
            del self.rest[name]
            return words[value]
        return ""

    @contextmanager
    def inner(self, name: str) -> Iterator[Self]:
        """Read an object within this one; what nobody takes of it goes back to its place. Without one, there are no fields."""
        value = self.rest.get(name)
        inner = type(self)(value if isinstance(value, dict) else {})
        yield inner
        if inner.rest:
            self.rest[name] = inner.rest
        elif isinstance(value, dict):
            del self.rest[name]


class CamelFields(Fields):
    """The fields of an object of an API that takes them in either spelling: `max_output_tokens` is read as `maxOutputTokens`."""

    __slots__ = ()

    def __init__(self, value: Mapping[str, Any]) -> None:
        """Start with all fields, in the API's own spelling; a field that is there in both spellings keeps both."""
        super().__init__(value)
        for name in [name for name in value if isinstance(name, str) and "_" in name]:
            first, *others = name.split("_")
            camel = first + "".join(one.capitalize() for one in others)
            if camel and camel not in value and _SNAKE.fullmatch(name):
                self.rest[camel] = self.rest.pop(name)


def word_of(value: Any) -> str:
    """Return a text, or "" where something else stands in its place."""
    return value if isinstance(value, str) else ""


DEEPEST: Final = 8
"""Parts within parts (results of tools, documents) are read down to here; below they are opaque."""
Kind: TypeAlias = Literal["image", "audio", "video", "file"]
_DATA_URL: Final = re.compile(r"data:.*;base64\Z", re.IGNORECASE | re.DOTALL)
_ADDRESS: Final = re.compile(r"data:|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_RANKS: Final[dict[str, Literal["system", "developer"]]] = {"system": "system", "developer": "developer"}
_FORMS: Final = {"text": "text", "json_object": "json_object", "json_schema": "json_schema"}


class Talk:
    """The instructions and the turns of a request, in the order in which they are read."""

    def __init__(self) -> None:
        """Start before the first message."""
        self.system: list[SystemPrompt] = []
        self.turns: list[ChatTurn] = []

    def add(self, role: Literal["user", "assistant"], *parts: Part) -> None:
        """Add a turn that has nothing but its parts."""
        self.turns.append(ChatTurn(role, parts))

    def add_message(self, taken: Fields, parts: tuple[Part, ...], *, plain: bool) -> None:
        """Add a message as its role says: an instruction, or a turn. A role of another name stays in the turn's `extra`.

        Args:
            taken: the message without its content.
            parts: its content.
            plain: whether the content is a bare text.
        """
        role = word_of(taken.rest.get("role"))
        if rank := _RANKS.get(role):
            del taken.rest["role"]
            self.system.append(SystemPrompt(parts, rank, len(self.turns), plain, taken.rest))
            return
        if role in {"user", "assistant"}:
            del taken.rest["role"]
        self.turns.append(ChatTurn("assistant" if role == "assistant" else "user", parts, plain, taken.rest))

    def conversation(self, taken: Fields, **fields: Any) -> Conversation:
        """Return the conversation: the talk, what the reader found (`fields`), and what every request's body says.

        Args:
            taken: the request; what nobody took of it stays in `extra`.
            **fields: further fields of `Conversation`.
        """
        model, stream = taken.text("model"), taken.flag("stream")
        return Conversation(model, tuple(self.system), tuple(self.turns), stream=stream, extra=taken.rest, **fields)


def parts_of(content: Any, read: ReadPart, depth: int = 0) -> tuple[Part, ...]:
    """Return the parts of a content: a bare text, or a list.

    Args:
        content: what the origin has.
        read: reads the part with these fields, of this type, so many parts deep; None: it is of no known kind.
        depth: how many parts it stands in.
    """
    if isinstance(content, str):
        return (TextPart(content),)
    if not isinstance(content, list):
        return () if content is None else (OpaquePart(content),)
    return tuple(_part(value, read, depth) for value in content)


def _part(value: Any, read: ReadPart, depth: int) -> Part:
    if isinstance(value, str):
        return OpaquePart(value)  # a bare text among parts: only Gemini and Mistral have such
    if not isinstance(value, dict) or depth >= DEEPEST:
        return OpaquePart(value)
    found = read(Fields(value), word_of(value.get("type")), depth)
    return OpaquePart(value) if found is None else found


def media_of_url(kind: Kind, url: str, **more: Any) -> MediaPart:
    """Return media of an address, which may hold the bytes itself (`data:`)."""
    head, comma, data = url.partition(",")
    if comma and _DATA_URL.match(head):
        return MediaPart(kind, data=data, media_type=head[len("data:") : -len(";base64")], **more)
    return MediaPart(kind, url=url, **more)


def media_of_data(kind: Kind, data: str, **more: Any) -> MediaPart:
    """Return media of its bytes, bare or in a `data:` address; an address or a file id beside them (`more`) stays."""
    url = more.pop("url", "")
    found = media_of_url(kind, data, **more)
    if found.data or (_ADDRESS.match(data) and not url):
        return replace(found, url=url or found.url)
    return MediaPart(kind, data=data, url=url, **more)


def media_of_text(kind: Kind, text: str, place: Literal["data", "file_id", "url"], **more: Any) -> MediaPart:
    """Return media that a bare text stands for: an address if it looks like one, else what such a text is (`place`)."""
    if place == "url" or _ADDRESS.match(text):
        return media_of_url(kind, text, **more)
    more[place] = text
    return MediaPart(kind, **more)


def built_in(value: Any, name: Any = "") -> Tool:
    """Return a tool of the provider's own, or one that nobody knows, as it came."""
    return Tool(str(name or ""), kind="built_in", extra=value if isinstance(value, dict) else {"value": value})


def tools_of(taken: Fields, read: Callable[[Fields], Tool | None]) -> tuple[Tool, ...]:
    """Return the tools of a request; `read` reads one of the caller's own, and returns None for any other."""
    found = ((tool, read(Fields(tool)) if isinstance(tool, dict) else None) for tool in taken.items("tools"))
    return tuple(one or built_in(tool, _name(tool)) for tool, one in found)


def _name(tool: Any) -> Any:
    return (tool.get("type") or tool.get("name")) if isinstance(tool, dict) else ""


def response_format(form: Fields, inner: Fields) -> ResponseFormat:
    """Read the form of the answer: its kind in `form`, the schema and what is said of it in `inner`."""
    return ResponseFormat(form.word("type", _FORMS), inner.text("name"), inner.schema("schema"), inner.flag("strict"))
