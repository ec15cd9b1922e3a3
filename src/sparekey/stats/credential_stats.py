"""What one credential did: numbers of one day, durations of the last minutes. Values that several processes can add up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from sparekey.stats.quantiles import Slices, Window

if TYPE_CHECKING:
    from sparekey.types import Failure, Usage

WINDOW_SECONDS: Final = 600.0
KINDS: Final = 40
"""Different causes that are counted apart for one credential; the rest goes into one."""
_OTHER: Final = " other"


@dataclass(slots=True)
class DayCounts:
    """The numbers of one day (days of UTC since 1970).

    Attributes:
        day: the day.
        succeeded: attempts that were answered,
        failed: that failed, and
        abandoned: that were broken off.
        charged: attempts that were answered or cost tokens.
        prompt: tokens, as the providers counted them;
        completion: those of the answers;
        cached: those of `prompt` that came from a cache;
        reasoning: those of `completion` that were spent on reasoning.
        errors: the failures, by error class and reason with a blank between.
    """

    day: int = 0
    succeeded: int = 0
    failed: int = 0
    abandoned: int = 0
    charged: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    errors: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.succeeded or self.failed or self.abandoned or self.charged)

    def fail(self, failure: Failure) -> None:
        """Count a failure by its cause."""
        self.failed += 1
        cause, errors = f"{failure.error_class} {failure.reason}", self.errors
        if cause not in errors and len(errors) >= KINDS:
            cause = _OTHER
        errors[cause] = errors.get(cause, 0) + 1

    def spend(self, usage: Usage) -> None:
        """Count tokens."""
        self.prompt += usage.prompt_tokens
        self.completion += usage.completion_tokens
        self.cached += usage.cached_tokens
        self.reasoning += usage.reasoning_tokens

    def copy(self) -> DayCounts:
        """Return a value of its own."""
        return replace(self, errors=dict(self.errors))

    def plus(self, other: DayCounts) -> DayCounts:
        """Return both together if they are of one day, else the later one."""
        if self.day != other.day:
            return (self if self.day > other.day else other).copy()
        return self._with(other, 1)

    def minus(self, other: DayCounts) -> DayCounts:
        """Return what has come since `other`, which is an earlier copy, or another day's."""
        return self.copy() if self.day != other.day else self._with(other, -1)

    def _with(self, other: DayCounts, sign: int) -> DayCounts:
        causes = dict.fromkeys((*self.errors, *other.errors))
        errors = {cause: self.errors.get(cause, 0) + sign * other.errors.get(cause, 0) for cause in causes}
        numbers = {name: getattr(self, name) + sign * getattr(other, name) for name in _NUMBERS}
        return DayCounts(self.day, **numbers, errors={cause: count for cause, count in errors.items() if count})


_NUMBERS: Final = tuple(one.name for one in fields(DayCounts) if one.name not in {"day", "errors"})


@dataclass(slots=True)
class CredentialStats:
    """One credential: the numbers of the day, of those what was handed out already, and the durations of the last minutes."""

    tally: DayCounts = field(default_factory=DayCounts)
    told: DayCounts = field(default_factory=DayCounts)
    latency: Window = field(default_factory=lambda: Window(WINDOW_SECONDS))
    first: Window = field(default_factory=lambda: Window(WINDOW_SECONDS))

    def news(self) -> DayCounts:
        """Return what has been counted since the last time."""
        news, self.told = self.tally.minus(self.told), self.tally.copy()
        return news

    def load(self, sums: CredentialSums) -> None:
        """Add what was counted elsewhere, and is known to everybody."""
        self.tally, self.told = self.tally.plus(sums.tally), self.told.plus(sums.tally)
        self.latency.load(sums.latency)
        self.first.load(sums.first)

    def sums(self, now: float) -> CredentialSums:
        """Return it as a value."""
        return CredentialSums(self.tally.copy(), self.latency.slices(now), self.first.slices(now))


@dataclass(frozen=True, slots=True)
class CredentialSums:
    """A row as a value that can be written down."""

    tally: DayCounts = field(default_factory=DayCounts)
    latency: Slices = field(default_factory=dict)
    first: Slices = field(default_factory=dict)
