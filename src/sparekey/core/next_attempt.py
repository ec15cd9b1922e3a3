"""Whom a request asks now: a ticket, a wait, or no credential any more.

`choose` says who is next in the ring; here stands what one request adds to that:

    admission   while everybody is known to refuse, a request waits for its turn and asks fewer
    budget      a call to a credential or host that has failed this request costs a retry; without one, that way is closed
    room        where the chain or its credentials take so many requests at once, it waits in a queue, or is refused
    scout       of a credential that is not known to be well, one request finds out and those beside it wait, a quarter of a second at most;
                then they spread over the credentials of the same model of which nothing is known yet
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparekey.core import choose, egress, local, room, settlement
from sparekey.core import memory as m
from sparekey.core.choose import Asker, Choice, Turn
from sparekey.core.policy import is_refusal
from sparekey.core.pool import Ticket

if TYPE_CHECKING:
    from sparekey.core.pool import PoolState
    from sparekey.core.walk import Walk


def begin_round(walk: Walk) -> None:
    """Begin to go around the ring anew: everybody may be asked once more, within the bounds of the request."""
    walk.term, walk.tried, walk.begins, walk.rescues = walk.chain_state.state.term, set(), True, False


def next_attempt(walk: Walk) -> Ticket | float | None:
    """Return the ticket of the next attempt; or the seconds after which to ask again; or None if this round has no credential left."""
    if walk.well:
        return at_once(walk)
    if not walk.calls and not walk.admitted and (wait := _admission(walk)):
        return wait
    while not (walk.spent() or walk.remaining == 0 or egress.gives_up(walk)):
        if walk.bounded and (until_room := room.until_room(walk)) != 0.0:
            return until_room
        if (until_tried := egress.until_tried(walk)) != 0.0:
            return until_tried
        if (step := _step(walk)) != 0.0:
            return step
    return None


def at_once(walk: Walk) -> Ticket:
    """Return the ticket of the first attempt of a request to a chain that is well, or that was made before: there is nothing to decide."""
    walk.well = walk.begins = False
    if walk.made is not None:
        return walk.give(walk.made)
    if walk.chain_state.local.retries < walk.policy.retry_burst:
        walk.chain_state.transact_local(local.earn_retry)
    return walk.give(Ticket(walk.active, walk.term, walk.epoch))


def in_ring(walk: Walk, asker: Asker) -> Ticket | None:
    """Return a ticket for whoever is next in the ring; None where only parked ones are left."""
    state = walk.chain_state.state
    choice = choose.choose(walk.pool, state, asker, walk.now)
    return _taken(walk, asker, state, choice) if choice is not None and choice.turn is Turn.RING and not walk.spent() else None


def _admission(walk: Walk) -> float:
    """Limit a request where everybody is known to refuse; return the seconds until its turn.

    What was found out while this request waited counts as well.
    """
    memory = walk.chain_state.state.memory
    if memory.drought is not None and memory.drought.confirmed:
        wait, walk.remaining = walk.chain_state.transact(settlement.admit, walk.now)
        walk.admitted = True
        return float(wait)
    if memory.words and m.was_refused_by_all(memory, walk.identity, walk.now):
        walk.remaining, walk.admitted = m.ASKED_BY_OTHERS, True
    return 0.0


def _step(walk: Walk) -> Ticket | float | None:
    """As `next_attempt`; 0.0 if the choice has to be made anew."""
    doubtful = not walk.seen or any(is_refusal(s.failure) for s in walk.seen.values())
    begins = walk.begins and walk.sticky
    asker = Asker(walk.among(), walk.tried, begins, doubtful, walk.rescues, walk.shape(), _rotation(walk), not walk.races)
    state = walk.chain_state.state
    choice = choose.choose(walk.pool, state, asker, walk.now)
    if choice is None:
        return None
    if walk.waited >= local.LONGEST_WAIT and choice.turn is Turn.RING and choice.index != state.active:
        asker, choice = _spread(walk, asker, state, choice)
    if walk.is_retry(choice.index) and not walk.chain_state.transact_local(local.take_retry):
        walk.closed.add(choice.index)
        return 0.0
    if not _may_explore(walk, choice):
        walk.waited += local.LOOK_AGAIN
        return local.LOOK_AGAIN
    if walk.bounded and not room.reserved(walk, choice.index):
        return 0.0
    ticket = _taken(walk, asker, state, choice)
    if walk.bounded and (ticket is None or ticket.index != choice.index):
        room.let_go(walk, choice.index)
    return ticket or 0.0


def _taken(walk: Walk, asker: Asker, state: PoolState, choice: Choice) -> Ticket | None:
    """The ticket for a choice; None if no credential is left when it is made again on a newer state.

    The ticket is of the term in which this round began: what was decided then moves the active index no more.
    """
    found = walk.chain_state.transact(choose.taken, asker, (state, choice), walk.now)
    if found is None:
        return None
    ticket, turn = found
    walk.rescues = walk.rescues or turn is Turn.RESCUE
    walk.begins = False
    if walk.chain_state.local.retries < walk.policy.retry_burst and not walk.is_retry(ticket.index):
        walk.chain_state.transact_local(local.earn_retry)
    return walk.give(ticket if ticket.term == walk.term else ticket._replace(term=walk.term))


def _rotation(walk: Walk) -> int | None:
    """The number by which the last credential that a limited request may ask is picked, in rotation; None: in ring order."""
    return walk.chain_state.transact_local(local.rotate) if walk.remaining == 1 and walk.seen else None


def _spread(walk: Walk, asker: Asker, state: PoolState, choice: Choice) -> tuple[Asker, Choice]:
    """Another asker and choice, for a herd that has waited long enough.

    It spreads over the credentials of the same model of which nothing is known yet, and does not move the active index.
    """
    models = [c.model for c in walk.pool.credentials]
    alike = {i for i in walk.everybody() if models[i] == models[choice.index] and i != state.active and walk.open_to(i)} - room.full(walk)
    asker = asker._replace(among=alike, rotation=walk.chain_state.transact_local(local.rotate))
    walk.sticky = False
    return asker, choose.choose(walk.pool, state, asker, walk.now) or choice


def _may_explore(walk: Walk, choice: Choice) -> bool:
    """Whether to ask a credential now, or to wait for what the request learns that is asking already.

    Only the active credential is known to be well: of another one, the first request of a herd finds out for all.
    """
    if choice.turn is Turn.UP or choice.index == walk.chain_state.state.active or walk.remaining is not None:
        return True
    if walk.waited >= (local.LONGEST_WAIT if walk.seen else local.SCOUT_SECONDS):
        return True
    walk.scouts = True
    allowed: bool = walk.chain_state.transact_local(local.scout, walk.number, choice.index, walk.slowest, walk.now)
    return allowed
