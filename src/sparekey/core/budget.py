"""How many streams may have a second one started beside them: a share of all, and some in a row. A budget is a number of starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparekey.core.policy import Policy


def earned(budget: float, policy: Policy) -> float:
    """Return the budget after one more stream: each earns its share, up to the burst."""
    return min(budget + policy.hedge_share, policy.hedge_burst)


def spent(budget: float) -> float | None:
    """Return the budget after one start, or None if it does not allow one."""
    return budget - 1.0 if budget >= 1.0 else None
