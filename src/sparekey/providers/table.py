"""All rows in one table, and the questions that are asked of it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sparekey.providers.hosts import HOSTS, OPENAI_REASONING, SERVERS
from sparekey.providers.spec import ChatDialect
from sparekey.providers.vendors import VENDORS

if TYPE_CHECKING:
    from sparekey.providers.spec import EmbeddingModel, Family, Prefill, ProviderSpec

PROVIDERS: Final[dict[str, ProviderSpec]] = {row.name: row for row in (*VENDORS, *HOSTS, *SERVERS)}
"""Every provider by its own name, in the order of the documentation."""

_BY_NAME: Final = {name: row for row in PROVIDERS.values() for name in (row.name, *row.aliases)}
_BY_HOST: Final = {host: row for row in PROVIDERS.values() for host in row.hosts}

_BY_LITELLM: Final = {name: row for row in PROVIDERS.values() if row.litellm.names != () for name in (row.name, *(row.litellm.names or ()))}

_OAUTH: Final = "signs in with a person's subscription (OAuth), not with a key; use provider 'openai' with an api_key"

NOT_OFFERED: Final = dict.fromkeys(("openai-codex", "codex"), _OAUTH)
"""Names in older configurations that sparekey has no way to serve, with the reason."""

OPENAI: Final = ChatDialect(
    source="https://platform.openai.com/docs/guides/reasoning", fixed_sampling=OPENAI_REASONING, completion_tokens=OPENAI_REASONING
)
"""OpenAI's own dialect; it also holds for hosts of which nothing else is known."""

_FIXED: Final = re.compile(
    r"(?:^|/)(?:bge|e5|multilingual-e5|gte|bce|m3e|text2vec|paraphrase|all-minilm|all-mpnet|labse|sentence-t5|gtr|instructor|stella"
    r"|nomic-embed-text-v1(?!\.5)|text-embedding-ada)(?:$|[-_.:/])"
)
"""Models whose vectors have one length, and whose hosts refuse a request that names one.

vLLM: https://docs.vllm.ai/en/latest/models/pooling_models.html#matryoshka-embeddings; SiliconFlow:
https://docs.siliconflow.cn/cn/api-reference/embeddings/create-embeddings.
"""


def find(name: str) -> ProviderSpec | None:
    """Return the provider of a name or an alias, in any case and with spaces around it, or None."""
    return _BY_NAME.get(name.strip().lower())


def find_host(base_url: str | None) -> ProviderSpec | None:
    """Return the provider to which the host of a base URL belongs, or None."""
    try:
        return _BY_HOST.get(urlsplit(base_url or "").hostname or "")
    except ValueError:
        return None


def find_litellm(name: str) -> ProviderSpec | None:
    """Return the provider that LiteLLM, or sparekey, calls so, or None."""
    return _BY_LITELLM.get(name)


def names(family: Family) -> list[str]:
    """Return the names of all providers of a family, sorted."""
    return sorted(row.name for row in PROVIDERS.values() if row.offer(family))


def suggest(name: str, family: Family) -> str:
    """Return advice about an unknown name: the name that was probably meant, or all names."""
    close = get_close_matches(name.strip().lower(), [n for n, row in _BY_NAME.items() if row.offer(family)], n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names(family))}"


def dialect_of(name: str, base_url: str | None) -> ChatDialect:
    """Return how a host differs from OpenAI: by its provider's name, else by its base URL."""
    rows = (find(name), find_host(base_url))
    return next((row.chat.dialect for row in rows if row and row.chat and row.chat.dialect), OPENAI)


def prefill(name: str | None, model: str | None) -> Prefill | None:
    """Return how a model continues a given beginning of an answer; None if it is not known to."""
    row = find(name or "")
    found = row.chat.prefill if row and row.chat else None
    return found if found and found.models.search(model or "") else None


def embedding_models() -> list[tuple[str, str, EmbeddingModel]]:
    """Return every model whose vectors are known as (provider, model, vectors)."""
    rows = (row for row in PROVIDERS.values() if row.embeddings)
    return [(row.name, name, model) for row in rows if row.embeddings for name, model in row.embeddings.models.items()]


def embedding_model(provider: str | None, model: str | None) -> EmbeddingModel | None:
    """Return what is known about a model's vectors, or None: no length is ever made up.

    Args:
        provider: the provider's name or an alias.
        model: the model's name as it is sent, in any case, with or without `:latest`, `models/`.
    """
    row = find(provider or "")
    models = row.embeddings.models if row and row.embeddings else {}
    name = (model or "").strip().lower().removesuffix(":latest").removeprefix("models/")
    if name in models:
        return models[name]
    return next((one for stem, one in models.items() if one.dated and name.startswith(f"{stem}-")), None)


def takes_length(provider: str | None, model: str | None) -> bool:
    """Return whether a request may name the length of its vectors; unknown models allow it."""
    known = embedding_model(provider, model)
    if known is not None:
        return bool(known.allowed) or known.at_most is not None
    return _FIXED.search((model or "").lower()) is None
