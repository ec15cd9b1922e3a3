"""Who runs beside whom: when an attempt is slow, who may be started beside it, and probes that no caller waits for (DESIGN.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparekey.core import choose, expectations, next_attempt
from sparekey.core.breaker import Phase
from sparekey.core.choose import Asker, Turn
from sparekey.core.expectations import Kind
from sparekey.core.pool import phase

if TYPE_CHECKING:
    from sparekey.core.pool import Ticket
    from sparekey.core.walk import Walk


def limit(walk: Walk, ticket: Ticket) -> float | None:
    """Return the seconds after which an attempt is slow; None where no other one can or may be started beside it."""
    if not walk.races or len(walk.pool.credentials) == 1:
        return None
    known = walk.expected(ticket.index)
    if walk.kind is Kind.WHOLE and known.seconds[walk.kind].quick:
        return None
    return expectations.limit(walk.policy, known, walk.kind, probe=ticket.probe)


def may_probe(walk: Walk) -> bool:
    """Return whether this request may start a probe beside the active credential: it begins, and may ask all credentials."""
    return walk.active > 0 and walk.races and walk.sticky and not walk.calls and walk.made is None


def probe(walk: Walk) -> tuple[Ticket, float] | None:
    """Return a probe to be made beside this request, and for how many seconds; None if none is due.

    It is a probe of a credential that was silent or slow, and whose rest is over.
    """
    if choose.beside(walk.pool, walk.chain_state.state, walk.eligible, walk.now)[1] is None:
        return None
    ticket: Ticket | None = walk.chain_state.transact(choose.beside, walk.eligible, walk.now)
    return None if ticket is None else (ticket, expectations.leash(walk.policy, walk.usual(ticket.index), walk.kind))


def is_another_left(walk: Walk) -> bool:
    """Return whether the ring has a credential to run beside those that are out.

    A credential that is parked is not asked only because another one is slow.
    """
    if walk.remaining == 0 or walk.spent():
        return False
    choice = choose.choose(walk.pool, walk.chain_state.state, _asker(walk), walk.now)
    return choice is not None and choice.turn is Turn.RING


def is_parked(walk: Walk, index: int) -> bool:
    """Return whether a credential was found to be out of order while this request waits for it."""
    return phase(walk.pool, walk.chain_state.state, index, walk.now) is not Phase.CLOSED


def second_attempt(walk: Walk) -> Ticket | None:
    """Return the next attempt of this round, to run beside those that are out; None if the ring has no credential left."""
    return None if walk.remaining == 0 else next_attempt.in_ring(walk, _asker(walk))


def _asker(walk: Walk) -> Asker:
    return Asker(walk.among(), walk.tried, shape=walk.shape())
