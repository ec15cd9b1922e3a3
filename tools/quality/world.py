"""The providers of a trace: what each credential does with a request at a moment, and the hosts that do it."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from quality import clockwork

TRACES = json.loads(Path(__file__).with_name("traces.json").read_text("utf-8"))
NAMES = tuple(trace["name"] for trace in TRACES["traces"])
_MARK = re.compile(rb"request no\. (\d+)\.")
_SAID = [
    "when",
    "one",
    "door",
    "is",
    "locked",
    "a",
    "good",
    "concierge",
    "has",
    "another",
    "key",
    "at",
    "hand",
    "and",
    "nobody",
    "in",
    "the",
    "hall",
    "notices",
    "that",
    "there",
    "ever",
    "was",
    "a",
    "lock",
]
_PIECE = 10
_FOREVER = 600.0
_ERRORS = {
    "500": (500, "server_error", None, "Something went wrong on our side."),
    "503": (503, "server_error", "overloaded", "The model is overloaded with other requests."),
    "quota": (429, "insufficient_quota", "insufficient_quota", "Your account has no credit left."),
    "no-model": (404, "invalid_request_error", "model_not_found", "The model has been retired."),
    "limit": (429, "requests", "rate_limit_exceeded", "Rate limit reached: too many requests."),
    "size": (400, "invalid_request_error", "context_length_exceeded", "The messages are longer than the context of this model."),
    "bad": (400, "invalid_request_error", "unknown_parameter", "Unknown parameter: 'temprature'."),
    "poison": (400, "invalid_request_error", None, "Cannot parse 'quota exceeded, invalid api key, server overloaded, retry in 1 h'."),
}


def trace(name: str) -> dict[str, Any]:
    """Return a trace with its credentials."""
    found = next(one for one in TRACES["traces"] if one["name"] == name)
    return {**found, "seats": TRACES["credentials"][found.get("credentials", "three")]}


class Request(NamedTuple):
    """One request: its number, when it comes, what is wrong with it (""), whether it streams, and the words of its answer."""

    number: int
    at: float
    fault: str
    stream: bool
    words: int


class Outcome(NamedTuple):
    """What a credential does: `answer`, `error`, `silent`, `reset`, or `cut` and `stall` after a share `until` of the answer."""

    kind: str
    start: float = 0.0
    rest: float = 0.0
    error: str = ""
    wait: float = 0.0
    until: float = 1.0

    @property
    def seconds(self) -> float:
        """How long the whole answer takes."""
        return self.start + self.rest


@dataclass
class Room:
    """A rate limit: tokens that come back at a rate, up to a burst."""

    rate: float
    burst: float
    left: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.burst

    def wait(self, now: float) -> float:
        """Return the seconds until there is room for one more; 0 if there is."""
        self.left, self.at = min(self.burst, self.left + self.rate * (now - self.at)), now
        return 0.0 if self.left >= 1 else (1 - self.left) / self.rate


@dataclass
class World:
    """A trace with a seed: its requests, and what would become of each with each credential."""

    trace: dict[str, Any]
    seed: int
    requests: dict[int, Request] = field(init=False)
    rooms: dict[str, Room] = field(init=False)

    def __post_init__(self) -> None:
        self.seats = {seat["id"]: seat for seat in self.trace["seats"]}
        self.requests = {r.number: r for r in self._requests()}
        self.rooms = {name: Room(*seat["bucket"]) for name, seat in self.seats.items() if "bucket" in seat}

    def _requests(self) -> list[Request]:
        dice, found, at = random.Random(f"{self.trace['name']} {self.seed}"), [], 0.0
        shares = {"bad": 0.012, "poison": self.trace.get("poison", 0.0), "size": 0.01} if self.trace.get("kind") != "embed" else {}
        while (at := at + dice.expovariate(self.trace["rate"])) < self.trace["hours"] * 3600:
            roll, fault = dice.random(), ""
            for name, share in shares.items():
                fault, roll = (name, 2.0) if roll < share else (fault, roll - share)
            stream = self.trace.get("kind") != "embed" and dice.random() < 0.5
            found.append(Request(len(found) + 1, at, fault, stream, round(min(320, max(15, dice.lognormvariate(4.0, 0.5))))))
        return found

    def incident(self, seat: str, now: float) -> dict[str, Any] | None:
        """Return what is wrong with a credential at a moment."""
        for one in self.trace["incidents"]:
            if seat in one["who"] and one["from"] <= now < one["to"] and not ("flap" in one and (now - one["from"]) // one["flap"] % 2):
                return dict(one)
        return None

    def over(self, seat: str, now: float) -> float | None:
        """Return when a credential is well again that nobody can use now; None if it is a matter of chance."""
        if (one := self.incident(seat, now)) and "share" not in one:
            phase = one["from"] + one["flap"] * ((now - one["from"]) // one["flap"] + 1) if "flap" in one else one["to"]
            return min(float(phase), float(one["to"]))
        return now + self.rooms[seat].wait(now) if seat in self.rooms else None

    def usual(self, seat: str, request: Request) -> float:
        """Return the seconds that an answer usually takes."""
        spec = self.seats[seat]
        return float(spec["start"] + request.words / spec["speed"])

    def outcome(self, request: Request, seat: str, now: float, attempt: int = 0, *, takes: bool = True) -> Outcome:
        """Return what a credential does with a request; `takes`: it takes its room of a rate limit."""
        spec, one = self.seats[seat], self.incident(seat, now)
        dice = random.Random(f"{self.seed} {request.number} {seat} {attempt}")
        start, chance, quick = (
            spec["start"] * math.exp(spec.get("spread", 0.3) * dice.gauss(0, 1)),
            dice.random(),
            0.04 + 0.12 * dice.random(),
        )
        rest, what = request.words / spec["speed"], one["what"] if one and chance < one.get("share", 1.0) else ""
        if one and what in _ERRORS:
            return Outcome("error", one.get("delay", quick), error=what)
        if what in {"silent", "reset", "refused"}:
            return Outcome("silent" if what == "silent" else "reset", _FOREVER if what == "silent" else 0.01)
        if (room := self.rooms.get(seat)) and (wait := room.wait(now)):
            return Outcome("error", quick, error="limit", wait=math.ceil(wait) if spec.get("tells") else 0.0)
        if room and takes:
            room.left -= 1
        if request.fault and (request.fault != "size" or spec["context"] < 60_000):
            return Outcome("error", quick, error=request.fault)
        if one and what == "slow":
            start, rest = start * one["factor"], rest * one["factor"]
        return Outcome(what if what in {"cut", "stall"} else "answer", start, rest, until=0.2 + 0.6 * dice.random())

    def text(self, request: Request, seat: str) -> str:
        """Return the answer of a credential: of one length everywhere, in other words where its model is another one."""
        voice = self.seats[seat]["voice"]
        return " ".join(_SAID[(i + 5 * voice) % len(_SAID)] for i in range(request.words)) + f" [{seat if voice else 'first'}]"


class Hosts:
    """A listening port for each credential; `calls` are all calls: when, whose, which request, and what it came to."""

    def __init__(self, world: World) -> None:
        self.world, self.ports = world, dict[str, int]()
        self.calls: list[tuple[float, str, int, str]] = []
        self._attempts: dict[tuple[int, str], int] = {}

    async def open(self) -> None:
        """Begin to listen."""
        for seat in self.world.seats:
            server = await asyncio.start_server(lambda r, w, seat=seat: self._line(seat, r, w), "127.0.0.1", 0, backlog=512)
            self.ports[seat] = server.sockets[0].getsockname()[1]

    async def _line(self, seat: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = re.search(rb"content-length: (\d+)", head)
                await self._answer(seat, await reader.readexactly(int(size[1]) if size else 0), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()

    async def _answer(self, seat: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        found, asked = _MARK.search(body), json.loads(body)
        request = self.world.requests[int(found[1])] if found else Request(0, 0.0, "", stream=False, words=3)
        attempt = self._attempts[request.number, seat] = self._attempts.get((request.number, seat), -1) + 1
        out = self.world.outcome(request, seat, clockwork.now(), attempt)
        self.calls.append((clockwork.now(), seat, request.number, out.error or out.kind))
        if out.kind == "error":
            await asyncio.sleep(out.start)
            status, kind, code, words = _ERRORS[out.error]
            error = {"message": words, "type": kind, "param": None, "code": code}
            return await _send(writer, status, {"error": error}, f"retry-after: {out.wait:g}\r\n" if out.wait else "")
        if out.kind in {"silent", "reset"}:
            await asyncio.sleep(out.start)
            raise ConnectionResetError
        if "input" in asked:
            await asyncio.sleep(out.seconds)
            vector = [float(request.number), float(list(self.world.seats).index(seat) + 1)]
            data = [{"object": "embedding", "index": 0, "embedding": vector}]
            return await _send(
                writer, 200, {"object": "list", "data": data, "model": "large", "usage": {"prompt_tokens": 9, "total_tokens": 9}}
            )
        await (self._events if asked.get("stream") else self._whole)(request, seat, out, writer)
        return None

    async def _whole(self, request: Request, seat: str, out: Outcome, writer: asyncio.StreamWriter) -> None:
        if out.kind == "answer":
            await asyncio.sleep(out.seconds)
            choice = {"index": 0, "message": {"role": "assistant", "content": self.world.text(request, seat)}, "finish_reason": "stop"}
            await _send(
                writer,
                200,
                {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": _usage(request)},
            )
        else:
            await asyncio.sleep(out.start + out.rest * out.until + (_FOREVER if out.kind == "stall" else 0.0))
            raise ConnectionResetError

    async def _events(self, request: Request, seat: str, out: Outcome, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        _event(writer, {"role": "assistant", "content": ""})
        await asyncio.sleep(out.start)
        words = self.world.text(request, seat).split(" ")
        pieces = [" ".join(words[i : i + _PIECE]) + (" " if i + _PIECE < len(words) else "") for i in range(0, len(words), _PIECE)]
        for number, piece in enumerate(pieces):
            if out.kind != "answer" and number >= out.until * len(pieces):
                await asyncio.sleep(_FOREVER if out.kind == "stall" else 0.0)
                raise ConnectionResetError
            _event(writer, {"content": piece})
            await asyncio.sleep(out.rest / len(pieces))
        _event(writer, {}, end=_usage(request))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()


def _usage(request: Request) -> dict[str, int]:
    return {"prompt_tokens": 40, "completion_tokens": request.words, "total_tokens": 40 + request.words}


def _event(writer: asyncio.StreamWriter, delta: dict[str, str], end: dict[str, int] | None = None) -> None:
    choice = {"index": 0, "delta": delta, "finish_reason": "stop" if end else None}
    data: dict[str, Any] = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    line = b"data: " + json.dumps({**data, "usage": end} if end else data).encode() + b"\n\n"
    writer.write(b"%x\r\n%b\r\n" % (len(line), line))


async def _send(writer: asyncio.StreamWriter, status: int, body: Any, more: str = "") -> None:
    data = json.dumps(body).encode()
    writer.write(f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\n{more}content-length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()
