"""The plain `openai` SDK, with one credential and its own retries.

It has no failover; the others are measured against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import AsyncOpenAI, OpenAI

from peers.client_interface import RETRIES, TIMEOUT, Piece, Seat, piece, question, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

PACKAGES = ("openai",)
MODES = ("sync", "async")
USAGE = {"include_usage": True}


class Client:
    """The first credential."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        first = seats[0]
        made = OpenAI if mode == "sync" else AsyncOpenAI
        self._model, self._client = first.model, made(base_url=first.url, api_key=first.key, max_retries=RETRIES, timeout=TIMEOUT)

    def stream(self, prompt: str) -> Iterator[Piece]:
        chunks = self._client.chat.completions.create(model=self._model, messages=question(prompt), stream=True, stream_options=USAGE)
        with chunks:
            yield from map(piece, chunks)

    def ask(self, prompt: str) -> Piece:
        return whole(self._client.chat.completions.create(model=self._model, messages=question(prompt)))

    async def astream(self, prompt: str) -> AsyncIterator[Piece]:
        chunks = await self._client.chat.completions.create(model=self._model, messages=question(prompt), stream=True, stream_options=USAGE)
        async with chunks:
            async for chunk in chunks:
                yield piece(chunk)

    async def aask(self, prompt: str) -> Piece:
        return whole(await self._client.chat.completions.create(model=self._model, messages=question(prompt)))

    def close(self) -> None:
        self._client.close()

    async def aclose(self) -> None:
        await self._client.close()
