"""The connections to the providers, behind the small interface `UpstreamClient`.

`ConnectionPool` is the default. bench/gateway.py measures the alternatives: clients with a Rust
core leave a call running when its caller goes before the response headers, and aiohttp costs more
than the rest of the gateway. So the pool uses asyncio's connections and httptools, the parser of
Node and uvicorn; `http1` is the code between.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from sparekey.gateway.upstream.dialing import dialed
from sparekey.gateway.upstream.http1 import UpstreamConnection
from sparekey.gateway.upstream.messages import ConnectError, ConnectTimeout, ReadError, UnsupportedProtocol, received
from sparekey.wire.network import CONNECT_SECONDS, Address, Network
from sparekey.wire.writes import unwritten, was_stale, written_again

if TYPE_CHECKING:
    import socket

    from sparekey.gateway.upstream.http1 import ResponseReader
    from sparekey.gateway.upstream.messages import Response
    from sparekey.wire.request import Put

IDLE_SECONDS: Final = 45.0
"""Seconds after which an idle connection is not used again: hosts close theirs after about 60 s."""


class UpstreamClient(Protocol):
    """Sends requests to hosts. It follows no redirect, keeps no cookie and has no cache."""

    async def send(self, method: str, put: Put, silence: float | None) -> Response:
        """Send a request; return the response as soon as its headers are complete.

        The request is written once. If that write met an idle connection that the host closed
        without sending a byte, it is written once more, on a new connection, and the host's other
        idle connections are closed. `wire.writes` counts the second write.

        Cancelling this, or closing the response's stream, cuts the connection unless the answer is
        complete.

        Args:
            method: the HTTP method.
            put: URL, headers and body, sent unchanged.
            silence: the longest silence of the host in seconds; None: no limit.

        Raises:
            TransportError: there is no response.
        """

    async def aclose(self) -> None:
        """Close every connection."""


class Origin(NamedTuple):
    """The target of a connection: scheme, host and port."""

    secure: bool
    place: Address


class ConnectionPool:
    """Keeps connections open and lends each to one request at a time, in one event loop."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """Create an empty pool; `context` verifies the hosts' certificates; None: the system's."""
        self._context = context
        self._idle: dict[str, deque[UpstreamConnection]] = {}
        self._all: set[UpstreamConnection] = set()
        self._origins: dict[str, Origin] = {}
        self._network = Network()

    @property
    def open_connections(self) -> int:
        """The number of open connections, idle ones included."""
        return len(self._all)

    async def send(self, method: str, put: Put, silence: float | None) -> Response:
        """See `UpstreamClient.send`."""
        origin, head = written(method, put)
        connection = self.take(origin)
        if connection is None:
            return await self._sent_anew(origin, head, put.body, silence, lost=False)
        return await self.resumed(method, put, silence, connection.ask(head, put.body, silence), time.monotonic())

    async def resumed(self, method: str, put: Put, silence: float | None, answer: ResponseReader, asked: float) -> Response:
        """As `send`, for a request that was written to an idle connection before.

        Args:
            method: the HTTP method.
            put: URL, headers and body.
            silence: the longest silence of the host in seconds; None: no limit.
            answer: reads the answer to that write.
            asked: when it was written, on the monotonic clock.
        """
        try:
            await answer.headers()
        except ReadError:
            if not was_stale(reused=True, heard=answer.bytes_received, seconds=time.monotonic() - asked):
                raise
        else:
            self.reached()
            return received(answer.status, answer.raw, answer)
        origin, head = written(method, put)
        self._forget(origin)
        # The host's other idle connections may be dead as well, and each would cost another
        # write: the repeat goes out on a new connection, even if idle ones are there.
        return await self._sent_anew(origin, head, put.body, silence, lost=True)

    async def _sent_anew(self, origin: str, head: bytes, body: bytes, silence: float | None, *, lost: bool) -> Response:
        """Write a request to a new connection; `lost`: it was written before, to one that the host had closed."""
        try:
            connection = await self._connect(origin)
        except BaseException:
            if not lost:
                unwritten()
            raise
        if lost:
            written_again()
        answer = connection.ask(head, body, silence)
        await answer.headers()
        self.reached()
        return received(answer.status, answer.raw, answer)

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in list(self._all):
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)

    def released(self, connection: UpstreamConnection) -> None:
        """Take a connection back after a complete answer."""
        idle = self._idle.setdefault(connection.origin, deque())
        now = time.monotonic()
        while idle and now - idle[0].since > IDLE_SECONDS:
            idle.popleft().abort()
        connection.since = now
        idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection that is closed."""
        self._all.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)

    def reached(self) -> None:
        """Note that a host has answered: our own network is not away."""
        self._network.suspected_until = 0.0

    def _forget(self, origin: str) -> None:
        """Close the idle connections of an origin."""
        for connection in self._idle.pop(origin, ()):
            connection.abort()

    def take(self, origin: str) -> UpstreamConnection | None:
        """Return an idle connection to an origin that can carry a request; None if there is none."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if time.monotonic() - connection.since <= IDLE_SECONDS and connection.usable:
                return connection
            connection.abort()
        return None

    async def _connect(self, origin: str) -> UpstreamConnection:
        where, network = self._origins.get(origin) or self._origin(origin), self._network
        begun, limit = time.monotonic(), network.limit(where.place)
        tcp: socket.socket | None = None
        try:
            async with asyncio.timeout(limit):
                tcp = await dialed(*where.place)
            network.reached(where.place, time.monotonic() - begun)
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await self._talking(origin, where, tcp)
        except TimeoutError:
            if tcp is None:
                network.silent(where.place, limit)
            raise ConnectTimeout(f"no connection to {where.place.host} within {limit if tcp is None else CONNECT_SECONDS:g} s") from None
        except (OSError, UnicodeError) as exc:  # UnicodeError: the name cannot be looked up at all
            raise ConnectError(f"no connection to {where.place.host}: {getattr(exc, 'strerror', None) or type(exc).__name__}") from exc
        self._all.add(connection)
        return connection

    async def _talking(self, origin: str, where: Origin, tcp: socket.socket) -> UpstreamConnection:
        """Return a connection over a socket; close the socket if TLS fails."""
        secure = self._tls() if where.secure else None
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: UpstreamConnection(origin, self.released, self.lost),
                sock=tcp,
                ssl=secure,
                server_hostname=where.place.host if secure else None,
            )
        except BaseException:
            tcp.close()
            raise
        return connection

    def _origin(self, origin: str) -> Origin:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UnsupportedProtocol("the base URL of a credential is neither http nor https")
        secure = parts.scheme == "https"
        found = self._origins[origin] = Origin(secure, Address(parts.hostname, parts.port or (443 if secure else 80)))
        return found

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context


def written(method: str, put: Put) -> tuple[str, bytes]:
    """Return the origin that a request goes to, and its head as it is written there."""
    begin = put.url.find("/", put.url.find("://") + 3)
    origin, target = (put.url[:begin], put.url[begin:]) if begin > 0 else (put.url, "/")
    lines = [f"{method} {target} HTTP/1.1".encode("ascii")]
    lines += [b"%b: %b" % pair for pair in put.headers]
    lines.append(b"\r\n")
    return origin, b"\r\n".join(lines)
