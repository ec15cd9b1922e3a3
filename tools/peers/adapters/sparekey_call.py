"""sparekey around a callable: `Failover.stream` and `Failover.call`, with the `openai` SDK inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

from peers.adapters.openai_sdk import USAGE
from peers.client_interface import RETRIES, TIMEOUT, Piece, Seat, piece, question, whole
from sparekey import AsyncFailover, Credential, Failover, Policy, Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

PACKAGES = ("sparekey", "openai")
MODES = ("sync", "async")


class Client:
    """A chain of credentials, and an SDK client for each."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        made: Any = OpenAI if mode == "sync" else AsyncOpenAI
        self._clients = {s.id: made(base_url=s.url, api_key=s.key, max_retries=0, timeout=TIMEOUT) for s in seats}
        chain = [Credential(s.id, "openai", s.model, endpoint=s.url, api_key=Secret(s.key)) for s in seats]
        self._failover: Any = (Failover if mode == "sync" else AsyncFailover)(chain, Policy(retry_same=True, max_retries=RETRIES))

    def stream(self, prompt: str) -> Iterator[Piece]:
        yield from map(piece, self._failover.stream(lambda c: self._send(c, prompt, **_STREAM), is_content=_is_content))

    def ask(self, prompt: str) -> Piece:
        return self._failover.call(lambda c: whole(self._send(c, prompt)))

    async def astream(self, prompt: str) -> AsyncIterator[Piece]:
        async for chunk in self._failover.stream(lambda c: self._open(c, prompt), is_content=_is_content):
            yield piece(chunk)

    async def _open(self, credential: Credential, prompt: str) -> AsyncIterator[Any]:
        async with await self._send(credential, prompt, **_STREAM) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aask(self, prompt: str) -> Piece:
        return await self._failover.call(lambda c: self._answer(c, prompt))

    async def _answer(self, credential: Credential, prompt: str) -> Piece:
        return whole(await self._send(credential, prompt))

    def _send(self, credential: Credential, prompt: str, **more: Any) -> Any:
        return self._clients[credential.id].chat.completions.create(model=credential.model, messages=question(prompt), **more)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.close()


_STREAM: Any = {"stream": True, "stream_options": USAGE}


def _is_content(chunk: Any) -> bool:
    return bool(piece(chunk).text)
