"""sparekey: the chain of a configuration, `VLMConfig(...).get_vlm_instance()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.client_interface import RETRIES, TIMEOUT, Piece, Seat
from sparekey import VLMConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

PACKAGES = ("sparekey", "openai")
MODES = ("sync", "async")


def config(seats: Sequence[Seat]) -> VLMConfig:
    """Return the configuration of a chain."""
    credentials: list[Any] = [{"id": s.id, "model": s.model, "api_key": s.key, "api_base": s.url} for s in seats]
    return VLMConfig(provider="openai", timeout=TIMEOUT, max_retries=RETRIES, credentials=credentials)


class Client:
    """A `MultiCredentialVLM`; both faces in one."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        del mode
        self._config = config(seats)
        self._vlm: Any = self._config.get_vlm_instance()

    def stream(self, prompt: str) -> Iterator[Piece]:
        yield from map(_piece, self._vlm.stream_completion(prompt))

    def ask(self, prompt: str) -> Piece:
        return _whole(self._vlm.get_completion(prompt))

    async def astream(self, prompt: str) -> AsyncIterator[Piece]:
        async for chunk in self._vlm.stream_completion_async(prompt):
            yield _piece(chunk)

    async def aask(self, prompt: str) -> Piece:
        return _whole(await self._vlm.get_completion_async(prompt))

    def close(self) -> None:
        self._config.close()

    async def aclose(self) -> None:
        await self._vlm.aclose()


def _piece(chunk: Any) -> Piece:
    return Piece(str(chunk), chunk.model or "", chunk.usage.completion_tokens if chunk.usage else 0)


def _whole(answer: Any) -> Piece:
    return Piece(str(answer), answer.model or "", answer.usage.get("completion_tokens", 0))
