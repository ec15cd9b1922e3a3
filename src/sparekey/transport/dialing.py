"""How the pools of httpx and httpx2 connect: within the limits of `wire.network`, over streams that know when they were idle.

The async pools try a host's addresses side by side and bound the whole. The sync one would give its limit to the look-up of the name (which
it does not bound at all) and to each address in turn; here they share it.
"""

from __future__ import annotations

import socket
import threading
import time
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from sparekey.transport.stale import AsyncIdleStream, IdleStream, IdleWatch
from sparekey.wire.network import Address, in_turns

if TYPE_CHECKING:
    from sparekey.wire.network import Network

_LEAST: Final = 0.25
"""Seconds that an address gets at least, however many there are."""


class _NetworkBackend:
    """The network backend of a pool, in the place of the pool's own, which does the work."""

    def __init__(self, inner: Any, watch: IdleWatch) -> None:
        self._inner, self.watch = inner, watch
        self._served: dict[Address, str] = {}

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> Any:
        """Connect as the pool's own."""
        return self._inner.connect_unix_socket(*args, **kwargs)

    def sleep(self, seconds: float) -> Any:
        """Sleep as the pool's own."""
        return self._inner.sleep(seconds)


class SyncNetworkBackend(_NetworkBackend):
    """As `_NetworkBackend`, of a sync pool."""

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> IdleStream:
        """Return a stream to a host.

        Raises:
            ConnectTimeout: the pool's library's; nobody has answered in time.
            ConnectError: the pool's library's; the name is unknown, or nobody is there.
        """
        place, watch = Address(host, port), self.watch
        limit, begun = watch.within(place, timeout), time.monotonic()
        try:
            stream = self._tried(place, begun + limit, options)
        except watch.core.ConnectTimeout:
            watch.network.silent(place, limit)
            raise
        watch.network.reached(place, time.monotonic() - begun)
        return IdleStream(stream, watch, place)

    def _tried(self, place: Address, until: float, options: dict[str, Any]) -> Any:
        addresses = self._looked_up(place, until)
        addresses.sort(key=lambda address: address != self._served.get(place))  # whoever answered the last time comes first
        while True:
            address = addresses.pop(0)
            share = max(_LEAST, (until - time.monotonic()) / (len(addresses) + 1))
            try:
                stream = self._inner.connect_tcp(address, place.port, share, **options)
            except (self.watch.core.ConnectError, self.watch.core.ConnectTimeout):
                if not addresses:
                    raise
            else:
                self._served[place] = address
                return stream

    def _looked_up(self, place: Address, until: float) -> list[str]:
        """Return the addresses of a host, in turns of their families. The look-up has no limit of its own, so it runs in a thread."""
        if _is_address(place.host):
            return [place.host]
        found: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()
        threading.Thread(target=_look_up, args=(place, found), name="sparekey look-up", daemon=True).start()
        try:
            answer = found.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            raise self.watch.core.ConnectTimeout(f"no address of {place.host} in time") from None
        if isinstance(answer, Exception):
            raise self.watch.core.ConnectError(str(answer)) from answer
        return answer


class AsyncNetworkBackend(_NetworkBackend):
    """As `_NetworkBackend`, of an async pool."""

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> AsyncIdleStream:  # noqa: ASYNC109
        """As `SyncNetworkBackend.connect_tcp`."""
        place, watch = Address(host, port), self.watch
        limit, begun = watch.within(place, timeout), time.monotonic()
        try:
            stream = await self._inner.connect_tcp(host, port, limit, **options)
        except watch.core.ConnectTimeout:
            watch.network.silent(place, limit)
            raise
        except UnicodeError as exc:  # trio's, of a name that nobody can have
            raise watch.core.ConnectError(str(exc)) from exc
        watch.network.reached(place, time.monotonic() - begun)
        return AsyncIdleStream(stream, watch, place)


def watched(transport: Any, network: Network) -> bool:
    """Let a transport of httpx or httpx2 connect in this way; return whether it is one that can."""
    pool = getattr(transport, "_pool", None)
    inner = getattr(pool, "_network_backend", None)
    if pool is None or inner is None:
        return False
    if not isinstance(inner, _NetworkBackend):
        core = import_module(type(pool).__module__.partition(".")[0])
        kind = AsyncNetworkBackend if hasattr(pool, "handle_async_request") else SyncNetworkBackend
        pool._network_backend = kind(inner, IdleWatch(core, network))  # noqa: SLF001 - the pool takes one, the transport does not
    return True


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return True
    return False


def _look_up(place: Address, found: SimpleQueue[list[str] | OSError | UnicodeError]) -> None:
    try:
        rows = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        found.put(exc)
        return
    found.put([row[4][0] for row in in_turns(rows)] or OSError(f"{place.host} has no address"))
