"""A result comes back: who is active now, who is parked for how long, and what is remembered of it (docs/blame.md).

**Theory.** Each function takes the state and a result and returns the new state. A result counts only as far as it is fresh: a guard
whose epoch is newer than the ticket's has changed since the attempt began and stays as it is, and a ticket of an older term moves
nothing. What a failure parks follows from how much it proves:

    certain     the provider's own code, a stated end: a firm park at once, as long as `policy.REACTIONS` says or the provider states
    likely      a refusal whose words may be about the request: a soft park of five seconds. It becomes firm after three different
    possible    requests that this credential refused and another one served, with no success of its own since the first of them
    acquitted   words in which this credential has refused before and then served a later request: no park at all

A passing fault of the host (an overload, silence) is no refusal: its park is soft, and as long as what it cost its callers.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import breaker as b
from sparekey.core import memory as m
from sparekey.core.breaker import CLOSED, Breaker, Phase
from sparekey.core.policy import SOFT_PARK_SECONDS, is_blind, is_rate_limit, is_refusal, parks_by_cost, reaction_to, stated_wait
from sparekey.core.pool import Pool, PoolState, Ticket, known_guards, phase, stamped, switched
from sparekey.core.timing import park_seconds
from sparekey.types import ErrorClass, Evidence, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.types import Failure

PARK_PER_SECOND: Final = 20.0
"""Seconds of a park for each second that a failure cost its caller, and by which an outage has to be longer to be looked at later.

A credential that fails again at each probe costs a twentieth at most; the end of an outage is missed for a twentieth of what it lasted.
"""
LONGEST_FOR_COST: Final = 300.0
"""Seconds of the longest such park: a recovery is missed for five minutes at most."""
LEFT_BY: Final = 2
"""Callers in a row who have to leave before their credential is parked."""
CONFIRMED_BY: Final = 3
"""Different requests after which a park is firm, if they are spread over at least one soft park."""
CONFIRMED_AT_ONCE_BY: Final = 10
"""Different requests after which a park is firm, however quickly they came."""


class ObservedFailure(NamedTuple):
    """A failure of one request, settled or not.

    Attributes:
        ticket: of the attempt.
        failure: what it was.
        exception: what the caller would get.
        dice: a random number in [0, 1), for the length of a park.
        at: when it came.
        shape: the request's.
        writes: how often the request was written to the provider for this attempt.
        cost: seconds that it took from its caller.
    """

    ticket: Ticket
    failure: Failure
    exception: BaseException
    dice: float
    at: float
    shape: str = ""
    writes: int = 1
    cost: float = 0.0


def succeed(
    pool: Pool, state: PoolState, ticket: Ticket, refusals: Sequence[ObservedFailure], request: str, sticky: bool, now: float
) -> tuple[PoolState, Ticket]:
    """Take in a success; return the state and a ticket for what may still follow in the same call (the rest of a stream).

    The credential that served becomes active, unless the ticket is of an older term or the request is not `sticky`.

    Args:
        pool: the chain.
        state: its state.
        ticket: the permission of the attempt.
        refusals: the refusals of others for the same request.
        request: the request's hash; read only if there are refusals.
        sticky: whether the credential that serves becomes active.
        now: the time.
    """
    who = pool.credentials[pool.first_of[ticket.index]].id
    if state.memory.words or state.memory.drought:
        memory = m.served(state.memory, who, ticket.epoch, {m.words_of(s.failure) for s in refusals}, now)
        state = state if memory is state.memory else replace(state, memory=memory)
    if refusals:
        state = _confirmed(pool, state, ticket.index, refusals, request, now)
    if ticket.term != state.term:
        return release(pool, state, ticket)
    if state.breakers:
        well = {name: b.recovered(g, now) for name, g in _fresh(pool, state, ticket) if g.until is not None or g.since is not None}
        state = stamped(state, well)
    if sticky and not _recovered_meanwhile(pool, state, ticket, now):
        state = commit(state, ticket.index, now)
    unchanged = state.term == ticket.term and state.epoch == ticket.epoch and not ticket.probe
    return state, ticket if unchanged else Ticket(ticket.index, state.term, state.epoch)


def _recovered_meanwhile(pool: Pool, state: PoolState, ticket: Ticket, now: float) -> bool:
    """Whether the active credential, which a request left for a lower one, has become well since: then traffic stays with it."""
    return ticket.index > state.active and state.epoch != ticket.epoch and phase(pool, state, state.active, now) is Phase.CLOSED


def commit(state: PoolState, index: int, now: float) -> PoolState:
    """Return the state with the credential that served as the active one; if it was already, with one more request served.

    The first credential counts nothing: from there no failback leads up.
    """
    if index != state.active:
        return switched(state, index, now)
    return replace(state, served=state.served + 1) if index > 0 else state


def fail(pool: Pool, state: PoolState, seen: ObservedFailure, now: float) -> tuple[PoolState, None]:
    """Take in a failure: park whom it blames, unless the verdict is stale or the request itself is to blame."""
    ticket, failure = seen.ticket, seen.failure
    state, _ = release(pool, state, ticket)
    fresh = {name: g for name in _blamed(pool, ticket.index, failure) if (g := state.breakers.get(name, CLOSED)).epoch <= ticket.epoch}
    if not is_refusal(failure):
        park = _soft if failure.evidence is Evidence.POSSIBLE and stated_wait(failure) is None else _parked
        return stamped(state, {name: park(guard, seen, now) for name, guard in fresh.items()}), None
    words, who = m.words_of(failure), pool.credentials[pool.first_of[ticket.index]].id
    if m.is_acquitted(state.memory, words, who, now):
        failing = {name: _shaped(b.failing(guard, now), seen) for name, guard in fresh.items()}
        state = stamped(state, {name: guard for name, guard in failing.items() if guard is not fresh[name]})
    else:
        state = stamped(state, {name: _soft(guard, seen, now) for name, guard in fresh.items()}, always=True)
    return replace(state, memory=m.refused(state.memory, words, who, state.epoch, now)), None


def unserved(
    pool: Pool, state: PoolState, seen: Sequence[ObservedFailure], request: str, everybody: bool, began: float, now: float
) -> tuple[PoolState, None]:
    """Take in that no credential served a request. What all refused counts against none.

    A credential that failed before the request began may be out of order, and refuse in words of its own: the others decide whether
    the words proved to be about the request.

    Args:
        pool: the chain.
        state: its state.
        seen: the failures of those that were asked, refusals among them.
        request: the hash of the request.
        everybody: all that take traffic were asked, not only some.
        began: when the request began.
        now: the time.
    """
    refusals = [s for s in seen if is_refusal(s.failure)]
    if len(refusals) + sum(s.failure.evidence is Evidence.CERTAIN for s in seen) < len(seen):
        return state, None  # some are down: what they would have said is not known
    judges = [s for s in seen if not _failed_before(pool, state, s, began)] or refusals
    words, memory = {m.words_of(s.failure) for s in judges}, state.memory
    if len(words) == 1 and all(is_refusal(s.failure) for s in judges) and (everybody or is_blind(judges[0].failure)):
        memory = m.refused_by_all(memory, words.pop(), request)
    return replace(state, memory=m.dry(memory, request, now) if everybody else memory), None


def _failed_before(pool: Pool, state: PoolState, seen: ObservedFailure, began: float) -> bool:
    guards = (state.breakers.get(name, CLOSED) for name in _blamed(pool, seen.ticket.index, seen.failure))
    return any(g.since is not None and g.since < began for g in guards)


def admit(pool: Pool, state: PoolState, now: float) -> tuple[PoolState, m.Admission]:
    """Let a request begin while everybody refuses; return the state, and when it may ask how many."""
    del pool
    memory, admission = m.admitted(state.memory, now)
    return (state if memory is state.memory else replace(state, memory=memory)), admission


def release(pool: Pool, state: PoolState, ticket: Ticket) -> tuple[PoolState, Ticket]:
    """Take a ticket back without a verdict (cancelled, request-level failure): blames no credential, a probe becomes due again."""
    mine = {name: b.released(g) for name, g in _fresh(pool, state, ticket) if g.lease is not None} if ticket.probe else {}
    return (replace(state, breakers=MappingProxyType({**state.breakers, **mine})) if mine else state), ticket


def suspect(pool: Pool, state: PoolState, ticket: Ticket, cost: float, now: float) -> tuple[PoolState, None]:
    """Take in that a caller left after more than the expected time: two in a row park the credential softly (docs/failover.md)."""
    state, _ = release(pool, state, ticket)
    name = pool.guards[ticket.index].credential
    guard = state.breakers.get(name, CLOSED)
    if guard.epoch > ticket.epoch:
        return state, None
    guard = replace(b.failing(guard, now), callers_left=guard.callers_left + 1, cost=b.remembered_cost(guard, now) + cost, cost_at=now)
    if guard.callers_left >= LEFT_BY:
        cause = ErrorClass.TRANSIENT
        level = b.next_level(guard, cause, now)
        length = max(SOFT_PARK_SECONDS, min(PARK_PER_SECOND * guard.cost, LONGEST_FOR_COST))
        guard = b.parked(guard, now, length, level, cause, "timeout", soft=True)
    return stamped(state, {name: guard}), None


def _blamed(pool: Pool, index: int, failure: Failure) -> tuple[str, ...]:
    """The names of the breakers that a failure parks; none if it blames no credential here.

    Where an account or an endpoint is to blame, the credential is parked with it: should another key get through to that account or
    endpoint meanwhile, this one still owes a probe.
    """
    guards = pool.guards[index]
    if reaction_to(failure).parking is None or (failure.scope in (Scope.REQUEST, Scope.EGRESS) and not is_blind(failure)):
        return ()
    if failure.error_class is ErrorClass.MODEL_NOT_FOUND:
        return (guards.model,)
    if failure.one_model:
        return (guards.model, guards.account_model) if failure.scope is Scope.ACCOUNT else (guards.model,)
    wider = {Scope.ACCOUNT: guards.account, Scope.ENDPOINT: guards.endpoint}.get(failure.scope, guards.credential)
    return tuple(dict.fromkeys((guards.credential, wider)))


def _parked(guard: Breaker, seen: ObservedFailure, now: float) -> Breaker:
    """The breaker after a failure whose length the table says, or the provider."""
    failure = seen.failure
    cause, stated = failure.error_class, stated_wait(failure)
    parking = reaction_to(failure).parking
    assert parking is not None
    level = b.next_level(guard, cause, now)
    if stated is None and is_rate_limit(failure):  # the park begins as long as the last one had to be
        level = max(level, b.without_room(guard, now) if guard.until is None else 0)
        guard = replace(guard, room=level, room_at=now)
    length = stated or park_seconds(parking, level, seen.dice)
    if stated is None and parks_by_cost(failure):
        cost, down = b.remembered_cost(guard, now) + seen.cost, now - (now if guard.since is None else guard.since)
        guard = replace(guard, cost=cost, cost_at=now)
        length = max(length, min(max(PARK_PER_SECOND * cost, down / PARK_PER_SECOND), LONGEST_FOR_COST))
    parked = b.parked(
        guard, now, length, level, cause, failure.reason if failure.reason in b.QUIET or not failure.timed_out else b.SILENT,
        stated=stated is not None, soft=stated is None and parking.soft, probed=seen.ticket.probe,
    )  # fmt: skip
    return replace(parked, shapes=()) if guard.shapes else parked  # it is down for requests of every shape


def _soft(guard: Breaker, seen: ObservedFailure, now: float) -> Breaker:
    """The breaker after a failure that may be the request's. It counts as no park in a row."""
    cause = seen.failure.error_class
    level, probed = _firm_parks(guard, cause), seen.ticket.probe
    parked = b.parked(guard, now, SOFT_PARK_SECONDS, level, cause, seen.failure.reason, soft=True, probed=probed)
    return _shaped(parked, seen) if parked.soft else parked


def _shaped(guard: Breaker, seen: ObservedFailure) -> Breaker:
    """The breaker with the shape of a request that it has refused."""
    if not seen.shape or seen.shape in guard.shapes or len(guard.shapes) == b.MOST_SHAPES:
        return guard
    return replace(guard, shapes=(*guard.shapes, seen.shape))


def _firm(guard: Breaker, seen: ObservedFailure, now: float) -> Breaker:
    """The breaker after refusals that several requests confirm."""
    cause, parking = seen.failure.error_class, reaction_to(seen.failure).parking
    assert parking is not None
    level = _firm_parks(guard, cause) + 1
    return b.parked(guard, now, park_seconds(parking, level, seen.dice), level, cause, seen.failure.reason)


def _firm_parks(guard: Breaker, cause: ErrorClass) -> int:
    """How many firm parks in a row there were for this cause."""
    return guard.level if guard.cause is cause else 0


def _confirmed(pool: Pool, state: PoolState, server: int, refusals: Sequence[ObservedFailure], request: str, now: float) -> PoolState:
    """Count a request that some refused and another one served against those that refused it; park firmly where it is enough.

    Three have to span a soft park: what came while one lasted was asked by callers who did not know of it yet, maybe all of one kind.
    """
    changes: dict[str, Breaker] = {}
    memory = state.memory
    for seen in refusals:
        for name in set(_blamed(pool, seen.ticket.index, seen.failure)) - set(pool.guard_names[server]):
            guard = state.breakers.get(name, CLOSED)
            if guard.since is None or seen.at < guard.since or request in guard.against:
                continue
            against = (*guard.against, request)[-CONFIRMED_AT_ONCE_BY:]
            changes[name] = replace(guard, against=against)
            open_ = guard.soft or b.phase(guard, now) is b.Phase.CLOSED
            spanned = len(against) >= CONFIRMED_BY and now - guard.since >= SOFT_PARK_SECONDS
            if open_ and (spanned or len(against) == CONFIRMED_AT_ONCE_BY):
                changes[name] = _firm(changes[name], seen, now)
                memory = m.convicted(memory, m.words_of(seen.failure), pool.credentials[pool.first_of[seen.ticket.index]].id)
    return replace(stamped(state, changes), memory=memory) if changes else state


def _fresh(pool: Pool, state: PoolState, ticket: Ticket) -> list[tuple[str, Breaker]]:
    """The known guards of a ticket's credential that have not changed since the ticket was given."""
    return [(name, g) for name, g in known_guards(pool, state, ticket.index) if g.epoch <= ticket.epoch]
