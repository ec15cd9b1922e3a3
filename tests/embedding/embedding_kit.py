"""What the embedding tests share: an embedder without a provider, and how each backend is pointed at a simulated one."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparekey.embedding import DenseEmbedderBase, EmbedResult
from sparekey.embedding.factory import EmbedderFactory
from sparekey.stats.tokens import TokenTracker

if TYPE_CHECKING:
    from sparekey.embedding.base import EmbedderBase
    from sparekey.lab.simulator import Provider

KEY = "sk-sim-1"
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # importing LiteLLM first elsewhere must not ask the internet either


class Fake(DenseEmbedderBase):
    """Gives a vector of its own number, or raises what it is told to."""

    def __init__(self, number: float = 1.0, length: int = 2, error: Exception | None = None, **config: Any) -> None:
        super().__init__("fake-model", {"provider": "fake", "token_tracker": TokenTracker(), **config})
        self.number, self.length, self.error = number, length, error
        self.calls: list[Any] = []
        self.closed = 0

    def embed(self, content: Any, is_query: bool = False) -> EmbedResult:
        self.calls.append((content, is_query))
        if self.error is not None:
            raise self.error
        return EmbedResult([self.number] * self.length)

    def close(self) -> None:
        self.closed += 1


class HttpError(Exception):
    """An error as SDKs raise them: a status and a parsed body."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        self.status_code = status
        self.body = {"error": {"message": message, "code": code}}
        super().__init__(f"Error code: {status} - {self.body}")


def invalid_key() -> HttpError:
    return HttpError(401, "Incorrect API key provided", "invalid_api_key")


def bad_parameter() -> HttpError:
    return HttpError(400, "Unsupported value: 'dimensions' does not support 3 with this model.", "unsupported_value")


def overloaded() -> HttpError:
    return HttpError(503, "The server is overloaded, please try again later")


@dataclass(frozen=True)
class Setup:
    """How one backend reaches one simulated provider."""

    provider: str
    wire: str
    model: str = "sim-embed"
    extra: dict[str, Any] = field(default_factory=dict)
    needs: str = ""

    def __str__(self) -> str:
        return "-".join([self.provider, *map(str, self.extra.values())])

    def config(self, simulated: Provider, **more: Any) -> dict[str, Any]:
        base = {"provider": self.provider, "model": self.model, "max_retries": 0, "timeout": 5.0, "token_tracker": TokenTracker()}
        keys = {"api_key": KEY, "api_base": simulated.base_url}
        if self.provider == "vikingdb":
            keys = {"ak": KEY, "sk": "a secret", "host": simulated.base_url}
        return {**base, **keys, **self.extra, **more}

    def embedder(self, simulated: Provider, **more: Any) -> EmbedderBase:
        return EmbedderFactory.create(self.config(simulated, **more))


SETUPS = (
    Setup("openai", "openai", needs="openai"),
    Setup("azure", "azure", needs="openai"),
    Setup("azure", "azure", extra={"api_version": "2024-10-21"}, needs="openai"),
    Setup("jina", "jina", needs="openai"),
    Setup("volcengine", "ark", needs="volcenginesdkarkruntime"),
    Setup("volcengine", "ark", extra={"input": "text"}, needs="volcenginesdkarkruntime"),
    Setup("volcengine", "ark", extra={"kind": "hybrid"}, needs="volcenginesdkarkruntime"),
    Setup("vikingdb", "vikingdb"),
    Setup("vikingdb", "vikingdb", extra={"kind": "hybrid"}),
    Setup("gemini", "gemini", "gemini-embedding-sim", needs="google.genai"),
    Setup("voyage", "voyage", needs="voyageai"),
    Setup("cohere", "cohere", needs="cohere"),
    Setup("dashscope", "dashscope", needs="dashscope"),
    Setup("dashscope", "dashscope", extra={"input": "text"}, needs="dashscope"),
    Setup("ollama", "ollama", needs="ollama"),
    Setup("minimax", "minimax"),
    Setup("litellm", "openai", "openai/sim-embed", needs="litellm"),
)


def release() -> None:
    """Close what SDKs keep open for the whole process: LiteLLM its clients, Voyage the session of each thread."""
    for client in _litellm_clients():
        if not hasattr(client, "__aenter__"):
            client.close()
    if "voyageai" in sys.modules:
        from voyageai.api_resources import api_requestor

        getattr(api_requestor._thread_context, "session", Fake()).close()


async def leave(embedder: Any) -> None:
    """Close an embedder on the event loop, and what its SDK keeps open there."""
    await embedder.aclose()
    for client in _litellm_clients():
        if hasattr(client, "__aenter__"):
            await client.close()


def _litellm_clients() -> list[Any]:
    litellm = sys.modules.get("litellm")
    return list(litellm.in_memory_llm_clients_cache.cache_dict.values()) if litellm else []
