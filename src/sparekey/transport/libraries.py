"""The transports for httpx2, and for httpx out of the same source."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, NamedTuple

import httpx2

from sparekey.transport.aio import AsyncRelay, AsyncTransport
from sparekey.transport.blocking import BlockingTransport, Relay


class _Relay(Relay, httpx2.SyncByteStream):
    lib: ClassVar[Any] = httpx2


class _AsyncRelay(AsyncRelay, httpx2.AsyncByteStream):
    lib: ClassVar[Any] = httpx2


class FailoverTransport(BlockingTransport, httpx2.BaseTransport):
    """Failover for a sync `httpx2.Client`: `Client(transport=FailoverTransport("chat"))`.

    It takes what `BlockingTransport` takes. Host, base path, key, model and API version of a request are those of the credential that
    it goes to, whatever the client believes in; nothing else changes. Redirects are not followed.
    """

    lib: ClassVar[Any] = httpx2
    relay: ClassVar[type[Relay]] = _Relay


class AsyncFailoverTransport(AsyncTransport, httpx2.AsyncBaseTransport):
    """Failover for an `httpx2.AsyncClient`, on asyncio or trio; see `FailoverTransport`. It belongs to one event loop."""

    lib: ClassVar[Any] = httpx2
    relay: ClassVar[type[AsyncRelay]] = _AsyncRelay


class Library(NamedTuple):
    """An HTTP library with its transports."""

    module: Any
    transport: type[BlockingTransport]
    async_transport: type[AsyncTransport]


HTTPX2 = Library(httpx2, FailoverTransport, AsyncFailoverTransport)


@cache
def legacy() -> Library:
    """Return the transports for httpx; the SDKs that still use it bring it with them."""
    import httpx  # noqa: PLC0415 - not a dependency of ours

    relay = type("_Relay", (Relay, httpx.SyncByteStream), {"lib": httpx})
    async_relay = type("_AsyncRelay", (AsyncRelay, httpx.AsyncByteStream), {"lib": httpx})
    return Library(
        httpx,
        type("FailoverTransport", (BlockingTransport, httpx.BaseTransport), {"lib": httpx, "relay": relay}),
        type("AsyncFailoverTransport", (AsyncTransport, httpx.AsyncBaseTransport), {"lib": httpx, "relay": async_relay}),
    )
