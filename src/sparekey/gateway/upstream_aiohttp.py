"""The connections to the providers made by aiohttp: slower than `upstream`, known everywhere, and with a way through a proxy."""

from __future__ import annotations

import io
import ssl
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from sparekey.gateway.lib import (
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
    UnsupportedProtocol,
    received,
    whole,
)
from sparekey.gateway.upstream import CONNECT_SECONDS, IDLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sparekey.gateway.connecting import Proxies
    from sparekey.gateway.lib import Response
    from sparekey.wire.model import Put

_LARGE: Final = 2**20
"""Bytes of a body from which on aiohttp wants it as a file, so that it can send it piece by piece."""
_LONGEST: Final = 64 * 1024
_PROXY_REFUSES: Final = 407
_UNASKED: Final = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that aiohttp would add."""


class Aiohttp:
    """Connections that aiohttp keeps; see `sparekey.gateway.upstream.Client`. It belongs to one event loop."""

    def __init__(self, proxies: Proxies | None = None) -> None:
        """Start without a connection; `proxies` knows the way to each host, None: all are reached directly."""
        self._proxies = proxies
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, put: Put, silence: float | None) -> Response:
        """See `Client.send`."""
        url = _url(put.url)
        proxy = self._proxies.of(url.scheme, url.host_port_subcomponent or "") if self._proxies else None
        headers = [(name.decode("latin-1"), _text(value)) for name, value in put.headers]
        while True:
            way = SimpleNamespace(reused=False)
            options: dict[str, Any] = {"proxy": proxy, "timeout": _limits(silence), "trace_request_ctx": way, "allow_redirects": False}
            body = put.body if len(put.body) < _LARGE else io.BytesIO(put.body)
            try:
                with _translated():
                    answer = await self._opened().request(method, url, headers=headers, data=body or None, **options)
            except ReadError:
                # The host closed a connection that had been idle, before it could know of this request: nobody is to blame.
                if not way.reused:
                    raise
            else:
                break
        if proxy is not None and answer.status == _PROXY_REFUSES:
            answer.close()
            raise ConnectError("the proxy wants other credentials (gateway.proxy)")
        raw = [(name.lower(), value) for name, value in answer.raw_headers]
        return received(answer.status, raw, Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Return the session, which is made when an event loop runs."""
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_reused)
            trusted = ssl.create_default_context()
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS, resolver=aiohttp.ThreadedResolver(), ssl=trusted)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_UNASKED,
                auto_decompress=False,
                trust_env=False,
                max_line_size=_LONGEST,
                max_field_size=_LONGEST,
                trace_configs=[trace],
            )
        return self._session


class Body:
    """What comes behind the headers of an answer."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        """Take the answer."""
        self._answer = answer

    async def read(self) -> bytes:
        """Return what is left of it; one that is cancelled cuts the connection."""
        return await whole(aiter(self))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._answer.content
        try:
            while not content.at_eof():
                with _translated():
                    piece = await content.readany()
                if piece:
                    yield piece
        except BaseException:
            self._answer.close()
            raise

    async def aclose(self) -> None:
        """Have no more of it: unless it is at its end, the connection is cut."""
        self._answer.close()


_FAULTS: Final[tuple[tuple[type[Exception], type[TransportError], str], ...]] = (
    (aiohttp.ConnectionTimeoutError, ConnectTimeout, f"no connection within {CONNECT_SECONDS:.0f} s"),
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
)
"""What aiohttp raises, and what it is called here; the first that fits holds. Its own texts may hold a URL with a key in it."""


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, ConnectionError) as exc:
        kind, text = next((kind, text) for known, kind, text in _FAULTS if isinstance(exc, known))
        cause = getattr(exc, "os_error", None) or getattr(exc, "certificate_error", None)
        raise kind(f"{text}: {cause.strerror or type(cause).__name__}" if cause else text) from cause


async def _reused(_session: Any, context: Any, _params: Any) -> None:
    context.trace_request_ctx.reused = True


def _url(text: str) -> URL:
    """Return a URL, to the letter as it stands.

    Raises:
        UnsupportedProtocol: aiohttp would not go there.
    """
    try:
        url = URL(text, encoded=True)
        usable = url.scheme in {"http", "https"} and url.host
    except ValueError:
        usable = False
    if not usable:
        raise UnsupportedProtocol("the base URL of a credential is neither http nor https")
    return url


def _limits(silence: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=silence)


def _text(value: bytes) -> str:
    """Return a header's value so that aiohttp, which writes UTF-8, sends the same bytes; what is no UTF-8 is sent as such."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
