"""What happens next in a chain: where requests go, and when a higher credential is tried.

It decides nothing: it asks `core.choose`, as requests do, for the moments at which the answer may
change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from sparekey.core.breaker import Phase, remaining
from sparekey.core.choose import Asker, Turn, choose
from sparekey.core.pool import due_at, phase, soonest, switched

if TYPE_CHECKING:
    from sparekey.core.choose import Choice
    from sparekey.core.pool import Pool, PoolState

_BEGINS: Final = Asker(begins=True)
ORDINARY: Final = Asker(doubtful=True)
"""A request that is no probe."""


class Coming(Enum):
    """The kind of a chain's next event."""

    STAYS = "the first one serves: nothing is due"
    PROBING = "a request tries one above now"
    NEXT_TRIES = "the next request tries one above"
    TRIED = "one above is tried after a time, or after some requests"
    RISES = "traffic steps up to one above that is well, after a time or some requests"
    LEFT = "those above are held until released"
    REFUSED = "everybody refuses: few requests ask all, until one is served"
    RESCUED = "all are parked; requests go to one that is parked softly"
    RATIONED = "all are parked; one request now and then tries the soonest"
    WAITS = "all are parked for stated times: requests fail until then"
    SHUT = "all are held until released"


@dataclass(frozen=True, slots=True)
class Outlook:
    """The next event of a chain.

    Attributes:
        coming: its kind.
        who: the index of the credential that it concerns.
        seconds: the most seconds until it happens; None: unknown.
        requests: number of requests after which it happens, if that is sooner; None: no count
            applies.
        by_count: the index of the credential that the count brings, if that is another one.
    """

    coming: Coming
    who: int | None = None
    seconds: float | None = None
    requests: int | None = None
    by_count: int | None = None


def serving_index(pool: Pool, state: PoolState, now: float) -> int | None:
    """Return the index of the credential for the next ordinary request; None: all parked firmly."""
    return _index(choose(pool, state, ORDINARY, now))


def behind(pool: Pool, state: PoolState, now: float) -> int | None:
    """Return the index of the credential that takes over if the serving one fails; None: none."""
    serving = serving_index(pool, state, now)
    return None if serving is None else _index(choose(pool, state, Asker(tried={serving}), now))


def outlook(pool: Pool, state: PoolState, now: float) -> Outlook:
    """Return the next event after `now`, if nothing fails and no person acts until then."""
    choice = choose(pool, state, ORDINARY, now)
    if choice is None or choice.turn is Turn.RESCUE:
        return _closed(pool, state, now)
    if state.memory.drought is not None and state.memory.drought.confirmed:
        return Outlook(Coming.REFUSED)
    if choice.turn is Turn.SOFT:
        return Outlook(Coming.RESCUED, choice.index, remaining(due_at(pool, state, choice.index) - now))
    higher = range(choice.index - 1, -1, -1)
    if probing := [i for i in higher if phase(pool, state, i, now) is Phase.PROBING]:
        return Outlook(Coming.PROBING, probing[0])
    if choice.index != state.active:  # the switch resets the failback's timer and count
        state = switched(state, choice.index, now)
    return _upwards(pool, state, higher, now) if higher else Outlook(Coming.STAYS)


def _upwards(pool: Pool, state: PoolState, higher: range, now: float) -> Outlook:
    """Return when a higher credential is tried: at the end of a park or at failback, if sooner.

    The failback by count stands beside it.
    """
    policy = pool.policy
    late = state.switched_at + policy.failback_timeout_seconds
    moments = sorted({now, *(t for i in higher if (t := due_at(pool, state, i)) > now), *([late] if late > now else [])})
    tries = ((t, who) for t in moments if remaining(t - now) is not None and (who := _up(pool, state, t)) is not None)
    at, who = next(tries, (None, None))
    if at is None or who is None:
        return Outlook(Coming.LEFT, higher[0])
    if at == now:
        return Outlook(Coming.NEXT_TRIES, who)
    by_count = _up(pool, replace(state, served=policy.failback_request_count), now)
    left = None if by_count is None else max(0, policy.failback_request_count - state.served)
    if phase(pool, state, who, now) is Phase.CLOSED:
        return Outlook(Coming.RISES, who, at - now, left)
    return Outlook(Coming.TRIED, who, at - now, left, None if by_count == who else by_count)


def _up(pool: Pool, state: PoolState, at: float) -> int | None:
    """Return the higher credential that a request starting at `at` would probe; None: none."""
    choice = choose(pool, state, _BEGINS, at)
    return choice.index if choice is not None and choice.turn is Turn.UP else None


def _closed(pool: Pool, state: PoolState, now: float) -> Outlook:
    """Return the next event if no credential is open.

    A probe is running, or requests rescue (ask parked credentials), or one has to wait.
    """
    everybody = range(len(pool))
    if probing := [i for i in everybody if phase(pool, state, i, now) is Phase.PROBING]:
        return Outlook(Coming.PROBING, probing[0])
    rescue = choose(pool, state, Asker(rescues=True), now)
    first = soonest(pool, state, everybody) if rescue is None else rescue.index
    assert first is not None
    seconds = remaining(due_at(pool, state, first) - now)
    if rescue is not None:
        return Outlook(Coming.RATIONED, first, seconds)
    return Outlook(Coming.SHUT if seconds is None else Coming.WAITS, first, seconds)


def _index(choice: Choice | None) -> int | None:
    return None if choice is None or choice.turn is Turn.RESCUE else choice.index
