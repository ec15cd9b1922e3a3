"""Fuzz both sides of the gateway's HTTP: mutated requests of clients, and mutated answers of providers to many clients at once.

`make fuzz-http` runs it for ten minutes, `python tools/fuzz_http.py --seconds 30` for any time. A finding is printed with the number of
its case; `--case N` plays that one again. What must hold, with the quick path and without:

    whatever comes    the gateway lives on, meets no error of its own, and shows no key
    requests          what reaches the provider is well-formed, has the credential's model and key, and is no more than was sent
    answers           nobody gets a byte of an answer to somebody else, with either client; what is no whole answer does not end as one
    both              a gateway with the quick path and one without do the same with the same bytes (see `fuzz_agreement`)
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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from fuzz_agreement import compared, pair
from http_mutations import FORGED, TOKEN, answer, mutated, pieces, request, token_of
from sparekey.core.memory import NOTHING
from sparekey.lab.drill.in_process_gateway import BEARER
from sparekey.lab.drill.raw_host import RawHost, asked, connected, everything, exchanged, status_of
from sparekey.lab.drill.watched_gateway import PROVIDER_KEY, gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CLIENTS = ("httptools", "aiohttp")
AT_ONCE = 8
PAIRS = 4
SEGMENT = 16_384
"""Bytes that come as one."""
LIMITS = {"header_timeout": 0.5, "body_timeout": 0.5, "idle_timeout": 0.5, "write_timeout": 2.0}


class Finding(NamedTuple):
    """A finding: the case, what is wrong, and what was sent."""

    side: str
    case: int
    what: str
    sent: bytes


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
        name: what is played.
        cases: how many were played.
        findings: what must not be.
        counts: how many requests the quick path served (`taken`), and why it did not serve others.
    """

    def __init__(self, side: str, upstream: str, seed: int, *, quick: bool = True) -> None:
        """Prepare a side.

        Args:
            side: `requests` or `answers`.
            upstream: the gateway's client towards providers.
            seed: where the cases begin.
            quick: whether the gateway has its quick path.
        """
        self.side, self.seed, self._settings = side, seed, {**LIMITS, "upstream": upstream, "quick": quick}
        self.name = f"{side} through {upstream}{'' if quick else ' without the quick path'}"
        self.cases, self.findings, self.counts = 0, list[Finding](), Counter[str]()
        self._tokens = {FORGED}
        self._lock, self._numbers = threading.Lock(), iter(range(seed, sys.maxsize))

    def run(self, seconds: float, most: int = sys.maxsize) -> None:
        """Play cases for so many seconds, or so many of them."""
        watch, end = Watch(), time.monotonic() + seconds
        loggers = [logging.getLogger(name) for name in ("sparekey", "uvicorn", "asyncio")]
        for logger in loggers:
            logger.addHandler(watch)
        try:
            with RawHost(self._answered) as host, gateway(host, timeout=2.0, admin=True, **self._settings) as served:
                self._host, self._url, self._chain = host, served.url, served.gateway.chains["chat"].chain

                def work(_: int) -> None:
                    while time.monotonic() < end and self.cases < most and not self.findings:
                        self._one()

                with ThreadPoolExecutor(AT_ONCE) as pool:
                    list(pool.map(work, range(AT_ONCE)))
                if status_of(exchanged(served.url, asked("/healthz"))) != 200:
                    self._found(-1, "the gateway does not answer any more", b"")
                self.counts = served.served_quickly
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
        self.findings.append(Finding(self.name, case, what, data))

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


class Both:
    """The same bytes through two gateways, with the quick path and without; each of several threads has a pair of its own.

    Attributes:
        name: what is played.
        cases: how many were played.
        findings: what did not agree.
        counts: how many requests the quick path served (`taken`), and why it did not serve others.
    """

    def __init__(self, seed: int) -> None:
        """Begin with this case."""
        self.name, self.cases, self.findings, self.counts = "both", 0, list[Finding](), Counter[str]()
        self._numbers, self._lock = iter(range(seed, sys.maxsize)), threading.Lock()

    def run(self, seconds: float, most: int = sys.maxsize) -> None:
        """Play cases for so many seconds, or so many of them."""
        end = time.monotonic() + seconds

        def work(_: int) -> None:
            with pair() as gateways:
                while time.monotonic() < end and self.cases < most:
                    with self._lock:
                        case = next(self._numbers)
                        self.cases += 1
                    if found := compared(gateways, case):
                        self.findings.append(Finding(self.name, case, f"{found.what}\n{found.lines}", b""))
                with self._lock:
                    self.counts += gateways[0].counts

        with ThreadPoolExecutor(PAIRS) as pool:
            list(pool.map(work, range(min(PAIRS, most))))


def played(seconds: float, seed: int, *, most: int = sys.maxsize) -> list[Fuzz | Both]:
    """Play both sides, answers with both clients, and the two gateways side by side; return them."""
    fuzzes = [
        *(Fuzz("requests", CLIENTS[0], seed, quick=quick) for quick in (True, False)),
        *(Fuzz("answers", CLIENTS[0], seed, quick=quick) for quick in (True, False)),
        *(Fuzz("answers", upstream, seed) for upstream in CLIENTS[1:]),
        Both(seed),
    ]
    shares = [2.0 if isinstance(fuzz, Both) else 1.0 for fuzz in fuzzes]
    for fuzz, share in zip(fuzzes, shares, strict=True):
        fuzz.run(seconds * share / sum(shares), most)
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
        print(f"{fuzz.name}: {fuzz.cases} cases, {fuzz.counts['taken']} quickly served, {len(fuzz.findings)} findings")
        for finding in fuzz.findings:
            print(f"  {finding.side} case {finding.case}: {finding.what}\n    sent: {finding.sent[:2000]!r}")
    return any(fuzz.findings for fuzz in fuzzes)


if __name__ == "__main__":
    sys.exit(main())
