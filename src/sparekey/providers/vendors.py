"""Providers with a format, an SDK or vectors of their own: one row each, with its pages."""

from __future__ import annotations

import re
from typing import Final

from sparekey.providers.spec import (
    ALL_KINDS,
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

_OPENAI: Final = "https://platform.openai.com/docs/guides/embeddings"
_ARK: Final = "https://www.volcengine.com/docs/82379/1409291"
_ARK_TEXT: Final = "https://www.volcengine.com/docs/82379/1302003"
_ARK_BASE: Final = "https://ark.cn-beijing.volces.com/api/v3"
_JINA: Final = "https://jina.ai/models/"
_VOYAGE: Final = "https://docs.voyageai.com/docs/embeddings"
_GEMINI: Final = "https://ai.google.dev/gemini-api/docs/embeddings"
_GEMINI_BASE: Final = "https://generativelanguage.googleapis.com"
_COHERE: Final = "https://docs.cohere.com/docs/cohere-embed"
_QWEN: Final = "https://docs.qwencloud.com/api-reference/text-embedding/openai-embedding"
_QWEN_SEEING: Final = "https://docs.qwencloud.com/api-reference/multimodal-embedding/dashscope-multimodal-embedding"
_QWEN_BASE: Final = "https://dashscope.aliyuncs.com/compatible-mode/v1"

_OPENAI_MODELS: Final = {
    "text-embedding-3-small": EmbeddingModel(1536, at_most=1536, source=_OPENAI),
    "text-embedding-3-large": EmbeddingModel(3072, at_most=3072, source=_OPENAI),
    "text-embedding-ada-002": EmbeddingModel(1536, source=_OPENAI),
}
_VOYAGE_STEPS: Final = (256, 512, 1024, 2048)
_VOYAGE_3: Final = EmbeddingModel(1024, _VOYAGE_STEPS, source=_VOYAGE)
_VOYAGE_4: Final = EmbeddingModel(1024, _VOYAGE_STEPS, source=_VOYAGE, space="voyage-4")
_VOYAGE_FIXED: Final = EmbeddingModel(1024, source=_VOYAGE)

VENDORS: Final = (
    ProviderSpec(
        "openai",
        "https://platform.openai.com/docs/api-reference",
        errors="https://platform.openai.com/docs/guides/error-codes/api-errors",
        aliases=("openai-compatible", "openai_compatible"),
        chat=Chat("openai", "https://api.openai.com/v1", model="gpt-4o-mini", suggested="gpt-5.6-luna"),
        embeddings=Embeddings("openai", "https://api.openai.com/v1", suggested="text-embedding-3-small", models=_OPENAI_MODELS),
        keys=(KeyVariables(("OPENAI_API_KEY",), "https://platform.openai.com/docs/quickstart", base=("OPENAI_BASE_URL",)),),
        keyless_with_base=True,
        litellm=LiteLLMNames(
            names=("openai", "text-completion-openai"),
            base_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            models=("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "omni-moderation-", "whisper-1", "tts-1", "dall-e-"),
        ),
    ),
    ProviderSpec(
        "azure",
        "https://learn.microsoft.com/azure/ai-services/openai/reference",
        aliases=("azure-openai", "azure_openai"),
        chat=Chat("azure", needs=("api_key", "api_base"), extra="azure", suggested="gpt-5.6-luna"),
        embeddings=Embeddings(
            "azure", needs=("api_key", "api_base"), extra="azure", suggested="text-embedding-3-small", models=_OPENAI_MODELS
        ),
        keys=(
            KeyVariables(
                ("AZURE_OPENAI_API_KEY",),
                "https://learn.microsoft.com/azure/ai-services/openai/chatgpt-quickstart",
                base=("AZURE_OPENAI_ENDPOINT",),
                deployment=("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
            ),
        ),
        litellm=LiteLLMNames(keys=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")),
        genai="azure.ai.openai",
    ),
    ProviderSpec(
        "anthropic",
        "https://docs.anthropic.com/en/api/overview",
        aliases=("claude",),
        chat=Chat(
            "anthropic",
            "https://api.anthropic.com",
            extra="anthropic",
            suggested="claude-sonnet-5-5",
            prefill=Prefill(  # removed from 4.6 on
                "https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6",
                re.compile(r"claude-(?:3|(?:[a-z]+-)4(?:-[0-5])?(?:[-@]\d{6,}|$))"),
            ),
        ),
        keys=(KeyVariables(("ANTHROPIC_API_KEY",), "https://platform.claude.com/docs/en/api/overview", base=("ANTHROPIC_BASE_URL",)),),
        openai_base="https://api.anthropic.com/v1",  # https://platform.claude.com/docs/en/api/openai-sdk
        litellm=LiteLLMNames(base_variables=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"), models=("claude-",)),
    ),
    ProviderSpec(
        "gemini",
        "https://ai.google.dev/api",
        errors="https://ai.google.dev/gemini-api/docs/troubleshooting",
        aliases=("google", "google-genai"),
        chat=Chat("gemini", _GEMINI_BASE, extra="gemini", suggested="gemini-flash-latest"),
        embeddings=Embeddings(
            "gemini",
            _GEMINI_BASE,
            extra="gemini",
            suggested="gemini-embedding-001",
            models={
                "gemini-embedding-001": EmbeddingModel(3072, at_most=3072, source=_GEMINI),
                "gemini-embedding-2": EmbeddingModel(3072, at_most=3072, source=_GEMINI),
                "gemini-embedding-2-preview": EmbeddingModel(3072, at_most=3072, source=_GEMINI),
                "text-embedding-004": EmbeddingModel(768, at_most=768, source=_GEMINI),
            },
            length_field="outputDimensionality",
            tasks=frozenset(  # https://ai.google.dev/gemini-api/docs/embeddings#supported-task-types
                {
                    *("RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "CODE_RETRIEVAL_QUERY", "SEMANTIC_SIMILARITY"),
                    *("CLASSIFICATION", "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION"),
                }
            ),
        ),
        keys=(KeyVariables(("GOOGLE_API_KEY", "GEMINI_API_KEY"), "https://ai.google.dev/gemini-api/docs/api-key"),),
        openai_base="https://generativelanguage.googleapis.com/v1beta/openai",  # https://ai.google.dev/gemini-api/docs/openai
        litellm=LiteLLMNames(keys=("GEMINI_API_KEY", "GOOGLE_API_KEY")),
        genai="gcp.gemini",
    ),
    ProviderSpec(
        "volcengine",
        "https://www.volcengine.com/docs/82379",
        aliases=("ark", "doubao"),
        chat=Chat("ark", _ARK_BASE, extra="volcengine", model="doubao-seed-2-0-lite-260428", suggested="doubao-seed-2-1-lite-260915"),
        embeddings=Embeddings(
            "ark",
            _ARK_BASE,
            extra="volcengine",
            suggested="doubao-embedding-large-text-250515",
            kinds=ALL_KINDS,
            models={
                "doubao-embedding-vision": EmbeddingModel(2048, (1024,), source=_ARK, dated=True),
                "doubao-embedding-vision-250328": EmbeddingModel(2048, source=_ARK),
                "doubao-embedding-vision-241215": EmbeddingModel(3072, source=_ARK),
                "doubao-embedding-large-text-250515": EmbeddingModel(2048, (256, 512, 1024), source=_ARK_TEXT),
                "doubao-embedding-large-text-240915": EmbeddingModel(4096, (512, 1024, 2048), source=_ARK_TEXT),
                "doubao-embedding-text-240715": EmbeddingModel(2560, (512, 1024, 2048), source=_ARK_TEXT),
            },
        ),
        keys=one_key("ARK_API_KEY", "https://www.volcengine.com/docs/82379/1399008"),
        litellm=LiteLLMNames(keys=("VOLCENGINE_API_KEY",)),
    ),
    ProviderSpec(
        "dashscope",
        "https://help.aliyun.com/zh/model-studio/",
        errors="https://help.aliyun.com/zh/model-studio/error-code",
        aliases=("qwen", "aliyun", "bailian"),
        chat=Chat(
            "openai",
            _QWEN_BASE,
            suggested="qwen3.8-flash",
            dialect=ChatDialect(
                source="https://help.aliyun.com/zh/model-studio/deep-thinking", thinking="enable_thinking", thinking_models=EVERY
            ),
            prefill=Prefill("https://help.aliyun.com/zh/model-studio/partial-mode", re.compile("qwen"), {"partial": True}),
        ),
        embeddings=Embeddings(
            "dashscope",
            "https://dashscope.aliyuncs.com",
            extra="dashscope",
            suggested="text-embedding-v4",
            models={
                "text-embedding-v4": EmbeddingModel(1024, (64, 128, 256, 512, 768, 1536, 2048), source=_QWEN),
                "text-embedding-v3": EmbeddingModel(1024, (512, 768), source=_QWEN),
                "qwen3-vl-embedding": EmbeddingModel(2560, (256, 512, 768, 1024, 1536, 2048), source=_QWEN_SEEING),
                "qwen2.5-vl-embedding": EmbeddingModel(1024, (512, 768, 2048), source=_QWEN_SEEING),
                "tongyi-embedding-vision-plus": EmbeddingModel(1152, (64, 128, 256, 512, 1024), source=_QWEN_SEEING, dated=True),
                "tongyi-embedding-vision-flash": EmbeddingModel(768, (64, 128, 256, 512), source=_QWEN_SEEING, dated=True),
                "multimodal-embedding-v1": EmbeddingModel(1024, source=_QWEN_SEEING),
            },
            media_settings=("enable_fusion", "res_level", "max_video_frames"),
        ),
        keys=one_key("DASHSCOPE_API_KEY", "https://help.aliyun.com/zh/model-studio/configure-api-key-through-environment-variables"),
        sites=(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-us.aliyuncs.com/compatible-mode/v1",
        ),
        openai_base=_QWEN_BASE,
    ),
    ProviderSpec(
        "minimax",
        "https://platform.minimax.io/docs/api-reference/text-openai-api",
        errors="https://platform.minimax.io/docs/api-reference/errorcode",
        chat=Chat("openai", "https://api.minimax.io/v1", suggested="MiniMax-M3"),
        embeddings=Embeddings(
            "minimax",
            "https://api.minimax.io/v1",
            extra="",
            models={"embo-01": EmbeddingModel(1536, source="https://platform.minimaxi.com/document/guides/Embeddings")},
        ),
        keys=one_key("MINIMAX_API_KEY", "https://platform.minimax.io/docs/guides/quickstart"),
    ),
    ProviderSpec(
        "vikingdb",
        "https://www.volcengine.com/docs/84313",
        embeddings=Embeddings("vikingdb", needs=("ak", "sk", "region"), extra="", kinds=ALL_KINDS),
    ),
    ProviderSpec(
        "voyage",
        "https://docs.voyageai.com/reference/embeddings-api",
        errors="https://docs.voyageai.com/docs/error-codes",
        aliases=("voyageai",),
        embeddings=Embeddings(
            "voyage",
            "https://api.voyageai.com/v1",
            extra="voyage",
            suggested="voyage-4",
            models={
                **dict.fromkeys(("voyage-4-large", "voyage-4", "voyage-4-lite"), _VOYAGE_4),
                **dict.fromkeys(("voyage-3-large", "voyage-3.5", "voyage-3.5-lite"), _VOYAGE_3),
                "voyage-3": _VOYAGE_FIXED,
                "voyage-3-lite": EmbeddingModel(512, source=_VOYAGE),
                **dict.fromkeys(("voyage-code-3", "voyage-context-3", "voyage-multimodal-3.5"), _VOYAGE_3),
                **dict.fromkeys(("voyage-multimodal-3", "voyage-finance-2", "voyage-law-2"), _VOYAGE_FIXED),
            },
            length_field="output_dimension",
        ),
        keys=one_key("VOYAGE_API_KEY", "https://docs.voyageai.com/docs/api-key-and-installation"),
        litellm=LiteLLMNames(keys=("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY")),
    ),
    ProviderSpec(
        "cohere",
        "https://docs.cohere.com/reference/embed",
        errors="https://docs.cohere.com/reference/errors",
        embeddings=Embeddings(
            "cohere",
            "https://api.cohere.com",
            extra="cohere",
            suggested="embed-v4.0",
            models={
                "embed-v4.0": EmbeddingModel(1536, (256, 512, 1024), source=_COHERE),
                "embed-multilingual-v3.0": EmbeddingModel(1024, source=_COHERE),
                "embed-english-v3.0": EmbeddingModel(1024, source=_COHERE),
                "embed-multilingual-light-v3.0": EmbeddingModel(384, source=_COHERE),
                "embed-english-light-v3.0": EmbeddingModel(384, source=_COHERE),
            },
        ),
        keys=(KeyVariables(("CO_API_KEY", "COHERE_API_KEY"), "https://docs.cohere.com/docs/get-started-installation"),),
        openai_base="https://api.cohere.ai/compatibility/v1",  # https://docs.cohere.com/docs/compatibility-api
        litellm=LiteLLMNames(names=("cohere", "cohere_chat"), keys=("COHERE_API_KEY", "CO_API_KEY")),
    ),
    ProviderSpec(
        "jina",
        "https://api.jina.ai/redoc",
        embeddings=Embeddings(
            "jina",
            "https://api.jina.ai/v1",
            extra="jina",
            suggested="jina-embeddings-v4",
            models={
                "jina-embeddings-v5-text-small": EmbeddingModel(1024, at_most=1024, source=_JINA),
                "jina-embeddings-v5-text-nano": EmbeddingModel(768, at_most=768, source=_JINA),
                "jina-embeddings-v4": EmbeddingModel(2048, at_most=2048, source=_JINA),
                "jina-embeddings-v3": EmbeddingModel(1024, at_most=1024, source=_JINA),
                "jina-clip-v2": EmbeddingModel(1024, at_most=1024, source=_JINA),
                "jina-code-embeddings-1.5b": EmbeddingModel(1536, at_most=1536, source=_JINA),
                "jina-code-embeddings-0.5b": EmbeddingModel(896, at_most=896, source=_JINA),
            },
        ),
        keys=one_key("JINA_API_KEY", "https://jina.ai/embeddings/"),
        litellm=LiteLLMNames(names=("jina_ai",), keys=("JINA_AI_API_KEY", "JINA_API_KEY")),
    ),
)
"""In the order of the documentation, which is that of a chain that `sparekey init` writes."""
