"""X01 and X05 to X08: hostile contents in raw bytes: surplus bytes, keys, pages, models, proxies."""

from __future__ import annotations

import io
import json
import logging
import pickle
import time
import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from sparekey.engine import Chain, Failover
from sparekey.errors import AllCredentialsFailedError
from sparekey.lab.drill.raw_host import (
    ANSWER,
    RawHost,
    asked,
    exchanged,
    posted,
    question,
    response,
    status_of,
)
from sparekey.lab.drill.row import THROUGH, Row
from sparekey.lab.drill.verdict import Check
from sparekey.lab.drill.watched_gateway import ADMIN, KEY, PROVIDER_KEY
from sparekey.types import Credential, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.lab.drill.context import RowContext

_CLIENTS: Final = ("httptools", "aiohttp")
"""What connects to providers."""
_FORGED: Final = b"forged-by-the-provider"


# ── X01 ──


def _x01(context: RowContext) -> Iterator[Check]:
    surplus = response(ANSWER.replace(b"four", _FORGED), "X-Forged: forged-by-the-provider")
    for client in _clients():
        for when in ("at once", "later"):
            answers = _at_once(surplus) if when == "at once" else _later(surplus)
            with RawHost(answers) as host, context.gateway(host, upstream=client) as served:
                found = []
                for _ in range(4):
                    found.append(exchanged(served.url, posted(question(), KEY)))
                    time.sleep(0.05)
            yield Check(f"{client}, {when}: every request is served", all(status_of(one) == HTTPStatus.OK for one in found))
            yield Check(f"{client}, {when}: no byte of it reaches anybody", not any(b"orged" in one for one in found))
            yield Check(f"{client}, {when}: the connection is closed", host.connections == len(found))
    context.notes.append("four answers each, none forged")


def _at_once(surplus: bytes) -> Callable[[int], Iterator[bytes]]:
    return lambda _: iter([response() + surplus])


def _later(surplus: bytes) -> Callable[[int], Iterator[bytes]]:
    def pieces(_: int) -> Iterator[bytes]:
        yield response()
        time.sleep(0.01)
        yield surplus

    return pieces


def _clients() -> tuple[str, ...]:
    try:
        import aiohttp  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return _CLIENTS[:1]
    return _CLIENTS


# ── X05 ──

_CORP: Final = "Tok7en+of/the.corporation_Q"
_WRITTEN: Final[dict[str, Callable[[str], str]]] = {
    "plain": lambda key: key,
    "escaped in JSON": lambda key: key.replace("/", "\\/").replace("+", "\\u002B"),
    "every letter escaped": lambda key: "".join(f"\\u{ord(one):04x}" for one in key),
}


def _x05(context: RowContext) -> Iterator[Check]:
    log = io.StringIO()
    logger, handler = logging.getLogger("sparekey"), logging.StreamHandler(log)
    logger.addHandler(handler)
    echoes = [(key, written(key)) for key in (PROVIDER_KEY, _CORP) for written in _WRITTEN.values()]
    answers = [answer for echo in echoes for answer in (_refusal(*echo), _broken(*echo))]
    own = {"X-Corp": f"Token {_CORP}"}
    try:
        with RawHost(lambda number: [answers[number % len(answers)]]) as host, context.gateway(host, admin=True, headers=own) as served:
            shown = [exchanged(served.url, posted(question(stream=bool(n % 2)), KEY)) for n in range(len(answers))]
            state = exchanged(served.url, asked("/admin/api/state", f"Authorization: Bearer {ADMIN}"))
    finally:
        logger.removeHandler(handler)
    yield Check("the provider was asked with both", all(k.encode() in one for one in host.requests for k in (PROVIDER_KEY, _CORP)))
    yield Check("each echo was played", len(host.requests) >= len(answers))
    yield Check("the console answers", status_of(state) == HTTPStatus.OK)
    text = b"\n".join([*shown, state]).decode("latin-1") + log.getvalue()
    for key, written in echoes:
        yield Check("in no answer, page or log", not any(one in text for one in (key, written, json.dumps(key)[1:-1])))
    yield from _in_the_exception()
    context.notes.append(f"{len(answers)} echoes, none of a key")


def _refusal(key: str, written: str) -> bytes:
    body = b'{"error": {"message": "the token %b is not one of ours", "type": "x", "code": "y"}}' % written.encode()
    return response(body, f"X-Request-Id: {key}", f"Openai-Processing-Ms: {key}", status="500 No")


def _broken(key: str, written: str) -> bytes:
    event = b'data: {"error": {"message": "%b", "code": "y"}}\n\n' % written.encode()
    return response(event, f"X-Request-Id: {key}", kind="text/event-stream")


def _in_the_exception() -> Iterator[Check]:
    chain = Chain([Credential("a", api_key=Secret(PROVIDER_KEY), headers={"X-Corp": f"Token {_CORP}"})])

    def refuse(_: Credential) -> None:
        raise RuntimeError(f"401: neither {PROVIDER_KEY} nor {_CORP} is a token of ours")

    try:
        Failover(chain).call(refuse)
    except AllCredentialsFailedError as exc:
        texts = [str(exc), repr(exc), "".join(traceback.format_exception(exc)), str(pickle.loads(pickle.dumps(exc)))]  # noqa: S301 - our own
        yield Check("in no text, traceback or pickle of the exception", not any(k in t for t in texts for k in (PROVIDER_KEY, _CORP)))


# ── X06 ──


def _x06(context: RowContext) -> Iterator[Check]:
    page = b"<html><script>fetch('/admin/api/state')</script></html>"
    more = (
        "Refresh: 0; url=/console",
        "Link: </x.js>; rel=preload",
        "Access-Control-Allow-Origin: *",
        "Content-Security-Policy: default-src *",
    )
    speech = json.dumps({"model": "chat", "input": "a", "voice": "a"}).encode()
    whole = response(page, *more, "Set-Cookie: a=b", kind="text/html")
    with RawHost(lambda _: [whole]) as host, context.gateway(host, admin=True) as served:
        answer = exchanged(served.url, posted(speech, KEY, path="/v1/audio/speech"))
        head = answer.partition(b"\r\n\r\n")[0].lower()
        yield Check("the page comes as plain bytes", b"content-type: application/octet-stream" in head and b"nosniff" in head)
        for_browsers = (b"refresh", b"link:", b"access-control", b"content-security", b"set-cookie", b"text/html")
        yield Check("nothing of it speaks to browsers", not any(name in head for name in for_browsers))
        form = "Content-Type: application/x-www-form-urlencoded"
        login = posted(f"key={ADMIN}".encode(), form, path="/console/login").replace(b"127.0.0.1", served.url[7:].encode())
        entered = exchanged(served.url, login).lower()
        cookie = entered.partition(b"set-cookie: ")[2].partition(b";")[0].decode()
        console = exchanged(served.url, asked("/console", f"Cookie: {cookie}")).lower()
        state = exchanged(served.url, asked("/admin/api/state", f"Cookie: {cookie}"))
        yield Check("an admin is logged in", status_of(state) == HTTPStatus.OK and b"samesite=strict" in entered)
        yield Check("the console cannot be framed", b"frame-ancestors 'none'" in console and b"x-frame-options: deny" in console)
        hold = "/admin/api/chains/chat/credentials/first/hold"
        attacks = (
            ("Origin: https://evil.example", "Content-Type: application/json"),
            ("Sec-Fetch-Site: cross-site", "Content-Type: text/plain"),
            ("Sec-Fetch-Site: same-site", "Content-Type: application/json"),
            ("Content-Type: application/x-www-form-urlencoded",),
        )
        found = [status_of(exchanged(served.url, posted(b"{}", f"Cookie: {cookie}", *lines, path=hold))) for lines in attacks]
        yield Check(f"another page holds nothing ({found})", all(status in {403, 415} for status in found))
        exchanged(served.url, posted(question(), KEY))
        yield Check("the credential is still asked", len(host.requests) > 1)
    context.notes.append("octet-stream, nosniff; 403 and 415 to other pages")


# ── X07 ──

_TWO_MODELS: Final = (
    b'{"model":"chat","model":"other","messages":[]}',
    b'{"model":"other","model":"chat","messages":[]}',
    b'{"model":"chat","m\\u006fdel":"other","messages":[]}',
    b'{"mod\\u0065l":"other","messages":[],"model":"chat"}',
    b'{"model":"chat","Model":"other","messages":[]}',
    b'{"MODEL":"other","messages":[],"model":"chat"}',
    b'{"\\u004dodel":"other","model":"chat","messages":[]}',
    b' \t{"messages":[{"model":1}],"model":"chat", "model" :"other"}',
)
_ONE_MODEL: Final = (b'{"m\\u006fdel":"chat","messages":[1]}', b'{"messages":["model",{"model":"x"}],"model":"chat"}')


def _x07(context: RowContext) -> Iterator[Check]:
    with RawHost(lambda _: [response()]) as host, context.gateway(host) as served:
        found = [status_of(exchanged(served.url, posted(body, KEY))) for body in _TWO_MODELS]
        yield Check(f"two are refused ({found})", found == [HTTPStatus.BAD_REQUEST] * len(found))
        yield Check("no provider is asked", not host.requests)
        for body in _ONE_MODEL:
            yield Check("one is served", status_of(exchanged(served.url, posted(body, KEY))) == HTTPStatus.OK)
        models = [json.loads(one.partition(b"\r\n\r\n")[2], object_pairs_hook=_pairs) for one in host.requests]
        yield Check("and is the credential's", models == [["gpt-4o-mini"]] * len(_ONE_MODEL))
    context.notes.append(f"{len(found)} times 400")


def _pairs(pairs: list[tuple[str, Any]]) -> list[Any]:
    return [value for name, value in pairs if name.lower() == "model"]


# ── X08 ──

_FORWARDED: Final = (
    "X-Forwarded-For: 203.0.113.7",
    "X-Real-IP: 203.0.113.7",
    "Forwarded: for=203.0.113.7",
    "Via: 1.1 a",
    "CF-Connecting-IP: 203.0.113.7",
)


def _x08(context: RowContext) -> Iterator[Check]:
    with RawHost(lambda _: [response()]) as host, context.gateway(host, keys=False) as served:
        for line in _FORWARDED:
            found = [
                status_of(exchanged(served.url, posted(question(), line))),
                *(
                    status_of(exchanged(served.url, asked(path, line)))
                    for path in ("/v1/models", "/console", "/admin/api/state", "/metrics")
                ),
            ]
            yield Check(f"{line}: refused without a key ({found})", found == [HTTPStatus.FORBIDDEN] * len(found))
        abroad = posted(question()).replace(b"Host: 127.0.0.1", b"Host: models.example.com")
        yield Check("under the name of a proxy: refused, too", status_of(exchanged(served.url, abroad)) == HTTPStatus.FORBIDDEN)
        yield Check("no provider is asked", not host.requests)
        yield Check("this machine is served", status_of(exchanged(served.url, posted(question()))) == HTTPStatus.OK)
    with RawHost(lambda _: [response()]) as host, context.gateway(host, admin=True) as served:
        yield Check("with a key it is served", status_of(exchanged(served.url, posted(question(), _FORWARDED[0], KEY))) == HTTPStatus.OK)
        state = asked("/admin/api/state", _FORWARDED[0], f"Authorization: Bearer {ADMIN}").replace(b"127.0.0.1", b"a.example")
        yield Check("and so is the console", status_of(exchanged(served.url, state)) == HTTPStatus.OK)
    context.notes.append("403 without a key, 200 with one")


ROWS: Final = (
    Row(
        "X01",
        "an answer with surplus bytes behind it, at once or later, both clients",
        "no byte reaches any caller",
        "the connection is closed",
        _x01,
        THROUGH,
    ),
    Row(
        "X05",
        "keys of no known shape, in extra headers, escaped, echoed by the provider",
        "in no answer, log, exception, pickle or page",
        "",
        _x05,
        THROUGH,
    ),
    Row("X06", "a page from a provider, posts from another page, an admin logged in", "nothing runs, nothing is held", "", _x06, THROUGH),
    Row("X07", "two model keys, an escaped one, another case", "refused or made one", "no request, or one model", _x07, THROUGH),
    Row("X08", "behind a proxy on the same machine", "forwarded requests need a key, for API and console", "no request", _x08, THROUGH),
)
