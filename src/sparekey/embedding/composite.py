"""A dense and a sparse embedder as one hybrid embedder."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sparekey.embedding.base import HybridEmbedderBase
from sparekey.embedding.types import EmbedResult
from sparekey.usage import TokenTracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.embedding.base import EmbedderBase
    from sparekey.embedding.types import EmbeddingInput


class CompositeHybridEmbedder(HybridEmbedderBase):
    """Asks two embedders for each input and puts their vectors side by side; each may be a chain of its own."""

    def __init__(self, dense_embedder: Any, sparse_embedder: EmbedderBase) -> None:
        """Join an embedder of dense vectors and one of sparse vectors."""
        super().__init__(f"{dense_embedder.model_name}+{sparse_embedder.model_name}", {"provider": dense_embedder.provider})
        self.dense_embedder, self.sparse_embedder = dense_embedder, sparse_embedder

    @property
    def supports_multimodal(self) -> bool:
        """Whether both take images."""
        return bool(self.dense_embedder.supports_multimodal and self.sparse_embedder.supports_multimodal)

    @property
    def known_dimension(self) -> int | None:
        """The length of the dense vectors as far as it is known without a request."""
        known: int | None = self.dense_embedder.known_dimension
        return known

    def get_dimension(self) -> int:
        """Return the length of the dense vectors."""
        dimension: int = self.dense_embedder.get_dimension()
        return dimension

    def embed(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Embed one input with both."""
        prepared = self.prepare_embedding_input(content)
        dense = self.dense_embedder.embed(prepared, is_query=is_query)
        return _join(dense, self.sparse_embedder.embed(prepared, is_query=is_query))

    async def embed_async(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Embed one input with both at once."""
        prepared = self.prepare_embedding_input(content)
        dense, sparse = await asyncio.gather(
            self.dense_embedder.embed_async(prepared, is_query=is_query),
            self.sparse_embedder.embed_async(prepared, is_query=is_query),
        )
        return _join(dense, sparse)

    def embed_batch(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs with both."""
        prepared = self.prepare_batch(contents)
        dense = self.dense_embedder.embed_batch(prepared, is_query=is_query)
        return list(map(_join, dense, self.sparse_embedder.embed_batch(prepared, is_query=is_query)))

    async def embed_batch_async(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs with both at once."""
        prepared = self.prepare_batch(contents)
        dense, sparse = await asyncio.gather(
            self.dense_embedder.embed_batch_async(prepared, is_query=is_query),
            self.sparse_embedder.embed_batch_async(prepared, is_query=is_query),
        )
        return list(map(_join, dense, sparse))

    @property
    def token_tracker(self) -> TokenTracker:
        """The tokens of both; a tracker that they share counts once."""
        dense, sparse = self.dense_embedder.token_tracker, self.sparse_embedder.token_tracker
        return sparse if dense is sparse else TokenTracker.merged(dense, sparse)

    def reset_token_usage(self) -> None:
        """Start counting at zero again, in both."""
        self.dense_embedder.reset_token_usage()
        self.sparse_embedder.reset_token_usage()

    def close(self) -> None:
        """Close both."""
        self.dense_embedder.close()
        self.sparse_embedder.close()

    async def aclose(self) -> None:
        """Close both, waiting for the connections of the running event loop."""
        await self.dense_embedder.aclose()
        await self.sparse_embedder.aclose()


def _join(dense: EmbedResult, sparse: EmbedResult) -> EmbedResult:
    return EmbedResult(dense.dense_vector, sparse.sparse_vector)
