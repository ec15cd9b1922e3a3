"""The events of one response on their way to the SDK: good ones are passed on, a fault is raised behind the last of them."""

from __future__ import annotations

from functools import partial
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import classify
from sparekey.core.splice import Piece, Reading
from sparekey.transport.refusals import Refused
from sparekey.wire import sse
from sparekey.wire.broken_stream import Break, event_bytes
from sparekey.wire.event_stream import EventStream, ReadEvent
from sparekey.wire.format import InnerError, NoAnswerError, is_visible
from sparekey.wire.formats import FOLLOWING
from sparekey.wire.splice_texts import SPOKEN, THOUGHT, Spot, rewritten
from sparekey.wire.think_tags import closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sparekey.core.splice import Follower
    from sparekey.transport.responses import ResponseValidator
    from sparekey.types import Credential, Usage
    from sparekey.wire.format import WireFormat
    from sparekey.wire.request import WireRequest

__all__ = ["EventFilter", "Item", "ItemReading", "ReadEvent"]

_PIECE: Final[Callable[[Spot], Piece]] = attrgetter("piece")
_LONGEST_PREAMBLE: Final = 1024 * 1024


class Item:
    """One step of a stream on its way to the caller: first the response, then its events as they came in.

    Attributes:
        form: the format of the events.
        parts: the events.
        data: their bytes.
        alive: whether it is more than a comment that keeps the line.
        content: whether the stream has brought content by now.
        complete: whether every answer of the stream has come to its end, and none has gone on behind it.
        response: the response, in the first step alone.
        usage: the tokens that were counted so far.
    """

    __slots__ = ("_spots", "alive", "complete", "content", "data", "form", "parts", "response", "usage")

    def __init__(
        self, form: WireFormat, parts: Sequence[ReadEvent] = (), *, content: bool = False, response: Any = None, usage: Any = None
    ) -> None:
        """Hold what one chunk brought."""
        self.form, self.parts, self.content, self.response, self.usage = form, parts, content, response, usage
        self._spots: list[Sequence[Spot]] | None = None
        if len(parts) == 1:
            event, self.complete = parts[0].event, parts[0].complete
            self.data, self.alive = event.raw, bool(event.data)
        else:
            self.data = b"".join([part.event.raw for part in parts])
            self.alive, self.complete = any(part.event.data for part in parts), bool(parts) and parts[-1].complete

    @property
    def spots(self) -> list[Sequence[Spot]]:
        """The texts of each event."""
        if self._spots is None:
            found: list[Sequence[Spot]] = []
            spots = self.form.spots
            for part in self.parts:  # a comprehension would be one more call for each event
                found.append(spots(part.value) if isinstance(part.value, dict) else ())  # noqa: PERF401
            self._spots = found
        return self._spots

    def sent(self) -> None:
        """Forget the events once they are out, so that they are freed while the next ones are awaited."""
        self.parts, self.data, self._spots = (), b"", None


class ItemReading(Reading[Item]):
    """How the driver of streams reads an `Item`: mostly from its attributes, without a Python call."""

    spoken = SPOKEN
    thought = THOUGHT
    content: Callable[[Item], bool] = attrgetter("content")  # type: ignore[assignment]
    alive: Callable[[Item], bool] = attrgetter("alive")  # type: ignore[assignment]
    complete: Callable[[Item], bool] = attrgetter("complete")  # type: ignore[assignment]
    usage: Callable[[Item], Usage | None] = attrgetter("usage")  # type: ignore[assignment]

    def pieces(self, item: Item) -> Sequence[Piece] | None:
        """Return its texts; a response that is no stream has none, and needs none."""
        return [*map(_PIECE, chain.from_iterable(item.spots))]

    def split(self, item: Item) -> Sequence[Item]:
        """Return its events one by one."""
        return [Item(item.form, (part,), content=item.content, usage=item.usage) for part in item.parts]

    def cut(self, item: Item, texts: Sequence[str]) -> Item | None:
        """Return the one event with other texts."""
        (part,), (spots,) = item.parts, item.spots
        return Item(item.form, (_anew(part, rewritten(part.value, spots, texts)),), content=item.content, usage=item.usage)

    def shows(self, text: str) -> bool:
        """Return whether a text shows anything: thoughts between tags show nothing."""
        return is_visible(text)

    def closing(self, text: str) -> str:
        """Return the tag that ends the thoughts with which a text breaks off."""
        return closing(text)

    def following(self, item: Item, shown: Sequence[Piece]) -> Follower[Item] | None:
        """Return what makes another answer follow thoughts: as further parts where the format numbers them, else without its own."""
        if (numbering := FOLLOWING.get(item.form)) is None:
            return super().following(item, shown)
        numbered = numbering(shown)
        return None if numbered is None else partial(_followed, numbered)


def _followed(numbered: Callable[[Any], list[Any]], item: Item) -> Sequence[Item]:
    parts: list[ReadEvent] = []
    for part in item.parts:
        values = numbered(part.value) if part.event.data else [part.value]
        parts += [part if value is part.value else _anew(part, value) for value in values]
    return (Item(item.form, parts, content=item.content, usage=item.usage),) if parts else ()


def _anew(part: ReadEvent, value: dict[str, Any]) -> ReadEvent:
    return part._replace(event=part.event._replace(raw=event_bytes(value, part.event.name)), value=value)


class StreamBreak:
    """Makes the last pieces of a stream that breaks off.

    Attributes:
        counts: whether events are numbered on this wire: then each item has to be shown to `passed` before it goes out.
    """

    def __init__(self, call: WireRequest) -> None:
        """Start before the first event of the answer to a call."""
        self._format = call.format
        self.counts = call.dialect == "openai" and call.resource == "responses"
        self._next = 0

    def passed(self, item: Item) -> None:
        """Note the number of the last event of an item; where several streams make one, give the later ones the numbers that follow."""
        renumbered = False
        for part in item.parts:
            number = part.value.get("sequence_number") if isinstance(part.value, dict) else None
            if not isinstance(number, int):
                continue
            if number < self._next:
                part.value["sequence_number"], renumbered = self._next, True
            self._next = part.value["sequence_number"] + 1
        if renumbered:
            item.data = b"".join(event_bytes(part.value, part.event.name) if part.value else part.event.raw for part in item.parts)

    def pieces(self, exc: Exception, **about: Any) -> tuple[bytes, ...]:
        """Return the last pieces of the stream, each to be sent by itself; `about` goes into their `sparekey` object."""
        failure = exc.failure() if isinstance(exc, Refused) else classify(exc)
        text = f"the stream broke off: {failure.message or failure.reason}"
        details = {**about, "class": str(failure.error_class), "reason": failure.reason}
        own = sse.event(exc.event) if isinstance(exc, Refused) and exc.event else None
        return self._format.broken(Break(text, details, own, self._next))


class EventFilter:
    """Passes the good events of one response on and raises for anything else."""

    def __init__(self, responses: ResponseValidator, call: WireRequest, credential: Credential, response: Any) -> None:
        """Start before the first byte."""
        self._responses, self._call, self._credential, self._response = responses, call, credential, response
        self._events, self._held = EventStream(call, hide_usage=responses.hides_usage(call, credential)), 0
        self._began, self._form = False, call.format

    def items(self, chunk: bytes | None) -> Iterator[Item]:
        """Yield what can go on with a chunk of bytes; None: there are no more, and what is left goes on.

        Raises:
            Refused: an error event, or an error in the place of events.
            Exception: the library's own, for what is no stream of this API; at the end, if the answer is not complete, or none.
        """
        events, form = self._events, self._form
        try:
            for parts in events.end() if chunk is None else events.feed(chunk):
                if not self._began:
                    self._opens(parts)
                yield Item(form, parts, content=self._began, usage=events.usage)
        except InnerError as error:
            raise self._responses.refused(self._call, self._credential, self._response, b"", error.data, error.event) from None
        except NoAnswerError as exc:
            raise self._broken(str(exc)) from None

    def _opens(self, parts: Sequence[ReadEvent]) -> None:
        """Limit the bytes before the first content; with the first content, remember which credential made the ids among them."""
        reader = self._events.reader
        self._began = reader.content
        if not self._began:
            self._held += sum(len(part.event.raw) for part in parts)
            if self._held > _LONGEST_PREAMBLE:
                raise self._broken("no content in the first megabyte of the stream")
        elif self._call.dialect == "openai" and "chat" not in self._call.resource:
            for value in reader.opening:
                self._responses.affinity.learn(self._call, self._credential.id, value)

    def _broken(self, text: str) -> Exception:
        fault: Exception = self._responses.lib.RemoteProtocolError(text)
        return fault
