"""X02 to X04: hostile amounts in raw bytes: idle strangers, unread answers, long bodies."""

from __future__ import annotations

import gzip
import time
from contextlib import ExitStack, closing, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.crowds import files
from sparekey.lab.drill.raw_host import (
    ANSWER,
    RawHost,
    connected,
    exchanged,
    posted,
    question,
    response,
    status_of,
)
from sparekey.lab.drill.row import THROUGH, Row
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.drill.watched_gateway import KEY, watched

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from sparekey.lab.drill.context import RowContext

_MB: Final = 10**6


# ── X02 ──

_STRANGERS: Final = 1000
_BODY_TIME: Final = 1.0
_HELD: Final = (
    b"POST /console/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{" % KEY.encode(),
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\nContent-Length: 900\r\n\r\n{" % KEY.encode(),
)


def _x02(context: RowContext) -> Iterator[Check]:
    files(2 * _STRANGERS + 200)  # as far as the system allows
    with ExitStack() as stack:
        host = stack.enter_context(RawHost(lambda _: [response()]))
        served = stack.enter_context(context.gateway(host, admin=True, body_timeout=_BODY_TIME))
        lines: list[socket.socket] = []
        with suppress(OSError):  # the system allows no more files
            for number in range(_STRANGERS):
                line = stack.enter_context(closing(connected(served.url)))
                line.sendall(_HELD[number % len(_HELD)])
                lines.append(line)
        good = [status_of(exchanged(served.url, posted(question(), KEY))) for _ in range(10)]
        yield Check(f"{len(lines)} connections are held", len(lines) >= _STRANGERS // 4)
        yield Check(f"good callers are served meanwhile ({good})", good == [HTTPStatus.OK] * len(good))
        end = time.monotonic() + _BODY_TIME + 10.0
        answers = [_until(line, end) for line in lines]
        yield Check("each is closed", None not in answers)
        yield Check("with a word", all(status_of(one or b"") == HTTPStatus.REQUEST_TIMEOUT for one in answers), Verdict.PARTIAL)
        yield Check("no provider was asked for them", len(host.requests) == len(good))
    context.notes.append(f"{len(lines)} holders, all closed; 10 calls served")


def _until(line: socket.socket, end: float) -> bytes | None:
    """Return what came on a connection; None if it is still open at a time."""
    line.settimeout(max(0.1, end - time.monotonic()))
    pieces = []
    try:
        while piece := line.recv(4096):
            pieces.append(piece)
    except TimeoutError:
        return None
    except OSError:
        pass
    return b"".join(pieces)


# ── X03 ──


def _x03(context: RowContext) -> Iterator[Check]:
    block = posted(question(), KEY, close=False) * 400
    with RawHost(lambda _: [response()]) as host, context.gateway(host) as served:
        status_of(exchanged(served.url, posted(question(), KEY)))

        def pipelined() -> int:
            sent = 0
            with closing(connected(served.url, patience=1.0)) as line, suppress(OSError):
                while sent < 100 * _MB:
                    line.sendall(block)
                    sent += len(block)
            return sent

        watch, sent = watched(served.url, pipelined, 0.5)
        yield Check(f"memory grew by {watch.grown / _MB:.0f} MB", watch.grown < 20 * _MB)
        yield Check("others are served", status_of(exchanged(served.url, posted(question(), KEY))) == HTTPStatus.OK)
    context.notes.append(f"{sent / _MB:.1f} MB were taken, memory grew by {watch.grown / _MB:.0f} MB")


# ── X04 ──

_WITHIN: Final = 0.5


def _x04(context: RowContext) -> Iterator[Check]:
    yield from _long_header(context)
    yield from _many_values(context)
    yield from _long_answer(context)
    yield from _bombs(context)


def _long_header(context: RowContext) -> Iterator[Check]:
    def header(_: int) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Long: "
        for _ in range(80):
            yield b"x" * _MB

    with RawHost(header) as host, context.gateway(host) as served:
        watch, answer = watched(served.url, lambda: exchanged(served.url, posted(question(), KEY)), _WITHIN)
    yield from _unharmed(context, "a header of 80 MB", watch, 40)
    yield Check("which is no answer", status_of(answer) in {502, 503})


def _many_values(context: RowContext) -> Iterator[Check]:
    body = b'{"model":"chat","messages":[' + b"[1]," * (10 * _MB) + b"[1]]}"
    request = posted(body, KEY)
    with RawHost(lambda _: [response()]) as host, context.gateway(host) as served:
        watch, answer = watched(served.url, lambda: exchanged(served.url, request), _WITHIN)
        sent = host.requests[0].partition(b"\r\n\r\n")[2] if host.requests else b""
    yield from _unharmed(context, "a body of 40 MB of [1]", watch, 600)
    yield Check("it passes as it is", status_of(answer) == HTTPStatus.OK and sent == body.replace(b'"chat"', b'"gpt-4o-mini"', 1))


def _long_answer(context: RowContext) -> Iterator[Check]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    before, after = ANSWER.split(b"four")
    size, piece = 256, b"x" * _MB

    def answer(_: int) -> Iterator[bytes]:
        yield head % (len(before) + size * _MB + len(after)) + before
        for _ in range(size):
            yield piece
        yield after

    def read() -> int:
        found = 0
        with closing(connected(served.url)) as line:
            line.sendall(posted(question(), KEY))
            while got := line.recv(_MB):
                found += len(got)
                end = got
        return found if end.endswith(b"0\r\n\r\n") else 0

    with RawHost(answer) as host, context.gateway(host) as served:
        watch, found = watched(served.url, read, _WITHIN)
    yield from _unharmed(context, "an answer of 256 MB", watch, 80)
    yield Check("it passes whole", found > size * _MB)


def _bombs(context: RowContext) -> Iterator[Check]:
    bomb = gzip.compress(question(x=" " * (60 * _MB)))
    packed = response(gzip.compress(ANSWER.replace(b"four", b" " * (200 * _MB))), "Content-Encoding: gzip")
    with RawHost(lambda _: [packed]) as host, context.gateway(host) as served:
        watch, answer = watched(served.url, lambda: exchanged(served.url, posted(bomb, KEY, "Content-Encoding: gzip")), _WITHIN)
        yield from _unharmed(context, "a bomb of a caller", watch, 100)
        yield Check("it is refused", status_of(answer) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not host.requests)
        watch, answer = watched(served.url, lambda: exchanged(served.url, posted(question(), KEY)), _WITHIN)
        yield from _unharmed(context, "a bomb of a provider", watch, 100)
        yield Check("it is no answer", status_of(answer) in {502, 503})


def _unharmed(context: RowContext, what: str, watch: Any, most: int) -> Iterator[Check]:
    context.notes.append(f"{what}: /healthz {watch.slowest:.2f} s, {watch.grown / _MB:.0f} MB")
    yield Check(f"{what}: /healthz answered within {watch.slowest:.2f} s", watch.slowest <= _WITHIN)
    yield Check(f"{what}: memory grew by {watch.grown / _MB:.0f} MB, {most} are allowed", watch.grown <= most * _MB)


ROWS: Final = (
    Row(
        "X02",
        "1,000 strangers hold the login, chunked and short bodies without their end",
        "closed within body_timeout; good callers are served",
        "nothing of them",
        _x02,
        THROUGH,
        alone=True,
    ),
    Row("X03", "100 MB of pipelined requests, unread", "memory grows by less than 20 MB", "", _x03, THROUGH, alone=True),
    Row(
        "X04",
        "a header of 80 MB, a body of 40 MB of [1], an answer of 256 MB, gzip bombs",
        "/healthz answers within 0.5 s, memory is bounded",
        "",
        _x04,
        THROUGH,
        alone=True,
    ),
)
