"""pydantic-ai: an agent on a `FallbackModel`, with one `OpenAIChatModel` for each credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from peers.client_interface import FIRST, RETRIES, TIMEOUT, Piece, Seat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

PACKAGES = ("pydantic-ai-slim", "openai")
MODES = ("async",)
"""Its sync calls run the async ones on an event loop of their own."""


class Client:
    """An agent without tools, with text as its answer."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        del mode
        settings = ModelSettings(first_event_timeout=FIRST) if FIRST else None
        self._clients = [AsyncOpenAI(base_url=s.url, api_key=s.key, max_retries=RETRIES, timeout=TIMEOUT) for s in seats]
        models = [
            OpenAIChatModel(seat.model, provider=OpenAIProvider(openai_client=client))
            for seat, client in zip(seats, self._clients, strict=True)
        ]
        self._agent = Agent(FallbackModel(*models), model_settings=settings)

    async def astream(self, prompt: str) -> AsyncIterator[Piece]:
        async with self._agent.run_stream(prompt) as result:
            async for text in result.stream_text(delta=True, debounce_by=None):
                yield Piece(text)
            yield Piece("", result.response.model_name or "", result.response.usage.output_tokens)

    async def aask(self, prompt: str) -> Piece:
        result = await self._agent.run(prompt)
        return Piece(result.output, result.response.model_name or "", result.response.usage.output_tokens)

    async def aclose(self) -> None:
        for client in self._clients:
            await client.close()
