"""Which web pages of other origins may ask the gateway (`gateway.cors_origins`), and what their browsers are told.

Browsers ask before they send a key across origins (a preflight, without the key), and hide answers that name no origin. Cookies are never
allowed across origins: a page has to send a client's key. What providers say about origins reaches nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.gateway.api.replies import GatewayReply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.gateway.upstream.messages import Raw

_EVERY: Final = b"*"
_ASKED: Final = b"access-control-request-method"
_VARY: Final = (b"vary", b"origin")
_SHOWN: Final = (
    b"access-control-expose-headers",
    b"x-sparekey-request-id, x-sparekey-credential, x-sparekey-attempts, x-request-id, request-id, retry-after, x-should-retry",
)
_PREFLIGHT: Final = ((b"access-control-allow-methods", b"GET, HEAD, POST"), (b"access-control-max-age", b"600"))


class CrossOrigin:
    """The origins of a configuration."""

    def __init__(self, origins: Iterable[str]) -> None:
        """Take origins as a browser names them (`https://app.example.com`); `*` stands for all."""
        self._origins = frozenset(origin.encode() for origin in origins)

    def allows(self, origin: bytes) -> bool:
        """Return whether pages of an origin may ask."""
        return bool(origin) and (origin in self._origins or _EVERY in self._origins)

    def headers(self, named: Mapping[bytes, bytes]) -> Raw:
        """Return what an answer says to the browser of a page; nothing to others.

        Args:
            named: the request's headers, names in lower case.
        """
        if not self._origins or not self.allows(origin := named.get(b"origin", b"")):
            return [_VARY] if self._origins else []
        return [(b"access-control-allow-origin", _EVERY if _EVERY in self._origins else origin), _SHOWN, _VARY]

    def preflight(self, method: str, named: Mapping[bytes, bytes]) -> GatewayReply | None:
        """Return the answer to a browser that asks whether a page may send a request; None: this is no such question, or it may not.

        Args:
            method: the HTTP method.
            named: the request's headers, names in lower case.
        """
        if method != "OPTIONS" or _ASKED not in named or not self.allows(named.get(b"origin", b"")):
            return None
        headers: Raw = [*_PREFLIGHT]
        if wanted := named.get(b"access-control-request-headers"):
            headers.append((b"access-control-allow-headers", wanted))
        if b"access-control-request-private-network" in named:
            headers.append((b"access-control-allow-private-network", b"true"))
        return GatewayReply(204, headers, b"")
