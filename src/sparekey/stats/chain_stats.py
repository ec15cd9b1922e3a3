"""What a chain went through, kept in bounded memory: counts of today, durations of the last minutes, the last switches and failures.

A book is a hook of its chain. An event costs microseconds and is taken in under a short lock; whoever reads gets values, never the
book's own lists. Times are seconds since 1970, days are days of UTC. A book as a value is a `ChainSums`: pages are how processes, and a
process and its successor, tell each other what they know.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.events import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptSucceeded,
    ContentStarted,
    Exhausted,
    Parked,
    Probed,
    Recovered,
    Switched,
)
from sparekey.stats.credential_stats import CredentialStats, CredentialSums, DayCounts
from sparekey.stats.timeline import MISSES, MOMENTS, FailedAttempt, TimelineEntry, moment_of, note, remember

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.core.events import Event
    from sparekey.types import Attempt

DAY: Final = 86400
_LEFT: Final = 1000
"""Numbers of a day that has ended, which nobody has asked for."""


@dataclass(frozen=True, slots=True)
class CredentialSummary:
    """What one credential did: `requests` and what follows today, the durations (in seconds) in the last ten minutes.

    `errors` counts by error class and reason; a quantile is None where nothing was measured; `recent` are medians, the oldest first.
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
    recent: tuple[float | None, ...] = ()
    recent_first: tuple[float | None, ...] = ()
    last_failure: FailedAttempt | None = None


@dataclass(frozen=True, slots=True)
class ChainSums:
    """A book as a value that can be written down."""

    rows: dict[str, CredentialSums] = field(default_factory=dict)
    moments: list[TimelineEntry] = field(default_factory=list)
    misses: list[FailedAttempt] = field(default_factory=list)
    last: dict[str, FailedAttempt] = field(default_factory=dict)
    revision: int = 0


class ChainStats:
    """The book of one chain: give it to `Chain.add_hook`. Thread-safe."""

    hears: Final = frozenset(
        {AttemptSucceeded, AttemptFailed, AttemptAbandoned, ContentStarted, Exhausted, Parked, Probed, Recovered, Switched}
    )

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin empty; `clock` returns seconds since 1970."""
        self._clock, self._lock = clock, Lock()
        self._rows: dict[str, CredentialStats] = {}
        self._moments: deque[TimelineEntry] = deque(maxlen=MOMENTS)
        self._misses: deque[FailedAttempt] = deque(maxlen=MISSES)
        self._last: dict[str, FailedAttempt] = {}
        self._left: deque[tuple[str, DayCounts]] = deque(maxlen=_LEFT)
        self.revision = self.past = 0
        """How often anything has changed, and how often timeline or failures have: whoever shows them knows when to look again."""
        self.acted: Callable[[TimelineEntry], None] | None = None
        """Told of what a person did, too; what the engine does is told by the chain's events."""

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        take = _TAKEN.get(type(event))
        if take is not None:
            now = self._clock()
            with self._lock:
                self.revision += 1
                take(self, event, now)

    def act(self, credential: str, what: str) -> None:
        """Write down that a person did something (`release`, ...) with a credential; an empty one is the whole chain."""
        moment = TimelineEntry(self._clock(), "action", (f"credential:{credential}",) if credential else (), reason=what)
        with self._lock:
            self.revision += 1
            self.past += 1
            self._moments.append(moment)
        if self.acted is not None:
            self.acted(moment)

    def account(self, credential: str) -> CredentialSummary:
        """Return what one credential did."""
        now = self._clock()
        with self._lock:
            return _account(self._row(credential, now), now, self._last.get(credential))

    def timeline(self) -> list[TimelineEntry]:
        """Return the last switches, parks and recoveries, the newest first."""
        with self._lock:
            return list(reversed(self._moments))

    def misses(self) -> list[FailedAttempt]:
        """Return the last failed attempts, the newest first."""
        with self._lock:
            return list(reversed(self._misses))

    def keep_only(self, credentials: frozenset[str]) -> None:
        """Forget the rows of credentials that a new configuration no longer has."""
        with self._lock:
            self.revision += 1
            self.past += 1
            gone = [name for name in self._rows if name not in credentials]
            for name in gone:
                self._left.append((name, self._rows.pop(name).news()))
                self._last.pop(name, None)

    # ── from book to book ──

    def news(self) -> list[tuple[str, DayCounts]]:
        """Return what was counted since the last time, by credential and day; each number is handed out once."""
        with self._lock:
            found = [*self._left, *((name, row.news()) for name, row in self._rows.items())]
            self._left.clear()
        return [(name, tally) for name, tally in found if tally]

    def page(self, hide: Callable[[str], str] = str) -> ChainSums:
        """Return the whole book as a value; `hide` cuts what must not be written down out of texts."""
        now = self._clock()
        with self._lock:
            rows = {name: row.sums(now) for name, row in self._rows.items()}
            moments, misses, last, revision = list(self._moments), list(self._misses), dict(self._last), self.revision
        hidden = {name: _hidden(miss, hide) for name, miss in last.items()}
        return ChainSums(rows, moments, [_hidden(miss, hide) for miss in misses], hidden, revision)

    def load(self, page: ChainSums) -> None:
        """Add what another book says; it is no news here."""
        now = self._clock()
        with self._lock:
            self.revision += page.revision
            self.past += 1
            for name, sums in page.rows.items():
                self._row(name, now).load(sums)
            for into, more in ((self._moments, page.moments), (self._misses, page.misses)):
                both = sorted([*into, *more], key=attrgetter("at"))
                into.clear()
                into.extend(both)
            for name, miss in page.last.items():
                if name not in self._last or self._last[name].at < miss.at:
                    self._last[name] = miss

    # ── under the lock ──

    def _row(self, credential: str, now: float) -> CredentialStats:
        row = self._rows.get(credential)
        if row is None:
            row = self._rows[credential] = CredentialStats()
        if row.tally.day != (day := int(now // DAY)):
            self._left.append((credential, row.news()))
            row.tally = DayCounts(day)
        return row

    def _succeeded(self, event: AttemptSucceeded, now: float) -> None:
        row, attempt = self._row(event.credential_id, now), event.attempt
        tally = row.tally
        tally.succeeded += 1
        tally.charged += 1
        if attempt is not None:
            row.latency.add(attempt.duration, now)
            if attempt.usage is not None:
                tally.spend(attempt.usage)

    def _failed(self, event: AttemptFailed, now: float) -> None:
        tally, attempt = self._row(event.credential_id, now).tally, event.attempt
        tally.fail(event.failure)
        _charge(tally, attempt)
        duration = attempt.duration if attempt is not None else None
        miss = FailedAttempt(now, event.call, event.number, event.credential_id, event.failure, duration)
        self._last[event.credential_id] = miss
        self.past += 1
        note(self._misses, miss)

    def _abandoned(self, event: AttemptAbandoned, now: float) -> None:
        tally = self._row(event.credential_id, now).tally
        tally.abandoned += 1
        _charge(tally, event.attempt)

    def _begun(self, event: ContentStarted, now: float) -> None:
        self._row(event.credential_id, now).first.add(event.after, now)

    def _moved(self, event: Event, now: float) -> None:
        self.past += 1
        remember(self._moments, moment_of(event, now))


def _charge(tally: DayCounts, attempt: Attempt | None) -> None:
    """Count the tokens of an attempt that was not answered: it may have cost some."""
    if attempt is not None and attempt.usage is not None:
        tally.charged += 1
        tally.spend(attempt.usage)


def _account(row: CredentialStats, now: float, last: FailedAttempt | None) -> CredentialSummary:
    tally, shares = row.tally, (0.5, 0.95)
    errors = sorted(tally.errors.items(), key=lambda pair: -pair[1])
    return CredentialSummary(
        requests=tally.succeeded + tally.failed + tally.abandoned,
        succeeded=tally.succeeded,
        failed=tally.failed,
        abandoned=tally.abandoned,
        errors=tuple((*cause.split(" ", 1), count) for cause, count in errors),  # type: ignore[misc]  # two words each
        prompt_tokens=tally.prompt,
        completion_tokens=tally.completion,
        latency=tuple(row.latency.quantiles(now, shares)),
        first_content=tuple(row.first.quantiles(now, shares)),
        recent=tuple(row.latency.medians(now)),
        recent_first=tuple(row.first.medians(now)),
        last_failure=last,
    )


def _hidden(miss: FailedAttempt, hide: Callable[[str], str]) -> FailedAttempt:
    failure = miss.failure
    return replace(
        miss, failure=replace(failure, message=hide(failure.message), rule=hide(failure.rule), trace=tuple(map(hide, failure.trace)))
    )


_TAKEN: Final[Mapping[type, Callable[[Any, Any, float], None]]] = {
    AttemptSucceeded: ChainStats._succeeded,  # noqa: SLF001 - a table of the class's own methods, for a request's fastest way to them
    AttemptFailed: ChainStats._failed,  # noqa: SLF001
    AttemptAbandoned: ChainStats._abandoned,  # noqa: SLF001
    ContentStarted: ChainStats._begun,  # noqa: SLF001
    **dict.fromkeys((Switched, Parked, Probed, Recovered, Exhausted), ChainStats._moved),  # noqa: SLF001
}
