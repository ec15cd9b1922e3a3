"""What a chain went through, kept in bounded memory: counts of today, durations of the last minutes, the last switches and failures.

A book is a hook of its chain. An event costs microseconds and is taken in under a short lock; whoever reads gets values, never the
book's own lists. Times are seconds since 1970, days are days of UTC.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Final

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
from sparekey.core.operator import HELD
from sparekey.gateway.sketch import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.events import Event
    from sparekey.types import Attempt, Failure

DAY: Final = 86400
WINDOW_SECONDS: Final = 600.0
_MOMENTS: Final = 200
_MISSES: Final = 50
_KINDS: Final = 40
"""Different causes that are counted apart for one credential; the rest goes into one."""
_REPEATING: Final = frozenset({"parked", "probed", "exhausted"})
"""Kinds of moments that say no more when they come again."""
_TOGETHER: Final = 0.05
"""Seconds within which the parks of one failure (a credential with its account) are one moment."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the timeline.

    Attributes:
        at: when.
        kind: `failover`, `failback`, `parked`, `held`, `probed`, `recovered`, `exhausted`, or `action` (a person did something).
        what: whom it is about, as `credential:a`; several where one failure parked several.
        old: of a switch: who was active before.
        seconds: of a park: how long.
        cause: of a park: the error class, and
        reason: the finer word; of an action: what was done.
        times: how often it happened since the last switch, and
        since: when it did for the first time.
    """

    at: float
    kind: str
    what: tuple[str, ...]
    old: str = ""
    seconds: float | None = None
    cause: str = ""
    reason: str = ""
    times: int = 1
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """One failed attempt; `times`: how many like it came in a row."""

    at: float
    call: int
    number: int
    credential: str
    failure: Failure
    duration: float | None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Account:
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
    last_failure: Miss | None = None


@dataclass(slots=True)
class _Row:
    day: int = 0
    succeeded: int = 0
    failed: int = 0
    abandoned: int = 0
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    prompt: int = 0
    completion: int = 0
    latency: Window = field(default_factory=lambda: Window(WINDOW_SECONDS))
    first: Window = field(default_factory=lambda: Window(WINDOW_SECONDS))
    last_failure: Miss | None = None

    def turn(self, day: int) -> None:
        """Begin a new day."""
        if day != self.day:
            self.day, self.succeeded, self.failed, self.abandoned, self.prompt, self.completion = day, 0, 0, 0, 0, 0
            self.errors.clear()

    def fail(self, failure: Failure) -> None:
        """Count a failure by its cause."""
        self.failed += 1
        cause = (str(failure.error_class), failure.reason)
        self.errors[cause if cause in self.errors or len(self.errors) < _KINDS else ("", "other")] += 1

    def spend(self, attempt: Attempt) -> None:
        """Count tokens: an abandoned attempt has used some, too."""
        if attempt.usage is not None:
            self.prompt += attempt.usage.prompt_tokens
            self.completion += attempt.usage.completion_tokens

    def account(self, now: float) -> Account:
        """Return what it says at `now`."""
        shares = (0.5, 0.95)
        return Account(
            requests=self.succeeded + self.failed + self.abandoned,
            succeeded=self.succeeded,
            failed=self.failed,
            abandoned=self.abandoned,
            errors=tuple((c, r, n) for (c, r), n in self.errors.most_common()),
            prompt_tokens=self.prompt,
            completion_tokens=self.completion,
            latency=tuple(self.latency.quantiles(now, shares)),
            first_content=tuple(self.first.quantiles(now, shares)),
            recent=tuple(self.latency.medians(now)),
            recent_first=tuple(self.first.medians(now)),
            last_failure=self.last_failure,
        )


class Book:
    """The book of one chain: give it to `Chain.add_hook`. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin empty; `clock` returns seconds since 1970."""
        self._clock, self._lock = clock, Lock()
        self._rows: dict[str, _Row] = {}
        self._moments: deque[Moment] = deque(maxlen=_MOMENTS)
        self._misses: deque[Miss] = deque(maxlen=_MISSES)
        self.revision = self.past = 0
        """How often anything has changed, and how often timeline or failures have: whoever shows them knows when to look again."""

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        now = self._clock()
        with self._lock:
            self.revision += 1
            match event:
                case AttemptSucceeded() | AttemptFailed() | AttemptAbandoned():
                    self._ended(event, now)
                case ContentStarted(credential_id, after=after):
                    self._row(credential_id, now).first.add(after, now)
                case _ if (moment := _moment(event, now)) is not None:
                    self._remember(moment)

    def act(self, credential: str, what: str) -> None:
        """Write down that a person did something (`release`, ...) with a credential; an empty one is the whole chain."""
        with self._lock:
            self.revision += 1
            self.past += 1
            self._moments.append(Moment(self._clock(), "action", (f"credential:{credential}",) if credential else (), reason=what))

    def account(self, credential: str) -> Account:
        """Return what one credential did."""
        now = self._clock()
        with self._lock:
            return self._row(credential, now).account(now)

    def timeline(self) -> list[Moment]:
        """Return the last switches, parks and recoveries, the newest first."""
        with self._lock:
            return list(reversed(self._moments))

    def misses(self) -> list[Miss]:
        """Return the last failed attempts, the newest first."""
        with self._lock:
            return list(reversed(self._misses))

    def keep_only(self, credentials: frozenset[str]) -> None:
        """Forget the rows of credentials that a new configuration no longer has."""
        with self._lock:
            self.revision += 1
            self.past += 1
            self._rows = {name: row for name, row in self._rows.items() if name in credentials}

    # ── under the lock ──

    def _row(self, credential: str, now: float) -> _Row:
        row = self._rows.get(credential)
        if row is None:
            row = self._rows[credential] = _Row()
        row.turn(int(now // DAY))
        return row

    def _ended(self, event: AttemptSucceeded | AttemptFailed | AttemptAbandoned, now: float) -> None:
        row, attempt = self._row(event.credential_id, now), event.attempt
        if attempt is not None:
            row.spend(attempt)
        match event:
            case AttemptSucceeded():
                row.succeeded += 1
                if attempt is not None:
                    row.latency.add(attempt.duration, now)
            case AttemptFailed(failure=failure):
                row.fail(failure)
                duration = attempt.duration if attempt is not None else None
                row.last_failure = Miss(now, event.call, event.number, event.credential_id, failure, duration)
                self._miss(row.last_failure)
            case AttemptAbandoned():
                row.abandoned += 1

    def _miss(self, miss: Miss) -> None:
        """Keep a failed attempt. Those that are alike are one, so that a client who repeats a bad request hides no other failure."""
        self.past += 1
        last = self._misses[-1] if self._misses else None
        if last is not None and _alike(last, miss):
            self._misses[-1] = replace(miss, times=last.times + 1)
        else:
            self._misses.append(miss)

    def _remember(self, moment: Moment) -> None:
        """Keep a moment. What repeats itself is counted: a night without a working key must not push its beginning out of the list."""
        self.past += 1
        last = self._moments[-1] if self._moments else None
        if last is not None and last.kind in {"parked", "recovered"} and _same(last, moment):
            self._moments[-1] = replace(last, what=tuple(dict.fromkeys((*last.what, *moment.what))))
        elif (before := self._repeated(moment)) is not None:
            self._moments.remove(before)
            self._moments.append(replace(moment, what=before.what, times=before.times + 1, since=before.since or before.at))
        else:
            self._moments.append(moment)

    def _repeated(self, moment: Moment) -> Moment | None:
        """Return the same moment, if it is there since the last one that changed something."""
        if moment.kind in _REPEATING:
            for before in reversed(self._moments):
                if before.kind not in _REPEATING:
                    break
                if _repeats(before, moment):
                    return before
        return None


def _alike(last: Miss, miss: Miss) -> bool:
    a, b = last.failure, miss.failure
    return (last.credential, a.error_class, a.reason, a.message) == (miss.credential, b.error_class, b.reason, b.message)


def _repeats(before: Moment, moment: Moment) -> bool:
    """Whether the same happened to the same credential; what is parked with it (its account) is told in an event of its own."""
    alone = sum(what.startswith("credential:") for what in before.what) == 1
    whole = before.what == moment.what or (alone and set(moment.what) <= set(before.what))
    return whole and (before.kind, before.cause, before.reason) == (moment.kind, moment.cause, moment.reason)


def _same(last: Moment, moment: Moment) -> bool:
    cause = (last.kind, last.cause, last.reason) == (moment.kind, moment.cause, moment.reason)
    return cause and moment.at - last.at < _TOGETHER and len(last.what) < _KINDS


def _moment(event: Event, now: float) -> Moment | None:
    match event:
        case Switched(old, new, failback):
            return Moment(now, "failback" if failback else "failover", (f"credential:{new}",), old)
        case Parked(what, seconds, cause, reason):
            held = cause is None and reason == HELD
            return Moment(now, "held" if held else "parked", (what,), seconds=seconds, cause=cause or "", reason=reason)
        case Probed(what):
            return Moment(now, "probed", (what,))
        case Recovered(what):
            return Moment(now, "recovered", (what,))
        case Exhausted(error):
            return Moment(now, "exhausted", (), seconds=error.retry_after)
        case _:
            return None
