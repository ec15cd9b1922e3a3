"""The connections to the providers: one pool, or one a proxy, made when they are needed, and how these connect.

The pools of httpx and httpx2 connect within the limits of `wire.network`, over streams that know when they were idle.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from functools import partial
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.transport.stale import AsyncIdleStream, AsyncStaleRetryTransport, IdleStream, IdleWatch, StaleRetryTransport
from sparekey.wire.network import Address, Network, in_turns

if TYPE_CHECKING:
    from collections.abc import Callable


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


_LIMITS: Final = {"max_connections": 1000, "max_keepalive_connections": 100}
"""What the SDKs of OpenAI and Anthropic give their own clients."""
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class Connections:
    """Gives the transport for a URL. Proxies are those of the environment, as the SDKs' own clients find them."""

    def __init__(self, lib: Any, make: Callable[..., Any], given: Any = None, *, verify: Any = True, trust_env: bool = True) -> None:
        """Take the library and its class of transports.

        Args:
            lib: the library.
            make: its sync or async HTTP transport.
            given: a transport to use for everything instead; or which engine makes the connections: "httpx" (the library's own, also
                where nothing is given) or "pyreqwest" (the extra `fast`; sync transports only, async ones stay with the library's own).
            verify: as the library takes it: True, or an SSL context.
            trust_env: whether the environment's proxies and certificates are used.

        Raises:
            ConfigError: there is no such engine, or it cannot verify certificates in the way that is asked for.
            MissingExtraError: pyreqwest is not installed.
        """
        engine, given = (given, None) if isinstance(given, str) else ("httpx", given)
        self.own = given is None
        self._lib, self._network = lib, Network()
        self._given, self._trust_env, self._lock = self._retrying(given), trust_env, threading.Lock()
        self._make: Callable[..., Any] = partial(make, verify=verify, trust_env=trust_env, limits=lib.Limits(**_LIMITS))
        if engine == "pyreqwest":
            self._make = self._fast(make, self._make, verify, trust_env)
        elif engine != "httpx":
            raise ConfigError(f"no engine is called {engine!r}; known are httpx, pyreqwest")
        self._by_proxy: dict[str | None, Any] = {}
        self._by_origin: dict[tuple[str, str, int | None], Any] = {}

    def for_url(self, url: Any) -> Any:
        """Return the transport for the host of a URL."""
        if self._given is not None:
            return self._given
        origin = (url.scheme, url.host, url.port)
        found = self._by_origin.get(origin)
        return found if found is not None else self._found(origin)

    def all(self) -> list[Any]:
        """Return every transport there is, for closing; they are forgotten."""
        with self._lock:
            found = [self._given] if self._given is not None else list(self._by_proxy.values())
            self._by_proxy.clear()
            self._by_origin.clear()
        return found

    def _found(self, origin: tuple[str, str, int | None]) -> Any:
        proxy = _proxy(*origin[:2]) if self._trust_env else None
        with self._lock:
            if proxy not in self._by_proxy:
                self._by_proxy[proxy] = self._retrying(self._make(proxy=proxy))
            self._by_origin[origin] = self._by_proxy[proxy]
            return self._by_origin[origin]

    def _fast(self, kind: Any, own: Callable[..., Any], verify: Any, trust_env: bool) -> Callable[..., Any]:
        """Return how transports over pyreqwest are made; those of the library where it cannot cancel (async)."""
        lib, network = self._lib, self._network
        if not issubclass(kind, lib.BaseTransport):
            return own
        if not isinstance(verify, bool) or (trust_env and any(os.environ.get(name) for name in _CERTIFICATES)):
            raise ConfigError(
                "the engine pyreqwest verifies certificates by its own store only: leave out verify and SSL_CERT_*, or use httpx"
            )
        try:
            from sparekey.transport.pyreqwest_engine import blocking_engine  # noqa: PLC0415 - an extra
        except ImportError:
            raise MissingExtraError("the engine 'pyreqwest'", "fast") from None
        most = _LIMITS["max_connections"]
        return lambda proxy: blocking_engine(lib, self._retrying(own(proxy=proxy)), network, verify=verify, proxy=proxy, most=most)

    def _retrying(self, transport: Any) -> Any:
        """Return a transport that writes once more what met a closed idle connection; one of another kind as it is."""
        if transport is None or not watched(transport, self._network):
            return transport
        return (AsyncStaleRetryTransport if hasattr(transport, "handle_async_request") else StaleRetryTransport)(transport, self._lib)


def _proxy(scheme: str, host: str) -> str | None:
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or proxy_bypass(host):
        return None
    return found if "://" in found else f"http://{found}"
