"""From configurations to embedders. The table below says which backend speaks which wire."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sparekey.config.spaces import natural_space
from sparekey.embedding.composite import CompositeHybridEmbedder
from sparekey.embedding.multi import FailoverEmbedder
from sparekey.engine import Chain
from sparekey.errors import ConfigError
from sparekey.providers import find, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.config import EmbeddingConfig, EmbeddingModelConfig
    from sparekey.embedding.base import EmbedderBase

Kind: TypeAlias = str
"""`dense`, `sparse` or `hybrid`."""

BACKENDS: Final[dict[tuple[str, Kind], str]] = {
    ("openai", "dense"): "openai:OpenAIEmbedder",
    ("azure", "dense"): "openai:AzureEmbedder",
    ("jina", "dense"): "openai:JinaEmbedder",
    ("ark", "dense"): "volcengine:VolcengineDenseEmbedder",
    ("ark", "sparse"): "volcengine:VolcengineSparseEmbedder",
    ("ark", "hybrid"): "volcengine:VolcengineHybridEmbedder",
    ("vikingdb", "dense"): "vikingdb:VikingDBDenseEmbedder",
    ("vikingdb", "sparse"): "vikingdb:VikingDBSparseEmbedder",
    ("vikingdb", "hybrid"): "vikingdb:VikingDBHybridEmbedder",
    ("gemini", "dense"): "gemini:GeminiEmbedder",
    ("voyage", "dense"): "voyage:VoyageEmbedder",
    ("cohere", "dense"): "cohere:CohereEmbedder",
    ("dashscope", "dense"): "dashscope:DashScopeEmbedder",
    ("ollama", "dense"): "ollama:OllamaEmbedder",
    ("minimax", "dense"): "minimax:MiniMaxEmbedder",
    ("litellm", "dense"): "litellm:LiteLLMEmbedder",
    ("local", "dense"): "local:LocalEmbedder",
}
"""(wire of a provider's embeddings, kind) to module and class below `sparekey.embedding.backends`.

Nothing is imported before it is asked for.
"""


class EmbedderFactory:
    """Makes single embedders."""

    @staticmethod
    def create(config: Mapping[str, Any]) -> EmbedderBase:
        """Make the embedder of one plain configuration.

        Args:
            config: `provider` (a name or an alias), `model`, `kind` (`dense` by default, `sparse`, `hybrid`), `api_key`, `api_base` and
                the rest of what `EmbedderBase` and the backend read.

        Raises:
            ConfigError: no such provider, or it has no such kind of vectors.
            MissingExtraError: the provider's SDK is not installed.
        """
        given, kind = str(config.get("provider") or ""), str(config.get("kind") or "dense")
        row = find(given)
        offer = row.embeddings if row else None
        home = BACKENDS.get((offer.wire, kind)) if offer and kind in offer.kinds else None
        if row is None or home is None:
            raise ConfigError(f"no {kind} embedder for the provider {given!r}; {suggest(given, 'embedding')}")
        module, _, name = home.partition(":")
        maker: Callable[[Mapping[str, Any]], EmbedderBase] = getattr(import_module(f"sparekey.embedding.backends.{module}"), name)
        return maker({**config, "provider": row.name})


def build(config: EmbeddingConfig) -> EmbedderBase:
    """Make the embedder of a whole embedding configuration: dense, sparse, hybrid, or dense and sparse side by side.

    Raises:
        ConfigError: it names neither.
    """
    if config.hybrid is not None:
        return build_model(config.hybrid, "hybrid")
    dense = build_model(config.dense, "dense") if config.dense is not None else None
    sparse = build_model(config.sparse, "sparse") if config.sparse is not None else None
    if dense is not None and sparse is not None:
        return CompositeHybridEmbedder(dense, sparse)
    found = dense or sparse
    if found is None:
        raise ConfigError("the embedding configuration has neither a dense nor a sparse nor a hybrid model")
    return found


def build_model(config: EmbeddingModelConfig, kind: Kind) -> EmbedderBase:
    """Make the embedder of one model: a lone one for one credential, a chain for more.

    In a chain each embedder has `max_retries=0`: trying again is the chain's business.
    """
    rows = config.instance_dicts()
    if len(rows) == 1:
        return EmbedderFactory.create({**rows[0], "kind": kind})
    embedders = [EmbedderFactory.create({**row, "kind": kind, "max_retries": 0}) for row in rows]
    credentials = config.engine_credentials()
    chain = Chain(credentials, config.policy(), classify=config.classifier())
    return FailoverEmbedder(
        embedders, [c.id for c in credentials], chain=chain, space=natural_space(credentials[0].provider, credentials[0].model)
    )
