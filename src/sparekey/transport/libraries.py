"""The transports for httpx2, and for httpx out of the same source."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, NamedTuple

import httpx2

from sparekey.transport.asynchronous import AsyncSdkStream, AsyncTransport
from sparekey.transport.synchronous import SdkStream, Transport


class _LibraryStream(SdkStream, httpx2.SyncByteStream):
    lib: ClassVar[Any] = httpx2


class _AsyncStream(AsyncSdkStream, httpx2.AsyncByteStream):
    lib: ClassVar[Any] = httpx2


class FailoverTransport(Transport, httpx2.BaseTransport):
    """Failover for a sync `httpx2.Client`: `Client(transport=FailoverTransport("chat"))`.

    It takes what `Transport` takes. Host, base path, key, model and API version of a request are those of the credential that
    it goes to, whatever the client believes in; nothing else changes. Redirects are not followed.
    """

    lib: ClassVar[Any] = httpx2
    stream_type: ClassVar[type[SdkStream]] = _LibraryStream


class AsyncFailoverTransport(AsyncTransport, httpx2.AsyncBaseTransport):
    """Failover for an `httpx2.AsyncClient`, on asyncio or trio; see `FailoverTransport`. It belongs to one event loop."""

    lib: ClassVar[Any] = httpx2
    stream_type: ClassVar[type[AsyncSdkStream]] = _AsyncStream


class _Cookieless:
    """A client that keeps no cookies: what one provider sets is none of the next one's business."""

    none: ClassVar[Any]

    @property
    def cookies(self) -> Any:
        """Return the jar that stays empty."""
        return self.none

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        """Take none."""


class Library(NamedTuple):
    """An HTTP library with its transports, and its clients without cookies."""

    module: Any
    transport: type[Transport]
    async_transport: type[AsyncTransport]
    client: Any
    async_client: Any


def _library(lib: Any, transport: type[Transport], async_transport: type[AsyncTransport]) -> Library:
    none = type("NoCookies", (lib.Cookies,), {"extract_cookies": lambda _jar, _response: None})()
    clients = [type(cls.__name__, (_Cookieless, cls), {"none": none}) for cls in (lib.Client, lib.AsyncClient)]
    return Library(lib, transport, async_transport, *clients)


HTTPX2 = _library(httpx2, FailoverTransport, AsyncFailoverTransport)


@cache
def legacy() -> Library:
    """Return the transports for httpx; the SDKs that still use it bring it with them."""
    import httpx  # noqa: PLC0415 - not a dependency of ours

    stream = type("_Stream", (SdkStream, httpx.SyncByteStream), {"lib": httpx})
    async_stream = type("_AsyncStream", (AsyncSdkStream, httpx.AsyncByteStream), {"lib": httpx})
    return _library(
        httpx,
        type("FailoverTransport", (Transport, httpx.BaseTransport), {"lib": httpx, "stream_type": stream}),
        type("AsyncFailoverTransport", (AsyncTransport, httpx.AsyncBaseTransport), {"lib": httpx, "stream_type": async_stream}),
    )
