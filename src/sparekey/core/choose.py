"""Who is asked next, for requests, failbacks and rescues, and for pages that say what happens next.

A request turns to the first of these that it finds:

    UP       it begins, and a credential above the active one is due for a probe: its park has run out, or a failback is due
    RING     from the active credential downwards, then from the first: one that is not parked, or that is due, and the request is its
             probe (of credentials that were silent or slow, those above the active one are probed beside it instead, see `beside`, and
             the others are asked when all before them were)
    SOFT     the ring has none: one that is parked softly, in ring order. A request that has asked no credential yet, or that was refused in
             doubtful words, may also ask one that is parked for such words: it may own what the request asks for
    RESCUE   these have failed, too: once in `rescue_interval` one request asks all that are parked firmly, the soonest to return first

`choose` only reads. `take` gives the ticket and changes the state: a probe gets a lease, a failback or a rescue is noted.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from sparekey.core import breaker as b
from sparekey.core import expectations
from sparekey.core.breaker import CLOSED, Phase
from sparekey.core.pool import (
    Pool,
    PoolState,
    Ticket,
    doubtfully,
    failback_due,
    failback_target,
    higher_than_active,
    is_quiet,
    known_guards,
    may_be_rescue,
    phase,
    restarted,
    softly,
    soonest,
    stamped,
    switched,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_OPEN = frozenset({Phase.CLOSED, Phase.DUE})


class Turn(Enum):
    """Why a credential is next; the module describes the four."""

    UP = "up"
    RING = "ring"
    SOFT = "soft"
    RESCUE = "rescue"


class Choice(NamedTuple):
    """Which credential is next (its index), and why."""

    index: int  # type: ignore[assignment]  # tuple.index is not used
    turn: Turn


class Asker(NamedTuple):
    """What a request brings to the choice.

    Attributes:
        among: the indices that it may ask; None for all.
        tried: the indices that it has asked in this round.
        begins: it has asked no credential yet in this round.
        doubtful: it has asked no credential yet, or was refused in words that may be about it.
        rescues: it is the request that asks firmly parked credentials.
        shape: its shape; None where no park depends on it.
        rotation: the number by which to pick among several; None: the first in ring order.
        live: it starts no probe beside the active credential, so it probes silent and slow credentials itself.
    """

    among: Collection[int] | None = None
    tried: Collection[int] = ()
    begins: bool = False
    doubtful: bool = False
    rescues: bool = False
    shape: str | None = None
    rotation: int | None = None
    live: bool = False


def choose(pool: Pool, state: PoolState, asker: Asker, now: float) -> Choice | None:
    """Return who is next for a request at `now`; None if no credential is left."""
    among, tried, shape = asker.among, asker.tried, asker.shape
    if asker.begins and state.active and (among is None or state.active in among):
        up = _upwards(pool, state, asker._replace(among=range(len(pool)) if among is None else among), now)
        if up is not None:
            return Choice(up, Turn.UP)
    left = [i for i in pool.ring(state.active) if i not in tried and (among is None or i in among)]
    if takes := [i for i in left if _is_open(pool, state, i, now, shape)]:
        return Choice(_picked(takes, asker.rotation), Turn.RING)
    if takes := [i for i in left if i > state.active and phase(pool, state, i, now, shape) is Phase.DUE]:
        return Choice(takes[0], Turn.RING)  # no other request probes those below the active one
    for may in (softly, doubtfully) if asker.doubtful else (softly,):
        if takes := [i for i in left if may(pool, state, i, now)]:
            return Choice(_picked(takes, asker.rotation), Turn.SOFT)
    rescue = soonest(pool, state, [i for i in left if may_be_rescue(pool, state, i, now)])
    waited = state.rescued_at is None or now - state.rescued_at >= pool.policy.rescue_interval
    return Choice(rescue, Turn.RESCUE) if rescue is not None and (asker.rescues or waited) else None


def goes_to_active(pool: Pool, state: PoolState, now: float, shape: Callable[[], str]) -> bool:
    """Return whether a request that begins now simply goes to the active credential: it is well, and nothing is due above it.

    Then `choose` need not be asked: True only where it would say so for a request that may ask everybody. `shape` returns the request's;
    it is called only where a park depends on it.
    """
    breakers, active = state.breakers, state.active
    if active and failback_due(pool, state, now):
        return False
    if not breakers:
        return True
    for index in range(active):
        for name in pool.guard_names[index]:
            guard = breakers.get(name)
            if guard is None or guard.until is None:
                continue
            if b.phase(guard, now, shape() if guard.shapes else None) is Phase.DUE:
                return False
    return all(name not in breakers or breakers[name].until is None for name in pool.guard_names[active])


def _is_open(pool: Pool, state: PoolState, index: int, now: float, shape: str | None) -> bool:
    """Whether a credential takes a request in its turn: it is not parked, or due for a probe that costs the caller no wait."""
    found = phase(pool, state, index, now, shape)
    return found is Phase.CLOSED or (found is Phase.DUE and not is_quiet(pool, state, index))


def _picked(takes: list[int], rotation: int | None) -> int:
    return takes[0 if rotation is None else rotation % len(takes)]


def take(pool: Pool, state: PoolState, choice: Choice, shape: str | None, now: float) -> tuple[PoolState, Ticket]:
    """Return the state and the ticket for a choice; each guard that is due gets a lease, so that no other request probes it."""
    index, turn = choice
    if turn is Turn.RESCUE:
        return replace(state, rescued_at=now), Ticket(index, state.term, state.epoch)
    if turn is Turn.UP and phase(pool, state, index, now, shape) is not Phase.DUE:  # a failback is due: it is a probe like any other
        state = _marked(pool, _unparked(pool, restarted(state, now), index, now), index, now)
    if not state.breakers:
        return state, Ticket(index, state.term, state.epoch)
    due = {name: g for name, g in known_guards(pool, state, index) if b.phase(g, now, shape) is Phase.DUE}
    if due:
        state = stamped(state, {name: b.leased(g, now + pool.policy.probe_lease) for name, g in due.items()})
    return state, Ticket(index, state.term, state.epoch, bool(due))


def taken(
    pool: Pool, state: PoolState, asker: Asker, seen: tuple[PoolState, Choice], now: float
) -> tuple[PoolState, tuple[Ticket, Turn] | None]:
    """Return the state, and the ticket and turn of the credential that is asked next; None if no credential is left.

    `seen` is the state that the caller has read and the choice that it made there: it holds if the state is still the same, else the
    choice is made again.
    """
    choice = seen[1] if state is seen[0] else choose(pool, state, asker, now)
    if choice is None:
        return state, None
    state, ticket = take(pool, state, choice, asker.shape, now)
    return state, (ticket, choice.turn)


def beside(pool: Pool, state: PoolState, among: Collection[int] | None, now: float) -> tuple[PoolState, Ticket | None]:
    """Return the state, and the ticket for a probe beside the active credential; None if none is due.

    The probe is of the nearest credential above it that was silent or slow and is due. Its next, longer rest begins at once: no
    request waits for the probe, and only a success changes anything.
    """
    for index in higher_than_active(state, among):
        if phase(pool, state, index, now) is Phase.DUE and is_quiet(pool, state, index):
            due = {name: g for name, g in known_guards(pool, state, index) if b.phase(g, now) is Phase.DUE}
            state = stamped(state, {name: expectations.rested(g, g.level + 1, now) for name, g in due.items()})
            return state, Ticket(index, state.term, state.epoch, probe=True)
    return state, None


def maybe_failback(pool: Pool, state: PoolState, now: float) -> tuple[PoolState, int]:
    """Move the active index one step up if a failback is due; return the state and the active index."""
    if not failback_due(pool, state, now):
        return state, state.active
    target = failback_target(pool, state, higher_than_active(state), now)
    if target is None:
        return restarted(state, now), state.active
    return switched(_unparked(pool, state, target, now), target, now), target


def _upwards(pool: Pool, state: PoolState, asker: Asker, now: float) -> int | None:
    """The index that a request probes before it turns to the active one; None, too, while a probe of a higher one is out."""
    if not state.active:
        return None
    shape = asker.shape
    phases = {i: phase(pool, state, i, now, shape) for i in higher_than_active(state)}
    if Phase.PROBING in phases.values():
        return None
    higher = higher_than_active(state, asker.among)
    if not asker.live:
        higher = [i for i in higher if phases[i] is Phase.CLOSED or not is_quiet(pool, state, i)]
    if (due := next((i for i in higher if phases[i] is Phase.DUE), None)) is not None:
        return due
    return failback_target(pool, state, higher, now, shape) if higher and failback_due(pool, state, now) else None


def _unparked(pool: Pool, state: PoolState, index: int, now: float) -> PoolState:
    """The state with the parks of a credential ended: it is due."""
    return stamped(state, {name: b.ended(g, now) for name, g in known_guards(pool, state, index) if b.phase(g, now) is Phase.PARKED})


def _marked(pool: Pool, state: PoolState, index: int, now: float) -> PoolState:
    """The state with a credential due that was not parked, so that a failback to it is a probe like any other."""
    if phase(pool, state, index, now) is not Phase.CLOSED:
        return state
    name = pool.guards[index].credential
    return stamped(state, {name: b.ended(state.breakers.get(name, CLOSED), now)})
