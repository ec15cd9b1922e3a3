"""States written by versions before November 2026: without a memory of refusals, with fewer fields.

Those versions skip fields that they do not know, so their next write drops them. A process that
still knows the dropped fields puts them back.
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
    """Return a park by an older version as this version would have set it.

    A passing fault without a stated end becomes a soft park. A stated end gets looks, counted from
    the time of writing.
    """
    if guard.until is None or guard.cause is None:
        return guard
    if not guard.stated:
        parking = REACTIONS[guard.cause].parking
        return replace(guard, soft=guard.soft or (parking is not None and parking.soft))
    looked_at = b.parked(b.CLOSED, written, guard.until - written, guard.level, guard.cause, guard.reason, stated=True)
    return replace(looked_at, epoch=guard.epoch, until=guard.until, lease=guard.lease)


def completed(theirs: PoolState, mine: PoolState) -> PoolState:
    """Return `theirs` with the fields that an older version dropped and `mine` still has.

    It is `theirs` itself if there are none.
    """
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
