"""The vector space of a chain, checked when the chain is made and again for each vector that arrives; arithmetic on vectors."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sparekey.config.spaces import ADVICE, LENGTHS, SPACES, agreed, natural_space
from sparekey.embedding.base import EmbedderBase, WithDimension
from sparekey.engine.annotate import attribute
from sparekey.engine.vector_length import known_length, learn_length
from sparekey.errors import IncompleteAnswerError, VectorSpaceError
from sparekey.wire.embeddings import is_good

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sparekey.embedding.types import EmbedResult
    from sparekey.engine import Chain


def truncate_and_normalize(embedding: Sequence[float], dimension: int | None) -> list[float]:
    """Cut a vector to its first `dimension` numbers and scale it to length 1.

    Only right for models trained for it (Matryoshka): their first numbers are a vector of their own. A vector that is not
    longer than `dimension` is returned as it is, and so is every vector if `dimension` is None or 0.

    Args:
        embedding: the vector as the model gave it.
        dimension: how many numbers to keep.

    Returns:
        A new list of `min(len(embedding), dimension)` floats.
    """
    vector = list(embedding)
    if not dimension or len(vector) <= dimension:
        return vector
    cut = vector[:dimension]
    norm = math.hypot(*cut)
    return [x / norm for x in cut] if norm > 0 else cut


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors: 1.0 for the same direction, 0.0 if either is all zeros.

    Raises:
        VectorSpaceError: they differ in length.
    """
    if len(a) != len(b):
        raise VectorSpaceError(f"cannot compare a vector of {len(a)} dimensions with one of {len(b)}")
    norms = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / norms if norms else 0.0


def check_length(vector: Sequence[float], dimension: int | None, source: str) -> None:
    """Refuse a vector that is not of the chain's space.

    Args:
        vector: the vector that arrived.
        dimension: the length it must have; None lets every length pass.
        source: who gave it, for the message.

    Raises:
        VectorSpaceError: another length, with both numbers.
    """
    if dimension is not None and len(vector) != dimension:
        raise VectorSpaceError(f"{source} gave a vector of {len(vector)} dimensions where {dimension} are expected")


def is_finite(numbers: Collection[float]) -> bool:
    """Tell whether all are finite numbers; quick, as every vector of a chain passes here.

    A sum is finite if all its terms are, unless it overflows: only then the numbers are looked at one by one.
    """
    try:
        return math.isfinite(sum(numbers)) or all(map(math.isfinite, numbers))
    except (TypeError, ValueError, OverflowError):
        return False


class Space:
    """What the vectors of a chain have in common: their kind and their length.

    The length is the one that the embedders state; where none does, the first vector that arrives sets it.
    """

    def __init__(self, embedders: Sequence[Any], ids: Sequence[str], space: str | None = None) -> None:
        """Compare what the embedders say of themselves.

        Args:
            embedders: the embedders.
            ids: a name for each.
            space: says that their models share one vector space, whatever they are called.

        Raises:
            VectorSpaceError: they are of different kinds, state different lengths, or ask for different models; the message names both.
        """
        kind = agreed(zip(ids, map(_kind, embedders), strict=True), "is {}")
        self._dense, self._sparse = kind in {"dense", "hybrid"}, kind in {"sparse", "hybrid"}
        self.dimension = agreed(zip(ids, map(_length, embedders), strict=True), LENGTHS)
        self._chain: Chain | None = None
        self._name = space or str(_space(embedders[0]) or "")
        if not space:
            agreed(zip(ids, map(_space, embedders), strict=True), SPACES, ADVICE)

    def remembered_by(self, chain: Chain) -> None:
        """Keep the length that is learnt with the state of a chain, and take over what that knows."""
        self._chain = chain
        self.dimension = self.dimension or known_length(chain, self._name)

    def admit(self, credential_id: str, result: EmbedResult) -> EmbedResult:
        """Return a result that belongs to the space.

        Raises:
            VectorSpaceError: its dense vector has another length.
            IncompleteAnswerError: a vector that the chain gives is missing, or one is empty or holds what is no finite number.
        """
        dense, sparse = getattr(result, "dense_vector", None), getattr(result, "sparse_vector", None)
        if dense is None and (self._dense or sparse is None):
            raise IncompleteAnswerError(f"{credential_id!r} gave no {'dense ' if self._dense else ''}vector")
        if sparse is None and self._sparse:
            raise IncompleteAnswerError(f"{credential_id!r} left out the sparse vector")
        if dense is not None:
            self._check_dense(credential_id, dense)
        if sparse is not None and not is_finite(sparse.values()):
            raise IncompleteAnswerError(f"{credential_id!r} gave a sparse vector that holds what is no finite number")
        return result

    def _check_dense(self, credential_id: str, vector: Sequence[float]) -> None:
        if not is_good(vector):
            raise IncompleteAnswerError(f"{credential_id!r} gave a vector that is empty, all zeros, or holds what is no finite number")
        if self.dimension is None:
            self.dimension = len(vector) if self._chain is None else learn_length(self._chain, self._name, len(vector))
        check_length(vector, self.dimension, repr(credential_id))


def _kind(embedder: Any) -> str | None:
    """Return which vectors an embedder gives, or None if it does not say (any object may stand in for one)."""
    dense, sparse = getattr(embedder, "is_dense", None), getattr(embedder, "is_sparse", None)
    if not isinstance(dense, bool) or not isinstance(sparse, bool):
        return None
    return "dense" if not sparse else "hybrid" if dense else "sparse"


def _space(embedder: Any) -> str | None:
    """Return the space that an embedder declares, else that of its model, or None if it names neither."""
    config = getattr(embedder, "config", None)
    declared = config.get("space") if isinstance(config, dict) else None
    model = attribute(embedder, "model_name", str)
    return f"the space {declared}" if declared else natural_space(attribute(embedder, "provider", str), model) if model else None


def _length(embedder: Any) -> int | None:
    """Return the length an embedder states without asking its provider, or None."""
    stated = getattr(embedder, "known_dimension", None)
    if stated is None and isinstance(embedder, EmbedderBase):
        own = getattr(type(embedder), "get_dimension", WithDimension.get_dimension)
        if own is not WithDimension.get_dimension:
            with suppress(Exception):
                stated = own(embedder)  # type: ignore[arg-type]  # a subclass's own answer, whatever its base
    return stated if isinstance(stated, int) and stated > 0 else None
