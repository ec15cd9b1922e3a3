"""Vectors as 32-bit floats, the form in which they travel and are kept: in base64, and what is one at all."""

from __future__ import annotations

import array
import base64
import math
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BYTES: Final = 4
"""The size of one number."""
_LARGEST_FLOAT: Final = (2 - 2**-23) * 2.0**127
_LEAST_FLOAT: Final = 2.0**-149
_SURELY: Final = 1e-30
"""A vector of this length has a number that is not zero as a 32-bit float, however many it has."""


def as_floats(text: str | bytes) -> list[float]:
    """Return the vector that base64 of little-endian 32-bit floats holds.

    Raises:
        ValueError: it is none.
    """
    raw = base64.b64decode(text, validate=True)
    if len(raw) % BYTES:
        raise ValueError("base64 that is no row of 32-bit floats")
    numbers = array.array("f", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def as_base64(numbers: Sequence[float]) -> bytes:
    """Return a vector as base64 of little-endian 32-bit floats."""
    found = array.array("f", numbers)
    if sys.byteorder == "big":
        found.byteswap()
    return base64.b64encode(found.tobytes())


def is_good(numbers: Sequence[float]) -> bool:
    """Tell whether numbers are a vector: at least one, all of them 32-bit floats, not all zero.

    Vectors travel and are kept as 32-bit floats: a number that is larger is infinite there, and one that is tiny is zero. A length that
    is in between tells at once; else the numbers are looked at. The sum of those that are small enough is finite, unless one is none
    (NaN), which hides from `max`.
    """
    try:
        if _SURELY <= math.hypot(*numbers) <= _LARGEST_FLOAT:
            return True
        largest = max(numbers)
        return _LEAST_FLOAT <= max(largest, -min(numbers)) <= _LARGEST_FLOAT and math.isfinite(sum(numbers))
    except (TypeError, ValueError, OverflowError):
        return False
