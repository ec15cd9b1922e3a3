"""Who may use the gateway. It stores keys as digests only and compares them in constant time."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from sparekey.config.gateway import is_loopback
from sparekey.errors import ConfigError
from sparekey.gateway.api.cross_origin import CrossOrigin
from sparekey.gateway.api.replies import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.config.gateway import GatewayConfig
    from sparekey.config.secrets import SecretRef

_SHORTEST: Final = 20
"""The fewest characters of a key. Keys this long and random cannot be guessed, so their digests
need no salt."""
WRONG_KEY_SECONDS: Final = 0.5
"""Seconds that a request with a wrong admin key waits for its refusal."""
FORWARDING: Final = frozenset(
    {
        *(b"forwarded", b"forwarded-for", b"via", b"x-forwarded", b"x-real-ip", b"cdn-loop", b"x-envoy-internal"),
        *(
            b"x-forwarded-" + name.encode()
            for name in (
                *("for", "host", "proto", "port", "server", "prefix", "scheme", "ssl", "by", "path", "uri", "method", "protocol"),
                *("user", "email", "groups", "preferred-username", "access-token", "client-cert", "tls-client-cert", "original-uri"),
            )
        ),
        *(b"x-original-url", b"x-original-host", b"x-original-uri", b"x-original-forwarded-for", b"x-rewrite-url", b"x-proxyuser-ip"),
        *(b"true-client-ip", b"cf-connecting-ip", b"cf-connecting-ipv6", b"cf-ray", b"cf-visitor", b"cf-ipcountry", b"x-client-ip"),
        *(b"x-cluster-client-ip", b"fastly-client-ip", b"fly-client-ip", b"x-appengine-user-ip", b"x-azure-clientip", b"x-azure-socketip"),
        *(
            b"x-vercel-forwarded-for",
            b"x-vercel-ip-country",
            b"x-envoy-external-address",
            b"x-nf-client-connection-ip",
            b"do-connecting-ip",
        ),
    }
)
"""Headers that proxies add: a request with one of them does not come from this machine."""
_BEARERS: Final = (b"x-api-key", b"x-goog-api-key", b"api-key")


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that has been identified.

    Attributes:
        name: its name, or "" where no keys are asked for.
        chains: the names of the chains that it may use; None: all.
        expires: the last day of its key, as ISO text that sorts by time; "": none.
    """

    name: str = ""
    chains: frozenset[str] | None = None
    expires: str = ""

    def may(self, chain: str) -> bool:
        """Return whether the client may use this chain."""
        return self.chains is None or chain in self.chains


ANYBODY: Final = Caller()
"""The client of every request where the configuration has no client keys."""


class Access:
    """The clients and the admin of one configuration.

    Attributes:
        cross_origin: the web pages of other origins that may ask.
    """

    def __init__(self, config: GatewayConfig) -> None:
        """Read the keys from where their references point, and keep only their digests.

        Raises:
            ConfigError: a key is not where its reference says, or could be guessed.
        """
        self._clients = {
            _digest_of(config, client.key, client.key_sha256, f"clients[{i}].key"): Caller(
                client.name,
                None if client.chains is None else frozenset(client.chains),
                client.expires.isoformat() if client.expires else "",
            )
            for i, client in enumerate(config.clients)
        }
        self.cross_origin = CrossOrigin(config.cors_origins)
        self._admin = _digest_of(config, config.admin_key, config.admin_key_sha256, "admin_key")

    @property
    def is_open(self) -> bool:
        """Whether no keys are asked for."""
        return not self._clients

    def caller(self, headers: Mapping[bytes, bytes], query: bytes) -> Caller:
        """Return the client that sent a request.

        Args:
            headers: the request's headers, names in lower case.
            query: its query string; only Gemini's clients put their key there.

        Raises:
            RefusalError: the key is missing, wrong or expired; or, without client keys, the request
                was forwarded or comes from a web page of another origin.
        """
        if not self._clients:
            refuse_forwarded(headers)
            if not self.cross_origin.allows(headers.get(b"origin", b"")):
                refuse_pages(headers)
            return ANYBODY
        key = presented(headers, query)
        if not key:
            raise RefusalError(401, "no_key", "no key was sent: send your key of this gateway as the client's API key")
        digest = sha256(key).hexdigest()
        found = self._clients.get(digest)  # timing reveals only the digest of the sender's own key
        if found is None or not any(hmac.compare_digest(digest, known) for known in self._clients):
            raise RefusalError(401, "invalid_key", "this key is not known to the gateway")
        if found.expires and datetime.now(UTC).date().isoformat() > found.expires:
            raise RefusalError(401, "expired_key", f"the key of {found.name!r} expired after {found.expires}")
        return found

    def reader(self, headers: Mapping[bytes, bytes], query: bytes) -> Caller:
        """Return the client like `caller`, but accept the admin key as well.

        It is for answers that hold no client's secret.

        Raises:
            RefusalError: as `caller`.
        """
        if self._admin and hmac.compare_digest(sha256(presented(headers, query)).hexdigest(), self._admin):
            return ANYBODY
        return self.caller(headers, query)

    def admin_digest(self) -> str:
        """Return the SHA-256 of the admin key in hexadecimal; the empty string if there is none."""
        return self._admin


def refuse_forwarded(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a forwarded request: the proxy may be on this machine, its sender is not.

    Raises:
        RefusalError: a header says that the request was forwarded.
    """
    if not FORWARDING.isdisjoint(headers):
        raise RefusalError(
            403,
            "forwarded",
            "without client keys the gateway serves this machine only, and this request was forwarded: configure gateway.clients",
        )


def refuse_pages(headers: Mapping[bytes, bytes]) -> None:
    """Refuse requests of web pages from other origins.

    A browser on this machine would let any page send them, even under a host name that resolves
    to this machine.

    Raises:
        RefusalError: the request was made for another host, or by a page of another host.
    """
    host, origin = headers.get(b"host", b""), headers.get(b"origin", b"")
    if host and not _is_ours(b"//" + host):
        raise RefusalError(403, "wrong_host", "without client keys the gateway answers only under this machine's own addresses")
    if origin and not _is_ours(origin):
        raise RefusalError(403, "wrong_origin", "without client keys the gateway does not answer web pages of other hosts")


@lru_cache(256)
def _is_ours(url: bytes) -> bool:
    """Return whether a URL (or `//host`) names this machine."""
    try:
        return is_loopback(urlsplit(url.decode("latin-1")).hostname or "")
    except ValueError:
        return False


def presented(headers: Mapping[bytes, bytes], query: bytes) -> bytes:
    """Return the key that a request carries, wherever its SDK puts it.

    OpenAI's SDK sends a bearer token, the others a header of their own, Gemini's also the query.
    """
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token:
        return token.strip()
    for name in _BEARERS:
        if key := headers.get(name):
            return key.strip()
    pair = next((pair for pair in query.split(b"&") if pair.startswith(b"key=")), b"") if query else b""
    return unquote_to_bytes(pair[4:])


def _digest_of(config: GatewayConfig, ref: SecretRef | None, digest: str | None, where: str) -> str:
    if ref is None:
        return digest or ""
    key = config.secret(ref).reveal()
    if len(key) < _SHORTEST:
        raise ConfigError(f"gateway.{where}: the key has fewer than {_SHORTEST} characters and could be guessed; make one with --new-key")
    return sha256(key.encode()).hexdigest()
