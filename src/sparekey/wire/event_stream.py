"""An answer that arrives as events: bytes go in, good events come out, and a fault is raised behind the last good one.

Events go on as they come where the SDKs of the wire can read them so; others are written anew (`plain_events`). An end that would close
an answer of nothing waits until there is something, or the stream ends and another credential is asked. A whole answer in the place of
events becomes events.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.wire import answer
from sparekey.wire.broken_stream import event_bytes
from sparekey.wire.format import NOTHING, CutOffError, EventSummary, InnerError, NoAnswerError, later
from sparekey.wire.json_body import dumped, loads
from sparekey.wire.plain_events import form_of, plain
from sparekey.wire.sse import EventTooLongError, Splitter
from sparekey.wire.stream_reader import StreamReader, wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparekey.types import Usage
    from sparekey.wire.request import WireRequest
    from sparekey.wire.sse import Event

_ODD: Final = re.compile(rb'"(?:message|response|text|completion)"').search
"""What the data of an event holds that may be a whole answer, or an event of another resource."""
_LONGEST_WHOLE: Final = 64 * 1024 * 1024
"""A whole answer in the place of events may be as long as the longest event."""


class ReadEvent(NamedTuple):
    """One event, its JSON if it has any, whether the answer is complete with it, and what it tells."""

    event: Event
    value: Any
    complete: bool
    summary: EventSummary = NOTHING


class EventStream:
    """The answer to one request for events.

    Attributes:
        reader: what was read so far.
        usage: the tokens that were told so far.
        complete: whether the answer is complete: what comes behind it is no fault.
    """

    def __init__(self, call: WireRequest, *, hide_usage: bool = False) -> None:
        """Start before the first byte; `hide_usage` leaves out the token counts, for which the caller did not ask."""
        self.reader = StreamReader(call.format, wanted(call))
        self.usage: Usage | None = None
        self.complete = self._closed = False
        self._call, self._splitter, self._hide_usage = call, Splitter(), hide_usage
        self._form, self._start, self._held = "", bytearray(), list[ReadEvent]()
        self._written = form_of(call.format)
        self._is_plain, self._typed = self._written.matches, self._written.typed

    def feed(self, chunk: bytes) -> Iterable[list[ReadEvent]]:
        """Return the events that can go on now: iterate over them, a fault is raised behind the last good one.

        Raises:
            InnerError: an error event.
            NoAnswerError: something that no answer holds.
        """
        if self._closed:
            return ()
        if self._form != "events":
            self._start += chunk
            self._form = self._form or answer.form_of(bytes(self._start[:64]))
            if self._form != "events":
                if len(self._start) > _LONGEST_WHOLE:
                    raise NoAnswerError(f"a whole answer of more than {_LONGEST_WHOLE} bytes in the place of events")
                return ()
            chunk, self._start = bytes(self._start), bytearray()
        try:
            events = self._splitter.feed(chunk)
        except EventTooLongError as exc:
            raise NoAnswerError(str(exc)) from None
        return self._passed(events)

    def end(self) -> Iterator[list[ReadEvent]]:
        """Yield what is left.

        Raises:
            InnerError: words in the place of events, or a whole answer that is an error.
            NoAnswerError: the answer is not complete, or none.
        """
        if self._start:
            yield from self._whole(bytes(self._start))
        yield from self._passed([] if self._closed else self._splitter.end())
        if lack := self.reader.lack:
            raise NoAnswerError(lack) if self.reader.content else answer.none_of(self.reader.opening, lack)
        if not self.reader.end():
            raise NoAnswerError("the stream ended without an answer: thoughts alone are none")
        if self._held:
            yield self._released()

    def _whole(self, body: bytes) -> Iterable[list[ReadEvent]]:
        self._start, self._form = bytearray(), "events"
        if not body.strip():
            return ()
        found = answer.read(self._call, body, in_full=True)
        self.usage = later(self.usage, found.summary.usage)
        return self._passed(Splitter().feed(self._call.format.events_of_answer(found.value)))

    def _passed(self, events: list[Event]) -> Iterable[list[ReadEvent]]:
        reader, good = self.reader, list[ReadEvent]()
        try:
            for event in events:
                if not reader.content and _ODD(event.data) is not None and (others := self._events_in(event)):
                    for other in others:
                        self._take(other, good)
                else:
                    self._take(event, good)
        except (InnerError, NoAnswerError) as fault:
            if not self.complete:
                return _behind(good, fault)
            self._closed = True
        return (good,) if good else ()

    def _take(self, event: Event, good: list[ReadEvent]) -> None:  # noqa: C901 - each event comes by here, so that it saves a call
        reader = self.reader
        try:
            summary = reader.feed(event)
        except CutOffError as exc:
            raise (exc if reader.content else answer.none_of(reader.opening, str(exc))) from None
        if summary.error:
            raise InnerError(event.data, event.raw)
        if summary is NOTHING and reader.is_stray(event):
            return
        value = reader.value
        if summary.usage is not None:
            self.usage = later(self.usage, summary.usage)
            if self._hide_usage and value.get("usage"):
                if not value.get("choices"):
                    return
                event, value = _without_usage(event, value)
        self.complete = reader.whole and reader.said
        if self._is_plain(event.raw) is None or (self._typed and (value is None or value.get("type") != event.name)):
            if (written := plain(self._written, event, value)) is None:
                return  # none of it is for the SDKs of this wire
            event = written
        part = ReadEvent(event, value, reader.whole, summary)
        if not reader.said and reader.over:
            self._held.append(part)
            return
        if self._held:
            good.extend(self._released())
        good.append(part)

    def _events_in(self, event: Event) -> list[Event]:
        """If an event is a whole answer, return the events of the stream that it would have been; else nothing.

        Raises:
            InnerError: the whole answer is an error.
            NoAnswerError: it is none; or the event is one of another resource, in which the SDK finds nothing.
        """
        form = self._call.format
        try:
            value = loads(event.data)
            if form.is_whole(value):
                answer.judge(self._call, value)
                return Splitter().feed(form.events_of_answer(value))
            fits = form.fits(self._call.resource, value)
        except NoAnswerError:
            raise
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return []  # whoever reads events says what is wrong with it
        if not fits:
            raise NoAnswerError("an event that this API does not have")
        return []

    def _released(self) -> list[ReadEvent]:
        held, self._held = self._held, []
        return held


def _without_usage(event: Event, value: dict[str, Any]) -> tuple[Event, Any]:
    """Return an event without its token counts, and its JSON."""
    value = {name: one for name, one in value.items() if name != "usage"}
    return event._replace(data=dumped(value), raw=event_bytes(value, event.name)), value


def _behind(good: list[ReadEvent], fault: Exception) -> Iterator[list[ReadEvent]]:
    """Yield the good events, then raise the fault that came behind them."""
    if good:
        yield good
    raise fault
