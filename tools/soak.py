"""Soak the gateway: ten minutes of mixed faults, of hostile clients and hostile providers, while callers with a key want their answers.

`make soak` runs it, `python tools/soak.py --seconds 60` for any time. `sparekey serve` runs as a process of its own, and so does what asks
for `/healthz` twenty times a second, so that nothing but the gateway is measured. What must hold:

    flat    resident memory, open files, threads and the time of `/healthz`: the last third against the second
    alive   `/healthz` within 50 ms for 99 of 100, no error of the gateway's own in its log
    served  whoever has a key gets answers, and never a byte of another one's
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from fuzz_http import TOKEN, answer, mutated, pieces, request, sent, token_of
from processes import answers, free_port
from sparekey.lab.drill.in_process_gateway import KEY as CLIENT_KEY
from sparekey.lab.drill.raw_host import RawHost, asked, connected, everything, exchanged, posted, response, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_SECONDS = 0.05
"""Within which 99 of 100 looks at `/healthz` are answered."""
LOOKS_EVERY = 0.05
EVERY = 1.0
HEAVY = 0.02
"""The share of a wild provider's answers that are heavy."""
WARM = 1 / 3
"""The share of the time in which everything grows to its size."""
MB = 2**20
CONFIG = """
[gateway]
access_log = true
header_timeout = 2
body_timeout = 2
idle_timeout = 5
write_timeout = 5
max_connections = 2000
store = "memory"
[[gateway.clients]]
name = "soak"
key = "env:SOAK_KEY"
"""
CHAIN = """
[{section}]
provider = "openai"
model = "gpt-4o-mini"
timeout = 5.0
failback_timeout_seconds = 5
failback_request_count = 20
max_concurrency = 64
"""
CREDENTIAL = """
[[{section}.credentials]]
id = "{name}"
api_key = "sk-soak-{name}-0123456789"
api_base = "{url}"
"""


class Sample(NamedTuple):
    """The gateway's process at one moment: resident bytes, open files, threads."""

    resident: int
    files: int
    threads: int


class Soak:
    """The ends of a gateway in this soak, and what came of them.

    Attributes:
        counts: what happened, by name.
        wrong: what must not happen.
    """

    def __init__(self, url: str, until: float) -> None:
        """Take the address of the gateway, and the time at which everything ends."""
        self._url, self._until = url, until
        self.counts: dict[str, int] = {}
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        """Play all ends to the end."""
        plays = (*(self._good,) * 3, *(self._mutated,) * 2, self._leaving, self._holding, self._flooding, self._long)
        threads = [threading.Thread(target=self._play, args=(play, n), daemon=True) for n, play in enumerate(plays)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _play(self, play: Callable[[Random], str], number: int) -> None:
        dice = Random(number)
        while time.monotonic() < self._until:
            try:
                what = play(dice)
            except OSError as exc:
                what = f"{play.__name__[1:]}: {type(exc).__name__}"
            with self._lock:
                self.counts[what] = self.counts.get(what, 0) + 1

    def _good(self, dice: Random) -> str:
        token = token_of(dice)
        model = dice.choice((b'"chat"', b'"wild"'))
        data = with_key(request(dice, token, plain=True)).replace(b'"chat"', model)
        back = exchanged(self._url, data)
        foreign = set(TOKEN.findall(back)) - {token}
        if foreign and model == b'"chat"':  # the wild provider may say anything
            self.wrong.append(f"bytes of another answer: {back[-300:]!r}")
        time.sleep(0.01)
        return f"a caller with a key: {status_of(back)}"

    def _mutated(self, dice: Random) -> str:
        back = sent(self._url, pieces(dice, mutated(dice, with_key(request(dice, token_of(dice))))))
        time.sleep(0.01)
        return f"a mutated request: {status_of(back)}"

    def _leaving(self, dice: Random) -> str:
        with closing(connected(self._url)) as line:
            line.sendall(with_key(request(dice, token_of(dice), plain=True)))
            time.sleep(dice.random() * 0.1)
        return "one that leaves"

    def _holding(self, dice: Random) -> str:
        with contextlib.ExitStack() as stack:
            lines = [stack.enter_context(closing(connected(self._url))) for _ in range(50)]
            for line in lines:
                whole = with_key(request(dice, token_of(dice)))
                line.sendall(whole[: dice.randrange(len(whole))])
            for line in lines:
                line.settimeout(4.0)
                everything(line)
        return "fifty that hold a connection"

    def _flooding(self, dice: Random) -> str:
        block = with_key(posted(request(dice, token_of(dice), plain=True).partition(b"\r\n\r\n")[2], close=False)) * 50
        with closing(connected(self._url)) as line, suppress(OSError):
            line.settimeout(1.0)
            for _ in range(100):
                line.sendall(block)
        time.sleep(1.0)
        return "pipelined requests, unread"

    def _long(self, dice: Random) -> str:
        many = b'{"model":"chat","messages":[' + b"[1]," * 500_000 + b"[1]]}"
        below = b'{"model":"chat","messages":[' + b"[]," * 300_000 + b"[]]}"
        deep = b'{"model":"chat","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        packed = gzip.compress(b'{"model":"chat","x":"' + b" " * 30_000_000 + b'","messages":[]}')
        body, headers = dice.choice(((many, ()), (below, ()), (deep, ()), (packed, ("Content-Encoding: gzip",))))
        back = exchanged(self._url, with_key(posted(body, *headers)))
        time.sleep(3.0)
        return f"a long body: {status_of(back)}"


def with_key(data: bytes) -> bytes:
    """Return a request with the key of the soak's client."""
    return data if b"Authorization:" in data else data.replace(b"\r\n", b"\r\nAuthorization: Bearer %b\r\n" % CLIENT_KEY.encode(), 1)


class Provider:
    """A provider: `healthy`, `faulty` or `wild`."""

    def __init__(self, kind: str) -> None:
        """Listen."""
        self.kind, self.dice = kind, Random(len(kind))
        self.host = RawHost(self._answer)

    def _answer(self, number: int) -> Iterator[bytes]:
        asked_with, self.host.requests[number] = self.host.requests[number], b""  # nothing is kept
        whole = answer(self.dice, asked_with)
        if self.kind == "healthy" or self.dice.random() < 0.3:
            yield whole
        elif self.kind == "wild":
            yield self._heavy() if self.dice.random() < HEAVY else mutated(self.dice, whole)[:16_384]
            raise OSError
        else:
            yield from self._fault(whole)

    def _heavy(self) -> bytes:
        """Return an answer, an error or events that take long to read if all of it is read."""
        lists = b"[" + b"[]," * 1_000_000 + b"[]]"
        events = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n' * 10_000
        return self.dice.choice(
            (
                response(b'{"choices":[],"x":' + lists + b"}"),
                response(b'{"error":{"message":"no"},"x":' + lists + b"}", status="400 Bad Request"),
                response(b'{"error":' + b"[" * 3_000_000, status="500 Internal Server Error"),
                response(b'data: {"choices":[],"x":' + lists + b"}\n\n", kind="text/event-stream"),
                response(events, kind="text/event-stream"),
                response(b":\n\n" * 100_000, kind="text/event-stream"),
            )
        )

    def _fault(self, whole: bytes) -> Iterator[bytes]:
        error = b'{"error": {"message": "the server is overloaded", "type": "server_error", "code": null}}'
        match self.dice.choice(("limit", "error", "silence", "cut", "reset", "dribble")):
            case "limit":
                yield response(error, "Retry-After: 1", status="429 Too Many Requests")
            case "error":
                yield response(error, status="500 Internal Server Error")
            case "silence":
                time.sleep(6.0)
            case "dribble":
                for at in range(0, len(whole), 200):
                    yield whole[at : at + 200]
                    time.sleep(0.02)
                return
            case "cut":
                yield whole[: len(whole) // 2]
        raise OSError


def sample(pid: int) -> Sample:
    """Return the sample of a process now."""
    folder = Path(f"/proc/{pid}")
    resident = int((folder / "statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Sample(resident, len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir())))


def probe(url: str) -> None:
    """Print the seconds of each look at `/healthz`, until standard input ends.

    A second number says by how much the look began too late.
    """
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    due = time.perf_counter() + LOOKS_EVERY
    while not over.wait(max(0.0, due - time.perf_counter())):
        late = time.perf_counter() - due  # what the machine itself took: nobody but this process was asked for it
        since = time.perf_counter()
        good = status_of(exchanged(url, asked("/healthz"))) == 200
        print(time.perf_counter() - since if good else 1e9, late, flush=True)
        due = time.perf_counter() + LOOKS_EVERY


def main() -> int:
    """Soak, and print what was found; return whether something did not hold."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--seconds", type=float, default=600.0)
    reader.add_argument("--probe", help=argparse.SUPPRESS)
    told = reader.parse_args()
    if told.probe:
        probe(told.probe)
        return 0
    with contextlib.ExitStack() as stack:
        providers = [Provider(kind) for kind in ("wild", "faulty", "healthy")]
        for one in providers:
            stack.enter_context(one.host)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparekey-soak")))
        return soaked(folder, providers, told.seconds)


def soaked(folder: Path, providers: list[Provider], seconds: float) -> int:
    """Run gateway, probe and all ends; print the report."""
    text = CONFIG
    for section, kinds in (("vlm", ("faulty", "healthy")), ("gateway.chat.wild", ("wild", "healthy"))):
        text += CHAIN.format(section=section)
        text += "".join(CREDENTIAL.format(section=section, name=p.kind, url=p.host.base_url) for p in providers if p.kind in kinds)
    (folder / "sparekey.toml").write_text(text, "utf-8")
    port, log = free_port(), folder / "log"
    line = [sys.executable, "-m", "sparekey", "serve", "--config", str(folder / "sparekey.toml"), "--port", str(port)]
    with log.open("w") as file:
        gateway = subprocess.Popen(line, stderr=file, env={**os.environ, "SOAK_KEY": CLIENT_KEY})
    url = f"http://127.0.0.1:{port}"
    try:
        if not answers(f"{url}/healthz", 60):
            raise TimeoutError("the gateway does not start")
        looking = [sys.executable, __file__, "--probe", url]
        probing = subprocess.Popen(looking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        soak, samples, looks = Soak(url, time.monotonic() + seconds), list[Sample](), list[list[float]]()
        assert probing.stdout is not None
        reading = threading.Thread(target=lambda: looks.extend([*map(float, line.split())] for line in probing.stdout or ()), daemon=True)
        playing = threading.Thread(target=soak.run, daemon=True)
        reading.start()
        playing.start()
        while playing.is_alive():
            samples.append(sample(gateway.pid))
            playing.join(EVERY)
        probing.communicate("")
        reading.join(5)
    finally:
        gateway.terminate()
        gateway.wait(40)
    errors = [one for one in log.read_text("utf-8", "replace").splitlines() if "error of the gateway itself" in one or "Traceback" in one]
    return reported(soak, samples, looks, errors)


def p99(found: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(found)[int(len(found) * 0.99)]


def reported(soak: Soak, samples: list[Sample], looks: list[list[float]], errors: list[str]) -> int:
    """Print the report; return 1 if something did not hold."""
    for what, count in sorted(soak.counts.items()):
        print(f"{count:8} {what}")
    wrong = [*soak.wrong[:3], *errors[:3]]
    second, last = (samples[round(len(samples) * a) : round(len(samples) * b)] for a, b in ((WARM, 2 / 3), (2 / 3, 1)))
    for name, spare in (("resident", 16 * MB), ("files", 20), ("threads", 2)):
        before, after = (statistics.median(getattr(one, name) for one in part) for part in (second, last))
        most = max(getattr(one, name) for one in samples)
        shown = [f"{n / MB:.1f} MB" if name == "resident" else f"{n:.0f}" for n in (before, after, most)]
        print(f"{name}: {shown[0]} in the second third, {shown[1]} in the last, at most {shown[2]}")
        if after > before * 1.1 + spare:
            wrong.append(f"{name} grow")
    took = [one for one, _ in looks]
    thirds = [took[round(len(took) * k / 3) : round(len(took) * (k + 1) / 3)] for k in range(3)]
    late, every = (p99([one[k] for one in looks]) for k in (1, 0))
    print(f"/healthz: p50 {statistics.median(took) * 1000:.1f} ms, p99 {every * 1000:.1f} ms of {len(took)}, at most {max(took):.3f} s")
    print(f"  p99 of each third: {', '.join(f'{p99(part) * 1000:.1f} ms' for part in thirds)}")
    print(f"  the machine let a process that only slept wait for {late * 1000:.1f} ms (p99)")
    if every > MOST_SECONDS + 2 * late:
        wrong.append("/healthz is slow")
    for what in wrong:
        print(f"WRONG: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
