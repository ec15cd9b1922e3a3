"""Providers as data: their names, what each needs, and where it lives by default.

One row a provider. `find` knows every name and alias; nothing else in the package spells out what a provider needs.
Base URLs are those of each provider's own API reference, named in the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal
from urllib.parse import urlsplit

Family = Literal["vlm", "embedding"]
EmbeddingKind = Literal["dense", "sparse", "hybrid"]


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider.

    Attributes:
        name: its name in configurations, lower-case.
        docs: the page of the provider that the row was read from.
        aliases: other names that mean the same provider.
        vlm: the wire its chat models speak (`openai`, `azure`, `anthropic`, `gemini`, `ark`, `litellm`), or None if it has none here.
        vlm_base: default base URL for chat; None: the SDK's own, or none.
        vlm_needs: the fields a chat credential must have.
        embedding: the kinds of embedding it offers.
        embedding_base: default base URL for embeddings; None: the SDK's own, or none.
        embedding_needs: the fields an embedding credential must have.
        openai_base: base URL at which it speaks OpenAI's format beside its own; None: it does not, or has no other.
        keyless_with_base: no key is needed where `api_base` is given (a server of one's own).
        stream_usage: whether chats in OpenAI's format take `stream_options`; where not, tokens come with the last event by itself.
        extra: the extra of sparekey that brings its SDK; the empty string: none is needed.
        embedding_extra: the same for embeddings, where it differs.
    """

    name: str
    docs: str
    aliases: tuple[str, ...] = ()
    vlm: str | None = None
    vlm_base: str | None = None
    vlm_needs: tuple[str, ...] = ("api_key",)
    embedding: tuple[EmbeddingKind, ...] = ()
    embedding_base: str | None = None
    embedding_needs: tuple[str, ...] = ("api_key",)
    openai_base: str | None = None
    keyless_with_base: bool = False
    stream_usage: bool = True
    extra: str = "openai"
    embedding_extra: str | None = None

    def serves(self, family: Family) -> bool:
        """Tell whether it has chat models (`vlm`) or embeddings (`embedding`) here."""
        return self.vlm is not None if family == "vlm" else bool(self.embedding)

    def base(self, family: Family) -> str | None:
        """Return the default base URL, or None where the SDK's own or none is used."""
        return self.vlm_base if family == "vlm" else self.embedding_base

    def needs(self, family: Family) -> tuple[str, ...]:
        """Return the names of the fields without which no request can be made."""
        return self.vlm_needs if family == "vlm" else self.embedding_needs

    def extra_for(self, family: Family) -> str:
        """Return the extra that brings the SDK, or the empty string."""
        return self.extra if family == "vlm" or self.embedding_extra is None else self.embedding_extra


_DENSE: Final[tuple[EmbeddingKind, ...]] = ("dense",)
_ALL_KINDS: Final[tuple[EmbeddingKind, ...]] = ("dense", "sparse", "hybrid")
_ARK: Final = "https://ark.cn-beijing.volces.com/api/v3"


def _compatible(name: str, base: str, docs: str, *aliases: str, stream_usage: bool = True) -> ProviderSpec:
    """Return a host that speaks the OpenAI chat format under one base URL."""
    return ProviderSpec(name, docs, aliases, vlm="openai", vlm_base=base, stream_usage=stream_usage)


def _own_server(name: str, base: str, docs: str, *aliases: str) -> ProviderSpec:
    """Return a server of one's own that speaks the OpenAI format for chat and embeddings and asks for no key."""
    return ProviderSpec(
        name,
        docs,
        aliases,
        vlm="openai",
        vlm_base=base,
        vlm_needs=(),
        embedding=_DENSE,
        embedding_base=base,
        embedding_needs=(),
        keyless_with_base=True,
    )


_ROWS: Final = (
    ProviderSpec(
        "openai",
        "https://platform.openai.com/docs/api-reference",
        ("openai-compatible", "openai_compatible"),
        vlm="openai",
        vlm_base="https://api.openai.com/v1",
        embedding=_DENSE,
        embedding_base="https://api.openai.com/v1",
        keyless_with_base=True,
    ),
    ProviderSpec(
        "azure",
        "https://learn.microsoft.com/azure/ai-services/openai/reference",
        ("azure-openai", "azure_openai"),
        vlm="azure",
        vlm_needs=("api_key", "api_base"),
        embedding=_DENSE,
        embedding_needs=("api_key", "api_base"),
        extra="azure",
    ),
    ProviderSpec(
        "volcengine",
        "https://www.volcengine.com/docs/82379",
        ("ark", "doubao"),
        vlm="ark",
        vlm_base=_ARK,
        embedding=_ALL_KINDS,
        embedding_base=_ARK,
        extra="volcengine",
    ),
    ProviderSpec(
        "anthropic",
        "https://docs.anthropic.com/en/api/overview",
        ("claude",),
        vlm="anthropic",
        vlm_base="https://api.anthropic.com",
        openai_base="https://api.anthropic.com/v1",  # https://platform.claude.com/docs/en/api/openai-sdk
        extra="anthropic",
    ),
    ProviderSpec(
        "gemini",
        "https://ai.google.dev/api",
        ("google", "google-genai"),
        vlm="gemini",
        vlm_base="https://generativelanguage.googleapis.com",
        embedding=_DENSE,
        embedding_base="https://generativelanguage.googleapis.com",
        openai_base="https://generativelanguage.googleapis.com/v1beta/openai",  # https://ai.google.dev/gemini-api/docs/openai
        extra="gemini",
    ),
    _compatible("kimi", "https://api.kimi.com/coding/v1", "https://www.kimi.com/code/docs/", "kimi-code", "kimi-coding"),
    _compatible("moonshot", "https://api.moonshot.ai/v1", "https://platform.moonshot.ai/docs"),
    _compatible(
        "glm", "https://api.z.ai/api/coding/paas/v4", "https://docs.z.ai/api-reference", "zhipu", "zai", "z-ai", "z.ai", stream_usage=False
    ),
    ProviderSpec(
        "dashscope",
        "https://help.aliyun.com/zh/model-studio/",
        ("qwen", "aliyun", "bailian"),
        vlm="openai",
        vlm_base="https://dashscope.aliyuncs.com/compatible-mode/v1",
        embedding=_DENSE,
        embedding_base="https://dashscope.aliyuncs.com",
        openai_base="https://dashscope.aliyuncs.com/compatible-mode/v1",
        embedding_extra="dashscope",
    ),
    _compatible("deepseek", "https://api.deepseek.com", "https://api-docs.deepseek.com/"),
    _compatible("openrouter", "https://openrouter.ai/api/v1", "https://openrouter.ai/docs/api-reference/overview"),
    _compatible("siliconflow", "https://api.siliconflow.cn/v1", "https://docs.siliconflow.cn/cn/api-reference/"),
    _compatible("mistral", "https://api.mistral.ai/v1", "https://docs.mistral.ai/api/", stream_usage=False),
    _compatible("groq", "https://api.groq.com/openai/v1", "https://console.groq.com/docs/openai"),
    _compatible("together", "https://api.together.ai/v1", "https://docs.together.ai/docs/inference/openai-compatibility", "together_ai"),
    _compatible("fireworks", "https://api.fireworks.ai/inference/v1", "https://docs.fireworks.ai/tools-sdks/openai-compatibility"),
    _compatible("xai", "https://api.x.ai/v1", "https://docs.x.ai/docs/api-reference", "grok"),
    _compatible("cerebras", "https://api.cerebras.ai/v1", "https://inference-docs.cerebras.ai/resources/openai"),
    _compatible("nvidia", "https://integrate.api.nvidia.com/v1", "https://docs.api.nvidia.com/nim/reference/", "nvidia_nim"),
    _own_server("vllm", "http://localhost:8000/v1", "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"),
    _own_server("lmstudio", "http://localhost:1234/v1", "https://lmstudio.ai/docs/app/api/endpoints/openai", "lm-studio", "lm_studio"),
    ProviderSpec(
        "ollama",
        "https://docs.ollama.com/api/openai-compatibility",
        vlm="openai",
        vlm_base="http://localhost:11434/v1",
        vlm_needs=(),
        embedding=_DENSE,
        embedding_base="http://localhost:11434",
        embedding_needs=(),
        keyless_with_base=True,
        embedding_extra="ollama",
    ),
    ProviderSpec(
        "litellm",
        "https://docs.litellm.ai/docs/providers",
        vlm="litellm",
        vlm_needs=(),
        embedding=_DENSE,
        embedding_needs=(),
        keyless_with_base=True,
        extra="litellm",
    ),
    ProviderSpec(
        "minimax",
        "https://platform.minimax.io/docs/api-reference/text-openai-api",
        vlm="openai",
        vlm_base="https://api.minimax.io/v1",
        embedding=_DENSE,
        embedding_base="https://api.minimax.io/v1",
        embedding_extra="",
    ),
    ProviderSpec(
        "vikingdb",
        "https://www.volcengine.com/docs/84313",
        embedding=_ALL_KINDS,
        embedding_needs=("ak", "sk", "region"),
        extra="",
    ),
    ProviderSpec("jina", "https://api.jina.ai/redoc", embedding=_DENSE, embedding_base="https://api.jina.ai/v1", extra="jina"),
    ProviderSpec(
        "voyage",
        "https://docs.voyageai.com/reference/embeddings-api",
        ("voyageai",),
        embedding=_DENSE,
        embedding_base="https://api.voyageai.com/v1",
        extra="voyage",
    ),
    ProviderSpec(
        "cohere",
        "https://docs.cohere.com/reference/embed",
        embedding=_DENSE,
        embedding_base="https://api.cohere.com",
        openai_base="https://api.cohere.ai/compatibility/v1",  # https://docs.cohere.com/docs/compatibility-api
        extra="cohere",
    ),
    ProviderSpec("local", "https://llama-cpp-python.readthedocs.io/", embedding=_DENSE, embedding_needs=(), extra="local"),
)

PROVIDERS: Final[dict[str, ProviderSpec]] = {row.name: row for row in _ROWS}
"""Every provider by its own name, in the order of the documentation."""

_BY_NAME: Final = {name: row for row in _ROWS for name in (row.name, *row.aliases)}

_OAUTH: Final = "signs in with a person's subscription (OAuth), not with a key; use provider 'openai' with an api_key"

NOT_OFFERED: Final = dict.fromkeys(("openai-codex", "codex"), _OAUTH)
"""Names that older configurations may hold and that sparekey has no way to serve, with the reason."""


def find(name: str) -> ProviderSpec | None:
    """Return the provider of that name or alias (case and spaces around it do not matter), or None."""
    return _BY_NAME.get(name.strip().lower())


def takes_stream_usage(name: str, base_url: str | None) -> bool:
    """Tell whether a host takes `stream_options`: by the name of its provider, else by the host name of its base URL."""
    host = urlsplit(base_url or "").hostname or ""
    row = find(name)
    refusing = [one for one in _ROWS if not one.stream_usage]
    return row not in refusing and not any(host and host == urlsplit(one.vlm_base or "").hostname for one in refusing)


def names(family: Family) -> list[str]:
    """Return the names of all providers of a family, sorted."""
    return sorted(row.name for row in _ROWS if row.serves(family))


def suggest(name: str, family: Family) -> str:
    """Return what to do about a name that is not known: the name that was probably meant, or all of them."""
    close = get_close_matches(name.strip().lower(), [n for n, row in _BY_NAME.items() if row.serves(family)], n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names(family))}"
