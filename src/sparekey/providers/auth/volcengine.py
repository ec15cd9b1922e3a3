"""The request signature of Volcengine's OpenAPI: HMAC-SHA256 with four derived keys.

It is written from https://www.volcengine.com/docs/6369/67269, and the tests compare it with the
official SDK's.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_ALGORITHM: Final = "HMAC-SHA256"
_UNRESERVED: Final = "-_.~"


def sign(
    *,
    method: str,
    path: str,
    query: Mapping[str, str],
    host: str,
    content_type: str,
    body: bytes,
    ak: str,
    sk: str,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """Return the headers that sign a request: `x-date`, `x-content-sha256` and `authorization`.

    Args:
        method: the HTTP method, for example `POST`.
        path: the path as it is sent, from the first slash.
        query: the names and values of the query, not encoded.
        host: the value of the `host` header, with the port unless it is the scheme's own.
        content_type: the value of the `content-type` header.
        body: the bytes that are sent.
        ak: the access key id.
        sk: the secret access key.
        region: for example `cn-beijing`.
        service: for example `vikingdb`.
        now: the time of signing, in UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    signed = {"content-type": content_type, "host": host, "x-content-sha256": digest, "x-date": moment}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    canonical = "\n".join([method, path or "/", _canonical(query), lines, names, digest])
    scope = f"{moment[:8]}/{region}/{service}/request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(sk, moment[:8], region, service), text.encode(), hashlib.sha256).hexdigest()
    authorization = f"{_ALGORITHM} Credential={ak}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {"x-date": moment, "x-content-sha256": digest, "authorization": authorization}


def _canonical(query: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def _key(sk: str, date: str, region: str, service: str) -> bytes:
    key = sk.encode()
    for part in (date, region, service, "request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
