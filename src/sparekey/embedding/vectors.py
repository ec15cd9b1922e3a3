"""Arithmetic on vectors, and the check that keeps two vector spaces apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sparekey.errors import VectorSpaceError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


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
