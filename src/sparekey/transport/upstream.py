"""The connections to the providers: one pool, or one a proxy, made when they are needed."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMITS: Final = {"max_connections": 1000, "max_keepalive_connections": 100}
"""What the SDKs of OpenAI and Anthropic give their own clients."""


class Upstream:
    """Gives the transport for a URL. Proxies are those of the environment, as the SDKs' own clients find them."""

    def __init__(self, lib: Any, make: Callable[..., Any], given: Any = None, *, verify: Any = True, trust_env: bool = True) -> None:
        """Take the library and its class of transports.

        Args:
            lib: the library.
            make: its sync or async HTTP transport.
            given: a transport to use for everything instead.
            verify: as the library takes it: True, or an SSL context.
            trust_env: whether the environment's proxies and certificates are used.
        """
        self.own = given is None
        self._given, self._trust_env, self._lock = given, trust_env, threading.Lock()
        self._make = partial(make, verify=verify, trust_env=trust_env, limits=lib.Limits(**_LIMITS))
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
                self._by_proxy[proxy] = self._make(proxy=proxy)
            self._by_origin[origin] = self._by_proxy[proxy]
            return self._by_origin[origin]


def _proxy(scheme: str, host: str) -> str | None:
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or proxy_bypass(host):
        return None
    return found if "://" in found else f"http://{found}"
