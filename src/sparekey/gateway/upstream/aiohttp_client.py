"""Connections to the providers by aiohttp.

They are slower than those of `pool`, but widely known and able to use a proxy.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import time
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from sparekey.gateway.upstream.http1 import has_stray_bytes
from sparekey.gateway.upstream.messages import (
    SLICE,
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
    UnsupportedProtocol,
    received,
    slices,
    whole,
)
from sparekey.gateway.upstream.pool import IDLE_SECONDS
from sparekey.wire.network import Address, Network
from sparekey.wire.writes import unwritten, was_stale, written_again

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sparekey.gateway.upstream.clients import Proxies
    from sparekey.gateway.upstream.messages import Response
    from sparekey.wire.request import Put

_LARGE: Final = 2**20
"""Bytes from which on a body is given to aiohttp as a file, so that it is sent in pieces."""
_LONGEST: Final = 64 * 1024
_PROXY_REFUSES: Final = 407
_UNASKED: Final = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that aiohttp would add by itself."""


class AiohttpClient:
    """An `UpstreamClient` (see `sparekey.gateway.upstream.pool`) over aiohttp, for one loop."""

    def __init__(self, proxies: Proxies | None = None) -> None:
        """Start without a connection; `proxies` None: all hosts are reached directly."""
        self._proxies = proxies
        self._session: aiohttp.ClientSession | None = None
        self._network = Network()

    async def send(self, method: str, put: Put, silence: float | None) -> Response:
        """See `UpstreamClient.send`."""
        url = _url(put.url)
        proxy = self._proxies.of(url.scheme, url.host_port_subcomponent or "") if self._proxies else None
        write = _TrackedWrite(Address(url.host or "", url.port))
        try:
            answer = await self._asked(write, method, url, put, proxy, silence)
        except BaseException as exc:
            if write.protocol is None:
                unwritten()
            if not (isinstance(exc, ReadError) and write.was_stale):
                raise
        else:
            return self._answered(answer, proxied=proxy is not None)
        again = _TrackedWrite(write.place, fresh=True)
        try:
            answer = await self._asked(again, method, url, put, proxy, silence)
        finally:
            if again.protocol is not None:
                written_again()
        return self._answered(answer, proxied=proxy is not None)

    def _answered(self, answer: aiohttp.ClientResponse, *, proxied: bool) -> Response:
        if proxied and answer.status == _PROXY_REFUSES:
            answer.close()
            raise ConnectError("the proxy wants other credentials (gateway.proxy)")
        self._network.suspected_until = 0.0
        raw = [(name.lower(), value) for name, value in answer.raw_headers]
        return received(answer.status, raw, Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _asked(
        self, write: _TrackedWrite, method: str, url: URL, put: Put, proxy: str | None, silence: float | None
    ) -> aiohttp.ClientResponse:
        """Write the request once; return the answer as soon as its headers are complete."""
        _WRITE.set(write)
        limit = self._network.limit(write.place)
        headers = [(name.decode("latin-1"), _text(value)) for name, value in put.headers]
        options: dict[str, Any] = {"proxy": proxy, "timeout": _limits(limit, silence), "allow_redirects": False}
        body = put.body if len(put.body) < _LARGE else io.BytesIO(put.body)
        try:
            with _translated():
                return await self._opened().request(method, url, headers=headers, data=body or None, **options)
        except ConnectTimeout:
            self._network.silent(write.place, limit)
            raise

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, created on first use because it needs a running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(self._network),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_UNASKED,
                auto_decompress=False,
                trust_env=False,
                max_line_size=_LONGEST,
                max_field_size=_LONGEST,
            )
        return self._session


class _TrackedWrite:
    """One write of a request, and what is known of the connection that carries it."""

    __slots__ = ("fresh", "place", "protocol", "reused", "since")

    def __init__(self, place: Address, *, fresh: bool = False) -> None:
        """Create a write without a connection; `fresh`: it must get a new one, not an idle one."""
        self.place, self.fresh = place, fresh
        self.protocol: ResponseHandler | None = None
        self.reused, self.since = False, 0.0

    @property
    def was_stale(self) -> bool:
        """Whether the lost connection had been idle and closed soon, before a byte of an answer."""
        heard = getattr(self.protocol, "bytes_received", True)
        return was_stale(reused=self.reused, heard=heard, seconds=time.monotonic() - self.since)


_WRITE: Final[ContextVar[_TrackedWrite]] = ContextVar("sparekey_write")
"""The write of the current context: aiohttp has no argument that would reach the connector."""


class _Protocol(ResponseHandler):
    """One connection, with three flags.

    `used`: it has carried a request; `awaited`: a request is waiting for its answer; `bytes_received`: bytes
    have come since that request was sent.
    """

    used = bytes_received = False
    awaited = True

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to aiohttp; close the connection if no answer is awaited.

        aiohttp would take such bytes for the answer to the next request.
        """
        self.bytes_received = True
        if self.awaited or not data:  # aiohttp goes on with what it holds by handing in nothing
            super().data_received(data)
        else:
            self.close()


class _Connector(aiohttp.TCPConnector):
    """Gives each write one connection. Only `AiohttpClient.send` may decide on a second write."""

    def __init__(self, network: Network) -> None:
        """Start without a connection; `network` learns how long each new one took."""
        trusted = ssl.create_default_context()
        super().__init__(limit=0, keepalive_timeout=IDLE_SECONDS, resolver=aiohttp.ThreadedResolver(), ssl=trusted)
        self._factory: Any = partial(_Protocol, loop=self._loop)
        self._network = network

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Return an idle connection if the write may use one, else a new one."""
        write = _WRITE.get()
        if write.protocol is not None:  # keep aiohttp from repeating the request by itself
            raise aiohttp.ServerDisconnectedError
        while True:
            begun = time.monotonic()
            connection = await super().connect(*args, **kwargs)
            protocol: Any = connection.protocol
            reused = getattr(protocol, "used", False)
            if not (reused and (write.fresh or protocol.should_close or has_stray_bytes(protocol.transport))):
                break
            connection.close()  # one that was idle beside a lost one, or on which something came that nobody asked for
        protocol.used, protocol.awaited, protocol.bytes_received = True, True, False
        write.protocol, write.reused, write.since = protocol, reused, time.monotonic()
        if not reused:
            self._network.reached(write.place, write.since - begun)
        return connection

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        """Take a connection back: no answer is awaited on it any more."""
        protocol.awaited = False
        super()._release(key, protocol, should_close=should_close)


class Body:
    """The body of an answer, as it arrives."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        """Take the answer."""
        self._answer, self._unsliced = answer, False

    async def read(self) -> bytes:
        """Return the rest of the body; cancelling this cuts the connection."""
        self._unsliced = True
        return await whole(aiter(self))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        try:
            while not content.at_eof():
                with _translated():
                    piece = await _read(content)
                if self._unsliced or len(piece) <= SLICE:
                    if piece:
                        yield piece
                    continue
                for part in slices(piece):
                    yield part
                    await asyncio.sleep(0)
        except BaseException:
            self._answer.close()
            raise

    async def aclose(self) -> None:
        """Stop reading; cut the connection unless the body is complete."""
        self._answer.close()


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Return what has come of a body.

    Raises:
        ReadError: the connection was closed at this very moment, which aiohttp tells as a bare `RuntimeError`.
    """
    try:
        return await content.readany()
    except RuntimeError as exc:
        raise ReadError("the host closed the connection before its answer was complete") from exc


_FAULTS: Final[tuple[tuple[type[Exception], type[TransportError], str], ...]] = (
    (aiohttp.ConnectionTimeoutError, ConnectTimeout, "no connection in time"),
    (aiohttp.ServerTimeoutError, ReadTimeout, "the provider was silent for too long"),
    (aiohttp.ClientHttpProxyError, ConnectError, "the proxy lets nobody through to this host"),
    (aiohttp.ClientProxyConnectionError, ConnectError, "no connection to the proxy (gateway.proxy)"),
    (aiohttp.ClientConnectorError, ConnectError, "no connection"),
    (aiohttp.ClientResponseError, RemoteProtocolError, "no HTTP came back"),
    (aiohttp.InvalidURL, UnsupportedProtocol, "the base URL of a credential is neither http nor https"),
    (aiohttp.ClientPayloadError, ReadError, "the host closed the connection before its answer was complete"),
    (aiohttp.ServerDisconnectedError, ReadError, "the host closed the connection before its answer was complete"),
    (aiohttp.ClientError, ReadError, "the connection broke"),
    (ConnectionError, ReadError, "the host reset the connection"),
    (UnicodeError, ConnectError, "no connection: the host has a name that none can have"),
)
"""aiohttp's exceptions and ours, in the order in which they are tried. aiohttp's own messages are
not used: they may hold a URL with a key in it."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, ConnectionError, UnicodeError) as exc:
        kind, text = next((kind, text) for known, kind, text in _FAULTS if isinstance(exc, known))
        cause = getattr(exc, "os_error", None) or getattr(exc, "certificate_error", None)
        raise kind(f"{text}: {cause.strerror or type(cause).__name__}" if cause else text) from cause


def _url(text: str) -> URL:
    """Return a URL without changing its spelling.

    Raises:
        UnsupportedProtocol: aiohttp cannot send to this URL.
    """
    try:
        url = URL(text, encoded=True)
        usable = url.scheme in {"http", "https"} and url.host
    except ValueError:
        usable = False
    if not usable:
        raise UnsupportedProtocol("the base URL of a credential is neither http nor https")
    return url


def _limits(connect: float, silence: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=silence)


def _text(value: bytes) -> str:
    """Return a header's value as text that aiohttp, which writes UTF-8, turns into the same bytes.

    A value that is not UTF-8 is read as Latin-1, so it leaves as UTF-8.
    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
