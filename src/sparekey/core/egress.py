"""Patience with our own network: a failure to connect to everybody is not the fault of any of them (DESIGN.md 3.7).

A request that could reach no provider settles no failure. It waits within `egress_patience` and its deadline: one request a second tries to
connect again, the others wait for what it finds. As soon as anybody is reached, all is as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparekey.core import local
from sparekey.core.pool import governing

if TYPE_CHECKING:
    from sparekey.core.walk import Walk


def until_tried(walk: Walk) -> float | None:
    """Return the seconds until the network is tried again, by this request or by another one.

    0.0: go on now, the network is not known to be away or this request is the one to try it. None: patience is over.
    """
    if walk.connects or walk.chain_state.local.egress_at is None:
        return 0.0
    wait: float = walk.chain_state.transact_local(local.connect, walk.now)
    if wait == 0.0:
        walk.connects = True
        return wait
    if walk.now + wait - walk.began > walk.policy.egress_patience or walk.past_deadline(wait):
        return None
    _forget(walk)
    return min(wait, local.LOOK_AGAIN * 5)


def gives_up(walk: Walk) -> bool:
    """Return whether no provider could be reached for so long that further connects would only keep the caller waiting."""
    if not walk.seen or walk.now - walk.began < walk.policy.egress_patience:
        return False
    return len({walk.pool.guards[i].endpoint for i in walk.seen}) > 1 and nobody_reached(walk)


def nobody_reached(walk: Walk) -> bool:
    """Return whether everybody who could be asked was out of reach: a credential that waits for a stated time has been reached."""
    if not walk.seen or not all(s.failure.unreached for s in walk.seen.values()):
        return False
    return not any(_waits(walk, i) for i in walk.untried())


def until_next_round(walk: Walk) -> float | None:
    """Return the seconds until this request tries once more whether the network is back; None if it gives up.

    What it saw until now counts for nothing in the next round.
    """
    walk.chain_state.transact_local(local.unreached, walk.now)
    if walk.now + local.EGRESS_EVERY - walk.began > walk.policy.egress_patience or walk.past_deadline(local.EGRESS_EVERY):
        return None
    walk.connects = False
    _forget(walk)
    return local.EGRESS_EVERY


def _forget(walk: Walk) -> None:
    """Forget the failures to connect: those credentials may be asked again, and none is parked for our own network's fault."""
    walk.release_pending()
    walk.host_faults.clear()
    walk.calls.clear()
    walk.tried.difference_update(index for index, seen in walk.seen.items() if seen.failure.unreached)


def reached(walk: Walk) -> None:
    """Take in that this request has reached a provider."""
    walk.connects = False
    if walk.chain_state.local.egress_at is not None:
        walk.chain_state.transact_local(local.reached)


def _waits(walk: Walk, index: int) -> bool:
    guard = governing(walk.pool, walk.chain_state.state, index)
    return guard is not None and walk.parked_for_a_while(index) and guard.stated and walk.now < (guard.until or 0.0)
