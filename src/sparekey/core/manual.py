"""A person steps in: hold a credential back, release it, make it active, have it probed at once.

Each function is a decision for `SharedState.transact`: it takes the pool and the state, and returns the new state. What it changes is
stamped with a new epoch, so the result of an attempt that began before neither ends a hold nor undoes a release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Breaker, Phase
from sparekey.core.pool import Pool, PoolState, known_guards, stamped, switched

if TYPE_CHECKING:
    from collections.abc import Callable

HELD: Final = "held"
"""The reason of a park that a person set; no failure has it together with an empty cause."""


def hold(pool: Pool, state: PoolState, index: int, until: float, now: float) -> tuple[PoolState, None]:
    """Hold a credential back until `until`: only time or a release ends that, no failback and no rescue.

    It does not shorten a park of the credential that lasts longer.
    """
    if until <= now:
        return state, None
    name = pool.guards[index].credential
    standing = state.breakers.get(name, CLOSED)
    if is_hold(standing):
        standing = CLOSED
    guard = Breaker(until=max(until, standing.until or until), stated=True, reason=HELD)
    return stamped(state, {name: guard}), None


def release(pool: Pool, state: PoolState, index: int, now: float) -> tuple[PoolState, None]:
    """End the parks of a credential. One that a person held counts as well; one that a failure parked is due for a probe.

    Above the active credential a held one is due, too: one request tries it, and traffic returns if it is well.
    """
    return stamped(state, _changed(pool, state, index, lambda g: _released(g, now, higher=index < state.active))), None


def probe_now(pool: Pool, state: PoolState, index: int, now: float) -> tuple[PoolState, None]:
    """Make a credential due at once, even before an end that its provider stated; the next request that may probe it does.

    A hold stays until it is released. A credential that is not parked needs no probe, unless it stands above the active one: then the
    next request tries whether traffic can return.
    """
    if is_held(pool, state, index):
        return state, None
    due = _changed(pool, state, index, lambda g: b.ended(g, now) if b.phase(g, now) is Phase.PARKED else g)
    if index < state.active and all(guard.until is None for _, guard in known_guards(pool, state, index)):
        name = pool.guards[index].credential
        due = {name: b.ended(state.breakers.get(name, CLOSED), now)}
    return stamped(state, due), None


def activate(pool: Pool, state: PoolState, index: int, now: float) -> tuple[PoolState, None]:
    """Make a credential the active one, in a new term, with all its parks ended.

    It does not become merely due: while its probe was out, a credential that served meanwhile would become active instead.
    """
    state = stamped(state, _changed(pool, state, index, lambda g: g if g.until is None else CLOSED))
    return (state if index == state.active else switched(state, index, now)), None


def is_hold(guard: Breaker) -> bool:
    """Return whether a park was set by a person."""
    return guard.until is not None and guard.cause is None and guard.reason == HELD


def is_held(pool: Pool, state: PoolState, index: int, now: float | None = None) -> bool:
    """Return whether a person holds a credential back; with `now`, whether the hold still lasts."""
    guard = state.breakers.get(pool.guards[index].credential, CLOSED)
    return is_hold(guard) and (now is None or b.phase(guard, now) is Phase.PARKED)


def _released(guard: Breaker, now: float, *, higher: bool) -> Breaker:
    if is_hold(guard) and not higher:
        return CLOSED
    return b.ended(guard, now) if b.phase(guard, now) is Phase.PARKED else guard


def _changed(pool: Pool, state: PoolState, index: int, edit: Callable[[Breaker], Breaker]) -> dict[str, Breaker]:
    """The guards of a credential that `edit` makes anew, by name."""
    edited = {name: (guard, edit(guard)) for name, guard in known_guards(pool, state, index)}
    return {name: new for name, (old, new) in edited.items() if new is not old}
