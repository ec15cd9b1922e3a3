"""Two histories of one chain meet: what this process went through, and what the others did meanwhile.

It is a three-way merge. What only one side has changed since they last agreed is taken from that side. Where both have changed
something, the park that ends later wins, and the switch that came later. Usually this process has changed nothing but its count of
served requests, and the other side's state is taken as it is.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from sparekey.core import expectations
from sparekey.core.breaker import CLOSED, Breaker
from sparekey.core.memory import Memory
from sparekey.core.pool import PoolState, until

SAME_SECONDS: Final = 1.0
"""Times that came through a store and back differ by less than this from what they were."""


def merged(base: PoolState, mine: PoolState, theirs: PoolState) -> PoolState:
    """Return the state that follows from two; `theirs` itself if this process has nothing to add.

    Args:
        base: the last state on which both sides agreed. If theirs is older than that (a store that
            lost its data), they agree on nothing.
        mine: the state of this process.
        theirs: the state of the others, its times on this process's clock.
    """
    if mine is theirs:
        return theirs
    if theirs.epoch < base.epoch or theirs.term < base.term:
        base = PoolState()
    elif mine is base and not any(_lost(guard, theirs.breakers.get(name, CLOSED)) for name, guard in base.breakers.items()):
        return theirs
    fresh = max(mine.epoch, theirs.epoch) + 1
    breakers = _breakers(base, mine, theirs, fresh)
    touched = any(guard.epoch == fresh for guard in breakers.values())
    found = replace(
        _lead(base, mine, theirs),
        breakers=MappingProxyType(breakers),
        epoch=fresh if touched else fresh - 1,
        rescued_at=_later(base.rescued_at, mine.rescued_at, theirs.rescued_at),
        memory=_memory(base.memory, mine.memory, theirs.memory),
        expectations=expectations.merged(base.expectations, mine.expectations, theirs.expectations),
        vectors=theirs.vectors or mine.vectors,
    )
    return theirs if found == theirs else found


def counts_only(old: PoolState, new: PoolState) -> bool:
    """Return whether nothing but counts has changed, so that the others need not see it at once."""
    return (
        old.breakers is new.breakers
        and (old.memory is new.memory or _same_memory(old.memory, new.memory))
        and (old.active, old.term, old.epoch) == (new.active, new.term, new.epoch)
        and (old.switched_at, old.rescued_at, old.vectors) == (new.switched_at, new.rescued_at, new.vectors)
    )


def _breakers(base: PoolState, mine: PoolState, theirs: PoolState, fresh: int) -> dict[str, Breaker]:
    """The breakers of both sides.

    A breaker that a ticket of the other side may be as new as gets a new epoch, so that the result of that ticket is stale.
    """
    found: dict[str, Breaker] = {}
    for name in {**theirs.breakers, **mine.breakers}:
        origin, own, other = (side.breakers.get(name, CLOSED) for side in (base, mine, theirs))
        lost = _lost(origin, other)
        i_did, they_did = lost or not _same(own, origin), not lost and not _same(other, origin)
        chosen = other if own == other or not i_did else own if not they_did else max(other, own, key=_ends)
        seen_by = theirs if chosen is own else mine
        disputed = own != other and (i_did if chosen is own else they_did) and chosen.epoch <= seen_by.epoch
        found[name] = replace(chosen, epoch=fresh) if disputed else chosen
    return found


def _same(one: Breaker, other: Breaker) -> bool:
    """Whether two breakers are the same: each change has a new epoch, except that of a probe that was given back."""
    return one.epoch == other.epoch and (one.lease is None) == (other.lease is None)


def _lost(origin: Breaker, other: Breaker) -> bool:
    """Whether a store forgot a park on which both sides agreed: a replica that was promoted before it had heard of it.

    Each change has a new epoch, so nobody can have ended the park and left an older one.
    """
    return origin.until is not None and other.epoch < origin.epoch


def _ends(guard: Breaker) -> tuple[float, float]:
    return until(guard) if guard.until is not None else float("-inf"), guard.lease or 0.0


def _lead(base: PoolState, mine: PoolState, theirs: PoolState) -> PoolState:
    """The state whose active credential, term, time of the switch and count of served requests hold."""
    if base.term not in (mine.term, theirs.term) and (mine.term, mine.active) != (theirs.term, theirs.active):
        later = max(theirs, mine, key=lambda side: side.switched_at)
        return replace(later, term=max(mine.term, theirs.term) + 1)
    if mine.term != theirs.term:
        return mine if mine.term > theirs.term else theirs
    if abs(mine.switched_at - theirs.switched_at) >= SAME_SECONDS:
        return max(theirs, mine, key=lambda side: side.switched_at)
    own = mine.served - base.served if (base.term, base.switched_at) == (mine.term, mine.switched_at) else mine.served
    return replace(theirs, served=theirs.served + max(own, 0))


def _same_memory(one: Memory, other: Memory) -> bool:
    return one.words is other.words and (one.drought and one.drought[:3]) == (other.drought and other.drought[:3])


def _memory(base: Memory, mine: Memory, theirs: Memory) -> Memory:
    """What either side remembers of refusals; a drought is over if it is on one side."""
    if mine in (base, theirs):
        return theirs
    if theirs == base:
        return mine
    words = {**theirs.words, **{key: one for key, one in mine.words.items() if key not in theirs.words or one.at > theirs.words[key].at}}
    droughts = (mine.drought, theirs.drought)
    drought = None if droughts[0] is None or droughts[1] is None else max(droughts[0], droughts[1], key=lambda d: d.everybody_at)
    return Memory(MappingProxyType(words), drought)


def _later(base: float | None, mine: float | None, theirs: float | None) -> float | None:
    if mine is None or mine == base or (theirs is not None and theirs > mine):
        return theirs
    return mine
