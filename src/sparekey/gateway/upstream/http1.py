"""One connection to a provider: HTTP/1.1 as httptools reads it, one request at a time.

The answer's headers come first, its body as it arrives; a reader that is slow stops the host from sending. Whoever gives up, by
cancelling or by closing the body, cuts the connection, so that the provider stops working for nobody.

One request has one answer. The end of it is acted on when the parser has returned: whatever came behind it in the same bytes belongs to
nobody, and the connection is closed. So is one on which bytes wait while nobody has asked.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Any, Final

import httptools

from sparekey.gateway.upstream.messages import ReadError, ReadTimeout, RemoteProtocolError, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sparekey.gateway.upstream.messages import Raw

_HIGH: Final = 256 * 1024
"""Bytes of a body that may wait for their reader."""
_MOST_HEADERS: Final = 128 * 1024
_FINAL: Final = 200
"""The first status that ends a request; those below it are news on the way."""
_BODILESS: Final = frozenset({204, 304})
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class UpstreamConnection(asyncio.Protocol):
    """A connection to one origin."""

    def __init__(self, origin: str, released: Callable[[UpstreamConnection], None], lost: Callable[[UpstreamConnection], None]) -> None:
        """Take where it goes, who takes it back, and who is told that it is closed."""
        self.origin, self._released, self._lost = origin, released, lost
        self.since = 0.0
        self._transport: Any = None
        self._answer: ResponseReader | None = None

    @property
    def usable(self) -> bool:
        """Whether a request may be sent on it: it is open, and nothing has come that nobody asked for."""
        return self._transport is not None and not self._transport.is_closing() and not has_stray_bytes(self._transport)

    def ask(self, head: bytes, body: bytes, timeout: float | None) -> ResponseReader:
        """Send a request; return the answer that is to come."""
        answer = self._answer = ResponseReader(self, timeout)
        if self._transport is None:
            answer.cut(None)
        elif body:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
        return answer

    def done(self, *, keep: bool) -> None:
        """Take in that the answer is at its end."""
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
        """Let the host wait."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Let it go on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """Take the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand on what comes; bytes that nobody asked for end the connection."""
        if self._answer is None:
            self.abort()
        else:
            self._answer.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._transport = None
        self._lost(self)
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cut(exc)


def has_stray_bytes(transport: Any) -> bool:
    """Return whether bytes wait on an idle connection that its event loop has not read yet, or the end of it."""
    line = transport.get_extra_info("socket")
    if line is None or (number := line.fileno()) < 0:
        return True
    looking = select.poll()
    looking.register(number, select.POLLIN)
    return bool(looking.poll(0))


class ResponseReader:
    """What comes back for one request: `status` and `raw` headers once they are there, then the body.

    Attributes:
        heard: whether anything came back at all.
        _headed: status and headers are there.
        _framed: the end of the body does not hang on the end of the connection.
        _done: the answer is at its end.
        _surplus: something came behind it.
        _size: bytes of the headers so far, read or not.
    """

    __slots__ = (
        *(
            "_connection",
            "_done",
            "_fault",
            "_framed",
            "_headed",
            "_keeps",
            "_parser",
            "_paused",
            "_pieces",
            "_size",
            "_surplus",
            "_timeout",
            "_timer",
        ),
        *("_waiter", "_waiting", "heard", "raw", "status"),
    )

    def __init__(self, connection: UpstreamConnection, timeout: float | None) -> None:
        """Wait for it; `timeout` in seconds bounds each silence."""
        self._connection: UpstreamConnection | None = connection
        self._timeout = timeout
        self._parser: Any = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fault: Exception | None = None
        self._pieces: list[bytes] = []
        self._waiting = self._size = self.status = 0
        self._paused = self._headed = self._done = self._framed = self._surplus = self._keeps = self.heard = False
        self.raw: Raw = []

    # ── for whoever asked ──

    async def headers(self) -> None:
        """Wait for status and headers."""
        while not self._headed:
            await self._news()

    async def read(self) -> bytes:
        """Return what is left of the body."""
        if self._done and len(self._pieces) == 1:  # it came with the headers
            return self._pieces.pop()
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
            yield pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Have no more of it: unless it is at its end, the connection is cut."""
        self.leave()

    def leave(self) -> None:
        """As `aclose`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    async def _news(self) -> None:
        """Wait for more. Whoever is cancelled here leaves."""
        if self._fault is not None:
            raise self._fault
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        if self._timeout is not None:
            self._timer = loop.call_later(self._timeout, self._expired)
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
        """Read on."""
        self.heard = True
        if not self._headed:
            self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(RemoteProtocolError("the host wants to speak another protocol"))
        except httptools.HttpParserError as exc:
            self._surplus = True
            if not self._done:
                self._fail(RemoteProtocolError(f"no HTTP came back ({type(exc).__name__})"))
        if self._done:
            self._ended()
        elif not self._headed and self._size > _MOST_HEADERS:
            self._fail(RemoteProtocolError("the headers of the answer do not end"))

    def _ended(self) -> None:
        """Give the connection back, or close it if the host said more than it was asked."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._paused:
                connection.resume()
            connection.done(keep=not self._surplus and self._keeps)

    def cut(self, exc: Exception | None) -> None:
        """End here: a body without a stated length is complete, any other one is cut off."""
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
        """Look whether an answer was asked for."""
        self._surplus = self._surplus or self._done

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those that come behind the body say nothing."""
        if self._headed:
            return
        name = name.lower()
        if name in _FRAMING:
            self._framed = True
        self.raw.append((name, value))

    def on_headers_complete(self) -> None:
        """Tell whoever waits, unless more headers are to come."""
        if self._done:
            return
        self.status = self._parser.get_status_code()
        if self.status >= _FINAL:
            self._framed = self._framed or self.status in _BODILESS
            self._headed = True
            self._wake()

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if self._done:
            return
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting > _HIGH and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause()
        self._wake()

    def on_message_complete(self) -> None:
        """Take in that this is all; `feed` gives the connection back."""
        if self.status < _FINAL:
            self.raw, self._framed = [], False
        elif not self._done:
            self._done = True
            self._keeps = self._parser.should_keep_alive()
            self._wake()
