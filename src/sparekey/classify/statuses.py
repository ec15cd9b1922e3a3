"""HTTP statuses: what they mean when neither codes nor words told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, LARGE, MODEL, PERMANENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_TIMEOUT: Final = meaning(TRANSIENT, "timeout")
_SERVER: Final = meaning(TRANSIENT, "server_error")
_BAD: Final = meaning(PERMANENT, "bad_parameter")
_MISSING: Final = meaning(MODEL, "path_not_found")

STATUSES: Final[Mapping[int, Meaning]] = {
    400: _BAD,
    401: meaning(AUTH, "invalid_key"),
    402: meaning(QUOTA, "insufficient_balance"),
    403: meaning(AUTH, "permission_denied"),
    404: _MISSING,
    405: _BAD,
    406: _BAD,
    407: meaning(AUTH, "proxy_authentication", scope=Scope.ENDPOINT),
    408: _TIMEOUT,
    409: meaning(TRANSIENT, "conflict"),
    410: meaning(MODEL, "model_retired"),
    411: _BAD,
    412: _BAD,
    413: meaning(LARGE, "payload_too_large"),
    414: meaning(LARGE, "payload_too_large"),
    415: _BAD,
    416: _BAD,
    421: meaning(TRANSIENT, "connection"),
    422: _BAD,
    423: meaning(TRANSIENT, "unavailable"),
    424: meaning(TRANSIENT, "server_error", "tei, azure: the backend of the model failed"),
    425: meaning(TRANSIENT, "unavailable"),
    426: _BAD,
    429: meaning(TRANSIENT, "rate_limited"),
    431: meaning(LARGE, "payload_too_large"),
    451: meaning(AUTH, "region_blocked", "unavailable for legal reasons"),
    498: meaning(TRANSIENT, "overloaded", "groq: flex capacity"),
    499: meaning(TRANSIENT, "cancelled", "nginx: the client closed the request"),
    501: meaning(PERMANENT, "unsupported_feature"),
    502: meaning(TRANSIENT, "bad_gateway"),
    503: meaning(TRANSIENT, "unavailable"),
    504: _TIMEOUT,
    508: _SERVER,
    511: meaning(AUTH, "proxy_authentication", scope=Scope.ENDPOINT),
    520: meaning(TRANSIENT, "bad_gateway", "cloudflare"),
    521: meaning(TRANSIENT, "connection", "cloudflare: the origin is down"),
    522: meaning(TRANSIENT, "timeout", "cloudflare: connection timed out"),
    523: meaning(TRANSIENT, "connection", "cloudflare: the origin is unreachable"),
    524: meaning(TRANSIENT, "timeout", "cloudflare: the origin answered too late"),
    525: meaning(TRANSIENT, "connection", "cloudflare: TLS handshake failed"),
    526: meaning(TRANSIENT, "connection", "cloudflare: invalid certificate at the origin"),
    529: meaning(TRANSIENT, "overloaded", "anthropic"),
}


def of_status(status: int) -> Meaning | None:
    """Return what an HTTP status means, or None for success, redirects and numbers that are none."""
    if status in STATUSES:
        return STATUSES[status]
    if 500 <= status < 600:  # noqa: PLR2004 - the classes of RFC 9110
        return _SERVER
    return _BAD if 400 <= status < 500 else None  # noqa: PLR2004
