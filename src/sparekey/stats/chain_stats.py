"""A chain's statistics in bounded memory: counts of today, recent durations, last calls, records.

`ChainStats` is a hook of its chain. An event of every request only adds to numbers, in about a
microsecond, under a short lock. A rarer event becomes a `Record` (by `record.record_of`, the only
place), which is kept here and passed to `listeners`, such as the history. Readers get copies, never
the lists themselves. A `ChainReport` holds all of it as a value that can be sent and added up:
workers exchange it, and a new process gets its predecessor's.

How a call ended is more than how its attempts ended, because the next attempt may have saved a
failed one. A call counts as

- *served* when an attempt of it succeeded;
- *failed* when the chain was exhausted, its deadline ran out, or its stream broke off after content;
- *doubtful* when every credential refused it in the same words, which may be about the request or
  about the credentials;
- *known* when it was refused in words that have proved to be about a request before;
- *refused* when the request itself was at fault, which says nothing about the chain.

A running call does not count yet.

Times are seconds since 1970, days are days of UTC.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded, CallFailed, ContentStarted, Exhausted
from sparekey.core.policy import is_refusal
from sparekey.stats.credential_stats import DAY_SECONDS, CredentialReport, CredentialStats, CredentialSummary, DayCounts
from sparekey.stats.record import PLAIN, RECORDED, Masker, Record, append, of_action, record_of
from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sparekey.core.events import Event
    from sparekey.types import Attempt, Credential, Failure

MOST_RECORDS: Final = 200
"""The most records that the timeline keeps."""
MOST_FAILURES: Final = 50
"""The most records of failed attempts that are kept; equal ones count as one."""
MOST_ENDS: Final = 20
"""The number of last calls whose ends are kept."""
_MOST_OPEN: Final = 1000
_MOST_UNSENT: Final = 1000
"""The most rows of past days that wait for `news` to be called."""

End = tuple[float, str, str]
"""How a call ended: the time; `served`, `failed`, `doubtful`, `known` or `refused`; and its last credential.

It is a plain tuple for speed, because every call makes one.
"""
_REQUESTS_FAULT: Final = frozenset({ErrorClass.PERMANENT, ErrorClass.CONTENT_SAFETY, ErrorClass.INPUT_TOO_LARGE})


class _Open(NamedTuple):
    """A call with a failed attempt.

    Attributes:
        end: how it ends if nothing follows; None: the call goes on.
        agreed: how it ends if all credentials say the same.
        last: the id of its last credential.
    """

    end: End | None
    agreed: str
    last: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """A chain's statistics as a value that can be sent and added up.

    Attributes:
        credentials: counts and durations by credential id.
        timeline: the records of changes, the oldest first.
        failures: the records of failed attempts, the oldest first.
        last_failures: the last failed attempt of each credential.
        ends: how the last calls ended, the oldest first.
        revision: number of changes of any kind.
    """

    credentials: dict[str, CredentialReport] = field(default_factory=dict)
    timeline: list[Record] = field(default_factory=list)
    failures: list[Record] = field(default_factory=list)
    last_failures: dict[str, Record] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)
    revision: int = 0


class _Chain(Protocol):
    @property
    def credentials(self) -> Iterable[Credential]: ...


class ChainStats:
    """The statistics of one chain: give it to `Chain.add_hook`. Thread-safe.

    Attributes:
        revision: number of changes of any kind.
        past: number of changes of timeline or failures: a display reads them again when it grows.
        listeners: called with each new record.
    """

    hears: Final = frozenset({AttemptSucceeded, AttemptAbandoned, CallFailed, ContentStarted, *RECORDED})

    def __init__(self, clock: Callable[[], float] = time.time, *, chain: str = "") -> None:
        """Create empty statistics.

        Args:
            clock: returns seconds since 1970.
            chain: the chain's name in records.
        """
        self._clock, self._chain, self._lock = clock, chain, Lock()
        self._mask: Masker = PLAIN
        self._rows: dict[str, CredentialStats] = {}
        self._timeline: deque[Record] = deque(maxlen=MOST_RECORDS)
        self._failures: deque[Record] = deque(maxlen=MOST_FAILURES)
        self._ends: deque[End] = deque(maxlen=MOST_ENDS)
        self._open: dict[int, _Open] = {}  # calls with a failed attempt
        self._unsent: deque[tuple[str, DayCounts]] = deque(maxlen=_MOST_UNSENT)  # rows of past days, for `news`
        self.revision = self.past = 0
        self.listeners: list[Callable[[Record], None]] = []

    def attach(self, chain: _Chain) -> None:
        """Mask this chain's keys in every record from now on; the chain calls it."""
        self._mask = Masker(chain.credentials)

    def __call__(self, event: Event) -> None:
        """Count one event, or keep its record."""
        take = _TAKEN.get(type(event))
        if take is not None:
            now = self._clock()
            with self._lock:
                self.revision += 1
                take(self, event, now)
        elif (record := record_of(event, self._clock(), self._chain, self._mask)) is not None:
            with self._lock:
                self._take_record(event, record)
            self._tell(record)

    def act(self, credential: str, what: str) -> None:
        """Record a person's action.

        Args:
            credential: the credential's id; "" for the whole chain.
            what: the action, for example `release`.
        """
        self.add(of_action(self._clock(), credential, what, self.chain, self.mask))

    def add(self, record: Record) -> None:
        """Append a record to the timeline."""
        with self._lock:
            self.revision += 1
            self.past += 1
            append(self._timeline, record)
        self._tell(record)

    @property
    def chain(self) -> str:
        """The chain's name in records."""
        return self._chain

    @property
    def mask(self) -> Masker:
        """The masker of the chain's keys."""
        return self._mask

    def now(self) -> float:
        """Return the time of day on these statistics' clock, in seconds since 1970."""
        return self._clock()

    def summary(self, credential: str) -> CredentialSummary:
        """Return one credential's counts of today and durations of the last minutes."""
        now = self._clock()
        with self._lock:
            return self._row(credential, now).summary(now)

    def timeline(self) -> list[Record]:
        """Return the last switches, parks, recoveries and people's actions, the newest first."""
        with self._lock:
            return list(reversed(self._timeline))

    def failures(self) -> list[Record]:
        """Return the last failed attempts, the newest first."""
        with self._lock:
            return list(reversed(self._failures))

    def ends(self) -> list[End]:
        """Return how the last calls ended, the oldest first."""
        with self._lock:
            return self._all_ends()

    # ── between processes ──

    def news(self) -> list[tuple[str, DayCounts]]:
        """Return the counts since the previous call, by credential and day.

        Each is returned once.
        """
        with self._lock:
            found = [*self._unsent, *((name, row.news()) for name, row in self._rows.items())]
            self._unsent.clear()
        return [(name, counts) for name, counts in found if counts]

    def report(self) -> ChainReport:
        """Return all statistics as a value."""
        now = self._clock()
        with self._lock:
            rows = {name: row.report(now) for name, row in self._rows.items()}
            last = {name: row.last_failure for name, row in self._rows.items() if row.last_failure is not None}
            return ChainReport(rows, list(self._timeline), list(self._failures), last, self._all_ends(), self.revision)

    def load(self, report: ChainReport) -> None:
        """Add another process's report; `news` does not return it again."""
        now = self._clock()
        with self._lock:
            self.revision += report.revision
            self.past += 1
            for name, row in report.credentials.items():
                self._row(name, now).load(row)
            _merge(self._timeline, report.timeline, attrgetter("at"))
            _merge(self._failures, report.failures, attrgetter("at"))
            _merge(self._ends, report.ends, lambda end: end[0])
            for name, failure in report.last_failures.items():
                own = self._row(name, now)
                if own.last_failure is None or own.last_failure.at < failure.at:
                    own.last_failure = failure

    # ── the caller holds the lock ──

    def _row(self, credential: str, now: float) -> CredentialStats:
        row = self._rows.get(credential)
        return row if row is not None and now < row.midnight else self._new_day(credential, row, now)

    def _new_day(self, credential: str, row: CredentialStats | None, now: float) -> CredentialStats:
        if row is None:
            row = self._rows[credential] = CredentialStats()
        self._unsent.append((credential, row.news()))
        day = int(now // DAY_SECONDS)
        row.day, row.midnight = DayCounts(day), float((day + 1) * DAY_SECONDS)
        return row

    def _all_ends(self) -> list[End]:
        if not self._open:
            return list(self._ends)
        open_ends = (one.end for one in self._open.values() if one.end is not None)
        return sorted([*self._ends, *open_ends], key=lambda end: end[0])[-MOST_ENDS:]

    def _succeeded(self, event: AttemptSucceeded, now: float) -> None:
        row, attempt = self._rows.get(event.credential_id), event.attempt
        if row is None or now >= row.midnight:  # `_row` inlined: this is the hot path
            row = self._new_day(event.credential_id, row, now)
        day = row.day
        day.succeeded += 1
        day.charged += 1
        self._ends.append((now, "served", event.credential_id))
        if self._open:
            self._open.pop(event.call, None)
        if attempt is not None:
            row.latency.add(attempt.duration, now)
            if attempt.usage is not None:
                day.spend(attempt.usage)

    def _abandoned(self, event: AttemptAbandoned, now: float) -> None:
        day = self._row(event.credential_id, now).day
        day.abandoned += 1
        _charge(day, event.attempt)

    def _started(self, event: ContentStarted, now: float) -> None:
        self._row(event.credential_id, now).first_content.add(event.after, now)

    def _call_failed(self, event: CallFailed, now: float) -> None:
        seen = self._open.pop(event.call, None)
        if seen is not None:
            self._ends.append(seen.end or (now, "known" if seen.agreed == "doubtful" else seen.agreed, seen.last))

    def _take_record(self, event: Event, record: Record) -> None:
        self.revision += 1
        self.past += 1
        if isinstance(event, AttemptFailed):
            row = self._row(event.credential_id, record.at)
            row.day.fail(event.failure)
            _charge(row.day, event.attempt)
            row.last_failure = record
            append(self._failures, record)
            end, before = _end_of(event.failure, event.attempt), self._open.get(event.call)
            agreed = _if_agreed(event.failure)
            if agreed == "failed" and before is not None:
                agreed = before.agreed
            self._open[event.call] = _Open((record.at, end, event.credential_id) if end else None, agreed, event.credential_id)
            if len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]
            return
        append(self._timeline, record)
        if isinstance(event, Exhausted):
            seen = self._open.pop(event.call, None)
            last = event.error.errors[-1].credential_id if event.error.errors else ""
            self._ends.append((record.at, "failed" if event.error.agreed is None or seen is None else seen.agreed, last))

    def _tell(self, record: Record) -> None:
        for listener in self.listeners:
            listener(record)


def _end_of(failure: Failure, attempt: Attempt | None) -> str:
    """Return how a call ends after this failed attempt if it is the last; "": the call goes on."""
    if failure.scope is Scope.REQUEST and failure.error_class in _REQUESTS_FAULT:
        return "refused"
    broken = attempt is not None and attempt.first_content is not None
    return "failed" if broken or failure.reason == "deadline" else ""


def _if_agreed(failure: Failure) -> str:
    """Return how a call ends if this is what all its credentials say; a certain verdict on a credential is no doubt."""
    if failure.scope is Scope.REQUEST or failure.error_class in _REQUESTS_FAULT:
        return "refused"
    return "doubtful" if is_refusal(failure) else "failed"


def _charge(day: DayCounts, attempt: Attempt | None) -> None:
    """Count the tokens of an unanswered attempt: it may have cost some."""
    if attempt is not None and attempt.usage is not None:
        day.charged += 1
        day.spend(attempt.usage)


def _merge(into: deque[Any], more: Iterable[Any], at: Callable[[Any], float]) -> None:
    both = sorted([*into, *more], key=at)
    into.clear()
    into.extend(both)


_TAKEN: Final[Mapping[type, Callable[[Any, Any, float], None]]] = {
    AttemptSucceeded: ChainStats._succeeded,  # noqa: SLF001 - a table of the class's own methods, for a request's fastest way to them
    AttemptAbandoned: ChainStats._abandoned,  # noqa: SLF001
    ContentStarted: ChainStats._started,  # noqa: SLF001
    CallFailed: ChainStats._call_failed,  # noqa: SLF001
}
