"""What the tests need to know about each backend: how it is configured, and how its provider is simulated."""

import itertools
from dataclasses import dataclass, field

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
