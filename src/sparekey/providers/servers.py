"""Servers that you run yourself, models in the program itself, and LiteLLM: all without a key."""

from __future__ import annotations

from typing import Final

from sparekey.providers.spec import Chat, EmbeddingModel, Embeddings, KeyVariables, LiteLLMNames, ProviderSpec

_LIBRARY: Final = "https://ollama.com/library"


def _server(name: str, base: str, docs: str, *aliases: str, litellm: str) -> ProviderSpec:
    """Return the row of a server that speaks OpenAI's format; `litellm` is LiteLLM's name of it."""
    return ProviderSpec(
        name,
        docs,
        aliases=aliases,
        chat=Chat("openai", base, needs=()),
        embeddings=Embeddings("openai", base, needs=()),
        keyless_with_base=True,
        litellm=LiteLLMNames(names=(litellm,)),
    )


SERVERS: Final = (
    _server(
        "vllm", "http://localhost:8000/v1", "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html", litellm="hosted_vllm"
    ),
    _server(
        "lmstudio",
        "http://localhost:1234/v1",
        "https://lmstudio.ai/docs/app/api/endpoints/openai",
        "lm-studio",
        "lm_studio",
        litellm="lm_studio",
    ),
    ProviderSpec(
        "ollama",
        "https://docs.ollama.com/api/openai-compatibility",
        chat=Chat("openai", "http://localhost:11434/v1", needs=(), suggested="qwen3"),
        embeddings=Embeddings(
            "ollama",
            "http://localhost:11434",
            needs=(),
            extra="ollama",
            suggested="nomic-embed-text",
            models={
                "nomic-embed-text": EmbeddingModel(768, source=_LIBRARY),
                "mxbai-embed-large": EmbeddingModel(1024, source=_LIBRARY),
                "all-minilm": EmbeddingModel(384, source=_LIBRARY),
                "snowflake-arctic-embed": EmbeddingModel(1024, source=_LIBRARY),
                "bge-m3": EmbeddingModel(1024, source=_LIBRARY),
                "embeddinggemma": EmbeddingModel(768, source=_LIBRARY),
                "qwen3-embedding:0.6b": EmbeddingModel(1024, source=_LIBRARY),
                "qwen3-embedding:4b": EmbeddingModel(2560, source=_LIBRARY),
                "qwen3-embedding:8b": EmbeddingModel(4096, source=_LIBRARY),
            },
        ),
        keys=(KeyVariables((), "https://docs.ollama.com/faq", base=("OLLAMA_HOST",)),),
        openai_path="/v1",
        keyless_with_base=True,
        litellm=LiteLLMNames(names=("ollama", "ollama_chat"), base_variables=("OLLAMA_API_BASE",)),
    ),
    ProviderSpec(
        "litellm",
        "https://docs.litellm.ai/docs/providers",
        chat=Chat("litellm", needs=(), extra="litellm"),
        embeddings=Embeddings("litellm", needs=(), extra="litellm"),
        keyless_with_base=True,
    ),
    ProviderSpec(
        "local",
        "https://llama-cpp-python.readthedocs.io/",
        embeddings=Embeddings(
            "local",
            needs=(),
            extra="local",
            models={"bge-small-zh-v1.5-f16": EmbeddingModel(512, source="https://huggingface.co/BAAI/bge-small-zh-v1.5")},
        ),
    ),
)
"""In the order of the documentation."""
