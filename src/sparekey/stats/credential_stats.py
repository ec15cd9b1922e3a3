"""One credential's statistics that can be added up: counts of a day, recent durations."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

from sparekey.stats.quantiles import Quantiles, Slices

if TYPE_CHECKING:
    from sparekey.stats.record import Record
    from sparekey.types import Failure, Usage

WINDOW_SECONDS: Final = 600.0
DAY_SECONDS: Final = 86_400
CAUSES: Final = 40
"""The most causes counted separately for one credential; the rest counts as one."""
_OTHER: Final = " other"


@dataclass(slots=True)
class DayCounts:
    """The counts of one day.

    Attributes:
        day: the day, in days of UTC since 1970.
        succeeded: attempts that were answered.
        failed: attempts that failed.
        abandoned: attempts that were broken off.
        charged: attempts that were answered or cost tokens.
        prompt: tokens of the requests, as the providers counted them.
        completion: tokens of the answers.
        cached: tokens of `prompt` that came from a cache.
        reasoning: tokens of `completion` that were spent on reasoning.
        errors: number of failures by error class and reason, separated by a space.
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
        if cause not in errors and len(errors) >= CAUSES:
            cause = _OTHER
        errors[cause] = errors.get(cause, 0) + 1

    def spend(self, usage: Usage) -> None:
        """Add the tokens of one attempt."""
        self.prompt += usage.prompt_tokens
        self.completion += usage.completion_tokens
        self.cached += usage.cached_tokens
        self.reasoning += usage.reasoning_tokens

    def copy(self) -> DayCounts:
        """Return an independent copy."""
        return replace(self, errors=dict(self.errors))

    def plus(self, other: DayCounts) -> DayCounts:
        """Return the sum of two counts of the same day, else the later one."""
        if self.day != other.day:
            return (self if self.day > other.day else other).copy()
        return self._with(other, 1)

    def minus(self, other: DayCounts) -> DayCounts:
        """Return the counts since `other`, an earlier copy or another day's."""
        return self.copy() if self.day != other.day else self._with(other, -1)

    def _with(self, other: DayCounts, sign: int) -> DayCounts:
        causes = dict.fromkeys((*self.errors, *other.errors))
        errors = {cause: self.errors.get(cause, 0) + sign * other.errors.get(cause, 0) for cause in causes}
        numbers = {name: getattr(self, name) + sign * getattr(other, name) for name in _NUMBERS}
        return DayCounts(self.day, **numbers, errors={cause: count for cause, count in errors.items() if count})


_NUMBERS: Final = tuple(one.name for one in fields(DayCounts) if one.name not in {"day", "errors"})


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """One credential's statistics as a value that can be sent and added up."""

    day: DayCounts = field(default_factory=DayCounts)
    latency: Slices = field(default_factory=dict)
    first_content: Slices = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CredentialSummary:
    """One credential's counts of today, and its durations in seconds of the last ten minutes.

    `errors` counts by error class and reason. A quantile is None without measurements. `recent` are
    medians, the oldest first. `latest` is the median of about the last five.
    """

    requests: int = 0
    succeeded: int = 0
    failed: int = 0
    abandoned: int = 0
    errors: tuple[tuple[str, str, int], ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency: tuple[float | None, ...] = (None, None)
    first_content: tuple[float | None, ...] = (None, None)
    latest: float | None = None
    latest_first: float | None = None
    recent: tuple[float | None, ...] = ()
    recent_first: tuple[float | None, ...] = ()
    last_failure: Record | None = None


class CredentialStats:
    """One credential's counts of the day, those already returned by `news`, and recent durations.

    It is not thread-safe: its owner locks.
    """

    __slots__ = ("day", "first_content", "handed_out", "last_failure", "latency", "midnight")

    def __init__(self) -> None:
        """Create empty statistics without a day; `midnight` is the end of the current day."""
        self.midnight = 0.0
        self.day, self.handed_out = DayCounts(), DayCounts()
        self.latency, self.first_content = Quantiles(WINDOW_SECONDS), Quantiles(WINDOW_SECONDS)
        self.last_failure: Record | None = None

    def news(self) -> DayCounts:
        """Return the counts since the previous call."""
        news, self.handed_out = self.day.minus(self.handed_out), self.day.copy()
        return news

    def load(self, report: CredentialReport) -> None:
        """Add another process's statistics; `news` does not return them."""
        self.day, self.handed_out = self.day.plus(report.day), self.handed_out.plus(report.day)
        self.latency.load(report.latency)
        self.first_content.load(report.first_content)

    def report(self, now: float) -> CredentialReport:
        """Return the statistics at `now` as a value."""
        return CredentialReport(self.day.copy(), self.latency.slices(now), self.first_content.slices(now))

    def summary(self, now: float) -> CredentialSummary:
        """Return the summary for display at `now`."""
        day, shares = self.day, (0.5, 0.95)
        errors = sorted(day.errors.items(), key=lambda pair: -pair[1])
        return CredentialSummary(
            requests=day.succeeded + day.failed + day.abandoned,
            succeeded=day.succeeded,
            failed=day.failed,
            abandoned=day.abandoned,
            errors=tuple((*cause.split(" ", 1), count) for cause, count in errors),  # type: ignore[misc]  # two words each
            prompt_tokens=day.prompt,
            completion_tokens=day.completion,
            latency=tuple(self.latency.quantiles(now, shares)),
            first_content=tuple(self.first_content.quantiles(now, shares)),
            latest=self.latency.latest(now),
            latest_first=self.first_content.latest(now),
            recent=tuple(self.latency.medians(now)),
            recent_first=tuple(self.first_content.medians(now)),
            last_failure=self.last_failure,
        )
