"""Once more: the same credential after a passing fault, or the whole ring when it was exhausted by passing faults only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparekey.core import egress, local, next_attempt, room
from sparekey.core.breaker import Phase
from sparekey.core.choose import Asker
from sparekey.core.memory import words_of
from sparekey.core.policy import is_rate_limit, is_refusal, reaction_to
from sparekey.core.pool import due_at, phase, softly
from sparekey.core.timing import backoff_seconds, believed
from sparekey.types import ErrorClass, Evidence

if TYPE_CHECKING:
    from sparekey.core.pool import Ticket
    from sparekey.core.settlement import ObservedFailure
    from sparekey.core.walk import Walk


def same_again(walk: Walk, seen: ObservedFailure) -> float | None:
    """Return the seconds after which the same credential may be tried once more, or None if the request should move on.

    It stays only where no other credential of the same model is ready (DESIGN.md 4.6). A probe is sent once, and so is a rescue: what
    is parked would not be let through again.
    """
    policy, failure, index = walk.policy, seen.failure, seen.ticket.index
    if not policy.retry_same or not reaction_to(failure).retry_same or failure.evidence is Evidence.POSSIBLE:
        return None
    if failure.timed_out or failure.unreached or seen.writes > 1 or not walk.open_to(index):
        return None
    if is_rate_limit(failure) and failure.retry_after is None and walk.ready():
        return None  # it is not known when there is room again
    wait = believed(failure.retry_after) or policy.retry_delay * (1 + seen.dice)
    parked = phase(walk.pool, walk.chain_state.state, index, walk.now) is not Phase.CLOSED
    if parked or wait > policy.patience or walk.past_deadline(wait):
        return None
    if _another_is_ready(walk, index) or not walk.chain_state.transact_local(local.take_retry):
        return None
    walk.count_host_fault(index, failure)
    return wait


def readmit(walk: Walk, index: int) -> Ticket | None:
    """Return a new ticket for the same credential; None if it was parked meanwhile."""
    walk.out = [ticket for ticket in walk.out if ticket.index != index]
    room.let_go(walk, index)
    return next_attempt.in_ring(walk, Asker(frozenset({index})))


def pause(walk: Walk, rounds_done: int) -> float | None:
    """Return the seconds until the next round over the ring, or None if there is to be none; `rounds_done` counts from 0."""
    policy = walk.policy
    if walk.refused:
        return None
    if egress.nobody_reached(walk):
        return egress.until_next_round(walk)
    if rounds_done >= policy.max_retries or any(s.failure.error_class is not ErrorClass.TRANSIENT for s in walk.seen.values()):
        return None
    if _is_at_fault(walk):
        return None
    dice = next((s.dice for s in reversed(walk.seen.values())), 0.5)
    passing = [*walk.seen, *(i for i in walk.untried() if walk.parked_for_a_while(i))]
    ready = min((_ready_in(walk, i) for i in passing if walk.may_ask(i)), default=None)
    if ready is None or ready > policy.max_backoff:
        return None
    wait = max(ready, backoff_seconds(rounds_done, policy.backoff, policy.max_backoff, dice))
    return None if walk.past_deadline(wait) else wait


def _is_at_fault(walk: Walk) -> bool:
    """Return whether two or more refused this request, all in the same doubtful words: that outranks a passing fault (DESIGN.md 3.5)."""
    refusals = [s.failure for s in walk.seen.values() if is_refusal(s.failure)]
    return len(refusals) > 1 and len({words_of(failure) for failure in refusals}) == 1


def _another_is_ready(walk: Walk, index: int) -> bool:
    model = walk.pool.credentials[index].model
    return any(walk.pool.credentials[i].model == model for i in walk.ready())


def _ready_in(walk: Walk, index: int) -> float:
    """Seconds until a credential may be tried again: none if it is parked softly."""
    state = walk.chain_state.state
    return 0.0 if softly(walk.pool, state, index, walk.now) else max(0.0, due_at(walk.pool, state, index) - walk.now)
