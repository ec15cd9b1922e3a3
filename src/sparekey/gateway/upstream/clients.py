"""The choice of the client that connects to providers, and of the proxy to each host."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks the second

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.gateway.upstream.pool import ConnectionPool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.config.gateway import GatewayConfig
    from sparekey.gateway.upstream.pool import UpstreamClient


class Proxies:
    """The proxy to each host. Its URL may hold a password, so no message shows it."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """Create the table from proxies by scheme (`http`, `https`, `all`).

        `no` holds the hosts and domains without a proxy, separated by commas.

        Raises:
            ConfigError: one of them is no HTTP proxy.
        """
        self._known = dict(known)
        for scheme in ("http", "https", "all"):
            if (url := self._known.get(scheme)) and not _is_http(url):
                raise ConfigError(f"gateway.proxy: the proxy for {scheme} is no URL that begins with http:// or https://")

    def of(self, scheme: str, host: str) -> str | None:
        """Return the URL of the proxy to a host (`api.example:443`); None: connect directly."""
        found = self._known.get(scheme) or self._known.get("all")
        return found if found and not proxy_bypass_environment(host, self._known) else None


def proxies_of(settings: GatewayConfig) -> Proxies | None:
    """Return the proxies that the configuration asks for; None if there are none.

    Raises:
        ConfigError: the reference points nowhere, or the proxy cannot be used.
    """
    if settings.proxy_from_environment:
        return Proxies(getproxies_environment())
    if settings.proxy:
        url = settings.secret(settings.proxy).reveal()
        return Proxies({"all": url, "no": ",".join(settings.no_proxy)})
    return None


def client_of(settings: GatewayConfig) -> UpstreamClient:
    """Return the client for connections to the providers that the configuration names.

    Raises:
        ConfigError: the proxy cannot be used.
        MissingExtraError: aiohttp or OpenTelemetry's API is needed and not installed.
    """
    client = ConnectionPool() if settings.upstream == "httptools" else _aiohttp(settings)
    if not settings.opentelemetry:
        return client
    try:
        from sparekey.gateway.observe.tracing import Carrying  # noqa: PLC0415 - its library is an extra
    except ImportError:
        raise MissingExtraError("gateway.opentelemetry", "otel") from None
    return Carrying(client)


def _aiohttp(settings: GatewayConfig) -> UpstreamClient:
    try:
        from sparekey.gateway.upstream.aiohttp_client import AiohttpClient  # noqa: PLC0415 - its library is an extra
    except ImportError:
        raise MissingExtraError('gateway.upstream = "aiohttp"', "aiohttp") from None
    return AiohttpClient(proxies_of(settings))


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
