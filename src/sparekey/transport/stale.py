"""Connections of httpx and httpx2 that notice that they were closed while idle, and the one repeat that this allows.

Theory. The libraries' pools look at an idle connection before they use it, but a host may close it a moment later: the request is written
to a connection that is gone. Such a loss blames nobody, so the request is written once more, on a connection made for it. A pool neither
tells that a connection was used before nor lets go of the others, so both are done below it, in its network backend: each stream notes
whether it is on its second request or later and whether anything was heard since that was written, and a loss is told as an exception with
the mark `Stale`. Streams are numbered; once an origin is forgotten, the older ones say that they are readable, which the pool takes for a
connection that was closed, and drops. It costs 2 us a request (measured; a whole one through httpx2 costs 230 us). The pools' own trace
hooks cost 6 us, and tell neither that half a header had come nor how to be rid of the other connections.
"""

from __future__ import annotations

import time
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.network import CONNECT_SECONDS
from sparekey.wire.writes import unwritten, was_stale, written_again

if TYPE_CHECKING:
    from sparekey.wire.network import Address, Network

_NUMBERS: Final = count(1)


class Stale(Exception):  # noqa: N818 - a mark
    """A connection that had been idle was closed before any byte of an answer."""

    watch: IdleWatch
    place: Address


@cache
def _marked(error: type[Exception]) -> type[Exception]:
    """Return the pool's own error with the mark; code that does not know the mark sees that error."""
    return type("StaleConnection", (error, Stale), {})


class IdleWatch:
    """What the connections of one pool share."""

    def __init__(self, core: Any, network: Network) -> None:
        """Take the library of the pool (httpcore or httpcore2), and what connecting has shown of the network."""
        self.core, self.network = core, network
        self.forgotten: dict[Address, int] = {}
        """By place: connections with a smaller number are dropped when they are idle."""

    def forget(self, place: Address) -> None:
        """Have the pool drop what is idle there."""
        self.forgotten[place] = next(_NUMBERS)

    def within(self, place: Address, timeout: float | None) -> float:
        """Return the seconds that a connection may take, of a caller who would wait for `timeout`."""
        limit = self.network.limit(place)
        return limit if timeout is None else min(limit, timeout)


class _IdleStream:
    """What a stream knows of its connection."""

    def __init__(self, stream: Any, watch: IdleWatch, place: Address) -> None:
        """Take a stream of the pool's library that is connected."""
        self._stream, self._watch, self._place = stream, watch, place
        self._number = next(_NUMBERS)
        self._lost: Any = watch.core.ReadError
        self._heard = self._reused = False
        self._since = 0.0

    def get_extra_info(self, info: str) -> Any:
        """Return what the stream knows; an idle one that is to be dropped says that there is something to read: its end."""
        if info == "is_readable" and self._number < self._watch.forgotten.get(self._place, 0):
            return True
        return self._stream.get_extra_info(info)

    def _next_request(self) -> None:
        self._heard, self._reused, self._since = False, True, time.monotonic()

    def _received(self, data: bytes) -> bytes:
        """Take note of what came; at the end of the connection that is nothing."""
        if not self._heard:
            if data:
                self._heard, self._watch.network.suspected_until = True, 0.0
            else:
                self._check(None)
        return data

    def _check(self, cause: BaseException | None) -> None:
        """Raise if a connection that was just lost had been idle, and nothing has been heard on it since."""
        if was_stale(reused=self._reused, heard=self._heard, seconds=time.monotonic() - self._since):
            error: Any = _marked(self._lost)("the host closed the connection while it was idle")
            error.watch, error.place = self._watch, self._place
            raise error from cause


class IdleStream(_IdleStream):
    """A stream of a sync pool."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, at most so many bytes; nothing at the end."""
        try:
            data = self._stream.read(max_bytes, timeout)
        except self._lost as exc:
            self._check(exc)
            raise
        return self._received(data)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes."""
        if self._heard:
            self._next_request()
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> IdleStream:
        """Return a stream that speaks TLS over this one."""
        made = self._stream.start_tls(ssl_context, server_hostname, _no_longer(timeout))
        return IdleStream(made, self._watch, self._place)


class AsyncIdleStream(_IdleStream):
    """A stream of an async pool; its methods are those of `IdleStream`."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109, D102 - the pool's interface
        try:
            data = await self._stream.read(max_bytes, timeout)
        except self._lost as exc:
            self._check(exc)
            raise
        return self._received(data)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109, D102 - as above
        if self._heard:
            self._next_request()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(  # noqa: D102 - as above
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> AsyncIdleStream:
        made = await self._stream.start_tls(ssl_context, server_hostname, _no_longer(timeout))
        return AsyncIdleStream(made, self._watch, self._place)


def _no_longer(timeout: float | None) -> float:
    return CONNECT_SECONDS if timeout is None else min(timeout, CONNECT_SECONDS)


class StaleRetryTransport:
    """A transport that writes a request once more if the first write met a connection that had been idle and was closed.

    Its pool must connect by `transport.dialing`, and the body must be one that can be sent again.
    """

    def __init__(self, inner: Any, lib: Any) -> None:
        """Take a transport of a library (httpx or httpx2)."""
        self._inner = inner
        self._first, self._second = _FirstWrite(lib), _SecondWrite(lib)

    def handle_request(self, request: Any) -> Any:
        """Return the response as soon as its headers are there."""
        with self._first:
            return self._inner.handle_request(request)
        with self._second:
            return self._inner.handle_request(request)

    def close(self) -> None:
        """Close every connection."""
        self._inner.close()


class AsyncStaleRetryTransport(StaleRetryTransport):
    """The same for an async transport."""

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response as soon as its headers are there."""
        with self._first:
            return await self._inner.handle_async_request(request)
        with self._second:
            return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class _WriteBlock:
    """The block in which a request is written."""

    def __init__(self, lib: Any) -> None:
        self._lost, self._unwritten = lib.ReadError, (lib.ConnectError, lib.ConnectTimeout, lib.PoolTimeout)

    def __enter__(self) -> None:
        pass


class _FirstWrite(_WriteBlock):
    """Goes on behind the block if the request met a connection that had been idle: what else is idle there is dropped."""

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _traceback: object) -> bool:
        if isinstance(exc, self._unwritten):
            unwritten()
        elif isinstance(exc, self._lost) and isinstance(stale := exc.__cause__, Stale):
            stale.watch.forget(stale.place)
            return True
        return False


class _SecondWrite(_WriteBlock):
    """Counts the repeat, unless no connection came about for it."""

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _traceback: object) -> None:
        if not isinstance(exc, self._unwritten):
            written_again()
