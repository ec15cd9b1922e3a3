"""Hosts that speak OpenAI's format, and servers that you run yourself: one row each, with the pages it was read from.

A new one is a row here, and nothing else: configurations, `sparekey init`, LiteLLM's files, the
gateway, telemetry and docs/configuration.md read it.
"""

from __future__ import annotations

import re
from typing import Final

from sparekey.providers.spec import (
    EVERY,
    Chat,
    ChatDialect,
    EmbeddingModel,
    Embeddings,
    KeyVariables,
    LiteLLMNames,
    Prefill,
    ProviderSpec,
    one_key,
)

OPENAI_REASONING: Final = re.compile(r"(?:^|/)(?:gpt-(?:[5-9]|[1-9]\d)|o\d)", re.IGNORECASE)
"""OpenAI's models that think: they refuse a temperature, and want `max_completion_tokens`."""

_KIMI: Final = ChatDialect(
    source="https://platform.kimi.ai/docs/api/models-overview",
    thinking="thinking",
    thinking_models=re.compile(r"kimi-k2\.[56]"),
    fixed_sampling=re.compile(r"kimi-"),
)
_KIMI_PARTIAL: Final = Prefill("https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api", EVERY, {"partial": True})

HOSTS: Final = (
    ProviderSpec(
        "kimi",
        "https://www.kimi.com/code/docs/",
        aliases=("kimi-code", "kimi-coding"),
        chat=Chat(
            "openai",
            "https://api.kimi.com/coding/v1",
            model="kimi-for-coding",
            renamed_models={"kimi-code": "kimi-for-coding", "k2p5": "kimi-for-coding"},
            # the base URL of its Anthropic-like format, which older configurations name
            renamed_bases={"https://api.kimi.com/coding": "https://api.kimi.com/coding/v1"},
            dialect=_KIMI,
            prefill=_KIMI_PARTIAL,
        ),
    ),
    ProviderSpec(
        "moonshot",
        "https://platform.moonshot.ai/docs",
        chat=Chat("openai", "https://api.moonshot.ai/v1", suggested="kimi-k2.6", dialect=_KIMI, prefill=_KIMI_PARTIAL),
        keys=one_key("MOONSHOT_API_KEY", "https://platform.kimi.ai/docs/overview"),
        sites=("https://api.moonshot.cn/v1",),
        genai="moonshot_ai",
    ),
    ProviderSpec(
        "glm",
        "https://docs.z.ai/api-reference",
        errors="https://docs.bigmodel.cn/cn/api/api-code",
        aliases=("zhipu", "zai", "z-ai", "z.ai"),
        chat=Chat(
            "openai",
            "https://api.z.ai/api/coding/paas/v4",
            model="glm-4.6v",
            suggested="glm-5.3-flash",
            dialect=ChatDialect(
                source="https://docs.z.ai/api-reference/llm/chat-completion",
                thinking="thinking",
                thinking_models=re.compile(r"glm-(?:4\.[5-9]|[5-9])"),
                only_auto=True,
                stream_usage=False,
            ),
        ),
        keys=(
            KeyVariables(
                ("ZHIPUAI_API_KEY",),
                "https://docs.bigmodel.cn/cn/guide/develop/python/introduction",
                api_base="https://open.bigmodel.cn/api/paas/v4",
            ),
            KeyVariables(("ZAI_API_KEY",), "https://docs.z.ai/guides/develop/python/introduction", api_base="https://api.z.ai/api/paas/v4"),
        ),
        litellm=LiteLLMNames(names=("zai",), keys=("ZAI_API_KEY",), base="https://api.z.ai/api/paas/v4"),
    ),
    ProviderSpec(
        "deepseek",
        "https://api-docs.deepseek.com/",
        errors="https://api-docs.deepseek.com/quick_start/error_codes",
        chat=Chat("openai", "https://api.deepseek.com", suggested="deepseek-v4-flash"),
        keys=one_key("DEEPSEEK_API_KEY", "https://api-docs.deepseek.com/"),
    ),
    ProviderSpec(
        "mistral",
        "https://docs.mistral.ai/api/",
        chat=Chat(
            "openai",
            "https://api.mistral.ai/v1",
            suggested="mistral-small-latest",
            dialect=ChatDialect(source="https://docs.mistral.ai/api/", stream_usage=False),
            prefill=Prefill("https://docs.mistral.ai/capabilities/completion/usage", EVERY, {"prefix": True}),
        ),
        embeddings=Embeddings(
            "openai",
            "https://api.mistral.ai/v1",
            models={"mistral-embed": EmbeddingModel(1024, source="https://docs.mistral.ai/capabilities/embeddings/text_embeddings")},
            length_field="output_dimension",  # https://docs.mistral.ai/api/endpoint/embeddings
        ),
        keys=one_key("MISTRAL_API_KEY", "https://docs.mistral.ai/getting-started/quickstart"),
        genai="mistral_ai",
    ),
    ProviderSpec(
        "groq",
        "https://console.groq.com/docs/openai",
        errors="https://console.groq.com/docs/errors",
        chat=Chat("openai", "https://api.groq.com/openai/v1", suggested="openai/gpt-oss-120b"),
        keys=one_key("GROQ_API_KEY", "https://console.groq.com/docs/quickstart"),
    ),
    ProviderSpec(
        "xai",
        "https://docs.x.ai/docs/api-reference",
        aliases=("grok",),
        chat=Chat("openai", "https://api.x.ai/v1", suggested="grok-4.7"),
        keys=one_key("XAI_API_KEY", "https://docs.x.ai/developers/quickstart"),
        genai="x_ai",
    ),
    ProviderSpec(
        "openrouter",
        "https://openrouter.ai/docs/api-reference/overview",
        errors="https://openrouter.ai/docs/api/reference/errors-and-debugging",
        chat=Chat(
            "openai",
            "https://openrouter.ai/api/v1",
            suggested="openrouter/auto",
            dialect=ChatDialect(
                source="https://openrouter.ai/docs/use-cases/reasoning-tokens",
                thinking="reasoning",
                thinking_models=EVERY,
                fixed_sampling=OPENAI_REASONING,
            ),
        ),
        keys=one_key("OPENROUTER_API_KEY", "https://openrouter.ai/docs/quickstart"),
        litellm=LiteLLMNames(keys=("OPENROUTER_API_KEY", "OR_API_KEY")),
    ),
    ProviderSpec(
        "together",
        "https://docs.together.ai/docs/inference/openai-compatibility",
        aliases=("together_ai",),
        chat=Chat("openai", "https://api.together.ai/v1", suggested="openai/gpt-oss-120b"),
        keys=one_key("TOGETHER_API_KEY", "https://docs.together.ai/docs/quickstart"),
        litellm=LiteLLMNames(names=("together_ai",), keys=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY")),
    ),
    ProviderSpec(
        "fireworks",
        "https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        chat=Chat("openai", "https://api.fireworks.ai/inference/v1", suggested="accounts/fireworks/models/deepseek-v3p1"),
        keys=one_key("FIREWORKS_API_KEY", "https://docs.fireworks.ai/getting-started/quickstart"),
        litellm=LiteLLMNames(names=("fireworks_ai",), keys=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY")),
    ),
    ProviderSpec(
        "cerebras",
        "https://inference-docs.cerebras.ai/resources/openai",
        chat=Chat("openai", "https://api.cerebras.ai/v1", suggested="gpt-oss-120b"),
        keys=one_key("CEREBRAS_API_KEY", "https://inference-docs.cerebras.ai/quickstart"),
    ),
    ProviderSpec(
        "nvidia",
        "https://docs.api.nvidia.com/nim/reference/",
        aliases=("nvidia_nim",),
        chat=Chat("openai", "https://integrate.api.nvidia.com/v1"),
        litellm=LiteLLMNames(names=("nvidia_nim",), keys=("NVIDIA_NIM_API_KEY",)),
    ),
    ProviderSpec(
        "siliconflow",
        "https://docs.siliconflow.cn/cn/api-reference/",
        chat=Chat("openai", "https://api.siliconflow.cn/v1"),
        embeddings=Embeddings("openai", "https://api.siliconflow.cn/v1"),
        sites=("https://api.siliconflow.com/v1",),
    ),
    ProviderSpec(
        "deepinfra",
        "https://deepinfra.com/docs/advanced/openai_api",
        chat=Chat("openai", "https://api.deepinfra.com/v1/openai"),
        embeddings=Embeddings("openai", "https://api.deepinfra.com/v1/openai"),
        keys=one_key("DEEPINFRA_TOKEN", "https://deepinfra.com/BAAI/bge-m3/api"),
        litellm=LiteLLMNames(keys=("DEEPINFRA_API_KEY",)),
    ),
    ProviderSpec(
        "sambanova",
        "https://docs.sambanova.ai/docs/en/get-started/api-keys-urls",
        errors="https://docs.sambanova.ai/docs/ja/api-reference/using-the-api/api-error-codes",
        chat=Chat("openai", "https://api.sambanova.ai/v1", suggested="Meta-Llama-3.3-70B-Instruct"),
        keys=one_key("SAMBANOVA_API_KEY", "https://docs.pipecat.ai/server/services/llm/sambanova"),
    ),
    ProviderSpec(
        "nebius",
        "https://docs.tokenfactory.nebius.com/api-reference/introduction",
        chat=Chat("openai", "https://api.tokenfactory.nebius.com/v1"),
        keys=one_key("NEBIUS_API_KEY", "https://docs.tokenfactory.nebius.com/api-reference/introduction"),
        litellm=LiteLLMNames(base="https://api.studio.nebius.ai/v1"),
    ),
    ProviderSpec(
        "novita",
        "https://novita.ai/docs/guides/llm-api",
        chat=Chat("openai", "https://api.novita.ai/openai/v1"),
        keys=one_key("NOVITA_API_KEY", "https://docs.litellm.ai/docs/providers/novita"),
        litellm=LiteLLMNames(base="https://api.novita.ai/v3/openai"),
    ),
    ProviderSpec(
        "baseten",
        "https://docs.baseten.co/reference/inference-api/chat-completions",
        chat=Chat("openai", "https://inference.baseten.co/v1", suggested="deepseek-ai/DeepSeek-V4-Pro"),
        keys=one_key("BASETEN_API_KEY", "https://docs.baseten.co/reference/inference-api/chat-completions"),
    ),
    ProviderSpec(
        "scaleway",
        "https://www.scaleway.com/en/docs/generative-apis/api-cli/using-models-api",
        chat=Chat("openai", "https://api.scaleway.ai/v1"),
        keys=one_key("SCW_SECRET_KEY", "https://www.scaleway.com/en/docs/generative-apis/api-cli/using-models-api"),
    ),
    ProviderSpec(
        "vercel",
        "https://vercel.com/docs/ai-gateway/openai-compat",
        aliases=("vercel-ai-gateway", "vercel_ai_gateway"),
        chat=Chat("openai", "https://ai-gateway.vercel.sh/v1"),
        keys=one_key("AI_GATEWAY_API_KEY", "https://vercel.com/docs/ai-gateway/openai-compat"),
        litellm=LiteLLMNames(names=("vercel_ai_gateway",), keys=("VERCEL_AI_GATEWAY_API_KEY",)),
    ),
    ProviderSpec(
        "huggingface",
        "https://huggingface.co/docs/inference-providers/guides/responses-api",
        aliases=("hugging-face", "hf"),
        chat=Chat("openai", "https://router.huggingface.co/v1"),
        keys=one_key("HF_TOKEN", "https://huggingface.co/docs/inference-providers/guides/responses-api"),
        litellm=LiteLLMNames(names=()),  # its models are called otherwise there: huggingface/HOST/MODEL
    ),
    ProviderSpec(
        "github",
        "https://docs.github.com/en/github-models/quickstart",
        aliases=("github-models",),
        chat=Chat("openai", "https://models.github.ai/inference"),
        litellm=LiteLLMNames(keys=("GITHUB_API_KEY",), base="https://models.inference.ai.azure.com"),
    ),
    ProviderSpec(
        "hyperbolic",
        "https://docs.rs/rig-core/0.10.0/src/rig/providers/hyperbolic.rs.html",
        chat=Chat("openai", "https://api.hyperbolic.xyz/v1"),
        keys=one_key("HYPERBOLIC_API_KEY", "https://docs.helicone.ai/getting-started/integration-method/hyperbolic"),
    ),
    ProviderSpec(
        "perplexity",
        "https://docs.perplexity.ai/docs/sonar/openai-compatibility",
        chat=Chat("openai", "https://api.perplexity.ai"),
        keys=one_key("PERPLEXITY_API_KEY", "https://docs.perplexity.ai/docs/sonar/openai-compatibility"),
        litellm=LiteLLMNames(keys=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")),
    ),
)
"""In the order of the documentation, which is that of a chain that `sparekey init` writes."""


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
