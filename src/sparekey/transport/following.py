"""The events of one response on their way to the SDK: whole ones go on, a fault is raised behind the last good one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify import classify
from sparekey.core.splice import Piece, Reading
from sparekey.transport.refusals import Refused
from sparekey.wire import errors, sse
from sparekey.wire.pieces import SPOKEN, THOUGHT, Spot, rewritten, spots_of
from sparekey.wire.reading import MalformedEventError, Reader, wanted
from sparekey.wire.sse import EventTooLongError, Splitter
from sparekey.wire.usage import later, usage_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.transport.exchange import Exchange
    from sparekey.types import Credential, Usage
    from sparekey.wire.model import Call
    from sparekey.wire.sse import Event

_LONGEST_PREAMBLE: Final = 1024 * 1024


class Part(NamedTuple):
    """One event, its JSON if it has any, and whether the answer is complete with it."""

    event: Event
    value: Any
    complete: bool


class Item:
    """One step of a stream on its way to the SDK: first the response, then its events as they came in.

    Attributes:
        content: whether the stream has brought content by now.
        parts: the events.
        response: the response, in the first step alone.
        usage: the tokens that were counted so far.
    """

    def __init__(self, dialect: str, parts: Sequence[Part] = (), *, content: bool = False, response: Any = None, usage: Any = None) -> None:
        """Hold what one chunk brought."""
        self.dialect, self.parts, self.content, self.response, self.usage = dialect, parts, content, response, usage

    @property
    def data(self) -> bytes:
        """The bytes."""
        return b"".join([part.event.raw for part in self.parts])

    @cached_property
    def spots(self) -> list[Sequence[Spot]]:
        """The texts of each event."""
        return [spots_of(self.dialect, part.value) for part in self.parts]


class ItemReading(Reading[Item]):
    """How the driver of streams reads these steps."""

    spoken = SPOKEN
    thought = THOUGHT

    def content(self, item: Item) -> bool:
        """Tell whether the stream has brought content."""
        return item.content

    def alive(self, item: Item) -> bool:
        """Tell whether it is more than a comment that keeps the line."""
        return any(part.event.data for part in item.parts)

    def complete(self, item: Item) -> bool:
        """Tell whether every answer of the stream has come to its end, and none has gone on behind it."""
        return bool(item.parts) and item.parts[-1].complete

    def pieces(self, item: Item) -> Sequence[Piece] | None:
        """Return its texts; a response that is no stream has none, and needs none."""
        return [spot.piece for spots in item.spots for spot in spots]

    def split(self, item: Item) -> Sequence[Item]:
        """Return its events one by one."""
        return [Item(item.dialect, (part,), content=item.content, usage=item.usage) for part in item.parts]

    def cut(self, item: Item, texts: Sequence[str]) -> Item | None:
        """Return the one event with other texts."""
        (part,), (spots,) = item.parts, item.spots
        event = part.event._replace(raw=rewritten(part.event, part.value, spots, texts))
        return Item(item.dialect, (part._replace(event=event),), content=item.content, usage=item.usage)

    def usage(self, item: Item) -> Usage | None:
        """Return the tokens so far."""
        usage: Usage | None = item.usage
        return usage


class Ending:
    """How a stream that breaks off is told to be broken.

    Attributes:
        counts: whether events are numbered on this wire: then each item that goes out has to be shown to `passed`.
    """

    def __init__(self, call: Call) -> None:
        """Start before the first event of the answer to a call."""
        self._dialect, self._resource = call.dialect, call.resource
        self.counts = call.dialect == "openai" and call.resource == "responses"
        self._next = 0

    def passed(self, item: Item) -> None:
        """Take in what goes out."""
        for part in item.parts:
            number = part.value.get("sequence_number") if isinstance(part.value, dict) else None
            self._next = number + 1 if isinstance(number, int) else self._next

    def pieces(self, exc: Exception, **about: Any) -> tuple[bytes, ...]:
        """Return the last pieces of the stream, each to be sent by itself; `about` goes into their `sparekey` object."""
        failure = classify(exc)
        text = f"the stream broke off: {failure.message or failure.reason}"
        told = {**about, "class": str(failure.error_class), "reason": failure.reason}
        own = sse.event(exc.event) if isinstance(exc, Refused) and exc.event else None
        return errors.broken(self._dialect, self._resource, errors.Break(text, told, own, self._next))


class Follower:
    """Follows the events of one response."""

    def __init__(self, exchange: Exchange, call: Call, credential: Credential, response: Any) -> None:
        """Start before the first byte."""
        self._exchange, self._call, self._credential, self._response = exchange, call, credential, response
        self._splitter, self._reader, self._held = Splitter(), Reader(call.dialect, wanted(call)), 0
        self._usage: Usage | None = None

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """Yield what can go on.

        Raises:
            Refused: an error event.
            Exception: the library's own, for what is no stream of this API.
        """
        try:
            events = self._splitter.feed(chunk)
        except EventTooLongError as exc:
            raise self._broken(str(exc)) from None
        yield from self._passed(events)

    def end(self) -> Iterator[Item]:
        """Yield what is left.

        Raises:
            Exception: the library's own, if the answer is not complete.
        """
        yield from self._passed(self._splitter.end())
        if lack := self._reader.lack:
            raise self._broken(lack)

    def _passed(self, events: list[Event]) -> Iterator[Item]:
        good, began, fault = [], self._reader.content, None
        for event in events:
            fault = self._fault(event)
            if fault is not None:
                break
            good.append(Part(event, self._reader.value, self._reader.whole))
            self._usage = later(self._usage, usage_of(self._call.dialect, self._reader.value))
        if good:
            yield self._item(good, began)
        if fault is not None:
            raise fault

    def _item(self, parts: list[Part], began: bool) -> Item:
        content = self._reader.content
        if not content:
            self._held += sum(len(part.event.raw) for part in parts)
            if self._held > _LONGEST_PREAMBLE:
                raise self._broken("no content in the first megabyte of the stream")
        elif not began and self._call.dialect == "openai" and "chat" not in self._call.resource:
            for value in self._reader.opening:
                self._exchange.bindings.learn(self._call, self._credential.id, value)
        return Item(self._call.dialect, parts, content=content, usage=self._usage)

    def _fault(self, event: Event) -> Exception | None:
        try:
            signs = self._reader.feed(event)
        except MalformedEventError as exc:
            return self._broken(str(exc))
        if not signs.error:
            return None
        return self._exchange.refused(self._call, self._credential, self._response, b"", event.data, event.raw)

    def _broken(self, text: str) -> Exception:
        fault: Exception = self._exchange.lib.RemoteProtocolError(text)
        return fault
