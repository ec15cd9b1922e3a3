"""The inputs and results of an embedder, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from sparekey.types import Attempt, Usage

Part: TypeAlias = str | bytes | Path | Mapping[str, Any]
"""One part of a multimodal input: text as `str`, an image as `Path` or `bytes`, or a typed mapping (see `inputs`)."""

EmbeddingInput: TypeAlias = str | Sequence[Part]
"""One thing to embed: a text, or a list of text and image parts that together give one vector."""


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """The vectors of one input.

    Attributes:
        dense_vector: one float a dimension, or None.
        sparse_vector: weight by token or token index, or None.
        attempts: the ledger of the chain that was asked: every attempt, of the whole piece in a batch. Empty without a chain.
    """

    dense_vector: list[float] | None = None
    sparse_vector: dict[str, float] | None = None
    attempts: Sequence[Attempt] = field(default=(), compare=False, repr=False)

    @property
    def is_dense(self) -> bool:
        """Whether there is a dense vector."""
        return self.dense_vector is not None

    @property
    def is_sparse(self) -> bool:
        """Whether there is a sparse vector."""
        return self.sparse_vector is not None

    @property
    def is_hybrid(self) -> bool:
        """Whether there are both."""
        return self.is_dense and self.is_sparse


@dataclass(frozen=True, slots=True)
class EmbedResponse:
    """What one call to a provider gave: a result for each input, in order, and the tokens it counted (None: it did not say)."""

    results: list[EmbedResult]
    usage: Usage | None = None
