"""A result comes back: who is active now, and who is parked for how long?"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Breaker
from sparekey.core.policy import REACTIONS, WEAK_PARK_SECONDS, is_weak
from sparekey.core.pool import Pool, PoolState, Ticket, known_guards, stamped, switched
from sparekey.core.timing import believed, park_seconds
from sparekey.types import ErrorClass, Evidence, Scope

if TYPE_CHECKING:
    from sparekey.types import Failure


def succeed(pool: Pool, state: PoolState, ticket: Ticket, now: float, sticky: bool) -> tuple[PoolState, Ticket]:
    """Take in a success; return the state and a ticket for what may still follow in the same call (the rest of a stream).

    Whoever served becomes active, unless the ticket is of an older term or the request was routed by capability (not `sticky`).
    """
    if ticket.term != state.term:
        return release(pool, state, ticket)
    if state.breakers:
        state = stamped(state, {name: CLOSED for name, g in _fresh(pool, state, ticket) if g.until is not None})
    if sticky:
        state = commit(state, ticket.index, now)
    unchanged = state.term == ticket.term and state.epoch == ticket.epoch and not ticket.probe
    return state, ticket if unchanged else Ticket(ticket.index, state.term, state.epoch)


def commit(state: PoolState, index: int, now: float) -> PoolState:
    """Make the credential that served the active one; if it is already, count the request (the first one counts nothing)."""
    if index != state.active:
        return switched(state, index, now)
    return replace(state, served=state.served + 1) if index > 0 else state


def fail(pool: Pool, state: PoolState, ticket: Ticket, failure: Failure, now: float, dice: float) -> tuple[PoolState, Ticket]:
    """Take in a failure: park whom it blames, unless the verdict is stale or the request itself is to blame.

    A lone credential is parked for a stated wait only: there is nobody else to turn to.
    """
    state, _ = release(pool, state, ticket)
    blamed = _blamed(pool, ticket.index, failure)
    guards = {name: guard for name in blamed if (guard := state.breakers.get(name, CLOSED)).epoch <= ticket.epoch}
    parks = {name: _parked(guard, failure, now, dice) for name, guard in guards.items()}
    if len(pool) == 1:
        parks = {name: guard for name, guard in parks.items() if guard.firm}
    return stamped(state, parks), ticket


def release(pool: Pool, state: PoolState, ticket: Ticket) -> tuple[PoolState, Ticket]:
    """Take a ticket back without a verdict (cancelled, request-level failure): blames nobody, a probe becomes due again."""
    mine = {name: b.released(g) for name, g in _fresh(pool, state, ticket) if g.lease is not None} if ticket.probe else {}
    return (replace(state, breakers=MappingProxyType({**state.breakers, **mine})) if mine else state), ticket


def _blamed(pool: Pool, index: int, failure: Failure) -> tuple[str, ...]:
    """The names of the breakers that a failure parks; none if it blames nobody here.

    Where an account or an endpoint is to blame, the credential is parked with it: should another key get through to that account or
    endpoint meanwhile, this one still owes a probe.
    """
    guards = pool.guards[index]
    if REACTIONS[failure.error_class].parking is None or failure.scope in (Scope.REQUEST, Scope.EGRESS):
        return ()
    if failure.error_class is ErrorClass.MODEL_NOT_FOUND:
        return (guards.model,)
    wider = {Scope.ACCOUNT: guards.account, Scope.ENDPOINT: guards.endpoint}.get(failure.scope, guards.credential)
    return tuple(dict.fromkeys((guards.credential, wider)))


def _parked(guard: Breaker, failure: Failure, now: float, dice: float) -> Breaker:
    """The breaker after a failure: a stated end is firm, weak evidence parks briefly until a later request confirms it.

    Later means after that park: what comes during it may be the same caller with the same words.
    """
    cause, stated = failure.error_class, _stated(failure)
    parking = REACTIONS[cause].parking
    assert parking is not None
    level = b.next_level(guard, cause, now)
    length = stated or park_seconds(parking, level, dice)
    weak = is_weak(failure)
    if weak and not (guard.weak and b.phase(guard, now) is not b.Phase.PARKED):
        length, level = min(length, WEAK_PARK_SECONDS), min(level, guard.level)
    return b.parked(guard, now + length, level, cause, failure.reason, firm=stated is not None, weak=weak)


def _stated(failure: Failure) -> float | None:
    """The wait as the provider stated it; where the text may be the caller's own, so may the wait."""
    if failure.evidence is Evidence.WEAK:
        return None
    return believed(failure.retry_after) if REACTIONS[failure.error_class].heeds_stated else None


def _fresh(pool: Pool, state: PoolState, ticket: Ticket) -> list[tuple[str, Breaker]]:
    """The known guards of a ticket's credential that nobody has changed since the ticket was given."""
    return [(name, g) for name, g in known_guards(pool, state, ticket.index) if g.epoch <= ticket.epoch]
