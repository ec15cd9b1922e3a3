"""A dense and a sparse embedder as one hybrid embedder."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from sparekey.embedding.base import HybridEmbedderBase, collect, collect_async
from sparekey.embedding.types import EmbedResult
from sparekey.stats.tokens import TokenTracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from sparekey.embedding.base import EmbedderBase
    from sparekey.embedding.types import EmbeddingInput

T = TypeVar("T")


class CompositeHybridEmbedder(HybridEmbedderBase):
    """Asks two embedders for each input and puts their vectors side by side; each may be a chain of its own."""

    def __init__(self, dense_embedder: Any, sparse_embedder: EmbedderBase) -> None:
        """Join an embedder of dense vectors and one of sparse vectors."""
        super().__init__(f"{dense_embedder.model_name}+{sparse_embedder.model_name}", {"provider": dense_embedder.provider})
        self.dense_embedder, self.sparse_embedder = dense_embedder, sparse_embedder
        self.batch_size = max(dense_embedder.batch_size, sparse_embedder.batch_size)

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
        dense, sparse = await _both(
            self.dense_embedder.embed_async(prepared, is_query=is_query),
            self.sparse_embedder.embed_async(prepared, is_query=is_query),
        )
        return _join(dense, sparse)

    def embed_batch(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs with both, a piece after the other."""

        def run(piece: Sequence[Any]) -> list[EmbedResult]:
            dense = self.dense_embedder.embed_batch(piece, is_query=is_query)
            return list(map(_join, dense, self.sparse_embedder.embed_batch(piece, is_query=is_query)))

        return collect(self.prepare_batch(contents), self.batch_size, run)

    async def embed_batch_async(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs with both at once, a piece after the other."""

        async def run(piece: Sequence[Any]) -> list[EmbedResult]:
            dense, sparse = await _both(
                self.dense_embedder.embed_batch_async(piece, is_query=is_query),
                self.sparse_embedder.embed_batch_async(piece, is_query=is_query),
            )
            return list(map(_join, dense, sparse))

        return await collect_async(self.prepare_batch(contents), self.batch_size, run)

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


async def _both(dense: Awaitable[T], sparse: Awaitable[T]) -> tuple[T, T]:
    """Await two calls at once; if one fails, the other is cancelled and over before the failure goes up."""
    tasks = asyncio.ensure_future(dense), asyncio.ensure_future(sparse)
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _join(dense: EmbedResult, sparse: EmbedResult) -> EmbedResult:
    return EmbedResult(dense.dense_vector, sparse.sparse_vector)
