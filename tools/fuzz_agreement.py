"""The same bytes through two gateways, one with the quick path and one without: whatever can be seen of them must agree.

Each case warms a connection up with a sound request, then sends mutated requests in pieces to mutated answers in pieces; sometimes the
client leaves, or somebody holds, releases or chooses a credential while the request is out. Compared are the client's bytes, what came to
the provider, what the gateway tells of its requests, its metrics, and the chain's state. A case that disagrees is played twice more,
more patiently: what depends on the machine's speed is no finding.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from difflib import unified_diff
from hashlib import sha256
from pprint import pformat
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import httptools

from http_mutations import KEY, TOKEN, answer, mutated, pieces, posted, request, token_of
from sparekey.config.files import Config
from sparekey.core import manual
from sparekey.gateway.observe.access_log import as_dict
from sparekey.lab.drill.clock import Clock
from sparekey.lab.drill.in_process_gateway import InProcessGateway, settings
from sparekey.lab.drill.raw_host import RawHost, asked, connected, exchanged, question, response
from sparekey.lab.drill.watched_gateway import ADMIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LIMITS = {"header_timeout": 0.4, "body_timeout": 0.4, "idle_timeout": 1.0, "write_timeout": 2.0}
SILENCE = 0.5
"""Seconds of a host's silence that the chain allows."""
TOO_SLOW = 408
LEAVES = 0.15
"""Seconds that a host takes whose client leaves meanwhile."""
QUIET = (0.08, 0.6, 1.5)
"""Seconds after which a client of whole answers takes it that no more comes, at each playing of a case."""
TOLD = (
    "sparekey_gateway_requests_total",
    "sparekey_attempts_total",
    "sparekey_writes_total",
    "sparekey_tokens_total",
    "sparekey_parks_total",
)
IDS = re.compile(rb"[0-9a-f]{8}-[0-9a-f]+")
TIMES = re.compile(rb'(?i)(retry-after(?:-ms)?: |for another |"retry_after": |"parked_for": )[\d.]+')
REFUSALS = (
    (b'{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}', "429 Too Many Requests"),
    (b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}', "401 Unauthorized"),
    (b'{"error": {"message": "messages must not be empty", "type": "invalid_request_error"}}', "400 Bad Request"),
    (b'{"error": {"message": "The server had an error", "type": "server_error"}}', "500 Internal Server Error"),
    (b'{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}', "200 OK"),
    (b"<html>Bad gateway</html>", "502 Bad Gateway"),
    (b"", "200 OK"),
)
CHANGES = ("hold", "release", "activate", "probe_now")
"""What a person may do to a credential while a request is out."""


class Disagreement(NamedTuple):
    """What the two gateways did not do alike in a case: the name of it, and the lines that differ (`-` quick, `+` engine)."""

    case: int
    what: str
    lines: str


class Gateway:
    """One of the two gateways, and its provider, which answers as the case says.

    Attributes:
        counts: who served the requests of the cases, of the one with the quick path.
    """

    def __init__(self, *, quick: bool) -> None:
        """Serve two credentials of one provider each; `quick`: with the quick path."""
        self._dice, self._seats = 0, [RawHost(lambda number, seat=seat: self._answered(seat, number)) for seat in range(2)]
        self._asked: list[tuple[int, bytes]] = []
        self._change, self._lock = "", threading.Lock()
        self._warmed, self._slow = 0, 0.0
        rows = [
            {"id": "ab"[at], "api_key": f"sk-fuzz-{at}-9f3a55c2e1", "api_base": seat.base_url, "account": "ab"[at]}
            for at, seat in enumerate(self._seats)
        ]
        chain = {"provider": "openai", "model": "gpt-4o-mini", "timeout": SILENCE, "retry_same": False, "credentials": rows}
        more = {"admin_key_sha256": sha256(ADMIN.encode()).hexdigest(), "quick": quick, **LIMITS}
        config = Config.model_validate({"vlm": chain}).model_copy(update={"gateway": settings(None, **more)})
        for seat in self._seats:
            seat.__enter__()
        self._served = InProcessGateway(config, Clock(1.0, virtual=False), lambda: 0.5, lambda _: None)
        self._chain = self._served.gateway.chains["chat"].chain
        self._initial = self._chain.state, self._chain.local

    def close(self) -> None:
        """Stop serving."""
        self._served.close()
        for seat in self._seats:
            seat.__exit__()

    @property
    def counts(self) -> Counter[str]:
        """Who served the requests."""
        return self._served.served_quickly

    def played(self, case: int, quiet: float) -> dict[str, Any]:
        """Play a case; return all that must agree."""
        self._begin()
        dice = Random(case)
        warm, leaves, changes = dice.random() < 0.9, dice.random() < 0.07, dice.random() < 0.15
        metrics = self._metrics()
        told = len(self._served.finished)
        with closing(connected(self._served.url, patience=4.0)) as line:
            if warm:
                line.sendall(posted(question(), KEY, close=False))
                _heard(line, 4.0, whole=1)
            self._dice, self._change = case, dice.choice(CHANGES) if changes else ""
            self._warmed, self._slow = len(self._asked), LEAVES if leaves else 0.0
            token = token_of(dice)
            sound = b"".join(request(dice, token) for _ in range(dice.choice((1, 1, 1, 2))))
            with suppress(OSError):
                data = mutated(dice, sound) if dice.random() < 0.6 else sound
                for piece in pieces(dice, data) if dice.random() < 0.5 else [data]:
                    line.sendall(piece)
                    time.sleep(0.001)
            got = self._left(quiet) if leaves else _heard(line, quiet)
        self._settle(quiet)
        finished = [_timeless(as_dict(one)) for one in self._served.finished[told:]]
        return {
            "client": read(self._ported(got)),
            "provider": [(seat, self._ported(IDS.sub(b"ID", data))) for seat, data in self._asked],
            "told": finished,
            "state": self._state(),
            "metrics": sorted((self._metrics() - metrics).items()),
        }

    def _left(self, quiet: float) -> bytes:
        """Wait until the host is asked, which takes its time to answer."""
        end = time.monotonic() + quiet
        while len(self._asked) == self._warmed and time.monotonic() < end:
            time.sleep(0.002)
        return b""

    def _begin(self) -> None:
        """Bring the chain back to where it was, and forget the last case."""
        state, local = self._initial
        self._settle(0.0)
        self._chain.transact(lambda _pool, _state: (state, None))
        self._chain.transact_local(lambda _local, _policy: (local, None))
        self._chain.dead = None
        self._dice, self._change, self._asked = 0, "", []

    def _settle(self, quiet: float) -> None:
        """Wait until no request is under way, and all is told."""
        end = time.monotonic() + 4.0 + quiet
        while self._served.gateway.running and time.monotonic() < end:
            time.sleep(0.002)
        self._served.tell()

    def _answered(self, seat: int, number: int) -> Iterable[bytes]:
        asked_with = self._seats[seat].requests[number]
        with self._lock:
            place = len(self._asked)
            self._asked.append((seat, asked_with))
            change, self._change = self._change, ""
        if not self._dice:
            return [answer(Random(0), asked_with)]
        dice = Random(f"{self._dice}-{place}")
        if change:
            edit, index = getattr(manual, change), dice.randrange(2)
            more = (self._chain.clock() + 60.0,) if change == "hold" else ()
            self._chain.transact(edit, index, *more, self._chain.clock())
        return self._said(dice, asked_with)

    def _said(self, dice: Random, asked_with: bytes) -> Iterator[bytes]:
        whole = answer(dice, asked_with)
        match dice.choice("ssmmmbr"):
            case "m":
                whole = mutated(dice, whole)
            case "b":  # something behind it
                whole += mutated(dice, answer(dice, TOKEN.sub(b"tok-ffffffffffff", asked_with)))[:2000]
            case "r":
                body, status = dice.choice(REFUSALS)
                whole = response(body, status=status)
        time.sleep(self._slow)
        for piece in [whole] if dice.random() < 0.5 else pieces(dice, whole):
            yield piece
            time.sleep(0.002)
        if dice.random() < 0.25:
            raise OSError

    def _ported(self, data: bytes) -> bytes:
        """Return bytes without the ports of the providers, which are others at each gateway."""
        for name, seat in zip((b"a", b"b"), self._seats, strict=True):
            data = data.replace(seat.base_url.rpartition(":")[2].removesuffix("/v1").encode(), name)
        return data

    def _metrics(self) -> Counter[str]:
        text = self._ported(exchanged(self._served.url, asked("/metrics", f"Authorization: Bearer {ADMIN}"))).decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(TOLD)]
        return Counter({name: int(float(value)) for name, _, value in lines})

    def _state(self) -> tuple[Any, ...]:
        """Return the chain's state without times."""
        state = self._chain.state
        parks = {
            self._ported(name.encode()): (g.cause, g.reason, g.soft, g.stated, g.level, g.until is None)
            for name, g in state.breakers.items()
        }
        return state.active, state.term, state.epoch, state.served, parks, sorted(one.everybody for one in state.memory.words.values())


@contextmanager
def pair() -> Iterator[tuple[Gateway, Gateway]]:
    """Serve both within the block: with the quick path, and without."""
    both = Gateway(quick=True), Gateway(quick=False)
    try:
        yield both
    finally:
        for one in both:
            one.close()


def compared(both: tuple[Gateway, Gateway], case: int) -> Disagreement | None:
    """Play a case through both, up to three times; return what the quick path never did as the engine ever did it.

    Some cases are a race with their host: whether it closes a connection before the next request is written to it.
    """
    seen: tuple[list[dict[str, Any]], list[dict[str, Any]]] = [], []
    for quiet in QUIET:
        for one, results in zip(both, seen, strict=True):
            results.append(one.played(case, quiet))
        if any(quick == engine for quick in seen[0] for engine in seen[1]):
            return None
    quick, engine = (results[-1] for results in seen)
    return next(Disagreement(case, name, _lines(quick[name], engine[name])) for name in quick if quick[name] != engine[name])


def _lines(quick: Any, engine: Any) -> str:
    """Return the lines of two values in which they differ."""
    both = (pformat(one, width=4000).splitlines() for one in (quick, engine))
    return "\n".join(line for line in unified_diff(*both, lineterm="", n=0) if line[:2] not in {"--", "++", "@@"})


# ── what a client sees ──


def read(data: bytes) -> list[Any]:
    """Return answers as a client reads them, without numbers of requests and without seconds; chunks are joined, as time cuts them."""
    found = _Answers()
    try:
        found.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        found.answers.append(("no HTTP", _plain(data)))
    return found.answers + ([("cut", found.status(), found.headers, _plain(found.body))] if found.begun else [])


def _plain(data: bytes) -> bytes:
    return TIMES.sub(rb"\1N", IDS.sub(b"ID", data))


class _Answers:
    """What httptools finds in the bytes of a client."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.parser = httptools.HttpResponseParser(self)
        self.on_message_begin()
        self.begun = False

    def status(self) -> int:
        return int(self.parser.get_status_code())

    def on_message_begin(self) -> None:
        self.begun, self.headers, self.body = True, list[bytes](), b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append(_plain(name + b": " + value))

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.begun = False
        if self.status() == TOO_SLOW:  # of two timers for one limit, either may be first
            self.answers.append(TOO_SLOW)
            return
        heads = [
            line for line in self.headers if not line.startswith(b"content-length: ") or b"retry_after" not in self.body
        ]  # it has seconds
        self.answers.append((self.status(), heads, _plain(self.body)))


def _heard(line: Any, quiet: float, whole: int = 0) -> bytes:
    """Return what comes on a connection until its end; until nothing came for `quiet` seconds behind whole answers; `whole`: so many."""
    found, end = b"", time.monotonic() + 6.0
    while time.monotonic() < end:
        answers = read(found) if found else []
        done = bool(answers) and (answers[-1] == TOO_SLOW or answers[-1][0] not in {"cut", "no HTTP"})
        if done and whole and len(answers) >= whole:
            break
        line.settimeout(quiet if done else max(0.01, end - time.monotonic()))
        try:
            piece = line.recv(65536)
        except OSError:
            break
        if not piece:
            break
        found += piece
    return found


def _timeless(line: Any) -> Any:
    """Return a line of the access log without times and numbers."""
    if isinstance(line, dict):
        return {name: _timeless(value) for name, value in line.items() if name not in {"at", "request"} and not name.endswith("ms")}
    return [_timeless(one) for one in line] if isinstance(line, list) else line
