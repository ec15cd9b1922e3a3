"""The checks of a row, and the verdict that follows from those that fail."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Verdict(Enum):
    """The marks of the fault catalogue, best first."""

    PASS = "pass"  # noqa: S105 - a mark, not a password
    """Both sides saw everything that the row asks for."""
    PARTIAL = "partial"
    """The caller got the right result but too late, or the provider got too many requests."""
    SAFE = "safe"
    """The caller got a clean error in place of an answer; nothing wrong was delivered."""
    FAIL = "fail"
    """Something wrong was delivered, the call hung, or an invariant did not hold."""


class Check(NamedTuple):
    """One check of a row: what must hold, whether it holds, and the verdict if it does not."""

    what: str
    holds: bool
    otherwise: Verdict = Verdict.FAIL


_WORST_LAST = list(Verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; `PASS` if there are none."""
    return max(verdicts, key=_WORST_LAST.index, default=Verdict.PASS)


def verdict(checks: Iterable[Check]) -> Verdict:
    """Return the verdict of a row from its checks: the worst among those that fail."""
    return worst(check.otherwise for check in checks if not check.holds)
