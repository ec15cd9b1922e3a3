"""The one vector space of a chain: checked when the chain is put together, and again with each vector that arrives."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sparekey.embedding.base import EmbedderBase, WithDimension
from sparekey.embedding.vectors import check_length
from sparekey.errors import IncompleteAnswerError, VectorSpaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sparekey.embedding.types import EmbedResult

T = TypeVar("T")


class Space:
    """What the vectors of a chain have in common: their kind and their length.

    The length is the one that the embedders state; where none does, the first vector that arrives sets it.
    """

    def __init__(self, embedders: Sequence[Any], ids: Sequence[str]) -> None:
        """Compare what the embedders say of themselves.

        Raises:
            VectorSpaceError: they are of different kinds, or state different lengths; the message names both.
        """
        self._sparse = (_agreed(zip(ids, map(_kind, embedders), strict=True), "is {}") or "dense") != "dense"
        self.dimension = _agreed(zip(ids, map(_length, embedders), strict=True), "gives vectors of {} dimensions")

    def admit(self, credential_id: str, result: EmbedResult) -> EmbedResult:
        """Return a result that belongs to the space.

        Raises:
            VectorSpaceError: its dense vector has another length.
            IncompleteAnswerError: its sparse vector is missing.
        """
        if self._sparse and result.sparse_vector is None:
            raise IncompleteAnswerError(f"{credential_id!r} left out the sparse vector")
        if result.dense_vector is not None:
            self.dimension = self.dimension or len(result.dense_vector)
            check_length(result.dense_vector, self.dimension, repr(credential_id))
        return result


def _agreed(said: Iterable[tuple[str, T | None]], words: str) -> T | None:
    """Return what all that say anything say; complain with the first two that differ."""
    known = [(name, value) for name, value in said if value is not None]
    for name, value in known[1:]:
        if value != known[0][1]:
            first = f"{known[0][0]!r} {words.format(known[0][1])}"
            raise VectorSpaceError(f"one chain, one vector space: {first}, {name!r} {words.format(value)}")
    return known[0][1] if known else None


def _kind(embedder: Any) -> str | None:
    """Return which vectors an embedder gives, or None if it does not say (any object may stand in for one)."""
    dense, sparse = getattr(embedder, "is_dense", None), getattr(embedder, "is_sparse", None)
    if not isinstance(dense, bool) or not isinstance(sparse, bool):
        return None
    return "dense" if not sparse else "hybrid" if dense else "sparse"


def _length(embedder: Any) -> int | None:
    """Return the length an embedder states without asking its provider, or None."""
    stated = getattr(embedder, "known_dimension", None)
    if stated is None and isinstance(embedder, EmbedderBase):
        own = getattr(type(embedder), "get_dimension", WithDimension.get_dimension)
        if own is not WithDimension.get_dimension:
            with suppress(Exception):
                stated = own(embedder)  # type: ignore[arg-type]  # a subclass's own answer, whatever its base
    return stated if isinstance(stated, int) and stated > 0 else None
