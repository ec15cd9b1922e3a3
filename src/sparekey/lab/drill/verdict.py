"""What a row finds: checks that hold or not, and the verdict that follows from those that do not."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Verdict(Enum):
    """The marks of the fault catalogue, best first."""

    PASS = "pass"  # noqa: S105 - a mark, no password
    """Everything that the row asks for was seen, from both sides."""
    PARTIAL = "partial"
    """The caller got what it should, but too late, or the provider saw more than it should."""
    SAFE = "safe"
    """A clean error in place of an answer; nothing wrong was delivered."""
    FAIL = "fail"
    """Something wrong was delivered, the call hung, or what must hold did not."""


class Check(NamedTuple):
    """One thing that a row looks at; `otherwise` is the verdict if it does not hold."""

    what: str
    holds: bool
    otherwise: Verdict = Verdict.FAIL


_WORST_LAST = list(Verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts; `PASS` of none."""
    return max(verdicts, key=_WORST_LAST.index, default=Verdict.PASS)


def verdict(checks: Iterable[Check]) -> Verdict:
    """Return what follows from the checks that do not hold."""
    return worst(check.otherwise for check in checks if not check.holds)
