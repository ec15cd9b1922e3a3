"""What programs of before November 2026 write: states without a memory of refusals, and parks without what came to be known of them since.

They read what newer ones write, and skip what they do not know; so their next write loses it. Whoever still knows it puts it back.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sparekey.core import breaker as b
from sparekey.core.memory import UNTOLD
from sparekey.core.policy import REACTIONS
from sparekey.core.rejoin import SAME_SECONDS

if TYPE_CHECKING:
    from sparekey.core.breaker import Breaker
    from sparekey.core.pool import PoolState


def understood(guard: Breaker, written: float) -> Breaker:
    """Return a park that an older program wrote, as this one would have set it.

    A passing fault without a stated end is a soft one; a stated end is looked at before it comes, counted from when it was written.
    """
    if guard.until is None or guard.cause is None:
        return guard
    if not guard.stated:
        parking = REACTIONS[guard.cause].parking
        return replace(guard, soft=guard.soft or (parking is not None and parking.soft))
    looked_at = b.parked(b.CLOSED, written, guard.until - written, guard.level, guard.cause, guard.reason, stated=True)
    return replace(looked_at, epoch=guard.epoch, until=guard.until, lease=guard.lease)


def completed(theirs: PoolState, mine: PoolState) -> PoolState:
    """Return a state that an older program may have written, with what this process knows beyond it; `theirs` itself if that is nothing."""
    if theirs.memory is not UNTOLD:
        return theirs
    known = mine.breakers
    guards = {name: _filled(guard, known[name]) if name in known else guard for name, guard in theirs.breakers.items()}
    if mine.memory.words:
        theirs = replace(theirs, memory=mine.memory)
    return theirs if guards == theirs.breakers else replace(theirs, breakers=MappingProxyType(guards))


def _filled(guard: Breaker, known: Breaker) -> Breaker:
    """A breaker, with what is known of the same park, or of the same failures without one."""
    if guard.until is None or known.until is None:
        same = guard.until is known.until and guard.epoch == known.epoch
    else:
        same = abs(guard.until - known.until) < SAME_SECONDS and guard.cause is known.cause
    return replace(known, epoch=guard.epoch, level=guard.level, until=guard.until, lease=guard.lease) if same else guard
