"""Streams: a provider that says when it wrote each event, and clients that say when it came.

`python -m kit.streams PORT` is the provider, a process of its own. A request asks with `"user": "EVENTS INTERVAL"` for so many events,
so many seconds apart; each carries the time on the system's monotonic clock.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time

import uvloop

from kit.load import request
from kit.servers import OTHER_CORE, cpu, free_port, started

_ASKED = re.compile(rb'"user": ?"(\d+) ([\d.]+)"')
_SENT = re.compile(rb'"content": ?"(\d+) ')
_CHUNK = b'data: {"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":%s}]}\n\n'
EVENT = _CHUNK.replace(b"%s", b'{"content":"%d lorem "}')
LAST = _CHUNK.replace(b"%s", b'{},"finish_reason":"stop"') + b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Host(asyncio.Protocol):
    """Answers each request with the stream that it asks for."""

    def connection_made(self, transport):
        self.transport, self.got = transport, bytearray()

    def data_received(self, data):
        self.got += data
        head = self.got.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self.got.lower().find(b"content-length: ", 0, head)
        size = head + 4 + int(self.got[at + 16 : self.got.find(b"\r", at)])
        if len(self.got) >= size:
            events, interval = _ASKED.search(bytes(self.got)).groups()
            del self.got[:size]
            self.next(int(events), float(interval), first=True)

    def next(self, left, interval, *, first=False):
        """Write the next event, and the others when they are due."""
        if self.transport.is_closing():
            return
        event = EVENT % time.monotonic_ns() if left else LAST
        chunk = b"%x\r\n%b\r\n" % (len(event), event)
        self.transport.write(HEAD + chunk if first else chunk if left else chunk + b"0\r\n\r\n")
        if left:
            asyncio.get_running_loop().call_later(interval, self.next, left - 1, interval)


class Reader(asyncio.Protocol):
    """Asks for one stream after the other, and notes how long each event was under way."""

    def __init__(self, asked, until, firsts, delays, done):
        self.asked, self.until, self.firsts, self.delays, self.done = asked, until, firsts, delays, done

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.began, self.is_first, self.tail = time.monotonic_ns(), True, b""
        self.transport.write(self.asked)

    def data_received(self, data):
        now = time.monotonic_ns()
        for sent in _SENT.findall(data):
            if self.is_first:
                self.firsts.append((now - self.began) / 1e9)
                self.is_first = False
            else:
                self.delays.append((now - int(sent)) / 1e9)
        self.tail = self.tail[-300:] + data
        if self.tail.endswith(b"0\r\n\r\n"):
            if b"[DONE]" not in self.tail:
                raise SystemExit(f"no whole stream: {self.tail[-300:]!r}")
            if time.monotonic_ns() < self.until:
                self.ask()
            else:
                self.transport.close()
                self.done.set_result(None)


def provider():
    """Start the provider; return its process and port."""
    port = free_port()
    return started([sys.executable, "-m", "kit.streams", str(port)], port, OTHER_CORE, cwd=str(__file__).rpartition("/kit/")[0]), port


async def _read(target, seconds, streams, events, interval, headers):
    loop = asyncio.get_running_loop()
    asked = request(target, headers, stream=True, user=f"{events} {interval}")
    firsts, delays, until = [], [], time.monotonic_ns() + int(seconds * 1e9)
    ends = [loop.create_future() for _ in range(streams)]
    for end in ends:
        await loop.create_connection(lambda end=end: Reader(asked, until, firsts, delays, end), "127.0.0.1", target.port)
        await asyncio.sleep(interval / streams)
    await asyncio.gather(*ends)
    return firsts, delays


def read(target, seconds, *, streams=32, events=50, interval=0.02, headers=()):
    """Return CPU seconds an event, and the sorted seconds to first events and of later events on their way.

    Args:
        target: the server under test.
        seconds: for how long streams begin.
        streams: how many there are at once.
        events: the events of each.
        interval: seconds between two events.
        headers: further headers of the requests.
    """
    uvloop.run(_read(target, 0.2, streams, 5, interval, headers))
    before = cpu(target.pid)
    firsts, delays = uvloop.run(_read(target, seconds, streams, events, interval, headers))
    used = cpu(target.pid) - before
    return used / (len(firsts) + len(delays)), sorted(firsts), sorted(delays)


async def _serve(port):
    server = await asyncio.get_running_loop().create_server(Host, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
