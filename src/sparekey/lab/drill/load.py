"""Two thousand streams at once: a provider that holds its answers, and clients that read them.

Both are plain sockets, because SDKs would cost more than the gateway that is measured. The provider
sends the simulator's answer, one word at a time, to all streams at once.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.lab.drill.in_process_gateway import BEARER
from sparekey.lab.drill.ways import ANSWER, request
from sparekey.lab.simulator.answers import Voice
from sparekey.lab.simulator.wires import find
from sparekey.lab.simulator.wires.base import Mark, RequestedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT: Final = re.compile(r'"(?:content|text)":\s*"((?:[^"\\]|\\.)*)"')
_LONGEST: Final = 60.0
"""Seconds within which the next part must arrive."""
_TOGETHER: Final = 100
"""The number of streams that are opened at the same time."""
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class LoadResult(NamedTuple):
    """What the load showed.

    Attributes:
        at_once: how many streams were open at the same time.
        whole: how many streams arrived whole.
        before: memory before the load, in KiB; None if it cannot be measured.
        highest: the highest memory during the load, in KiB; None as above.
    """

    at_once: int
    whole: int
    before: int | None
    highest: int | None


class HoldingProvider:
    """A provider that sends the first word of each answer at once, and further words on `send`."""

    def __init__(self, wire: str) -> None:
        """Prepare the parts of the answer in the events of a wire."""
        ask = RequestedAnswer("chat", stream=True, model="drill")
        frames = find(wire).answer(ask, Voice(ANSWER)).frames
        words = [i for i, frame in enumerate(frames) if frame.mark is Mark.TOKEN]
        # what stands before the first word goes with it, and so does what follows the last one
        bounds = pairwise([0, *words[1:], len(frames)])
        self._parts = [_chunk(b"".join(frame.data for frame in frames[start:end])) for start, end in bounds]
        self._parts[-1] += b"0\r\n\r\n"
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request of a connection with the first part, until the client goes."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(_HEAD + self._parts[0])
                self._open.append(writer)
        writer.close()

    @property
    def parts(self) -> int:
        """The number of parts of an answer."""
        return len(self._parts)

    def send(self, part: int) -> None:
        """Send a further part to every open stream."""
        for writer in self._open:
            writer.write(self._parts[part])
        if part == self.parts - 1:
            self._open.clear()


class LoadReader:
    """A client with one stream."""

    def __init__(self, port: int, request: bytes) -> None:
        """Take the gateway's port, and the bytes of the request."""
        self._port, self._request, self._got = port, request, b""

    async def begin(self) -> None:
        """Send the request, and wait for the first word."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._request)
        await self.until(1)

    async def until(self, words: int) -> None:
        """Read on until `words` words have come, or the stream has ended."""
        while len(self.text.split()) < words and (piece := await asyncio.wait_for(self._reader.read(65536), _LONGEST)):
            self._got += piece

    async def finish(self) -> bool:
        """Read to the end; return whether the answer came whole and ended properly."""
        while not self._got.endswith(b"0\r\n\r\n") and (piece := await asyncio.wait_for(self._reader.read(65536), _LONGEST)):
            self._got += piece
        self._writer.close()
        return self._got.startswith(b"HTTP/1.1 200") and self._got.endswith(b"0\r\n\r\n") and self.text == ANSWER

    @property
    def text(self) -> str:
        """The text that has come so far."""
        return "".join(json.loads(f'"{part}"') for part in _TEXT.findall(self._got.decode("utf-8", "replace")))


async def run_load(
    provider: HoldingProvider, port: int, wire: str, chain: str, number: int, memory: Callable[[], int | None]
) -> LoadResult:
    """Open streams through a gateway, send them on part by part, and read them to their end.

    Args:
        provider: the provider behind the gateway.
        port: the gateway's port.
        wire: the wire of the chain.
        chain: the chain's name.
        number: how many streams.
        memory: returns the gateway's memory in KiB; None if it cannot be measured.
    """
    request = _request(wire, chain, port)
    await _through(
        provider,
        [LoadReader(port, request) for _ in range(20)],
        lambda: None,
        # a first small load, so that what is made only once exists already
    )
    before = memory()
    highest = [before or 0]
    at_once, whole = await _through(provider, [LoadReader(port, request) for _ in range(number)], lambda: highest.append(memory() or 0))
    return LoadResult(at_once, whole, before, None if before is None else max(highest))


async def _through(provider: HoldingProvider, readers: list[LoadReader], look: Callable[[], None]) -> tuple[int, int]:
    for start in range(0, len(readers), _TOGETHER):
        await asyncio.gather(*(reader.begin() for reader in readers[start : start + _TOGETHER]))
        look()
    at_once = sum(bool(reader.text) for reader in readers)
    for part in range(1, provider.parts):
        provider.send(part)
        last = part == provider.parts - 1
        ends = await asyncio.gather(*(reader.finish() if last else reader.until(part + 1) for reader in readers))
        look()
    return at_once, sum(end is True for end in ends)


def _request(wire: str, chain: str, port: int) -> bytes:
    path, fields = request(wire, chain, "Where is it?", stream=True)
    body = json.dumps(fields).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {BEARER}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
