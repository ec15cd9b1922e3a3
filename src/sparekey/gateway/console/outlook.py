"""What happens next in a chain: whom the traffic goes to, when somebody above is tried again, who is behind.

It decides nothing: it reads a state by the rules of `core.admission`, and tests hold it to what the engine then does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from sparekey.core.breaker import CLOSED, Phase, told
from sparekey.core.policy import REACTIONS
from sparekey.core.pool import failback_target, firm, governing, phase, soonest, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparekey.core.breaker import Breaker
    from sparekey.core.pool import Pool, PoolState


_TOGETHER: Final = 1.0
"""Seconds within which two parks end at the same time: no request may come between."""


class Coming(Enum):
    """What a chain's next event is."""

    STAYS = "the first one serves: nothing is due"
    PROBING = "a request tries one above now"
    NEXT_TRIES = "the next request tries one above"
    TRIED = "one above is tried after a time, or after some requests"
    RISES = "traffic steps up to one above that is well, after a time or some requests"
    LEFT = "those above are held until released"
    RESCUED = "all are parked; requests go to one whose fault may pass"
    RATIONED = "all are parked; one request now and then tries the soonest"
    WAITS = "all are parked for stated times: requests fail until then"
    SHUT = "all are held until released"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What happens next.

    Attributes:
        coming: the kind.
        who: the index of the credential that it is about.
        seconds: in how many seconds at the latest; None: no time is known.
        requests: after how many more requests, if that is sooner; None: no count brings it.
        by_count: whom the count brings, where that is another one.
    """

    coming: Coming
    who: int | None = None
    seconds: float | None = None
    requests: int | None = None
    by_count: int | None = None


def serving_index(pool: Pool, state: PoolState, now: float) -> int | None:
    """Return who takes the next ordinary request: the first in the ring that is not parked; None if all are."""
    return next(_open(pool, state, pool.ring(state.active), now), None)


def behind(pool: Pool, state: PoolState, now: float) -> int | None:
    """Return who takes over if the one that serves fails; None if nobody does."""
    open_ = _open(pool, state, pool.ring(state.active), now)
    next(open_, None)
    return next(open_, None)


def outlook(pool: Pool, state: PoolState, now: float) -> Outlook:
    """Return what happens next at `now`, if nothing fails or is done until then."""
    serving = serving_index(pool, state, now)
    if serving is None:
        return _closed(pool, state, now)
    higher = list(range(serving - 1, -1, -1))
    phases = {i: phase(pool, state, i, now) for i in higher}
    if probing := [i for i in higher if phases[i] is Phase.PROBING]:
        return Outlook(Coming.PROBING, probing[0])
    if due := [i for i in higher if phases[i] is Phase.DUE]:
        return Outlook(Coming.NEXT_TRIES, due[0])
    return _later(pool, state, higher, serving, now) if higher else Outlook(Coming.STAYS)


def _later(pool: Pool, state: PoolState, higher: list[int], serving: int, now: float) -> Outlook:
    """The sooner of the end of a park and the failback, by time; beside it the failback by count."""
    fresh = serving != state.active  # the request that makes it active starts timer and count anew
    policy = pool.policy
    target = failback_target(pool, state, higher, now)
    late = max(0.0, policy.failback_timeout_seconds - (0.0 if fresh else now - state.switched_at))
    left = max(0, policy.failback_request_count - (0 if fresh else state.served))
    if target is not None and not (late and left):
        return Outlook(Coming.NEXT_TRIES, target)
    if target is not None and phase(pool, state, target, now) is Phase.CLOSED:
        return Outlook(Coming.RISES, target, late, left)
    first = _first_due(pool, state, higher)
    in_seconds = told(_end(pool, state, first) - now)
    if target is None:
        return Outlook(Coming.LEFT if in_seconds is None else Coming.TRIED, first, in_seconds)
    who, seconds = (target, late) if in_seconds is None or late < in_seconds else (first, in_seconds)
    return Outlook(Coming.TRIED, who, seconds, left, None if target == who else target)


def _first_due(pool: Pool, state: PoolState, higher: list[int]) -> int:
    """Whose park ends first; of those that end together the nearest, which is probed before the others."""
    ends = {i: _end(pool, state, i) for i in higher}
    return max(i for i in higher if ends[i] < min(ends.values()) + _TOGETHER)


def _closed(pool: Pool, state: PoolState, now: float) -> Outlook:
    """Nobody is open: a probe is out, or the rule that no caller is stranded holds, or all have to be waited for."""
    everybody = range(len(pool))
    if probing := [i for i in everybody if phase(pool, state, i, now) is Phase.PROBING]:
        return Outlook(Coming.PROBING, probing[0])
    loose = [i for i in everybody if not firm(pool, state, i, now)]
    mild = [i for i in loose if _mild(governing(pool, state, i))]
    if (choice := soonest(pool, state, mild or loose)) is not None:
        return Outlook(Coming.RESCUED if mild else Coming.RATIONED, choice, told(_end(pool, state, choice) - now))
    first = soonest(pool, state, everybody)
    assert first is not None
    seconds = told(_end(pool, state, first) - now)
    return Outlook(Coming.SHUT if seconds is None else Coming.WAITS, first, seconds)


def _open(pool: Pool, state: PoolState, indices: Iterable[int], now: float) -> Iterator[int]:
    return (i for i in indices if phase(pool, state, i, now) in {Phase.CLOSED, Phase.DUE})


def _end(pool: Pool, state: PoolState, index: int) -> float:
    return until(governing(pool, state, index) or CLOSED)


def _mild(guard: Breaker | None) -> bool:
    return guard is not None and (guard.weak or guard.cause is None or REACTIONS[guard.cause].mild)
