"""Room for a request: its place in the chain, a place of each credential that it asks, and what becomes of it where there is none.

`capacity` counts the places; here stands what a walk asks of it and gives back. Only a walk that is `bounded` comes here at all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sparekey.core import capacity

if TYPE_CHECKING:
    from sparekey.core.walk import Walk

_SOON: Final = 0.001


def until_room(walk: Walk) -> float | None:
    """Return the seconds after which to look for room again, 0.0 if there is some; None if there is none in time."""
    since = walk.now if walk.queued is None else walk.queued
    wait: float | None = walk.chain_state.transact_local(capacity.enter, _waiting(walk, since), _places(walk), walk.now)
    walk.refused = wait is None
    if not wait:
        walk.queued, walk.placed = None, walk.placed or wait is not None
        return wait
    walk.queued = since
    return wait if walk.deadline is None else min(wait, max(_SOON, walk.deadline - walk.now))


def reserved(walk: Walk, index: int) -> bool:
    """Take a place of a credential; return whether it has one.

    Where only the places of the active credential are all taken, the request that goes elsewhere does not move the active index.
    """
    active = walk.chain_state.state.active
    if index != active and active not in walk.tried and active in full(walk):
        walk.sticky = False
    return hold(walk, index, walk.pool.caps[index])


def hold(walk: Walk, index: int, most: int | None = None) -> bool:
    """Take a place of a credential that has fewer than `most` in use; return whether there was one. `most` None: always."""
    taken: bool = walk.chain_state.transact_local(capacity.take, walk.pool.first_of[index], most)
    if taken:
        walk.held.append(index)
    return taken


def let_go(walk: Walk, index: int) -> None:
    """Give the place of a credential back, if the request has one."""
    if index in walk.held:
        walk.held.remove(index)
        walk.chain_state.transact_local(capacity.let_go, walk.pool.first_of[index])


def leave(walk: Walk) -> None:
    """Give everything back: the call is over."""
    if walk.bounded:
        held = [walk.pool.first_of[index] for index in walk.held]
        walk.chain_state.transact_local(capacity.leave, _waiting(walk, walk.began), held)
        walk.held, walk.placed = [], False


def full(walk: Walk) -> set[int]:
    """Return the indices whose places are all taken."""
    if not walk.bounded or not (out := walk.chain_state.local.capacity.out):
        return set()
    caps, first_of = walk.pool.caps, walk.pool.first_of
    return {i for i, cap in enumerate(caps) if cap is not None and out.get(first_of[i], 0) >= cap}


def _waiting(walk: Walk, since: float) -> capacity.Waiting:
    return capacity.Waiting(walk.number, walk.identity.client, walk.placed, since)


def _places(walk: Walk) -> float:
    """How many attempts more those take whom the request could turn to now; where nobody is ready, places are not what it lacks."""
    if not walk.pool.has_caps or not (ready := {walk.pool.first_of[i] for i in walk.ready()}):
        return math.inf
    out = walk.chain_state.local.capacity.out
    return sum(math.inf if (cap := walk.pool.caps[i]) is None else max(0, cap - out.get(i, 0)) for i in ready)
