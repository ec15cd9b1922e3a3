"""The state of a chain in words, for people, logs and pages. Reading it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sparekey.core.breaker import Phase, due_at, remaining
from sparekey.core.manual import is_held
from sparekey.core.pool import Pool, PoolState, failback_due, governing, phase, softly

if TYPE_CHECKING:
    from sparekey.types import ErrorClass


class Standing(StrEnum):
    """How one credential stands."""

    ACTIVE = "active"
    READY = "ready"
    PARKED = "parked"
    DUE = "due for a probe"
    PROBING = "being probed"


_STANDINGS = {Phase.CLOSED: Standing.READY, Phase.PARKED: Standing.PARKED, Phase.DUE: Standing.DUE, Phase.PROBING: Standing.PROBING}


@dataclass(frozen=True, slots=True)
class CredentialStatus:
    """One credential of a chain.

    Attributes:
        id: its name.
        index: its place in the chain, from 0.
        model: its model; None if it names none.
        active: the next request starts there.
        standing: how it stands.
        cause: the class of the failure that parked it; None if it is not parked, or a person holds it.
        reason: the finer word for it.
        returns_in: seconds until its park ends; None if it is not parked, or held until released.
        stated: the provider said how long its park lasts.
        held: a person holds it back.
        soft: others go first, but it answers when they do not.
        looks_in: seconds until it is probed before a stated end; None if it is not.
    """

    id: str
    index: int
    model: str | None
    active: bool
    standing: Standing
    cause: ErrorClass | None = None
    reason: str = ""
    returns_in: float | None = None
    stated: bool = False
    held: bool = False
    soft: bool = False
    looks_in: float | None = None


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """A chain at one moment, its credentials in order."""

    active_index: int
    active_id: str
    term: int
    failback_due: bool
    credentials: tuple[CredentialStatus, ...]


def describe(pool: Pool, state: PoolState, now: float) -> ChainStatus:
    """Return the status of a chain at `now`."""
    rows = tuple(_credential(pool, state, i, now) for i in range(len(pool)))
    return ChainStatus(state.active, pool.credentials[state.active].id, state.term, failback_due(pool, state, now), rows)


def _credential(pool: Pool, state: PoolState, index: int, now: float) -> CredentialStatus:
    guard, found, credential = governing(pool, state, index), phase(pool, state, index, now), pool.credentials[index]
    active = index == state.active
    standing = Standing.ACTIVE if active and found is Phase.CLOSED else _STANDINGS[found]
    plain = CredentialStatus(credential.id, index, credential.model, active, standing)
    if guard is None or guard.until is None:
        return plain
    held, returns_in = is_held(pool, state, index, now), remaining(guard.until - now)
    looks_in = remaining(due_at(guard) - now) if guard.look_after else None
    row = replace(plain, cause=guard.cause, reason=guard.reason, returns_in=returns_in, stated=guard.stated, held=held)
    return replace(row, soft=found is Phase.PARKED and softly(pool, state, index, now), looks_in=looks_in)
