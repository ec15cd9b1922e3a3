"""Fuzz both sides of the gateway's HTTP: mutated requests of clients, and mutated answers of providers to many clients at once.

`make fuzz-http` runs it for ten minutes, `python tools/fuzz_http.py --seconds 30` for any time. A finding is printed with the number of
its case; `--case N` plays that one again. What must hold:

    whatever comes    the gateway lives on, meets no error of its own, and shows no key
    requests          what reaches the provider is well-formed, has the credential's model and key, and is no more than was sent
    answers           nobody gets a byte of an answer to somebody else, with either client; what is no whole answer does not end as one
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from sparekey.core.memory import NOTHING
from sparekey.lab.drill.in_process_gateway import BEARER
from sparekey.lab.drill.raw_host import ANSWER, RawHost, asked, connected, everything, exchanged, posted, response, status_of
from sparekey.lab.drill.watched_gateway import PROVIDER_KEY, gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CLIENTS = ("httptools", "aiohttp")
AT_ONCE = 8
SEGMENT = 16_384
"""Bytes that come as one."""
KEY = f"Authorization: {BEARER}"
TOKEN = re.compile(rb"tok-[0-9a-f]{12}")
FORGED = b"tok-ffffffffffff"
"""The words of an answer that nobody asked for."""
LIMITS = {"header_timeout": 0.5, "body_timeout": 0.5, "idle_timeout": 0.5, "write_timeout": 2.0}
BODY = b'{"model": "chat", "stream": %b, "messages": [{"role": "user", "content": "%b"}]}'
EVENT = (
    b'data: {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "%b"}, "finish_reason": %b}]}\n\n'
)
SIGNS = (
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"-1", b"ffffffff", b"\xff", b"\r\n\r\n", b'"', b"\\", b"{", b"}"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Host: evil.example\r\n"),
    *(b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Trailer: x\r\n", b" folded: x\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 304 No\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/0.9"),
    *(b"0\r\n\r\n", b"5;x=y\r\nabcde\r\n", b"data: [DONE]\n\n", b'event: error\ndata: {"error": {"message": "x"}}\n\n', b"%2e%2e/", b"%00"),
    *(b'"model": "other",', b'"m\\u006fdel": "other",', b'"Model": 1,', b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
)
"""What mutations put in: whatever parsers of HTTP, JSON and events stumble over."""


CHANGES = (*("delete", "repeat", "cut off", "again at the end"), *("put in", "another byte", "a line") * 2)


class Finding(NamedTuple):
    """Something that must not be: the case, what is wrong, and what was sent."""

    side: str
    case: int
    what: str
    sent: bytes


# ── mutations ──


def mutated(dice: Random, data: bytes) -> bytes:
    """Return bytes with one to six mutations; one time in ten as they are."""
    if dice.random() < 0.1:
        return data
    for _ in range(dice.randint(1, 6)):
        a, b = sorted(dice.randrange(len(data) + 1) for _ in range(2))
        b = min(b, a + dice.choice((1, 4, 40, 4000)))
        data = _changed(dice, data, a, b)
        if not data:
            break
    return data


def _changed(dice: Random, data: bytes, a: int, b: int) -> bytes:
    """Return bytes with one mutation between `a` and `b`."""
    return {
        "delete": lambda: data[:a] + data[b:],
        "repeat": lambda: data[:b] + data[a:b] * dice.choice((1, 2, 50)) + data[b:],
        "put in": lambda: data[:a] + dice.choice(SIGNS) + data[a:],
        "another byte": lambda: data[:a] + bytes([dice.randrange(256)]) + data[a + 1 :],
        "cut off": lambda: data[:a],
        "again at the end": lambda: data + data[a:b],
        "a line": lambda: _at_a_line(dice, data),
    }[dice.choice(CHANGES)]()


def _at_a_line(dice: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(SIGNS).strip(b"\r\n"))
    return b"\r\n".join(lines)


def pieces(dice: Random, data: bytes) -> Iterator[bytes]:
    """Yield bytes in one to five pieces."""
    cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.choice((0, 0, 1, 4))))
    for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[a:b]


# ── what is played ──


class Watch(logging.Handler):
    """Keeps what the gateway logs of errors of its own."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(logging.ERROR)
        self.text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, with its traceback."""
        self.text.write(logging.Formatter().format(record) + "\n")


def request(dice: Random, words: bytes, *, plain: bool = False) -> bytes:
    """Return a sound request; `plain`: with a length, and alone on its connection."""
    body = BODY % (dice.choice((b"true", b"false")), words)
    whole = posted(body, KEY, close=plain or dice.random() < 0.5)
    if not plain and dice.random() < 0.3:
        head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        whole = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return whole


def answer(dice: Random, asked_with: bytes) -> bytes:
    """Return a sound answer to a request: its token, whole or in events, with a length or in chunks."""
    found = TOKEN.search(asked_with)
    token = found[0] if found else b"no token"
    if b'"stream": true' in asked_with:
        body = b"".join(EVENT % (token, b"null") for _ in range(3)) + EVENT % (b"", b'"stop"') + b"data: [DONE]\n\n"
        kind = "text/event-stream"
    else:
        body, kind = ANSWER.replace(b"four", token), "application/json"
    whole = response(body, kind=kind)
    if dice.random() < 0.5:
        head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        cut = dice.randrange(1, len(body))
        whole = head + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (body[:cut], body[cut:])) + b"0\r\n\r\n"
    return whole


def token_of(dice: Random) -> bytes:
    """Return words that no other request has."""
    return b"tok-%012x" % dice.getrandbits(48)


def sent(url: str, data: Iterable[bytes]) -> bytes:
    """Return what comes back for bytes that are sent in pieces."""
    with closing(connected(url, patience=4.0)) as line:
        with suppress(OSError):
            for piece in data:
                line.sendall(piece)
        return everything(line)


class Fuzz:
    """One side, played case after case by several threads.

    Attributes:
        cases: how many were played.
        findings: what must not be.
    """

    def __init__(self, side: str, upstream: str, seed: int) -> None:
        """Take the side (`requests` or `answers`), the client towards providers, and where the cases begin."""
        self.side, self.upstream, self.seed = side, upstream, seed
        self.cases, self.findings = 0, list[Finding]()
        self._tokens = {FORGED}
        self._lock, self._numbers = threading.Lock(), iter(range(seed, sys.maxsize))

    def run(self, seconds: float, most: int = sys.maxsize) -> None:
        """Play cases for so many seconds, or so many of them."""
        watch, end = Watch(), time.monotonic() + seconds
        loggers = [logging.getLogger(name) for name in ("sparekey", "uvicorn", "asyncio")]
        for logger in loggers:
            logger.addHandler(watch)
        try:
            with RawHost(self._answered) as host, gateway(host, upstream=self.upstream, timeout=2.0, admin=True, **LIMITS) as served:
                self._host, self._url, self._chain = host, served.url, served.gateway.chains["chat"].chain

                def work(_: int) -> None:
                    while time.monotonic() < end and self.cases < most and not self.findings:
                        self._one()

                with ThreadPoolExecutor(AT_ONCE) as pool:
                    list(pool.map(work, range(AT_ONCE)))
                if status_of(exchanged(served.url, asked("/healthz"))) != 200:
                    self._found(-1, "the gateway does not answer any more", b"")
        finally:
            for logger in loggers:
                logger.removeHandler(watch)
        if text := watch.text.getvalue():
            self._found(-1, f"an error of its own: {text[-3000:]}", b"")

    def _one(self) -> None:
        with self._lock:
            case = next(self._numbers)
            self.cases += 1
        self._chain.change(lambda state: replace(state, breakers={}, memory=NOTHING))  # no park keeps a case from being played
        dice = Random(case)
        (self._request if self.side == "requests" else self._answer)(case, dice)

    def _found(self, case: int, what: str, data: bytes) -> None:
        self.findings.append(Finding(f"{self.side}/{self.upstream}", case, what, data))

    # ── requests of clients ──

    def _request(self, case: int, dice: Random) -> None:
        token = token_of(dice)
        data = mutated(dice, b"".join(request(dice, token) for _ in range(dice.choice((1, 1, 2, 4)))))
        back = sent(self._url, pieces(dice, data))
        if b"gateway_error" in back:
            self._found(case, "an error of the gateway itself", data)
        if PROVIDER_KEY.encode() in back:
            self._found(case, "the provider's key", data)
        if back and not status_of(back):
            self._found(case, f"no HTTP came back: {back[:200]!r}", data)
        for one in [one for one in self._host.requests if token in one]:
            if what := wrong_with(one):
                self._found(case, f"{what}: {one[:600]!r}", data)

    def _answered(self, number: int) -> Iterable[bytes]:
        asked_with = self._host.requests[number]
        if self.side == "requests":
            return [answer(Random(number), asked_with)]
        found = re.search(rb"case-(\d+)-", asked_with)
        dice = Random(int(found[1]) if found else number)
        whole = answer(dice, asked_with)
        match dice.choice("pmmms"):
            case "p":  # a sound one, in pieces
                return self._in_pieces(dice, whole)
            case "m":
                return self._at_once(dice, mutated(dice, whole))
            case _:  # something behind a sound one
                return self._at_once(dice, whole + mutated(dice, answer(dice, TOKEN.sub(FORGED, asked_with))))

    def _in_pieces(self, dice: Random, data: bytes) -> Iterator[bytes]:
        for piece in pieces(dice, data):
            yield piece
            time.sleep(dice.random() * 0.01)

    def _at_once(self, dice: Random, data: bytes) -> Iterator[bytes]:
        """Yield bytes as one segment, and close the connection or not.

        What comes behind an answer in a segment of its own may come when the connection carries the next request already: HTTP/1.1 cannot
        tell it from the answer to that. So nothing is to be found there.
        """
        yield data[:SEGMENT]
        if dice.random() < 0.3:
            raise OSError

    # ── answers of providers ──

    def _answer(self, case: int, dice: Random) -> None:
        token = token_of(dice)
        self._tokens.add(token)
        data = request(dice, b"case-%d-%b" % (case, token), plain=True)
        back = sent(self._url, [data])
        foreign = (set(TOKEN.findall(back)) & self._tokens) - {token}  # a mutation may make one that nobody has
        if foreign:
            self._found(case, f"bytes of another answer {foreign}: {back[-600:]!r}", data)
        if b"gateway_error" in back:
            self._found(case, "an error of the gateway itself", data)
        if PROVIDER_KEY.encode() in back:
            self._found(case, "the provider's key", data)


def wrong_with(one: bytes) -> str:
    """Return what is wrong with a request that reached the provider; "" if nothing is."""
    head, _, body = one.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    names = [line.partition(b":")[0].lower() for line in lines[1:]]
    if not re.fullmatch(rb"POST /v1/[\w/.~%?&=-]+ HTTP/1\.1", lines[0]):
        return "a strange first line"
    if any(not re.fullmatch(rb"[!#$%&'*+.^_`|~\w-]+: ?[^\r\n\0]*", line) for line in lines[1:]):
        return "a header that is none"
    if names.count(b"host") != 1 or names.count(b"content-length") != 1 or b"transfer-encoding" in names:
        return "no clear end, or no clear host"
    if names.count(b"authorization") != 1 or PROVIDER_KEY.encode() not in head or BEARER.encode() in head:
        return "another key"
    with suppress(ValueError, RecursionError):
        models = json.loads(body, object_pairs_hook=lambda pairs: [v for n, v in pairs if n.lower() == "model"])
        if models != ["gpt-4o-mini"] and b"chat/completions" in lines[0]:
            return f"the models {models}"
    return ""


def played(seconds: float, seed: int, *, most: int = sys.maxsize) -> list[Fuzz]:
    """Play both sides, answers with both clients; return them."""
    fuzzes = [Fuzz("requests", "httptools", seed), *(Fuzz("answers", upstream, seed) for upstream in CLIENTS)]
    for fuzz in fuzzes:
        fuzz.run(seconds / len(fuzzes), most)
    return fuzzes


def main() -> int:
    """Play, and print what was found."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--seconds", type=float, default=600.0)
    reader.add_argument("--case", type=int, help="play this case alone")
    told = reader.parse_args()
    seed = int(time.time()) % 10**6 * 10**6 if told.case is None else told.case
    fuzzes = played(told.seconds, seed, most=sys.maxsize if told.case is None else 1)
    for fuzz in fuzzes:
        print(f"{fuzz.side} through {fuzz.upstream}: {fuzz.cases} cases, {len(fuzz.findings)} findings")
        for finding in fuzz.findings:
            print(f"  {finding.side} case {finding.case}: {finding.what}\n    sent: {finding.sent[:2000]!r}")
    return any(fuzz.findings for fuzz in fuzzes)


if __name__ == "__main__":
    sys.exit(main())
