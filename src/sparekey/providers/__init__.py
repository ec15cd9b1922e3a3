"""All that is known of each provider: one row each, which everything else reads.

spec      what a row says
vendors   the rows of providers with a format, an SDK or vectors of their own
hosts     the rows of hosts that speak OpenAI's format, and of servers that you run yourself
table     all rows, and the questions that are asked of them
auth      how clouds sign requests
"""

from sparekey.providers.spec import (
    Chat,
    ChatDialect,
    EmbeddingKind,
    EmbeddingModel,
    Embeddings,
    Family,
    KeyVariables,
    LiteLLMNames,
    Prefill,
    ProviderSpec,
)
from sparekey.providers.table import (
    NOT_OFFERED,
    PROVIDERS,
    dialect_of,
    embedding_model,
    embedding_models,
    find,
    find_host,
    find_litellm,
    names,
    prefill,
    suggest,
    takes_length,
)

__all__ = [
    "NOT_OFFERED",
    "PROVIDERS",
    "Chat",
    "ChatDialect",
    "EmbeddingKind",
    "EmbeddingModel",
    "Embeddings",
    "Family",
    "KeyVariables",
    "LiteLLMNames",
    "Prefill",
    "ProviderSpec",
    "dialect_of",
    "embedding_model",
    "embedding_models",
    "find",
    "find_host",
    "find_litellm",
    "names",
    "prefill",
    "suggest",
    "takes_length",
]
