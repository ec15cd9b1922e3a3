"""How a chain is now: the one model behind the console, `sparekey status` and `/readyz`.

Two things are known of a chain, and neither is enough alone. Its *state* says who is parked and whom the next request goes to. But a
park ends by time, not because anything is well: between two parks of 5 s a dead credential stands open. How its *last calls ended* says
what callers saw, but not what has changed since. So:

- Whom the state shuts nobody can reach: if all are parked firmly, the chain is down, whatever was served before.
- Who is open and was never parked, or has served since, is believed, unless the last calls failed all the same.
- Who is open only because its park has run out (or is asked for want of others) is believed once a call was served after the last that
  failed. Until then the chain is down, and the next request *tries* it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sparekey.core.breaker import Phase
from sparekey.core.choose import Turn, choose
from sparekey.core.pool import phase
from sparekey.gateway.observe.outlook import ORDINARY, Coming, Outlook, behind, outlook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.core.pool import Pool, PoolState
    from sparekey.stats.chain_stats import End
    from sparekey.stats.credential_stats import CredentialSummary

RECENT_SECONDS: Final = 300.0
"""How long a call counts among the recent ones."""
FAILED_IN_A_ROW: Final = 3
"""Calls in a row that failed after which a chain is down although somebody looks well."""
SLOW_SECONDS: Final = 5.0
"""Seconds to first content from which a credential is slow, and
of whole answers, which take their time:"""
SLOW_ANSWER_SECONDS: Final = 30.0
SLOWER_SECONDS: Final = 2.0
SLOWER_TIMES: Final = 5.0
"""From `SLOWER_SECONDS` on, who takes so many times as long as the fastest of its chain is slow, too."""


class Level(StrEnum):
    """How a chain is, in one word."""

    OK = "ok"
    """The first credential serves."""
    SPARE = "spare"
    """Requests are served, but not all, or not by the first credential."""
    DOWN = "down"
    """Requests fail."""


@dataclass(frozen=True, slots=True)
class RecentCalls:
    """How the last calls of a chain ended.

    Attributes:
        served: how many were served, and
        failed: how many failed.
        refused: how many were refused because the request itself was at fault.
        failed_last: how many have failed since the last one that was served, and
        failed_since: when the first of these did, in seconds since 1970; None if none has.
    """

    served: int = 0
    failed: int = 0
    refused: int = 0
    failed_last: int = 0
    failed_since: float | None = None


@dataclass(frozen=True, slots=True)
class ChainHealth:
    """How a chain is.

    Attributes:
        level: in one word.
        serving: the index of the credential that serves the next ordinary request, as far as anybody knows; None if nobody does.
        trying: of a chain that is down, whom the next request goes to all the same; None if to nobody.
        recent: how the last calls ended.
        outlook: what happens next.
        behind: who takes over if the one that serves fails; None if nobody does.
    """

    level: Level
    serving: int | None
    trying: int | None
    recent: RecentCalls
    outlook: Outlook
    behind: int | None


def health(pool: Pool, state: PoolState, now: float, ends: Sequence[End] = (), wall: float = 0.0) -> ChainHealth:
    """Return how a chain is.

    Args:
        pool: its credentials.
        state: its state.
        now: the time on the chain's own clock.
        ends: how its last calls ended, the oldest first (`ChainStats.ends`).
        wall: the time of day, in seconds since 1970, as `ends` have it.
    """
    coming, choice = outlook(pool, state, now), choose(pool, state, ORDINARY, now)
    if choice is None or choice.turn is Turn.RESCUE:
        return ChainHealth(Level.DOWN, None, None, recent_calls(ends, wall), coming, None)
    index = choice.index
    well = choice.turn is Turn.RING and phase(pool, state, index, now) is Phase.CLOSED and coming.coming is not Coming.REFUSED
    recent = recent_calls(ends, wall, or_last=not well)
    if well:
        down = recent.failed_last >= FAILED_IN_A_ROW or (recent.failed_last > 0 and not recent.served)
    elif coming.coming is Coming.REFUSED:
        down = recent.failed_last > 0
    else:
        down = recent.failed_last > 0 or not (recent.served or recent.refused)
    if down:
        return ChainHealth(Level.DOWN, None, index, recent, coming, None)
    first = index == 0 and coming.coming not in {Coming.REFUSED, Coming.RESCUED} and not recent.failed
    return ChainHealth(Level.OK if first else Level.SPARE, index, None, recent, coming, behind(pool, state, now))


def recent_calls(ends: Sequence[End], wall: float, *, or_last: bool = True) -> RecentCalls:
    """Return how the calls of the last five minutes ended; `or_last`: without any of these, the very last one, however old it is.

    An old one says nothing against a credential that is well by its state: another machine, which shares it, may have asked since.
    """
    counted = [end for end in ends if wall - end[0] <= RECENT_SECONDS] or (list(ends[-1:]) if or_last else [])
    kinds = [kind for _, kind, _ in counted]
    failed_last, since = 0, None
    for at, kind, _ in reversed(counted):
        if kind == "served":
            break
        if kind == "failed":
            failed_last, since = failed_last + 1, at
    return RecentCalls(kinds.count("served"), kinds.count("failed"), kinds.count("refused"), failed_last, since)


def slow(credentials: Sequence[CredentialSummary]) -> list[float | None]:
    """Return of each credential the seconds to first content (else to an answer) if it is slow, by itself or beside the others.

    What counts are its latest answers: thousands of quick ones before them would hide for minutes that it has become slow.
    """
    first = _slow([one.latest_first for one in credentials], SLOW_SECONDS)
    whole = _slow([one.latest for one in credentials], SLOW_ANSWER_SECONDS)
    return [a if one.latest_first is not None else b for one, a, b in zip(credentials, first, whole, strict=True)]


def _slow(medians: Sequence[float | None], limit: float) -> list[float | None]:
    fastest = min((one for one in medians if one is not None), default=0.0)
    least = min(limit, max(SLOWER_SECONDS, SLOWER_TIMES * fastest))
    return [one if one is not None and one >= least else None for one in medians]
