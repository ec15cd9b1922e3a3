"""LiteLLM's Router: one model group for each credential; the further ones are fallbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellm import Router

from peers.client_interface import FIRST, RETRIES, TIMEOUT, Piece, Seat, piece, question, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

PACKAGES = ("litellm", "openai")
MODES = ("sync", "async")
USAGE = {"include_usage": True}


class Client:
    """One router; groups are called after the credentials."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        del mode  # one router has both faces
        self._first, *others = [seat.id for seat in seats]
        self._router = Router(
            model_list=[{"model_name": seat.id, "litellm_params": _params(seat)} for seat in seats],
            fallbacks=[{self._first: others}],
            max_fallbacks=max(len(others), 5),
            num_retries=RETRIES,
            timeout=TIMEOUT,
            stream_timeout=FIRST or TIMEOUT,
        )

    def stream(self, prompt: str) -> Iterator[Piece]:
        yield from map(piece, self._router.completion(self._first, question(prompt), stream=True, stream_options=USAGE))

    def ask(self, prompt: str) -> Piece:
        return whole(self._router.completion(self._first, question(prompt)))

    async def astream(self, prompt: str) -> AsyncIterator[Piece]:
        chunks = await self._router.acompletion(self._first, question(prompt), stream=True, stream_options=USAGE)
        async for chunk in chunks:
            yield piece(chunk)

    async def aask(self, prompt: str) -> Piece:
        return whole(await self._router.acompletion(self._first, question(prompt)))

    def close(self) -> None:
        """LiteLLM keeps its HTTP clients for itself."""

    async def aclose(self) -> None:
        """As above."""


def _params(seat: Seat) -> dict[str, Any]:
    return {"model": f"openai/{seat.model}", "api_base": seat.url, "api_key": seat.key}
