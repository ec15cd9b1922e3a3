"""The health of a chain: the one model behind the console, `sparekey status` and `/readyz`.

It combines two sources, because neither is enough alone. The chain's *state* says which credentials
are parked and where the next request goes. But a park ends by time, not because the credential
works again: between two parks of 5 s a dead credential is open. How the *last calls ended* says
what callers saw, but not what has changed since. So:

- If all credentials are parked firmly, the chain is down, whatever it served before.
- A credential that is open and was never parked, or has served since its park, counts as working,
  unless the last calls failed all the same.
- A credential that is open only because its park has run out, or because no other one is left,
  counts as working once a call has been served after the last failed one. Until then the chain is
  down, and the next request *tries* that credential.
- A refusal in which all credentials agree may be about the request of one caller. While others are
  served it counts only as one of three in a row; while nobody is served it counts as any failure.
- Words that have proved to be about a request may still be those of a chain that has died since: a
  caller who repeats such a request counts as one that fails once nobody was served for 10 s, or for ten calls.
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
"""Seconds for which a call counts as recent."""
FAILED_IN_A_ROW: Final = 3
"""Failed calls in a row after which a chain is down although a credential looks healthy."""
KNOWN_SECONDS: Final = 10.0
KNOWN_IN_A_ROW: Final = 10
"""Seconds without a served call, or calls in a row, from which refusals in words that have proved to
be about a request count as failures: until then it is one caller who repeats such a request."""
_FAILED: Final = frozenset({"failed", "doubtful"})
SLOW_SECONDS: Final = 5.0
"""Seconds to first content from which a credential is slow, and
of whole answers, which take their time:"""
SLOW_ANSWER_SECONDS: Final = 30.0
SLOWER_SECONDS: Final = 2.0
SLOWER_TIMES: Final = 5.0
"""A credential that takes at least `SLOWER_SECONDS` is also slow if it takes this many times as
long as the fastest one of its chain."""


class Level(StrEnum):
    """The health of a chain in one word."""

    OK = "ok"
    """The first credential serves requests."""
    SPARE = "spare"
    """Requests are served, but some fail, or the first credential does not serve them."""
    DOWN = "down"
    """Requests fail."""


@dataclass(frozen=True, slots=True)
class RecentCalls:
    """How the last calls of a chain ended.

    Attributes:
        served: number of calls that were served.
        failed: number of calls that failed, the doubtful ones among them.
        refused: number of calls that were refused because the request itself was at fault.
        failed_last: number of calls that have failed since the last one that was served.
        failed_since: when the first of these failed, in seconds since 1970; None if none has.
    """

    served: int = 0
    failed: int = 0
    refused: int = 0
    failed_last: int = 0
    failed_since: float | None = None


@dataclass(frozen=True, slots=True)
class ChainHealth:
    """The health of a chain.

    Attributes:
        level: the health in one word.
        serving: the index of the credential that should serve the next ordinary request; None:
            none.
        trying: if the chain is down, the index of the credential that the next request tries all
            the same; None: none.
        recent: how the last calls ended.
        outlook: what happens next.
        behind: the index of the credential that takes over if the serving one fails; None: none.
    """

    level: Level
    serving: int | None
    trying: int | None
    recent: RecentCalls
    outlook: Outlook
    behind: int | None


def health(pool: Pool, state: PoolState, now: float, ends: Sequence[End] = (), wall: float = 0.0) -> ChainHealth:
    """Return the health of a chain.

    Args:
        pool: the chain's credentials.
        state: the chain's state.
        now: the time on the chain's own clock.
        ends: how its last calls ended, the oldest first (`ChainStats.ends`).
        wall: the time of day, in seconds since 1970, on the clock of `ends`.
    """
    ends = _judged(ends, wall)
    coming, choice = outlook(pool, state, now), choose(pool, state, ORDINARY, now)
    if choice is None or choice.turn is Turn.RESCUE:
        return ChainHealth(Level.DOWN, None, None, recent_calls(ends, wall), coming, None)
    index = choice.index
    well = choice.turn is Turn.RING and phase(pool, state, index, now) is Phase.CLOSED and coming.coming is not Coming.REFUSED
    recent = recent_calls(ends, wall, or_last=not well)
    against = _against(recent, ends)
    if well:
        down = against >= FAILED_IN_A_ROW or (against > 0 and not recent.served)
    elif coming.coming is Coming.REFUSED:
        down = against > 0
    else:
        down = against > 0 or not (recent.served or recent.refused)
    if down:
        return ChainHealth(Level.DOWN, None, index, recent, coming, None)
    first = index == 0 and coming.coming not in {Coming.REFUSED, Coming.RESCUED} and not recent.failed
    return ChainHealth(Level.OK if first else Level.SPARE, index, None, recent, coming, behind(pool, state, now))


def recent_calls(ends: Sequence[End], wall: float, *, or_last: bool = True) -> RecentCalls:
    """Count how the calls of the last five minutes ended.

    With `or_last`, the last call counts if there was none in that time, however old it is. An old
    call says nothing against a credential whose state is healthy: another machine that shares the
    state may have used it since.
    """
    counted = [end for end in ends if wall - end[0] <= RECENT_SECONDS] or (list(ends[-1:]) if or_last else [])
    kinds = [kind for _, kind, _ in counted]
    last = _failed_last(counted)
    failed = sum(kind in _FAILED for kind in kinds)
    return RecentCalls(kinds.count("served"), failed, kinds.count("refused"), len(last), last[0][0] if last else None)


def _failed_last(ends: Sequence[End]) -> list[End]:
    """Return those that have failed since the last one that was served."""
    served = next((place for place, end in enumerate(reversed(ends)) if end[1] == "served"), len(ends))
    return [end for end in ends[len(ends) - served :] if end[1] in _FAILED]


def _against(recent: RecentCalls, ends: Sequence[End]) -> int:
    """How many of the failures since a call was served count against the chain."""
    if not recent.served or recent.failed_last >= FAILED_IN_A_ROW:
        return recent.failed_last
    return sum(kind == "failed" for _, kind, _ in _failed_last(ends))


def _judged(ends: Sequence[End], wall: float) -> list[End]:
    """Return the ends with a `known` one as what it is: refused for its request, or doubtful where nobody else is served."""
    served = next((place for place, end in enumerate(reversed(ends)) if end[1] == "served"), len(ends))
    long_ago = served == len(ends) or wall - ends[-1 - served][0] >= KNOWN_SECONDS
    start = len(ends) - served if long_ago or served >= KNOWN_IN_A_ROW else len(ends)
    kind = {False: "refused", True: "doubtful"}
    return [(end[0], kind[place >= start], end[2]) if end[1] == "known" else end for place, end in enumerate(ends)]


def slow(credentials: Sequence[CredentialSummary]) -> list[float | None]:
    """Return each credential's seconds to first content (or to an answer) if it is slow, else None.

    Only its latest answers count: thousands of fast ones before would hide for minutes that it has
    become slow.
    """
    first = _slow([one.latest_first for one in credentials], SLOW_SECONDS)
    whole = _slow([one.latest for one in credentials], SLOW_ANSWER_SECONDS)
    return [a if one.latest_first is not None else b for one, a, b in zip(credentials, first, whole, strict=True)]


def _slow(medians: Sequence[float | None], limit: float) -> list[float | None]:
    fastest = min((one for one in medians if one is not None), default=0.0)
    least = min(limit, max(SLOWER_SECONDS, SLOWER_TIMES * fastest))
    return [one if one is not None and one >= least else None for one in medians]
