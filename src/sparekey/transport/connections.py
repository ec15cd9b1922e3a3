"""The connections to the providers: one pool, or one a proxy, made when they are needed."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.transport.dialing import watched
from sparekey.transport.stale import AsyncStaleRetryTransport, StaleRetryTransport
from sparekey.wire.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable

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
