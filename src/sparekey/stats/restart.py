"""From a gateway's books to its history, and back when it starts: today's numbers, the timeline, the last failed attempts."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.manual import HELD
from sparekey.stats.chain_stats import DAY, ChainSums
from sparekey.stats.credential_stats import CredentialSums, DayCounts
from sparekey.stats.records import HistoryEntry
from sparekey.stats.timeline import MISSES, MOMENTS, FailedAttempt, TimelineEntry, note, remember
from sparekey.stores.base import StoreAwayError
from sparekey.types import ErrorClass, Evidence, Failure, Scope, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.stats.chain_stats import ChainStats
    from sparekey.stats.history import History
    from sparekey.stats.records import DayAttempts, DayUsage

_EPOCH: Final = date(1970, 1, 1)
_SWITCHES: Final = frozenset({"failover", "failback"})
_CHAINS: Final = 10
"""So many times the longest timeline are read: each of a few chains finds its own in it."""
_OF_FAILURE: Final = frozenset(one.name for one in fields(Failure))


def bring(history: History, books: Mapping[str, ChainStats]) -> None:
    """Let the history know what the books have counted since the last time."""
    for chain, book in books.items():
        for credential, tally in book.news():
            day = (_EPOCH + timedelta(days=tally.day)).isoformat()
            if tally.charged:
                usage = Usage(tally.prompt, tally.completion, tally.cached, tally.reasoning)
                history.count(chain, credential, usage, tally.charged, day)
            ends = [("succeeded", "", tally.succeeded), ("abandoned", "", tally.abandoned)]
            ends += [("failed", cause, count) for cause, count in tally.errors.items()]
            for outcome, cause, count in ends:
                if count:
                    error_class, _, reason = cause.partition(" ")
                    history.ended(chain, credential, outcome, error_class, reason, by=count, day=day)


def acted(chain: str, moment: TimelineEntry) -> HistoryEntry:
    """Return the entry of something that a person did."""
    who = moment.what[0].partition(":")[2] if moment.what else ""
    return HistoryEntry(moment.at, chain, "action", who, reason=moment.reason)


def remembered(history: History, now: float) -> dict[str, ChainSums]:
    """Return what the history knows, as pages of the books, by chain; nothing if it cannot be read. It reads the file.

    Args:
        history: the history.
        now: the time of day, in seconds since 1970.
    """
    try:
        usage, attempts = history.usage(days=1), history.attempts(days=1)
        entries = history.events(kinds=[*_SWITCHES, *_KINDS], limit=_CHAINS * MOMENTS)
        entries += history.events(kinds=["failed"], limit=_CHAINS * MISSES)
    except StoreAwayError:
        return {}
    pages: dict[str, ChainSums] = defaultdict(ChainSums)
    _numbers(pages, datetime.fromtimestamp(now, UTC).date().isoformat(), usage, attempts)
    for entry in reversed(entries):
        page = pages[entry.chain]
        if entry.kind == "failed":
            miss = _miss(entry)
            note(page.misses, miss)
            page.last[miss.credential] = miss
        else:
            remember(page.moments, _moment(entry))
    return dict(pages)


def _numbers(pages: dict[str, ChainSums], today: str, usage: Iterable[DayUsage], attempts: Iterable[DayAttempts]) -> None:
    for used in usage:
        if used.day == today:
            tally = _tally(pages, used)
            tally.charged += used.requests
            tally.spend(Usage(used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens))
    for ended in attempts:
        if ended.day == today and ended.outcome in {"succeeded", "failed", "abandoned"}:
            tally = _tally(pages, ended)
            setattr(tally, ended.outcome, getattr(tally, ended.outcome) + ended.attempts)
            if ended.outcome == "failed":
                tally.errors[f"{ended.cause} {ended.reason}"] = ended.attempts


def _tally(pages: dict[str, ChainSums], row: DayUsage | DayAttempts) -> DayCounts:
    day = (date.fromisoformat(row.day) - _EPOCH).days
    return pages[row.chain].rows.setdefault(row.credential, CredentialSums(DayCounts(day))).tally


_KINDS: Final = frozenset({"parked", "probed", "recovered", "exhausted", "action"})


def _moment(entry: HistoryEntry) -> TimelineEntry:
    if entry.kind in _SWITCHES:
        return TimelineEntry(entry.at, entry.kind, (f"credential:{entry.other}",), entry.who)
    if entry.kind == "action":
        return TimelineEntry(entry.at, "action", (f"credential:{entry.who}",) if entry.who else (), reason=entry.reason)
    kind = "held" if entry.kind == "parked" and not entry.cause and entry.reason == HELD else entry.kind
    return TimelineEntry(entry.at, kind, (entry.who,) if entry.who else (), "", entry.seconds, entry.cause, entry.reason)


def _miss(entry: HistoryEntry) -> FailedAttempt:
    try:
        told: dict[str, Any] = json.loads(entry.detail or "{}")
        known = {name: value for name, value in told.items() if name in _OF_FAILURE}
        known |= {"scope": Scope(told.get("scope", Scope.UNKNOWN)), "evidence": _evidence(told.get("evidence"))}
        failure = Failure(ErrorClass(entry.cause), entry.reason, message=entry.message, **known)
    except (ValueError, TypeError, AttributeError):  # another version has written it
        told, failure = {}, Failure(ErrorClass.UNKNOWN, entry.reason)
    return FailedAttempt(entry.at, told.get("call", 0), told.get("number", 0), entry.who, failure, told.get("duration"))


def _evidence(word: object) -> Evidence:
    """Return the stored word, or `likely` for one of another version."""
    return Evidence(word) if isinstance(word, str) and word in set(Evidence) else Evidence.LIKELY


assert DAY == 86400  # noqa: PLR2004 - a tally's day is one of the calendar
