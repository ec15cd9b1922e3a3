"""LangChain: `ChatOpenAI(...).with_fallbacks([...])`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_openai import ChatOpenAI

from peers.client_interface import RETRIES, TIMEOUT, Piece, Seat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

PACKAGES = ("langchain-core", "langchain-openai", "openai")
MODES = ("sync", "async")


class Client:
    """A chat model with fallbacks; both faces in one."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        del mode
        first, *others = [_model(seat) for seat in seats]
        self._model = first.with_fallbacks(others)

    def stream(self, prompt: str) -> Iterator[Piece]:
        yield from map(_piece, self._model.stream(prompt))

    def ask(self, prompt: str) -> Piece:
        return _piece(self._model.invoke(prompt))

    async def astream(self, prompt: str) -> AsyncIterator[Piece]:
        async for chunk in self._model.astream(prompt):
            yield _piece(chunk)

    async def aask(self, prompt: str) -> Piece:
        return _piece(await self._model.ainvoke(prompt))

    def close(self) -> None:
        """LangChain shares HTTP clients and closes them at the end of the process."""

    async def aclose(self) -> None:
        """As above."""


def _model(seat: Seat) -> ChatOpenAI:
    return ChatOpenAI(model=seat.model, base_url=seat.url, api_key=seat.key, max_retries=RETRIES, timeout=TIMEOUT, stream_usage=True)


def _piece(message: Any) -> Piece:
    usage, facts = message.usage_metadata or {}, message.response_metadata or {}
    text = message.text if isinstance(message.text, str) else message.text()
    return Piece(text, facts.get("model_name") or "", usage.get("output_tokens", 0))
