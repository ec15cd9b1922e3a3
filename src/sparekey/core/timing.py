"""How long a park or a pause lasts. `dice` is a random number in [0, 1) that the caller throws."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sparekey.core.policy import Parking

LONGEST_STATED_SECONDS: Final = 32 * 86400.0
"""A stated wait beyond a month's quota is not believed further than this."""
_MAX_DOUBLINGS: Final = 64


def believed(stated: float | None) -> float | None:
    """Return a stated wait if it can be meant: positive and finite, at most a month; else None."""
    if stated is None or not isfinite(stated) or stated <= 0:
        return None
    return min(stated, LONGEST_STATED_SECONDS)


def park_seconds(parking: Parking, level: int, dice: float) -> float:
    """Return the length of the `level`-th park in a row (1 is the first), spread by the table's jitter.

    The first one is never longer than the table says, the others never longer than its cap.
    """
    length = min(parking.first * parking.factor ** min(level - 1, _MAX_DOUBLINGS), parking.cap)
    spread = length * (1.0 + parking.jitter * (2.0 * dice - 1.0))
    return min(spread, parking.first if level == 1 else parking.cap)


def backoff_seconds(attempt: int, first: float, longest: float, dice: float) -> float:
    """Return the pause before the `attempt`-th repetition (0 is the first): doubling, with up to half of it left to chance."""
    length = min(first * 2.0 ** min(attempt, _MAX_DOUBLINGS), longest)
    return length * (0.5 + 0.5 * dice)
