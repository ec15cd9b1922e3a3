"""What the tests need to know about each backend: how it is configured, and how its provider is simulated."""

import asyncio
import itertools
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest

KEY = "sk-sim-0123456789abcdef"
_serial = itertools.count()


@dataclass(frozen=True)
class Backend:
    """One backend: the wire its provider speaks, and what its configuration needs."""

    provider: str
    wire: str
    model: str = "sim-chat"
    config: dict = field(default_factory=dict)
    sdk: str = "openai"

    def __str__(self):
        return self.provider


BACKENDS = (
    Backend("openai", "openai"),
    Backend("azure", "azure"),
    Backend("volcengine", "ark", sdk="volcenginesdkarkruntime"),
    Backend("anthropic", "anthropic", model="claude-sonnet-4-5", sdk="anthropic"),
    Backend("gemini", "gemini", model="gemini-2.5-flash", sdk="google.genai"),
    Backend("kimi", "openai", model="kimi-k2.6"),
    Backend("glm", "glm", model="glm-4.6v"),
    Backend("litellm", "openai", model="openai/sim-chat", sdk="litellm"),
)


def present(backend):
    """Return a backend as a parameter whose tests are skipped where its SDK is missing."""
    return pytest.param(backend, marks=needs(backend.sdk), id=str(backend))


def needs(sdk):
    """Return a mark that skips a test where an SDK is missing, and says so."""
    return pytest.mark.skipif(find_spec(sdk.partition(".")[0]) is None, reason=f"the SDK {sdk} is not installed")


PRESENT = [present(b) for b in BACKENDS]
EACH_SDK = [present(b) for b in BACKENDS if b.provider not in {"kimi", "glm"}]
"""Without those that differ from OpenAI's backend in what they send only."""
HOW = pytest.mark.parametrize("how", ["sync", "async", "stream", "stream_async"])
LITELLM_WARNS = pytest.mark.filterwarnings("ignore:.*ReadOnly.*:UserWarning")
"""Pydantic's warning about litellm's types."""


def provider_of(simulator, backend, **options):
    """Return a fresh simulated provider that knows one key."""
    return simulator.provider(f"{backend.provider}-{next(_serial)}", wire=backend.wire, keys=(KEY,), **options)


def config_of(backend, provider, **more):
    """Return the configuration that reaches a simulated provider."""
    return {
        "provider": backend.provider,
        "model": backend.model,
        "api_key": KEY,
        "api_base": provider.base_url,
        "max_retries": 0,
        "timeout": 10.0,
        **backend.config,
        **more,
    }


async def asked_async(vlm, method, **options):
    """Call an async method of an instance and close it in the same event loop."""
    async with vlm:
        return await getattr(vlm, f"{method}_async")(**options)


async def streamed_async(vlm, **options):
    """Collect an async stream of an instance and close it in the same event loop."""
    async with vlm:
        return [chunk async for chunk in vlm.stream_completion_async(**options)]


def asked(vlm, how, **options):
    """Ask in one of four ways; return the text."""
    if how == "sync":
        return str(vlm.get_completion(**options))
    if how == "async":
        return str(asyncio.run(asked_async(vlm, "get_completion", **options)))
    if how == "stream":
        return "".join(map(str, vlm.stream_completion(**options)))
    return "".join(map(str, asyncio.run(streamed_async(vlm, **options))))
