"""What survives a gateway's restart: statistics are written to the history and read from it.

`count_into` writes the counts since its last call as rows of a day. `stored_reports` reads today's
rows and the last records into `ChainReport`s.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sparekey.stats.chain_stats import MOST_FAILURES, MOST_RECORDS, ChainReport
from sparekey.stats.credential_stats import CredentialReport, DayCounts
from sparekey.stats.record import append
from sparekey.stores.base import StoreAwayError
from sparekey.types import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.stats.chain_stats import ChainStats
    from sparekey.stats.history import History
    from sparekey.stats.history_rows import DayAttempts, DayUsage

_EPOCH: Final = date(1970, 1, 1)
_CHAINS: Final = 10
"""The records read, in lengths of a timeline: enough for this many busy chains."""
_TIMELINE: Final = ("failover", "failback", "parked", "held", "probed", "recovered", "exhausted", "action", "tested")


def count_into(history: History, stats: Mapping[str, ChainStats]) -> None:
    """Write the counts since the last call, of each chain by its name, into the history."""
    for chain, of_chain in stats.items():
        for credential, counts in of_chain.news():
            day = (_EPOCH + timedelta(days=counts.day)).isoformat()
            if counts.charged:
                usage = Usage(counts.prompt, counts.completion, counts.cached, counts.reasoning)
                history.count(chain, credential, usage, counts.charged, day)
            ends = [("succeeded", "", counts.succeeded), ("abandoned", "", counts.abandoned)]
            ends += [("failed", cause, count) for cause, count in counts.errors.items()]
            for outcome, cause, count in ends:
                if count:
                    error_class, _, reason = cause.partition(" ")
                    history.ended(chain, credential, outcome, error_class, reason, by=count, day=day)


def stored_reports(history: History, now: float) -> dict[str, ChainReport]:
    """Return the history's reports by chain; empty if the file cannot be read.

    Args:
        history: the history.
        now: the time of day, in seconds since 1970.
    """
    try:
        usage, attempts = history.usage(days=1), history.attempts(days=1)
        timeline = history.events(kinds=_TIMELINE, limit=_CHAINS * MOST_RECORDS)
        failures = history.events(kinds=["failed"], limit=_CHAINS * MOST_FAILURES)
    except StoreAwayError:
        return {}
    reports: dict[str, ChainReport] = defaultdict(ChainReport)
    _count(reports, datetime.fromtimestamp(now, UTC).date().isoformat(), usage, attempts)
    for record in reversed(timeline):
        append(reports[record.chain].timeline, record)
    for record in reversed(failures):
        append(reports[record.chain].failures, record)
        reports[record.chain].last_failures[record.credential] = record
    return dict(reports)


def _count(reports: dict[str, ChainReport], today: str, usage: Iterable[DayUsage], attempts: Iterable[DayAttempts]) -> None:
    for used in usage:
        if used.day == today:
            counts = _counts(reports, used)
            counts.charged += used.requests
            counts.spend(Usage(used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens))
    for ended in attempts:
        if ended.day == today and ended.outcome in {"succeeded", "failed", "abandoned"}:
            counts = _counts(reports, ended)
            setattr(counts, ended.outcome, getattr(counts, ended.outcome) + ended.attempts)
            if ended.outcome == "failed":
                counts.errors[f"{ended.cause} {ended.reason}"] = ended.attempts


def _counts(reports: dict[str, ChainReport], row: DayUsage | DayAttempts) -> DayCounts:
    day = (date.fromisoformat(row.day) - _EPOCH).days
    return reports[row.chain].credentials.setdefault(row.credential, CredentialReport(DayCounts(day))).day
