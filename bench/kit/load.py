"""Load over raw sockets: whole answers, as fast as they come or at a rate."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import NamedTuple

import uvloop

from kit.servers import cpu

QUESTION = [{"role": "user", "content": "lorem ipsum " * 160}]
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "lorem ipsum " * 150}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 300, "total_tokens": 700},
    }
)
SDK = (
    *("Accept: application/json", "Accept-Encoding: gzip, deflate", "Connection: keep-alive", "User-Agent: OpenAI/Python 2.9.0"),
    *("X-Stainless-Lang: python", "X-Stainless-Package-Version: 2.9.0", "X-Stainless-OS: Linux", "X-Stainless-Arch: x64"),
    *("X-Stainless-Runtime: CPython", "X-Stainless-Runtime-Version: 3.11.7", "X-Stainless-Async: false"),
    *("x-stainless-retry-count: 0", "x-stainless-read-timeout: 600"),
)
"""The headers that OpenAI's SDK sends besides the four of the plain request."""


class Target(NamedTuple):
    """A server under test.

    Attributes:
        name: its name in the table.
        pid: its process.
        port: where it listens.
        model: the model that its clients name.
        key: the key that they send.
    """

    name: str
    pid: int
    port: int
    model: str = "chat"
    key: str = "x"


class Measured(NamedTuple):
    """What came of a load: requests a second, the 99th percentile in seconds, and CPU seconds a request."""

    rate: float
    p99: float
    cost: float


def request(target, headers=(), **more):
    """Return a chat request as its bytes."""
    body = json.dumps({"model": target.model, "messages": QUESTION, **more}).encode()
    lines = [f"Host: 127.0.0.1:{target.port}", "Content-Type: application/json", *headers, f"Authorization: Bearer {target.key}"]
    head = "\r\n".join(["POST /v1/chat/completions HTTP/1.1", *lines, f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


class Client(asyncio.Protocol):
    """Sends one request again and again, as fast as it is answered or every `interval` seconds."""

    def __init__(self, request, until, times, done, interval=None):
        self.request, self.until, self.times, self.done, self.interval = request, until, times, done, interval
        self.got = bytearray()
        self.began = None

    def connection_made(self, transport):
        self.transport = transport
        if self.interval is None:
            self.send()
        else:
            self.began = time.perf_counter() + random.random() * self.interval
            self.in_time()

    def send(self):
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def in_time(self):
        """Send when the request is due.

        The answer's time counts from then, so that a late sender is not spared.
        """
        asyncio.get_running_loop().call_later(max(0.0, self.began - time.perf_counter()), self.transport.write, self.request)

    def data_received(self, data):
        self.got += data
        if not self._is_whole():
            return
        if not self.got.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"no answer: {bytes(self.got[:200])!r}")
        self.times.append(time.perf_counter() - self.began)
        self.got.clear()
        if self.interval is not None and time.perf_counter() < self.until:
            self.began += self.interval
            self.in_time()
        elif time.perf_counter() < self.until:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)

    def _is_whole(self):
        head = self.got.find(b"\r\n\r\n")
        if head < 0:
            return False
        at = self.got.lower().find(b"content-length: ", 0, head)
        if at < 0:
            return self.got.endswith(b"\r\n0\r\n\r\n")
        return len(self.got) >= head + 4 + int(self.got[at + 16 : self.got.find(b"\r", at)])


async def load(target, seconds, connections=64, interval=None, headers=()):
    """Return the seconds that each answer took."""
    loop = asyncio.get_running_loop()
    asked = request(target, headers)
    times, until = [], time.perf_counter() + seconds
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_connection(lambda end=end: Client(asked, until, times, end, interval), "127.0.0.1", target.port)
    await asyncio.gather(*ends)
    return times


def measured(target, seconds, headers=()):
    """Load a server as fast as it answers, and print what came of it."""
    uvloop.run(load(target, 1, headers=headers))
    before, began = cpu(target.pid), time.perf_counter()
    times = sorted(uvloop.run(load(target, seconds, headers=headers)))
    took, used = time.perf_counter() - began, cpu(target.pid) - before
    found = Measured(len(times) / took, times[len(times) * 99 // 100], used / len(times))
    p50 = times[len(times) // 2] * 1e3
    told = f"p50 {p50:6.2f} ms  p99 {found.p99 * 1e3:6.2f} ms"
    print(f"  {target.name:12} {found.rate:8.0f} requests/s  {told}  {found.cost * 1e6:6.1f} us CPU a request")
    return found


def steadily(target, rate, seconds, connections=64):
    """Return the 99th percentile of latency in seconds, at `rate` requests a second."""
    times = sorted(uvloop.run(load(target, seconds, connections, connections / rate)))
    return times[len(times) * 99 // 100]
