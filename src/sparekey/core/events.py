"""What happens in a chain, for hooks and the log. Changes of the state are found by comparing two states, so none is missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sparekey.core.breaker import CLOSED, Breaker, remaining

if TYPE_CHECKING:
    from sparekey.core.pool import Pool, PoolState
    from sparekey.errors import AllCredentialsFailedError
    from sparekey.types import Attempt, ErrorClass, Failure


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """One attempt begins.

    Attributes:
        credential_id: with which credential.
        call: the number of the call in this process; all events of one call have the same.
        number: which attempt of the call it is; the first one is 1.
        probe: whether it is the one request that is let through to something whose park has run out.
    """

    credential_id: str
    call: int = field(default=0, compare=False)
    number: int = field(default=0, compare=False)
    probe: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ContentStarted:
    """The first content of a stream has come, so many seconds after the attempt began."""

    credential_id: str
    call: int = field(default=0, compare=False)
    number: int = field(default=0, compare=False)
    after: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """One attempt failed; the request may still be served. `attempt` is its entry in the ledger."""

    credential_id: str
    failure: Failure
    call: int = field(default=0, compare=False)
    number: int = field(default=0, compare=False)
    attempt: Attempt | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """One attempt succeeded; of a stream: it came to its end. `attempt` is its entry in the ledger."""

    credential_id: str
    call: int = field(default=0, compare=False)
    number: int = field(default=0, compare=False)
    attempt: Attempt | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AttemptAbandoned:
    """One attempt was broken off for no fault of its own. `attempt` is its entry in the ledger."""

    credential_id: str
    call: int = field(default=0, compare=False)
    number: int = field(default=0, compare=False)
    attempt: Attempt | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A call ended without an answer: every credential was tried or is parked. `error` is what the caller gets."""

    error: AllCredentialsFailedError
    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call ended with an error while the chain had not tried everything: a refusal that is the request's, or a deadline."""

    call: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Switched:
    """The active credential has changed: downwards it is a failover, upwards a failback."""

    old: str
    new: str
    failback: bool


@dataclass(frozen=True, slots=True)
class Parked:
    """Something gets no traffic for `seconds`; None: until a person releases it.

    `what` is its kind and name, as in `account:team-a`. `soft`: others go first, and it answers when they do not.
    """

    what: str
    seconds: float | None
    cause: ErrorClass | None
    reason: str
    soft: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Probed:
    """One single request was let through to something whose park has run out."""

    what: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """Something that was parked is well again."""

    what: str


Event: TypeAlias = (
    "AttemptStarted | ContentStarted | AttemptFailed | AttemptSucceeded | AttemptAbandoned | Exhausted | CallFailed"
    " | Switched | Parked | Probed | Recovered"
)


def between(pool: Pool, old: PoolState, new: PoolState, now: float) -> list[Event]:
    """Return what happened from `old` to `new`, parks and probes before the switch."""
    changed = [(name, old.breakers.get(name, CLOSED), guard) for name, guard in new.breakers.items() if old.breakers.get(name) is not guard]
    events = [event for name, was, guard in changed if (event := _of_breaker(name, was, guard, now)) is not None]
    if new.active != old.active:
        ids = pool.credentials
        events.append(Switched(ids[old.active].id, ids[new.active].id, failback=new.active < old.active))
    return events


def _of_breaker(name: str, old: Breaker, new: Breaker, now: float) -> Event | None:
    if new.until is None:
        return Recovered(name) if old.until is not None else None
    if new.lease is not None and new.lease != old.lease:
        return Probed(name)
    if new.until > now and (new.until, new.soft) != (old.until, old.soft):
        return Parked(name, remaining(new.until - now), new.cause, new.reason, new.soft)
    return None
