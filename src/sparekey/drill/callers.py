"""C: callers of the gateway that mean no good or know no better; and M11, a configuration that changes under load."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from sparekey.drill.cast import rotated
from sparekey.drill.flood import Floodgate, Seen, flood
from sparekey.drill.heard import whole
from sparekey.drill.house import KEY
from sparekey.drill.limits import files
from sparekey.drill.row import THROUGH, Row
from sparekey.drill.serving import serving
from sparekey.drill.verdict import Check, Verdict
from sparekey.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.drill.stage import Stage
    from sparekey.drill.world import World

_CROWD: Final = 1000
_STREAMS: Final = 2000
_KIB_A_STREAM: Final = 40.0
_ONE_MOMENT: Final = 5.0
_IN_FLIGHT: Final = 100
_BEARER: Final = f"Bearer {KEY}"
_CHAT: Final = "/v1/chat/completions"
_HUNDRED_MB: Final = 100 * 10**6


def _m11(stage: Stage) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    first = world.seats[0]
    world.fail(0, faults.slow(before=3), times=_IN_FLIGHT)
    calls = [world.start() for _ in range(_IN_FLIGHT)]
    yield Check("100 requests are in flight", first.provider.wait_for(lambda _: world.tries(0) == _IN_FLIGHT, 60))
    world.change({"api_key": rotated(first.key)})
    yield from whole(world.ask())
    yield Check("a new request goes out with the new key", world.chain.active_index == 0 and world.tries(0) == _IN_FLIGHT)
    served = [world.wait(call).complete for call in calls]
    yield Check("the old key drains: no request fails", all(served))
    yield from whole(world.ask())
    yield Check("no request after it has the old key, none goes to the spare", world.tries() == _IN_FLIGHT)


def _c01(stage: Stage) -> Iterator[Check]:
    world = stage.chat(seats=2)
    chain = world.gateway.served.name
    wrong: dict[str, dict[str, Any]] = {
        "no JSON": {"body": b"where is the spare key?"},
        "a list": {"body": b"[1]"},
        "no model": {"body": b'{"messages": []}'},
        "a model that is a number": {"body": b'{"model": 5}'},
        "an unknown model": {"body": json.dumps({"model": "no-such-model", "messages": []}).encode()},
        "an unknown path": {"path": "/v1/nothing", "body": json.dumps({"model": chain}).encode()},
        "no key": {"body": json.dumps({"model": chain}).encode(), "authorization": ""},
        "a wrong key": {"body": json.dumps({"model": chain}).encode(), "authorization": "Bearer spk-somebody-elses-key"},
        "100 MB": {"body": b" " * _HUNDRED_MB},
        "100 MB in chunks of no stated length": {"body": iter([b" " * 10**6] * 100)},
    }
    statuses = []
    for name, request in wrong.items():
        status, _, text = world.gateway.knock(**{"authorization": _BEARER, "content_type": "application/json", **request})
        statuses.append(f"{name} {status}")
        yield Check(f"{name}: refused with 4xx (not {status})", 400 <= status < 500)
        yield Check(f"{name}: an error in OpenAI's shape", _is_openai_error(text))
    stage.notes.append(", ".join(statuses))
    yield Check("no provider is asked", world.tries() == 0)
    yield from whole(world.ask())


def _is_openai_error(text: str) -> bool:
    with suppress(ValueError, LookupError, TypeError):
        error = json.loads(text)["error"]
        return bool(error["message"]) and {"type", "param", "code"} <= error.keys()
    return False


def _c02(stage: Stage) -> Iterator[Check]:
    yield files(2 * _CROWD + 200)
    world = stage.chat(seats=2)
    with _crowd(world.gateway.port, _CROWD) as there:
        yield Check("1,000 connections are open", len(there) == _CROWD)
        for turn in range(10):
            yield from whole(world.stream() if turn % 2 else world.ask(), within=_ONE_MOMENT)
    yield Check("no provider hears of the crowd", world.tries() == 10)


@contextmanager
def _crowd(port: int, number: int) -> Iterator[list[socket.socket]]:
    """Connections that send nothing, or the headers of a request drop by drop, or its body."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + _BEARER.encode() + b"\r\n"
    beginnings = (b"", head + b"X-Slow: ", head + b"Content-Length: 9000\r\n\r\n{")
    there: list[socket.socket] = []
    over = threading.Event()
    dribbling = threading.Thread(target=_dribble, args=(there, over), daemon=True)
    try:
        for number_so_far in range(number):
            there.append(one := socket.create_connection(("127.0.0.1", port), timeout=10))
            one.sendall(beginnings[number_so_far % 3])
        dribbling.start()
        yield there
    finally:
        over.set()
        if dribbling.is_alive():
            dribbling.join()
        for one in there:
            one.close()


def _dribble(crowd: list[socket.socket], over: threading.Event) -> None:
    while not over.wait(0.1):
        for one in (one for i, one in enumerate(crowd) if i % 3):
            with suppress(OSError):  # the gateway may be tired of it
                one.send(b" ")


def _c03(stage: Stage) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    elsewhere = stage.simulator.provider("elsewhere", wire=world.seats[0].provider.wire.__class__.__module__.rpartition(".")[2])
    there = elsewhere.origin.removeprefix("http://").encode()
    body = json.dumps({"model": world.gateway.served.name, "messages": []}).encode()
    for name, (target, headers) in _hostile(there).items():
        status = _sent_by_hand(world.gateway.port, target, headers, body)
        passed_on = [seen for seat in world.seats for seen in seat.provider.requests if there in str(seen).encode()]
        yield Check(f"{name}: refused, or passed on without it ({status})", status is not None and not passed_on)
        yield Check(f"{name}: nothing goes elsewhere", not elsewhere.requests)
    before = world.tries()
    for path in _PATHS:
        status = _sent_by_hand(world.gateway.port, path, b"", body)
        yield Check(f"{path.decode()}: refused with 4xx (not {status})", status is not None and 400 <= status < 500)
    yield Check("no path leads to a provider", world.tries() == before)
    with _redirecting(elsewhere.base_url) as url:
        world.change({"api_base": url})
        yield from whole(world.ask())
        yield Check("the redirected one is not the one that serves", world.chain.active_index == 1)
        for seat in range(len(world.seats)):
            world.change({"api_base": url}, seat)
        error: Any = world.ask().error
        headers_back = getattr(getattr(error, "response", None), "headers", {"location": ""})
        yield Check("the client is not sent elsewhere", error is not None and "location" not in headers_back)
    yield Check("no redirect is followed", not elsewhere.requests)


def _hostile(there: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Requests that name another host: target and headers, by what they are."""
    chat = _CHAT.encode()
    return {
        "an absolute target": (b"http://" + there + chat, b""),
        "another host": (chat, b"Host: " + there + b"\r\n"),
        "a forwarded host": (chat, b"X-Forwarded-Host: " + there + b"\r\nForwarded: host=" + there + b"\r\n"),
        "a base URL in a header": (chat, b"X-Base-Url: http://" + there + b"\r\nOpenAI-Base-Url: http://" + there + b"\r\n"),
        "a line break in a header": (chat, b"X-A: a\rHost: " + there + b"\r\n"),
        "a second request in a header": (chat, b"X-A: a\r\n b: c\nGET http://" + there + b"/ HTTP/1.1\r\n"),
    }


_PATHS: Final = (
    b"/v1/../../etc/passwd",
    b"/v1/chat/completions/../../files",
    b"/v1/%2e%2e/chat/completions",
    b"/v1//chat/completions",
    b"/v1/chat/completions%00",
    b"/v1beta/models/..%2f..%2fx:generateContent",
    b"/openai/deployments/../../chat/completions",
    b"//elsewhere.example/v1/chat/completions",
)


def _sent_by_hand(port: int, target: bytes, headers: bytes, body: bytes) -> int | None:
    """Send a request that no library would; return the status of the answer, None if there is none that is HTTP."""
    usual = b"" if b"Host:" in headers else b"Host: 127.0.0.1\r\n"
    head = b"POST " + target + b" HTTP/1.1\r\n" + usual + headers + b"Authorization: " + _BEARER.encode() + b"\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        first = one.makefile("rb").readline()
    return int(first.split()[1]) if first.startswith(b"HTTP/1.1 ") else None


@contextmanager
def _redirecting(elsewhere: str) -> Iterator[str]:
    """A provider that answers each request by pointing elsewhere; the base URL at which it is reached."""

    class Pointing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(307)
            self.send_header("location", elsewhere)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pointing) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def _c04(stage: Stage) -> Iterator[Check]:
    yield files(2 * _STREAMS + 200)
    world = stage.chat(seats=2, knobs={"idle_limit": 0, "first_content_limit": 0})  # a machine that is slow shall take its time
    seen = asyncio.run(_flooded(world))
    yield Check(f"{_STREAMS} streams at once (not {seen.at_once})", seen.at_once == _STREAMS)
    yield Check(f"all are whole, word for word (not {seen.whole})", seen.whole == _STREAMS)
    stage.notes.append(f"{seen.whole} whole streams, {seen.at_once} at once")
    if seen.before is None or seen.highest is None:
        stage.notes.append("the memory of a process cannot be measured here")
        return
    grown = (seen.highest - seen.before) / _STREAMS
    stage.notes.append(f"memory {seen.before / 1024:.0f} MiB before, {grown:.1f} KiB more a stream at the highest")
    yield Check(f"memory grows by less than 40 KB a stream (not {grown:.1f})", grown < _KIB_A_STREAM, Verdict.PARTIAL)


async def _flooded(world: World) -> Seen:
    """Serve the world's chain from a process of its own, with one provider that holds its streams."""
    served = world.gateway.served
    gate = Floodgate(served.wire)
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0, backlog=4096)
    async with server:
        root = world.seats[0].provider.wire.root
        config = world.whole({"api_base": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{root}"})
        context = serving(config)
        process = await asyncio.to_thread(context.__enter__)
        try:
            return await flood(gate, process.port, served.wire, served.name, _STREAMS, process.memory)
        finally:
            await asyncio.to_thread(context.__exit__, None, None, None)


_REFUSED: Final = "4xx with a clear error in OpenAI's shape"
ROTATION: Final = (
    Row(
        "M11",
        "a key rotated with 100 requests in flight",
        "none fails",
        "the old key drains, the new one follows",
        _m11,
        THROUGH,
        alone=True,
    ),
)
ROWS: Final = (
    Row("C01", "no JSON, wrong type, 100 MB, unknown model, no key", _REFUSED, "no request", _c01, THROUGH),
    Row("C02", "1,000 idle or dribbling connections", "every other one served", "nothing of the crowd", _c02, THROUGH, alone=True),
    Row("C03", "injected headers, strange paths, a redirect elsewhere", "refused", "no credential at another host", _c03, THROUGH),
    Row("C04", "2,000 streams at once on one process", "all whole, under 40 KB of memory each", "", _c04, THROUGH, alone=True),
)
