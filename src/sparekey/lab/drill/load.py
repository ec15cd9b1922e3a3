"""Two thousand streams at once: a provider that holds each of them after its first words, and the clients that read them.

Both are plain sockets, as SDKs would cost more than the gateway that is looked at. What the provider says is the simulator's answer.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.lab.drill.in_process_gateway import BEARER
from sparekey.lab.simulator.answers import Voice
from sparekey.lab.simulator.wires import find
from sparekey.lab.simulator.wires.base import Mark, RequestedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS: Final = "A spare key lies under the old gate."
"""What each stream says, word by word: all streams are at the same word at any time."""
_TEXT: Final = re.compile(r'"(?:content|text)":\s*"((?:[^"\\]|\\.)*)"')
_LONGEST: Final = 60.0
"""Seconds in which the next part must have come through."""
_TOGETHER: Final = 100
"""Streams that are opened at the same time."""
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

REQUESTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "openai": ("/v1/chat/completions", {"stream": True, "messages": [{"role": "user", "content": "Where is it?"}]}),
    "anthropic": ("/v1/messages", {"stream": True, "max_tokens": 99, "messages": [{"role": "user", "content": "Where is it?"}]}),
    "gemini": ("/v1beta/models/{}:streamGenerateContent?alt=sse", {"contents": [{"parts": [{"text": "Where is it?"}]}]}),
}
"""Path and body of a streamed question, by the wire of a chain."""


class LoadResult(NamedTuple):
    """What came of it: streams that were open at the same time, those that came whole, and the memory (KiB) before and at its highest."""

    at_once: int
    whole: int
    before: int | None
    highest: int | None


class Floodgate:
    """The provider: it sends the first word of each answer at once, and each further one when it is told to."""

    def __init__(self, wire: str) -> None:
        """Take the wire whose events are sent."""
        ask = RequestedAnswer("chat", stream=True, model="drill")
        frames = find(wire).answer(ask, Voice(WORDS)).frames
        words = [i for i, frame in enumerate(frames) if frame.mark is Mark.TOKEN]
        bounds = pairwise([0, *words[1:], len(frames)])  # what is before the first word goes with it, what is behind the last one, too
        self._parts = [_chunk(b"".join(frame.data for frame in frames[start:end])) for start, end in bounds]
        self._parts[-1] += b"0\r\n\r\n"
        self._open: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request with the first part, until the client goes."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(_HEAD + self._parts[0])
                self._open.append(writer)
        writer.close()

    @property
    def parts(self) -> int:
        """How many parts an answer has."""
        return len(self._parts)

    def send(self, part: int) -> None:
        """Send a further part of every answer."""
        for writer in self._open:
            writer.write(self._parts[part])
        if part == self.parts - 1:
            self._open.clear()


class LoadReader:
    """One client: it has got so much of its answer."""

    def __init__(self, port: int, request: bytes) -> None:
        """Take where to ask, and what."""
        self._port, self._request, self._got = port, request, b""

    async def begin(self) -> None:
        """Ask, and wait for the first word."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(self._request)
        await self.until(1)

    async def until(self, words: int) -> None:
        """Read on until so many words have come, or the stream has ended."""
        while len(self.text.split()) < words and (piece := await asyncio.wait_for(self._reader.read(65536), _LONGEST)):
            self._got += piece

    async def finish(self) -> bool:
        """Read to the end; return whether everything came, word for word, and the end was a proper one."""
        while not self._got.endswith(b"0\r\n\r\n") and (piece := await asyncio.wait_for(self._reader.read(65536), _LONGEST)):
            self._got += piece
        self._writer.close()
        return self._got.startswith(b"HTTP/1.1 200") and self._got.endswith(b"0\r\n\r\n") and self.text == WORDS

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(json.loads(f'"{part}"') for part in _TEXT.findall(self._got.decode("utf-8", "replace")))


async def flood(gate: Floodgate, port: int, wire: str, chain: str, number: int, memory: Callable[[], int | None]) -> LoadResult:
    """Open so many streams through a gateway, let all of them go on part by part, and read them to their end."""
    request = _request(wire, chain, port)
    await _through(gate, [LoadReader(port, request) for _ in range(20)], lambda: None)  # what is made once is made now
    before = memory()
    highest = [before or 0]
    at_once, whole = await _through(gate, [LoadReader(port, request) for _ in range(number)], lambda: highest.append(memory() or 0))
    return LoadResult(at_once, whole, before, None if before is None else max(highest))


async def _through(gate: Floodgate, readers: list[LoadReader], look: Callable[[], None]) -> tuple[int, int]:
    for start in range(0, len(readers), _TOGETHER):
        await asyncio.gather(*(reader.begin() for reader in readers[start : start + _TOGETHER]))
        look()
    at_once = sum(bool(reader.text) for reader in readers)
    for part in range(1, gate.parts):
        gate.send(part)
        last = part == gate.parts - 1
        ends = await asyncio.gather(*(reader.finish() if last else reader.until(part + 1) for reader in readers))
        look()
    return at_once, sum(end is True for end in ends)


def _request(wire: str, chain: str, port: int) -> bytes:
    path, fields = REQUESTS[wire]
    body = json.dumps({"model": chain, **fields} if wire != "gemini" else fields).encode()
    head = f"POST {path.format(chain)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {BEARER}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
