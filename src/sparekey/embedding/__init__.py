"""Embedders: texts and images in, vectors out, over one credential or a chain of them. See docs/embedding.md."""

from sparekey.embedding.base import DenseEmbedderBase, EmbedderBase, HybridEmbedderBase, SparseEmbedderBase
from sparekey.embedding.composite import CompositeHybridEmbedder
from sparekey.embedding.factory import EmbedderFactory
from sparekey.embedding.multi import FailoverEmbedder
from sparekey.embedding.space import cosine, truncate_and_normalize
from sparekey.embedding.types import EmbeddingInput, EmbedResult

__all__ = [
    "CompositeHybridEmbedder",
    "DenseEmbedderBase",
    "EmbedResult",
    "EmbedderBase",
    "EmbedderFactory",
    "EmbeddingInput",
    "FailoverEmbedder",
    "HybridEmbedderBase",
    "SparseEmbedderBase",
    "cosine",
    "truncate_and_normalize",
]
