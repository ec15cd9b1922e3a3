"""What became of an attempt: what it means for its request, and what the chain learns from it.

Each function takes the walk and settles a ticket exactly once, by `settlement.succeed`, `fail` or `release`. A failure ends in one of three
ways: it is raised at once (the request is at fault, or its answer is known), it is settled and the request goes on, or it waits in
`Walk.pending` until it is known whether anybody could be reached at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.core import egress, exhaustion, expectations, local, room, settlement
from sparekey.core import memory as m
from sparekey.core.expectations import Kind, Sample
from sparekey.core.policy import Advance, Recovery, is_blind, is_refusal, reaction_to
from sparekey.errors import DeadlineExceeded, OverloadedError
from sparekey.types import Action, ErrorClass, Evidence, Scope

if TYPE_CHECKING:
    from sparekey.core.pool import Ticket
    from sparekey.core.settlement import ObservedFailure
    from sparekey.core.walk import Walk

CUT_COST: Final = 30.0
"""Seconds that a stream costs its caller which breaks after he has seen content: he begins again by hand (DESIGN.md 4.5)."""


def succeeded(walk: Walk, ticket: Ticket, size: int = 0, *, hedged: bool = False) -> Ticket:
    """Settle a success and everything that waited for it; return the ticket for the rest of a stream.

    Args:
        walk: the request.
        ticket: of the attempt that succeeded.
        size: of the answer, as `expectations.Sample` takes it; 0 if it is not known.
        hedged: it was started beside a slow one.
    """
    if walk.connects or walk.chain_state.local.egress_at is not None:
        egress.reached(walk)
    if walk.pending:
        _settle_pending(walk)
    walk.take_back(ticket)
    if len(walk.pool.credentials) == 1:
        walk.chain_state.dead = None
    refusals = [s for s in walk.seen.values() if is_refusal(s.failure)] if walk.seen else []
    moves = walk.sticky and walk.too_large is None and not (walk.excused and walk.excused >= walk.seen.keys())
    request = walk.identity.request if refusals else ""
    after: Ticket = walk.chain_state.transact(settlement.succeed, ticket, refusals, request, moves, walk.now)
    walk.term = after.term  # what follows in the same call (a recovery) acts in the term that this success has made
    if walk.scouts:
        _scouted(walk)
    seconds = walk.now - walk.asked_at[ticket.index]
    walk.chain_state.learn(Sample(walk.pool.names[ticket.index], walk.kind, seconds, size), walk.now)
    if hedged:
        walk.chain_state.transact_local(local.hedge_won)
    return after


def failed(walk: Walk, seen: ObservedFailure) -> BaseException | None:
    """Take in a failure; return the exception to raise at once, or None if another credential may help."""
    index, failure = seen.ticket.index, seen.failure
    seen = seen._replace(cost=walk.took(index))
    if is_refusal(failure):
        seen = seen._replace(shape=walk.identity.shape)
    walk.seen[index] = seen
    walk.calls[index] = walk.calls.get(index, 0) + max(0, seen.writes - 1)  # a request is written to a provider twice at most
    walk.take_back(seen.ticket)
    room.let_go(walk, index)
    if not failure.unreached:
        walk.slowest = max(walk.slowest, walk.took(index))
        egress.reached(walk)
    advance = reaction_to(failure).advance
    if failure.action is Action.STOP_AND_PARK or advance is Advance.NEVER:
        walk.release(seen.ticket) if advance is Advance.NEVER else _settle(walk, seen)
        _settle_pending(walk)
        return seen.exception
    if advance is Advance.OTHER_MODEL:
        walk.release(seen.ticket)
        walk.too_large = walk.too_large or seen.exception
        account = walk.pool.guards[index].account if failure.scope is Scope.ACCOUNT else ""
        walk.too_large_for.add((account, walk.pool.credentials[index].model))
        return None
    walk.count_host_fault(index, failure)
    if failure.unreached:
        walk.pending.append(seen)
        return None
    if is_refusal(failure):
        return _refused(walk, seen)
    _settle(walk, seen)
    return None


def cut(walk: Walk, seen: ObservedFailure) -> None:
    """Settle the failure of a stream after its first content.

    Half an answer that the caller has seen costs him more than the time it took.
    """
    took = walk.took(seen.ticket.index)
    seen = seen._replace(cost=took if walk.policy.stream_recovery == Recovery.BUFFER else max(took, CUT_COST))
    walk.seen[seen.ticket.index] = seen
    room.let_go(walk, seen.ticket.index)
    _settle(walk, seen)


def lost(walk: Walk, ticket: Ticket) -> None:
    """Take back an attempt that another one outran: it blames no credential."""
    walk.take_back(ticket)
    room.let_go(walk, ticket.index)
    walk.release(ticket)


def overtaken(walk: Walk, seen: ObservedFailure, size: int) -> None:
    """Settle an attempt that was slow while another one answered.

    It has failed if what it took is out of the ordinary even among its own slow answers. Else (one answer of many of a thinking model)
    it counts as one more slow answer: three in a row make a brownout.

    Args:
        walk: the request.
        seen: how the attempt failed if it did.
        size: of the answer, as `expectations.Sample` takes it.
    """
    index = seen.ticket.index
    known = size if walk.kind is Kind.FIRST else 0  # how long its answer would have been is not known: it has brought none
    sample = Sample(walk.pool.names[index], walk.kind, walk.took(index), known, seen.ticket.probe)
    if seen.ticket.probe or expectations.is_unheard_of(walk.expected(index), sample):
        failed(walk, seen)
    else:
        lost(walk, seen.ticket)
        walk.chain_state.learn(sample, walk.now)


def left(walk: Walk, now: float) -> None:
    """Take in that the caller left at `now`: each credential that kept him for longer than expected is suspected."""
    walk.now = now
    for ticket in list(walk.out):
        took = walk.took(ticket.index)
        if took >= expectations.hint(walk.expected(ticket.index), walk.kind):
            walk.out.remove(ticket)
            walk.chain_state.transact(settlement.suspect, ticket, took, now)


def abandon(walk: Walk) -> None:
    """Give back what is out, without a verdict: the call is over."""
    if walk.out or walk.pending:
        walk.release_pending()
        for ticket in walk.out:
            walk.release(ticket)
        walk.out.clear()
    if walk.bounded:
        room.leave(walk)
    if walk.scouts:
        _scouted(walk)


def exhausted(walk: Walk) -> BaseException:
    """Settle what is pending and return what the caller gets: every credential was tried or is parked."""
    if egress.nobody_reached(walk):
        walk.release_pending()
    _settle_pending(walk)
    _unserved(walk)
    if walk.refused and not walk.seen:
        return OverloadedError(max(1.0, walk.policy.queue_timeout))
    if walk.answer is not None:
        return walk.answer
    if walk.too_large is not None:
        return walk.too_large
    if walk.spent() and all(s.failure.timed_out for s in walk.seen.values()):
        return DeadlineExceeded(f"the deadline of {walk.policy.deadline:g} s was spent before any credential could answer")
    return exhaustion.exhausted(walk.pool, walk.chain_state, walk.seen, walk.untried(), walk.now)


def _refused(walk: Walk, seen: ObservedFailure) -> BaseException | None:
    """Settle a refusal; return the caller's answer if one more credential was asked already and it is no better."""
    memory, words = walk.chain_state.state.memory, m.words_of(seen.failure)
    credential_id = walk.pool.credentials[walk.pool.first_of[seen.ticket.index]].id
    well = m.is_acquitted(memory, words, credential_id, walk.now)
    known = well and m.is_the_requests(memory, words, walk.now)
    _settle(walk, seen)
    if well:
        walk.excused.add(seen.ticket.index)
    if walk.answer is None and (known or is_blind(seen.failure)):
        walk.answer = seen.exception
        if known and is_blind(seen.failure):
            walk.remaining = 0
        elif walk.remaining != 0:
            walk.remaining = 1
    if walk.answer is None or walk.remaining != 0:
        return None
    _unserved(walk)
    return walk.answer


def _settle(walk: Walk, seen: ObservedFailure) -> None:
    failure = seen.failure
    walk.chain_state.transact(settlement.fail, seen, walk.now)
    if len(walk.pool) == 1 and failure.error_class is not ErrorClass.TRANSIENT and failure.evidence is not Evidence.POSSIBLE:
        walk.chain_state.dead = seen


def _settle_pending(walk: Walk) -> None:
    for seen in walk.pending:
        _settle(walk, seen)
    walk.pending.clear()


def _unserved(walk: Walk) -> None:
    """Let the chain take in that no credential served a request which one refused."""
    if any(is_refusal(s.failure) for s in walk.seen.values()):
        everybody = walk.remaining is None and walk.eligible is None
        seen = list(walk.seen.values())
        walk.chain_state.transact(settlement.unserved, seen, walk.identity.request, everybody, walk.began, walk.now)


def _scouted(walk: Walk) -> None:
    """Let those go on that wait for what this request finds out."""
    walk.scouts = False
    walk.chain_state.transact_local(local.back, walk.number)
