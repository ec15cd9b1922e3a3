"""A request comes in: which credentials may it try, one after the other?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Breaker, Phase
from sparekey.core.policy import REACTIONS
from sparekey.core.pool import (
    Pool,
    PoolState,
    Ticket,
    failback_due,
    failback_target,
    firm,
    governing,
    higher_than_active,
    known_guards,
    phase,
    restarted,
    soonest,
    stamped,
    switched,
)

if TYPE_CHECKING:
    from collections.abc import Collection


def maybe_failback(pool: Pool, state: PoolState, now: float) -> tuple[PoolState, int]:
    """Move the active index one step up if a failback is due; return the active index."""
    if not failback_due(pool, state, now):
        return state, state.active
    target = failback_target(pool, state, higher_than_active(state), now)
    if target is None:
        return restarted(state, now), state.active
    return switched(_unparked(pool, state, target, now), target, now), target


def start(pool: Pool, state: PoolState, eligible: Collection[int] | None, now: float) -> tuple[PoolState, Ticket | None]:
    """Return the ticket of a probe if this request is to send one before it turns to the active credential.

    A higher credential whose park has run out is probed, the nearest first; a due failback is such a probe, too. While a probe of
    a higher credential is out, every other request stays where it is. `eligible` restricts the choice; None does not.
    """
    phases = {i: phase(pool, state, i, now) for i in higher_than_active(state)}
    if Phase.PROBING in phases.values():
        return state, None
    higher = higher_than_active(state, eligible)
    if (due := next((i for i in higher if phases[i] is Phase.DUE), None)) is not None:
        return _admitted(pool, state, due, now)
    if not higher or not failback_due(pool, state, now):
        return state, None
    target = failback_target(pool, state, higher, now)
    state = restarted(state, now)
    if target is None:
        return state, None
    return _admitted(pool, _marked(pool, _unparked(pool, state, target, now), target, now), target, now)


def admit(pool: Pool, state: PoolState, index: int, now: float) -> tuple[PoolState, Ticket | None]:
    """Return a ticket for a credential that may get traffic now: it is closed, or due and this request is its probe."""
    if phase(pool, state, index, now) in (Phase.CLOSED, Phase.DUE):
        return _admitted(pool, state, index, now)
    return state, None


def rescue(pool: Pool, state: PoolState, indices: Collection[int], tried: Collection[int], now: float) -> tuple[PoolState, Ticket | None]:
    """Never strand the caller: return a ticket for one of `indices` although it is parked, if the ring has nobody else.

    Those that are parked for a passing cause get traffic all the same, the soonest to return first. Where all are parked for auth,
    quota or a missing model, one request per `rescue_interval` tries the soonest. A stated wait is kept in both cases. Whoever has
    come free since the ring passed it is admitted as usual.
    """
    for index in indices:
        if index not in tried and phase(pool, state, index, now) in (Phase.CLOSED, Phase.DUE):
            return admit(pool, state, index, now)
    held = {i: g for i in indices if (g := governing(pool, state, i)) is not None}
    loose = [i for i in held if not firm(pool, state, i, now)]
    mild = [i for i in loose if _mild(held[i])]
    choice = soonest(pool, state, [i for i in mild or loose if i not in tried])
    if choice is None:
        return state, None
    if not mild:
        waited = state.rescued_at is None or now - state.rescued_at >= pool.policy.rescue_interval
        if len(held) < len(indices) or not waited:
            return state, None
        state = replace(state, rescued_at=now)
    return state, Ticket(choice, state.term, state.epoch)


def _mild(guard: Breaker) -> bool:
    """Weak evidence strands nobody: it may be one caller's own words, and the next request may be well."""
    return guard.weak or guard.cause is None or REACTIONS[guard.cause].mild


def _admitted(pool: Pool, state: PoolState, index: int, now: float) -> tuple[PoolState, Ticket]:
    """A ticket; every guard that is due gets a lease, so that nobody else probes it."""
    if not state.breakers:
        return state, Ticket(index, state.term, state.epoch)
    due = {name: g for name, g in known_guards(pool, state, index) if b.phase(g, now) is Phase.DUE}
    if due:
        state = stamped(state, {name: b.leased(g, now + pool.policy.probe_lease) for name, g in due.items()})
    return state, Ticket(index, state.term, state.epoch, bool(due))


def _unparked(pool: Pool, state: PoolState, index: int, now: float) -> PoolState:
    """End the parks of a credential: it is due."""
    return stamped(state, {name: b.ended(g, now) for name, g in known_guards(pool, state, index) if b.phase(g, now) is Phase.PARKED})


def _marked(pool: Pool, state: PoolState, index: int, now: float) -> PoolState:
    """Make a credential due that was not parked, so that a failback to it is a probe like any other."""
    if phase(pool, state, index, now) is not Phase.CLOSED:
        return state
    name = pool.guards[index].credential
    return stamped(state, {name: b.ended(state.breakers.get(name, CLOSED), now)})
