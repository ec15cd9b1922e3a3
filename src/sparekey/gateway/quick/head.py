"""What the head of a request says: read once for all requests whose head is the same but for the length of the body.

A head is known by its digest, and what is secret in it is not kept.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httptools

from sparekey.gateway.api import routes
from sparekey.gateway.api.access import presented
from sparekey.gateway.api.replies import RefusalError
from sparekey.gateway.http.request_body import checked

if TYPE_CHECKING:
    from sparekey.gateway.api.access import Access, Caller
    from sparekey.gateway.api.routes import RequestedResource
    from sparekey.gateway.quick.plan import Plan
    from sparekey.gateway.upstream.messages import Raw

_LENGTHS: Final = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
_WIDTH: Final = len(_LENGTHS[0])
_END: Final = b"\r\n\r\n"
_DIGITS: Final = 8
_UNUSUAL: Final = frozenset({b"expect", b"transfer-encoding", b"content-encoding", b"upgrade", b"trailer", b"te"})
"""Headers that the engine sees to."""
_SECRET: Final = frozenset({b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key", b"cookie", b"proxy-authorization"})
_NOTHING: Final = b"-"
"""Stands in the place of what is secret."""
_VECTORS: Final = "embeddings"
_STREAMING: Final = "streamGenerateContent"
_VERBS: Final = frozenset({"generateContent", _STREAMING})
RESOURCES: Final = frozenset({("openai", "chat/completions"), ("openai", _VECTORS), ("anthropic", "messages")})
"""What the quick path serves; of Gemini's, `_VERBS` of any model."""
_LONG: Final = float("inf")


class Place(NamedTuple):
    """Where a head ends and how long the body is; `digest` is that of the head without this number."""

    end: int
    length: int
    digest: bytes


class RequestHead(NamedTuple):
    """What a head says.

    Attributes:
        asked: what its path names.
        path: its path.
        target: path and query as they were sent.
        headers: names in lower case; values that are secret are left out.
        named: the same by name.
        keep_alive: the connection stays open after the answer.
        caller: who sent it.
        page: header lines for the browser of a web page.
        until: when the key of the client expires, in seconds since 1970.
        model: what the path names; "" where the body does.
        embeds: its requests are for vectors.
        streams: its path asks for a stream.
        plans: how its requests are served, by `Asks` and model.
    """

    asked: RequestedResource
    path: str
    target: bytes
    headers: Raw
    named: dict[bytes, bytes]
    keep_alive: bool
    caller: Caller
    page: bytes
    until: float
    model: str
    embeds: bool
    streams: bool
    plans: tuple[dict[str, Plan], dict[str, Plan], dict[str, Plan]]


def place_of(data: bytes) -> Place | None:
    """Return where the head of a request ends; None: not in these bytes, or its body has no stated length."""
    end = data.find(_END) + 4
    if end < len(_END):
        return None
    at = data.find(_LENGTHS[0], 0, end)
    if at < 0:
        at = data.find(_LENGTHS[1], 0, end)
        if at < 0:
            return None
    at += _WIDTH
    stop = data.find(b"\r", at)
    digits = data[at:stop]
    if not digits.isdigit() or len(digits) > _DIGITS:
        return None
    return Place(end, int(digits), sha256(data[:at] + data[stop:end]).digest())


def read(data: bytes, access: Access) -> RequestHead | None:
    """Read a head, by the parser and the rules of the engine; None: the engine serves its requests.

    Args:
        data: the head, to its end.
        access: who may use the gateway.
    """
    found = _Collected()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(data)
        url = httptools.parse_url(found.url)
        path, query = url.path.decode("ascii"), url.query or b""
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, UnicodeError):
        return None
    headers = found.headers
    named = dict(headers)
    lengths = sum(name == b"content-length" for name, _ in headers)
    hosts = sum(name == b"host" for name, _ in headers)
    if b"key=" in query or not found.complete or lengths != 1 or hosts != 1 or "%" in path or not _UNUSUAL.isdisjoint(named):
        return None
    if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or parser.should_upgrade():
        return None
    try:
        checked(named)
        caller = access.caller(named, b"")
        asked = routes.asked(path)
    except RefusalError:
        return None
    model, _, verb = asked.resource.removeprefix("models/").partition(":") if asked.dialect == "gemini" else ("", "", "")
    if (asked.dialect, asked.resource) not in RESOURCES and not (model and verb in _VERBS):
        return None
    page = b"".join(b"%b: %b\r\n" % pair for pair in access.cross_origin.headers(named))
    target = url.path + b"?" + query if query else url.path
    headers = _without_keys(headers, b"" if access.is_open else presented(named, b""))
    about = parser.should_keep_alive(), caller, page, _until(caller), model, asked.resource == _VECTORS, verb == _STREAMING
    return RequestHead(asked, path, target, headers, dict(headers), *about, ({}, {}, {}))


def _without_keys(headers: Raw, key: bytes) -> Raw:
    """Return headers without what is secret in them, and without others that hold the client's key: neither goes to a provider."""
    return [(name, _NOTHING if name in _SECRET else value) for name, value in headers if name in _SECRET or not (key and key in value)]


def _until(caller: Caller) -> float:
    if not caller.expires:
        return _LONG
    return datetime.combine(date.fromisoformat(caller.expires) + timedelta(days=1), time(), UTC).timestamp()


class _Collected:
    """What a parser finds in a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: Raw = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> Any:
        self.complete = True
