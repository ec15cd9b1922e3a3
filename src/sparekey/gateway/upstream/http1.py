"""One connection to a provider: HTTP/1.1 as httptools reads it, one request at a time.

`ask` sends a request and returns a `ResponseReader`, which gives the headers first and then the
body as it arrives. A slow reader makes the host wait. Cancelling a read, or closing the body early,
cuts the connection, so that the provider stops work that is no longer wanted.

One request has one answer. The end of an answer takes effect when the parser returns: if further
bytes came with it, no request asked for them, and the connection is closed. An idle connection on
which bytes arrive is closed as well.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Any, Final, Protocol

import httptools

from sparekey.gateway.upstream.messages import SLICE, ReadError, ReadTimeout, RemoteProtocolError, slices, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sparekey.gateway.upstream.messages import Raw

_HIGH: Final = 256 * 1024
"""Bytes of a body that may wait for the reader before the host is made to wait."""
MOST_HEADERS: Final = 128 * 1024
_FINAL: Final = 200
"""The first status that is an answer; those below it (100 to 199) come before it."""
_BODILESS: Final = frozenset({204, 304})
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class AnswerReader(Protocol):
    """Takes the bytes of one answer."""

    def feed(self, data: bytes) -> None:
        """Take bytes from the host."""

    def cut(self, exc: Exception | None) -> None:
        """Note that the connection closed."""


class UpstreamConnection(asyncio.Protocol):
    """A connection to one origin.

    Attributes:
        origin: scheme, host and port.
        since: when it was last given back, on the monotonic clock.
        lent: what whoever borrows it keeps with it from one answer to the next.
    """

    def __init__(self, origin: str, released: Callable[[UpstreamConnection], None], lost: Callable[[UpstreamConnection], None]) -> None:
        """Create a connection that is not open yet.

        Args:
            origin: scheme, host and port.
            released: called when it is idle again.
            lost: called when it is closed.
        """
        self.origin, self._released, self._lost = origin, released, lost
        self.since = 0.0
        self._transport: Any = None
        self._answer: AnswerReader | None = None
        self.lent: Any = None

    @property
    def usable(self) -> bool:
        """Whether it can carry a request: it is open, and no stray bytes wait on it."""
        return self._transport is not None and not self._transport.is_closing() and not has_stray_bytes(self._transport)

    def ask(self, head: bytes, body: bytes, timeout: float | None) -> ResponseReader:
        """Send a request; return the reader of its answer.

        Args:
            head: request line and headers.
            body: the body.
            timeout: the longest silence of the host in seconds; None: no limit.
        """
        answer = self._answer = ResponseReader(self, timeout)
        if self._transport is None:
            answer.cut(None)
        elif body:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
        return answer

    def lend(self, reader: AnswerReader, request: bytes) -> None:
        """Send a request whose answer another reader takes, as the bytes come; it gives the connection back with `done`."""
        self._answer = reader
        if self._transport is None:
            reader.cut(None)
        else:
            self._transport.write(request)

    def taken_over(self, heard: float, timeout: float | None) -> ResponseReader:
        """Return a reader that takes the place of the one that the connection was lent to.

        Args:
            heard: when the host was last heard, on the loop's clock.
            timeout: the longest silence of the host in seconds, counted from then; None: no limit.
        """
        answer = ResponseReader(self, timeout, heard)
        if self._answer is not None:
            self._answer = answer
        return answer

    def done(self, *, keep: bool) -> None:
        """Note that the answer is complete; `keep`: the connection may carry another request."""
        self._answer = None
        if keep and self._transport is not None and not self._transport.is_closing():
            self._released(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading, so that the host waits."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """Store the transport of the open connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the awaited answer; without one, cut the connection."""
        if self._answer is None:
            self.abort()
        else:
            self._answer.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the pool and the awaited answer that the connection is closed."""
        self._transport = None
        self._lost(self)
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cut(exc)


def has_stray_bytes(transport: Any) -> bool:
    """Return whether unread bytes, or the host's close, wait on an idle connection."""
    line = transport.get_extra_info("socket")
    if line is None or (number := line.fileno()) < 0:
        return True
    looking = select.poll()
    looking.register(number, select.POLLIN)
    return bool(looking.poll(0))


class ResponseReader:
    """Reads the answer to one request: `status` and `raw` headers first, then the body.

    Attributes:
        bytes_received: whether any byte came back.
        _headed: status and headers are complete.
        _framed: the body has a stated end; otherwise it ends with the connection.
        _done: the answer is complete.
        _surplus: bytes came after its end.
        _size: bytes of the headers so far, parsed or not.
        _unsliced: the body is read as a whole: its pieces may have any length.
    """

    __slots__ = (
        *(
            "_connection",
            "_done",
            "_fault",
            "_framed",
            "_headed",
            "_heard",
            "_keeps",
            "_parser",
            "_paused",
            "_pieces",
            "_size",
            "_surplus",
            "_timeout",
            "_timer",
        ),
        *("_unsliced", "_waiter", "_waiting", "bytes_received", "raw", "status"),
    )

    def __init__(self, connection: UpstreamConnection, timeout: float | None, heard: float | None = None) -> None:
        """Create the reader.

        Args:
            connection: where the answer comes.
            timeout: the longest silence in seconds; None: no limit.
            heard: when the host was last heard, on the loop's clock; None: the silence begins with the first wait.
        """
        self._heard = heard
        self._connection: UpstreamConnection | None = connection
        self._timeout = timeout
        self._parser: Any = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fault: Exception | None = None
        self._pieces: list[bytes] = []
        self._waiting = self._size = self.status = 0
        self._paused = self._headed = self._done = self._framed = self._surplus = self._keeps = self.bytes_received = False
        self._unsliced = False
        self.raw: Raw = []

    # ── for whoever asked ──

    async def headers(self) -> None:
        """Wait for status and headers.

        Raises:
            TransportError: they do not come.
        """
        while not self._headed:
            await self._news()

    async def read(self) -> bytes:
        """Return the rest of the body."""
        if self._done and len(self._pieces) == 1:  # it came with the headers
            return self._pieces.pop()
        self._unsliced = True
        return await whole(aiter(self))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while not self._pieces:
                if self._done:
                    return
                await self._news()
            pieces, self._pieces, self._waiting = self._pieces, [], 0
            if self._paused and self._connection is not None:
                self._paused = False
                self._connection.resume()
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if self._unsliced or len(piece) <= SLICE:
                yield piece
                continue
            for part in slices(piece):
                yield part
                await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Stop reading; cut the connection unless the answer is complete."""
        self.leave()

    def leave(self) -> None:
        """Stop reading, like `aclose`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    async def _news(self) -> None:
        """Wait for more of the answer; cancelling this cuts the connection."""
        if self._fault is not None:
            raise self._fault
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        if self._timeout is not None:
            heard, self._heard = self._heard, None
            self._timer = loop.call_at((loop.time() if heard is None else heard) + self._timeout, self._expired)
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.leave()
            raise
        finally:
            self._waiter = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _expired(self) -> None:
        self._fail(ReadTimeout(f"the provider was silent for {self._timeout:g} s"))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, fault: Exception) -> None:
        self._fault = self._fault or fault
        self._wake()
        self.leave()

    # ── for the connection ──

    def feed(self, data: bytes) -> None:
        """Parse bytes from the host."""
        self.bytes_received = True
        if not self._headed:
            self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as exc:
            self.misread(exc)
        if self._done:
            self.ended()
        elif not self._headed and self._size > MOST_HEADERS:
            self._fail(RemoteProtocolError("the headers of the answer do not end"))

    def go_on(self, parser: Any, raw: Raw) -> None:
        """Take over an answer of status 200 within its body.

        Args:
            parser: has read it so far; whoever it tells of the rest passes that on.
            raw: the headers.
        """
        self._parser, self.raw, self.status = parser, raw, _FINAL
        self._headed = self._framed = self.bytes_received = True

    def misread(self, exc: Exception) -> None:
        """Take in an error of the parser."""
        if isinstance(exc, httptools.HttpParserUpgrade):
            self._fail(RemoteProtocolError("the host wants to speak another protocol"))
            return
        self._surplus = True
        if not self._done:
            self._fail(RemoteProtocolError(f"no HTTP came back ({type(exc).__name__})"))

    def ended(self) -> None:
        """Give the connection back, or close it if bytes came after the answer, which is complete."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._paused:
                connection.resume()
            connection.done(keep=not self._surplus and self._keeps)

    def cut(self, exc: Exception | None) -> None:
        """Note that the connection closed.

        A body without a stated end is then complete; any other one has broken off.
        """
        self._connection = None
        if self._headed and not self._framed and exc is None:
            self._done = True
        elif not self._done and self._fault is None:
            reset = isinstance(exc, ConnectionError)
            text = "the host reset the connection" if reset else "the host closed the connection before its answer was complete"
            self._fault = ReadError(text)
        self._wake()

    # ── for the parser ──

    def on_message_begin(self) -> None:
        """Note a second answer as surplus."""
        self._surplus = self._surplus or self._done

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers after the body are dropped."""
        if self._headed:
            return
        name = name.lower()
        if name in _FRAMING:
            self._framed = True
        self.raw.append((name, value))

    def on_headers_complete(self) -> None:
        """Wake the reader, unless this was an interim status such as 100."""
        if self._done:
            return
        self.status = self._parser.get_status_code()
        if self.status >= _FINAL:
            self._framed = self._framed or self.status in _BODILESS
            self._headed = True
            self._wake()

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body for the reader."""
        if self._done:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting > _HIGH and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause()
        if (waiter := self._waiter) is not None and not waiter.done():  # as `_wake`: each event of a stream comes by here
            waiter.set_result(None)

    def on_message_complete(self) -> None:
        """Note that the answer is complete; `feed` then gives the connection back."""
        if self.status < _FINAL:
            self.raw, self._framed = [], False
        elif not self._done:
            self.complete(keeps=self._parser.should_keep_alive())

    def complete(self, *, keeps: bool) -> None:
        """Take in that the answer is complete, and whether its connection may carry another request."""
        self._done, self._keeps = True, keeps
        self._wake()
