"""What every format module provides, and `EventSummary`, in which each of them describes an event or an answer.

`chat_completions`, `responses`, `messages` and `generate_content` each have the functions of `WireFormat`; `media_streams` has
those for OpenAI's other streams. `formats` knows which one a request is written in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sparekey.types import Usage
from sparekey.wire.think_tags import split_think

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.wire.broken_stream import Break
    from sparekey.wire.splice_texts import Spot


class NoAnswerError(ValueError):
    """A success that is no answer: empty, thoughts alone, or nothing that this API could send. Another credential may do better."""


class MalformedEventError(NoAnswerError):
    """An event whose data is no JSON."""


class CutOffError(MalformedEventError):
    """A stream that says it is done before its answer is."""


class InnerError(Exception):
    """A success that holds an error in the place of an answer.

    Attributes:
        data: the JSON of the error, or its text, as it came.
        event: the bytes of the event that brought it; b"" where it was no stream.
    """

    def __init__(self, data: bytes, event: bytes = b"") -> None:
        """Take its bytes."""
        self.data, self.event = data, event
        super().__init__("an error in the place of an answer")


class ToolPiece(NamedTuple):
    """A tool call, or a piece of one.

    Attributes:
        number: which call of the answer it belongs to; -1: it is whole, and one more.
        id: the provider's name of the call; "" where this piece does not tell it.
        name: the tool.
        arguments: JSON text, or the whole object.
    """

    number: int
    id: str = ""
    name: str = ""
    arguments: str | dict[str, Any] = ""


class EventSummary(NamedTuple):
    """What one event of a stream, or one whole answer, tells. Several answers (`n` choices) are told apart by their index.

    Attributes:
        content: it brings something that its reader shows: thoughts, or what makes an answer.
        begun: the answers of which it holds a piece.
        ended: the answers whose finish reason it holds.
        error: it is an error.
        last: it says that nothing more comes.
        said: it brings what makes an answer: a tool call, a refusal, a picture, or an end that is the caller's own doing.
        text: the visible text of its first answer; whether that is an answer, or thoughts between tags, the texts together tell.
        fault: the word with which the provider broke its answer off, or "".
        thoughts: the thoughts of its first answer.
        tools: the tool calls of its first answer, or pieces of them.
        finish: the provider's word for the end of its first answer, or "".
        usage: the tokens of the call as far as they are counted here; None: nothing is counted.
        model: the model that answers, or "".
    """

    content: bool = False
    begun: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()
    error: bool = False
    last: bool = False
    said: bool = False
    text: str = ""
    fault: str = ""
    thoughts: str = ""
    tools: tuple[ToolPiece, ...] = ()
    finish: str = ""
    usage: Usage | None = None
    model: str = ""


_MOST: Final = 2**53
"""The largest number of tokens that is believed: every JSON reader and every store holds it."""
_LABELS: Final = frozenset({"id", "index", "type", "mimeType", "mime_type", "format", "status", "expires_at", "detail", "displayName"})
"""Fields of a picture or a sound that say what it is, and hold none of it."""
NOTHING: Final = EventSummary()
ERROR: Final = EventSummary(error=True)


class WireFormat(Protocol):
    """One format.

    What reads an event or an answer raises TypeError, AttributeError, KeyError or ValueError where that has no shape of the API.
    """

    def read_event(self, name: str, value: Any) -> EventSummary:
        """Read one event of a stream: its name and its JSON."""

    def read_answer(self, value: Any) -> EventSummary | None:
        """Read the JSON of a whole answer; None: it has none of the fields that every answer has."""

    def is_whole(self, value: Any) -> bool:
        """Tell whether an event is a whole answer, which no SDK of this format expects in one."""

    def fits(self, resource: str, value: Any, *, whole: bool = False) -> bool:
        """Tell whether an event, or a whole answer, has what it says where the SDKs of the resource look for it."""

    def read_usage(self, value: Any) -> Usage | None:
        """Read the tokens that an answer or an event counts; None: it counts none."""

    def answer_of_events(self, values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """Put a stream's events, each its name and its JSON, together to the whole answer that it would have been."""

    def events_of_answer(self, value: Any) -> bytes:
        """Take a whole answer apart into the events of the stream that it would have been."""

    def spots(self, value: dict[str, Any]) -> Sequence[Spot]:
        """Return the texts of an event and where they stand, so that a stream can go on in another one."""

    def error_body(self, status: int, code: str, text: str) -> dict[str, Any]:
        """Return the JSON of an error as the SDKs of this format read it."""

    def broken(self, cut: Break) -> tuple[bytes, ...]:
        """Return the last pieces of a stream that cannot go on, each to be sent by itself."""


def several(answers: list[EventSummary]) -> EventSummary:
    """Return what several answers to one request tell: the first one's words, and whether anything of the others is an answer."""
    if any(one.error for one in answers):
        return ERROR
    said = any(one.said or (number and shows(one.text)) for number, one in enumerate(answers))
    return answers[0]._replace(
        content=any(one.content for one in answers),
        begun=tuple(lane for one in answers for lane in one.begun),
        ended=tuple(lane for one in answers for lane in one.ended),
        said=bool(said),
        fault=next((one.fault for one in answers if one.fault), ""),
    )


def joined(parts: list[EventSummary], **fields: Any) -> EventSummary:
    """Return what parts of one answer tell that follow each other; `fields`: further ones, which win."""
    found: dict[str, Any] = {
        "content": any(one.content for one in parts),
        "begun": (0,),
        "said": any(one.said for one in parts),
        "text": "".join(one.text for one in parts),
        "thoughts": "".join(one.thoughts for one in parts),
        "tools": tuple(tool for one in parts for tool in one.tools),
    }
    return EventSummary(**(found | fields))


def later(old: Usage | None, new: Usage | None) -> Usage | None:
    """Return what is known of a call's tokens after one more count: what the new one leaves out stays."""
    if old is None or new is None:
        return new or old
    return Usage(
        new.prompt_tokens or old.prompt_tokens,
        new.completion_tokens or old.completion_tokens,
        new.cached_tokens or old.cached_tokens,
        new.reasoning_tokens or old.reasoning_tokens,
    )


shows: Final = re.compile(r"[^\s\x00-\x1f\x7f\u00ad\u200b-\u200f\u2060-\u2064\ufeff]").search
"""Find the first character of a text that can be seen: white space, control characters and those without a width cannot."""


def is_visible(text: str) -> bool:
    """Tell whether a whole text shows anything: what cannot be seen, and thoughts between tags, are nothing."""
    return shows(text) is not None and ("<" not in text or shows(split_think(text).content) is not None)


def holds_data(value: Any) -> bool:
    """Tell whether a picture, a sound or the like holds anything: at least one text or number that is not empty."""
    if isinstance(value, dict):
        return any(holds_data(one) for name, one in value.items() if name not in _LABELS)
    return any(map(holds_data, value)) if isinstance(value, list) else bool(value)


def mapping(value: Any, *names: str) -> dict[str, Any]:
    """Return the first of these fields that holds an object, else an empty one."""
    if isinstance(value, dict):
        for name in names:
            if isinstance(found := value.get(name), dict):
                return found
    return {}


def count(value: dict[str, Any], *names: str) -> int:
    """Return the first of these fields that holds a number of tokens, else 0: what no store could hold is none."""
    for name in names:
        if isinstance(found := value.get(name), int) and 0 <= found <= _MOST:
            return found
    return 0


def counts(value: dict[str, Any], names: Sequence[str]) -> list[int]:
    """Return each of these fields: a number of tokens, or 0 where none stands."""
    found = []
    for name in names:
        number = value.get(name)
        found.append(number if isinstance(number, int) and 0 <= number <= _MOST else 0)
    return found


def has_words(value: Any) -> bool:
    """Tell whether there is a text anywhere in a JSON value."""
    if isinstance(value, dict):
        return any(map(has_words, value.values()))
    if isinstance(value, list):
        return any(map(has_words, value))
    return isinstance(value, str) and bool(value.strip())
