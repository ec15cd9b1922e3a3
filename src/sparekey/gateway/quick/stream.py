"""A stream on the quick path: its events are read, judged and kept by what the engine itself uses, until the engine takes over.

Before the first content the engine gets all bytes that came, as of a whole answer. Behind it the client has seen a part: the engine gets
the reader of the events and what was shown (`engine.made.BegunStream`), and goes on.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from sparekey.engine.async_pump import AsyncSource
from sparekey.engine.call import NUMBERS
from sparekey.engine.made import BegunStream, MadeAttempt
from sparekey.engine.outlet import TAIL_SECONDS, Outlet
from sparekey.gateway.api.response_headers import handed_on
from sparekey.gateway.quick.attempt import SeenAnswer
from sparekey.gateway.quick.batch import BegunRequest, FirstContent, ServedRequest
from sparekey.gateway.quick.exchange import LINE, OK, Exchange
from sparekey.gateway.upstream.messages import SLICE, ByteStream, is_burst, received, slices
from sparekey.transport.asynchronous import READING
from sparekey.transport.event_filter import EventFilter
from sparekey.wire.large_json import LARGE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from sparekey.gateway.api.forwarder import GatewayForwarder
    from sparekey.gateway.quick.host import HostReader
    from sparekey.gateway.upstream.http1 import ResponseReader
    from sparekey.gateway.upstream.messages import Response
    from sparekey.transport.event_filter import Item
    from sparekey.types import Usage

_CHUNK: Final = b"%x\r\n%b\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"


class StreamExchange(Exchange):
    """One whose answer is passed on event by event.

    Attributes:
        _events: reads and judges the events; None: nothing of the body has come.
        _response: the response whose events they are.
        _held: what came before the first content.
        _outlet: what was shown; None: there was no content yet.
        _first: how the first content came.
        _sent: when the request was written, and
        _alive: when an event came that shows the provider at work, both on the loop's clock.
        _phase: the limits that hold: 0 before the first content, 1 behind it, 2 behind a complete answer.
        _usage: the tokens that were counted so far.
        _waiting: bytes since the last event.
    """

    __slots__ = ("_alive", "_events", "_first", "_held", "_outlet", "_phase", "_response", "_sent", "_usage", "_waiting")
    whole = False
    _first: FirstContent
    _response: Response

    def __init__(self, *args: Any) -> None:
        """As there."""
        super().__init__(*args)
        self._events: EventFilter | None = None
        self._held: list[Item] = []
        self._outlet: Outlet[Item] | None = None
        self._usage: Usage | None = None
        self._sent = self._alive = self._path.loop.time()
        self._phase = self._waiting = 0

    def due(self) -> float:
        """As there: before the first content the limit for it, behind it that of a silence between two events."""
        silence, limit, outlet, pace = self._out.silence, self._ordinary.limit, self._outlet, self._plan.calls.chain.pace
        ends = [self._heard + (3600.0 if silence is None else silence)]
        if outlet is None:
            ends += [] if limit is None else [self._sent + limit * pace]
        else:
            idle = self._plan.calls.chain.pool.policy.idle_limit
            ends += [] if idle is None else [self._alive + idle * pace]
            ends += [self._heard + TAIL_SECONDS * pace] if outlet.complete else []
        return min(ends)

    def came(self, reader: HostReader) -> None:  # noqa: C901 - each event comes by here, so that it saves a call
        """As there."""
        self._heard = self._path.loop.time()
        written: list[bytes] = []
        fault: Exception | None = None
        if pieces := reader.pieces:
            reader.pieces = []
            events, chunk = self._events or self._opened(reader), pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._waiting += len(chunk)
            if self._waiting > LARGE or (len(chunk) > SLICE and is_burst(chunk)):
                self._leave(chunk)
                return
            fault = self._take(events.items(chunk), written)
        if reader.done and fault is None and self._events is not None:
            fault = self._take(self._events.items(None), written)
        if (outlet := self._outlet) is None:
            if reader.done or fault is not None:
                self.hand_over("no answer")
        elif reader.done and fault is None:
            self._end(reader, written)
        else:
            if written:
                self._client.transport.write(written[0] if len(written) == 1 else b"".join(written))
            if fault is not None or reader.fault is not None:
                self._go_on("no HTTP" if fault is None else "odd event", fault)
            elif self._client.flow.write_paused:
                self._go_on("slow client")
            elif self._phase != (phase := 1 + outlet.complete):
                self._phase = phase
                self._path.wheel.discard(self)
                self._path.wheel.add(self, self.due())

    def _opened(self, reader: HostReader) -> EventFilter:
        """Begin to read the events."""
        served = self._plan.served
        responses, credential = served.forwarder.responses, served.chain.credentials[self._ordinary.ticket.index]
        self._response = received(200, reader.headers, ByteStream(b""))
        responses.is_stream(self._call, self._response)
        self._events = EventFilter(responses, self._call, credential, self._response)
        return self._events

    def _take(self, items: Iterator[Item], written: list[bytes]) -> Exception | None:
        """Add to `written` what can go on; return what is wrong with what came behind it."""
        try:
            for item in items:
                self._waiting = 0
                if self._outlet is not None:
                    self._show(self._outlet, item, written)
                else:
                    self._held.append(item)
                    if item.content:
                        self._begin(written)
        except Exception as exc:  # noqa: BLE001 - the engine judges it
            return exc
        return None

    def _begin(self, written: list[bytes]) -> None:
        """Tell the chain of the first content; the head of the answer and what was held can be written."""
        plan, head = self._plan, self._head
        seconds, ticket = plan.calls.succeeded(self._ordinary, self._began, len(self._request) - self._start)
        self._first = FirstContent(next(NUMBERS), ticket, seconds, time.perf_counter())
        outlet = self._outlet = Outlet(READING, plan.calls.chain.pool.policy.stream_recovery)
        self._connection.lent.forget_bytes()
        self._path.batch.add(BegunRequest(plan, self._ordinary, self._first))
        written += [OK, *map(LINE, handed_on(self._response.headers.raw))]
        written.append(b"x-sparekey-request-id: %b\r\n" % self._request_id.encode())
        written += (head.page, self._out.tail)
        written.append(b"" if head.keep_alive else b"connection: close\r\n")
        written.append(b"transfer-encoding: chunked\r\n\r\n")
        held, self._held = self._held, []
        for item in held:
            self._show(outlet, item, written)

    def _show(self, outlet: Outlet[Item], item: Item, written: list[bytes]) -> None:
        """Add an item to what is written and what was shown."""
        if item.alive:
            self._alive = self._heard
        self._usage = item.usage or self._usage
        for one in outlet.take(item):
            data = one.data
            written += (_CHUNK % (len(data), data),) if data else ()

    def _end(self, reader: HostReader, written: list[bytes]) -> None:
        """Write the end of a good answer."""
        path, keep_alive, calls = self._path, self._head.keep_alive, self._plan.calls
        heard = time.perf_counter()
        seconds = calls.clock() - self._began
        reader.rest()
        self._connection.done(keep=reader.keeps)
        path.wheel.discard(self)
        path.gateway.running -= 1
        path.counts["taken"] += 1
        written.append(_LAST_CHUNK)
        self._client.quickly_answered(b"".join(written), keep_alive=keep_alive)
        times = self._began_at, self._sent_at, heard, time.perf_counter()
        path.batch.add(ServedRequest(self._request_id, self._head, self._plan, self._ordinary, seconds, self._usage, *times, self._first))

    # ── what the engine goes on with ──

    def hand_over(self, why: str) -> None:
        """As there; behind the first content, the engine goes on from there."""
        if self._outlet is None:
            super().hand_over(why)
        else:
            self._go_on(why)

    def _leave(self, chunk: bytes) -> None:
        """Let the engine read what would hold up everybody else if it were read at once."""
        if self._outlet is None:
            super().hand_over("much at once")
        else:
            self._go_on("much at once", chunk=chunk)

    def _go_on(self, why: str, fault: Exception | None = None, chunk: bytes = b"") -> None:
        """Let the engine go on behind what was shown; what it gets next is the `fault`, if there is one, or a `chunk` of the body."""
        events, outlet, first, chain = self._events, self._outlet, self._first, self._plan.calls.chain
        forwarder, waiting = self._plan.served.forwarder, self._waiting - len(chunk)
        assert events is not None
        assert outlet is not None
        answer = self._connection.taken_over(self._heard, self._out.silence)
        self._connection.lent.pass_on(answer)
        if self._cut:
            answer.cut(self._fault)
        passed, now = self._path.loop.time(), chain.clock()
        rest = _rest(forwarder, events, fault, _pieces(chunk, answer), waiting)
        stream = BegunStream(
            lambda entry: AsyncSource(entry, lambda: (rest, False), bool).open(),
            outlet,
            first.number,
            self._began + first.seconds,
            now - (passed - self._alive) / chain.pace,
            self._usage,
        )
        seen = SeenAnswer(first.at, time.perf_counter() - (passed - self._heard))
        self._to_engine(why, answer, MadeAttempt(first.ticket, self._began, stream), seen)


async def _rest(
    forwarder: GatewayForwarder, events: EventFilter, fault: Exception | None, pieces: AsyncGenerator[bytes], waiting: int
) -> AsyncIterator[Item]:
    """Yield what comes of a stream from now on, as `AsyncForwarder` does; `waiting` bytes have come since the last event."""
    async with aclosing(pieces):
        if fault is not None:
            raise fault
        async for chunk in pieces:
            waiting += len(chunk)
            for item in events.items(chunk) if waiting < LARGE else await forwarder.read_apart(events, chunk):
                waiting = 0
                yield item
        for item in events.items(None) if waiting < LARGE else await forwarder.read_apart(events, None):
            yield item


async def _pieces(start: bytes, answer: ResponseReader) -> AsyncGenerator[bytes]:
    """Yield what came of a body, then what comes."""
    try:
        for piece in slices(start):
            yield piece
            await asyncio.sleep(0)
        async for piece in answer:
            yield piece
    finally:
        answer.leave()
