"""Two gateways on one configuration, one with the quick path and one without, and a provider that says byte for byte what a case wants."""

import contextlib
import json
import random
import re
import socket
import threading
import time

from gateway_play import Running

CHAT = "/v1/chat/completions"
_NUMBERS = re.compile(rb"[0-9a-f]{8}-[0-9a-f]+")
_TIMES = re.compile(rb"(?i)(retry.after(?:-ms)?\"?: )[\d.]+")
_LENGTH = re.compile(rb"(?i)(content-length: )\d+")
_TOLD = (
    "sparekey_gateway_requests_total",
    "sparekey_attempts_total",
    "sparekey_writes_total",
    "sparekey_tokens_total",
    "sparekey_parks_total",
)
SETTLED = "settled"
"""A chain of no case."""
CLOSE, RESET = "close", "reset"
"""What a provider does in the place of a piece of its answer."""


def answer(body=None, *, status="200 OK", headers=("Content-Type: application/json",), length=True):
    """Return an HTTP answer with this JSON (or these bytes)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(data)}"] if length else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def chunked(body, size=50, tail=b"", headers=("Content-Type: application/json",)):
    """Return an HTTP answer in chunks of `size` bytes; `tail` are trailers."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    head = "\r\n".join(["HTTP/1.1 200 OK", *headers, "Transfer-Encoding: chunked"]).encode()
    return head + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n" + tail + b"\r\n"


def request(body, *, path=CHAT, headers=(), version="1.1", method="POST", length=True):
    """Return an HTTP request with this JSON (or these bytes)."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = [f"Content-Length: {len(data)}"] if length else []
    lines = [f"{method} {path} HTTP/{version}", "Host: 127.0.0.1", "Content-Type: application/json", *headers, *told]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


def cut(data, seed):
    """Return bytes in up to six pieces, cut where chance says."""
    dice = random.Random(seed)
    places = sorted(dice.sample(range(1, len(data)), min(dice.randrange(1, 6), len(data) - 1)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


class Provider:
    """A server at `/CASE/SEAT/...`. Each seat has a script, one list of pieces an answer; behind it, `well`. A number: a pause in seconds.

    Attributes:
        asked: every request as it came, by case.
    """

    def __init__(self, well):
        self.well, self.scripts, self.asked, self._writes = well, {}, {}, {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def play(self, case, **seats):
        self.asked[case] = []
        self.scripts.update({(case, seat): list(script) for seat, script in seats.items()})

    def close(self):
        self._socket.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._socket.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # else the system takes megabytes that nobody reads
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line):
        buffer = b""
        with line, contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" not in buffer:
                    buffer += (more := line.recv(65536))
                    if not more:
                        return
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
                while len(buffer) < size:
                    buffer += line.recv(65536)
                body, buffer = buffer[:size], buffer[size:]
                _, case, seat, *_ = head.split(b" ")[1].decode().split("/")
                self.asked[case].append((seat, head, body))
                script = self.scripts.get((case, seat)) or [[self.well]]
                if not self._say(line, script.pop(0) if self.scripts.get((case, seat)) else script[0], case):
                    return

    def blocked(self, case):
        """Whether a piece has been waiting to be taken for half a second."""
        return time.monotonic() - self._writes.get(case, float("inf")) > 0.5

    def _say(self, line, pieces, case):
        for number, piece in enumerate(pieces):
            if piece == RESET:
                time.sleep(0.1)  # a reset takes what was not read yet with it
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if piece in (CLOSE, RESET):
                return False
            if isinstance(piece, float):
                time.sleep(piece)
                continue
            if number:
                time.sleep(0.004)
            self._writes[case] = time.monotonic()
            line.sendall(piece)
            self._writes[case] = float("inf")
        return True


class Client:
    """A client's connection: writes pieces, reads whole answers as bytes."""

    def __init__(self, port):
        self.line = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def write(self, pieces):
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.004)
            self.line.sendall(piece)

    def answers(self, count):
        """Return so many answers, or what came until the end of the connection; and whether that is the end."""
        found = b""
        for _ in range(count):
            while (size := self._size()) is None:
                try:
                    more = self.line.recv(65536)
                except ConnectionResetError:
                    more = b""
                self.buffer += more
                if not more:
                    return found + self.buffer, True
            found, self.buffer = found + self.buffer[:size], self.buffer[size:]
        return found, False

    def _size(self):
        """The length of the answer at the beginning of the buffer, once all of it is there."""
        end = self.buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return None
        if self.buffer.startswith(b"HTTP/1.1 100"):
            return end
        if found := re.search(rb"(?i)\r\ncontent-length: (\d+)", self.buffer[:end]):
            size = end + int(found[1])
        else:
            size = self.buffer.find(b"\r\n0\r\n\r\n") + 7
        return size if end <= size <= len(self.buffer) else None

    def close(self):
        self.line.close()

    def reset(self):
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()


class Pair:
    """The two gateways, by whether they have the quick path, over chains of two credentials `a` and `b`, one chain a case.

    A chain is a provider and a model, and `embedding` behind them where it is for vectors.
    """

    def __init__(self, folder, provider, chains, settings="", limits="answer_limit = 1.0"):
        self.provider, self.running, self._limits = provider, {}, limits
        for quick in (True, False):
            file = folder / f"quick-{quick}.toml"
            file.write_text(
                f"[gateway]\nport = 0\naccess_log = false\nquick = {str(quick).lower()}\n{settings}\n"
                + "".join(self._chain(name, kind) for name, kind in chains.items())
            )
            self.running[quick] = Running(file)

    def _chain(self, name, kind):
        provider, model, *of = kind
        section = f"gateway.{of[0] if of else 'chat'}.{name}"
        root = "" if provider in ("anthropic", "gemini") else "/v1"
        seats = [
            f'[[{section}.credentials]]\nid = "{seat}"\napi_key = "sk-{seat}-00000000000000"\n'
            f'api_base = "http://127.0.0.1:{self.provider.port}/{name}/{seat}{root}"\n'
            for seat in "ab"
        ]
        return f'[{section}]\nprovider = "{provider}"\nmodel = "{model}"\nretry_same = false\n{self._limits}\n' + "".join(seats)

    def stop(self):
        for one in self.running.values():
            one.stop()

    def metrics(self, quick, case=""):
        """What is counted of a chain, or of all: that takes as long, so it is compared once for many cases."""
        _, _, text = self.running[quick].ask("GET", "/metrics")
        lines = text.decode().splitlines()
        return sorted(
            line
            for line in lines
            if line.startswith(_TOLD) and (f'chain="{case}"' in line or (not case and f'chain="{SETTLED}"' not in line))
        )

    def settle(self, quick):
        """Wait until all that was answered has been told of: a request behind it has."""
        self.provider.play(SETTLED, a=[], b=[])
        before = len(self.told(quick, SETTLED, 0))
        client = Client(self.running[quick].port)
        client.write([request({"model": SETTLED, "messages": []})])
        client.answers(1)
        client.close()
        self.told(quick, SETTLED, before + 1)

    def played(self, case, quick, asked, answers, *, warm, others=(), count=1):
        """Play a case through one gateway, behind a request that warms it up; return who served, and all that must agree.

        Args:
            case: the name of the chain.
            quick: which gateway.
            asked: the pieces of the request.
            answers: those of the answers of the first credential, from the warming one on; the second gives `others`, or the first of them.
            warm: the first request.
            others: the answers of the second credential.
            count: how many answers to wait for.
        """
        provider, running = self.provider, self.running[quick]
        before = len(self.told(quick, case, 0))
        provider.play(case, a=answers, b=others or [answers[0]] * 9)
        client = Client(running.port)
        client.write([warm])
        client.answers(1)
        counts = running.gateway.quick.counts.copy() if quick else None
        client.write(asked)
        got, ended = client.answers(count)
        client.close()
        why = sorted(running.gateway.quick.counts - counts) if quick else None
        refused = got.count(b"HTTP/1.1 400")  # before its chain was known: of no chain's
        if refused:
            self.settle(quick)
        told = self.told(quick, case, before + got.count(b"HTTP/1.1 ") + 1 - refused)
        return why, (plain(got), ended, provider.asked[case], told, self.state(quick, case))

    def told(self, quick, case, count):
        """What the gateway tells of the requests of a chain when so many have ended, without times."""
        running, deadline = self.running[quick], time.monotonic() + 5
        while len(found := [one for one in running.finished if one.chain == case]) < count and time.monotonic() < deadline:
            time.sleep(0.002)
        return [
            (
                *(one.client, one.method, one.path, one.status, one.stream, one.credential, one.usage, one.left),
                [(a.credential_id, a.outcome, a.error_class, a.reason, a.usage, a.probe, a.writes) for a in one.attempts],
            )
            for one in found
        ]

    def state(self, quick, case):
        """The chain's state without times."""
        state = self.running[quick].gateway.chains[case].chain.state
        parks = {name: (g.cause, g.reason, g.soft, g.stated, g.level, g.until is None) for name, g in state.breakers.items()}
        return state.active, state.term, state.epoch, state.served, parks, [one.everybody for one in state.memory.words.values()]


def plain(data):
    """Return bytes without the gateway's numbers of requests, without seconds that run, and a body in chunks as one."""
    found = _TIMES.sub(rb"\1N", _NUMBERS.sub(b"ID", b"".join(_in_one(data))))
    return _LENGTH.sub(rb"\1N", found) if b'"retry_after": N' in found else found  # 4.1 is shorter than 4.23


def _in_one(data):
    """The answers in some bytes, each body that came in chunks as one piece, which says whether the last chunk came."""
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        yield head + end
        if b"transfer-encoding: chunked" not in head:
            found = re.search(rb"content-length: (\d+)", head)
            size = int(found[1]) if found else 0
            yield data[:size]
            data = data[size:]
            continue
        while data:
            size, _, data = data.partition(b"\r\n")
            if size == b"0":
                data = data[2:]
                yield b" <whole>"
                break
            yield data[: int(size, 16)]
            data = data[int(size, 16) + 2 :]
