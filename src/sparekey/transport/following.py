"""The events of one response on their way to the SDK: whole ones go on, a fault is raised behind the last good one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import classify
from sparekey.core.splice import Piece, Reading
from sparekey.transport.refusals import Refused
from sparekey.wire import sse
from sparekey.wire.broken_stream import Break
from sparekey.wire.event_stream import EventStream, Part
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.splice_texts import SPOKEN, THOUGHT, Spot, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.transport.exchange import Exchange
    from sparekey.types import Credential, Usage
    from sparekey.wire.format import WireFormat
    from sparekey.wire.request import WireRequest

__all__ = ["Follower", "Item", "ItemReading", "Part"]

_LONGEST_PREAMBLE: Final = 1024 * 1024


class Item:
    """One step of a stream on its way to the SDK: first the response, then its events as they came in.

    Attributes:
        content: whether the stream has brought content by now.
        parts: the events.
        response: the response, in the first step alone.
        usage: the tokens that were counted so far.
    """

    def __init__(
        self, form: WireFormat, parts: Sequence[Part] = (), *, content: bool = False, response: Any = None, usage: Any = None
    ) -> None:
        """Hold what one chunk brought."""
        self.form, self.parts, self.content, self.response, self.usage = form, parts, content, response, usage

    @property
    def data(self) -> bytes:
        """The bytes."""
        return b"".join([part.event.raw for part in self.parts])

    @cached_property
    def spots(self) -> list[Sequence[Spot]]:
        """The texts of each event."""
        spots = self.form.spots
        return [tuple(spots(part.value)) if isinstance(part.value, dict) else () for part in self.parts]


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
        return [Item(item.form, (part,), content=item.content, usage=item.usage) for part in item.parts]

    def cut(self, item: Item, texts: Sequence[str]) -> Item | None:
        """Return the one event with other texts."""
        (part,), (spots,) = item.parts, item.spots
        event = part.event._replace(raw=rewritten(part.event, part.value, spots, texts))
        return Item(item.form, (part._replace(event=event),), content=item.content, usage=item.usage)

    def usage(self, item: Item) -> Usage | None:
        """Return the tokens so far."""
        usage: Usage | None = item.usage
        return usage


class Ending:
    """How a stream that breaks off is told to be broken.

    Attributes:
        counts: whether events are numbered on this wire: then each item that goes out has to be shown to `passed`.
    """

    def __init__(self, call: WireRequest) -> None:
        """Start before the first event of the answer to a call."""
        self._format = call.format
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
        return self._format.broken(Break(text, told, own, self._next))


class Follower:
    """Follows the events of one response."""

    def __init__(self, exchange: Exchange, call: WireRequest, credential: Credential, response: Any) -> None:
        """Start before the first byte."""
        self._exchange, self._call, self._credential, self._response = exchange, call, credential, response
        self._format, self._held = call.format, 0
        self._events = EventStream(call, hide_usage=exchange.hides_usage(call, credential))

    def feed(self, chunk: bytes) -> Iterator[Item]:
        """Yield what can go on.

        Raises:
            Refused: an error event.
            Exception: the library's own, for what is no stream of this API.
        """
        return self._items(self._events.feed(chunk))

    def end(self) -> Iterator[Item]:
        """Yield what is left.

        Raises:
            Refused: an error in the place of events.
            Exception: the library's own, if the answer is not complete, or none.
        """
        return self._items(self._events.end())

    def _items(self, steps: Iterator[list[Part]]) -> Iterator[Item]:
        began = self._events.reader.content
        try:
            for parts in steps:
                yield self._item(parts, began)
                began = self._events.reader.content
        except InnerError as error:
            raise self._exchange.refused(self._call, self._credential, self._response, b"", error.data, error.event) from None
        except NoAnswerError as exc:
            raise self._broken(str(exc)) from None

    def _item(self, parts: list[Part], began: bool) -> Item:
        reader = self._events.reader
        if not reader.content:
            self._held += sum(len(part.event.raw) for part in parts)
            if self._held > _LONGEST_PREAMBLE:
                raise self._broken("no content in the first megabyte of the stream")
        elif not began and self._call.dialect == "openai" and "chat" not in self._call.resource:
            for value in reader.opening:
                self._exchange.bindings.learn(self._call, self._credential.id, value)
        return Item(self._format, parts, content=reader.content, usage=self._events.usage)

    def _broken(self, text: str) -> Exception:
        fault: Exception = self._exchange.lib.RemoteProtocolError(text)
        return fault
