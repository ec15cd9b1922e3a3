"""The ordered credentials of one chain, and its state: who is active since when, and who is parked.

`Pool` is what never changes; `PoolState` is the small value that does. `admission` and `settlement` take both and return a new
state with their answer; what changes nothing returns the very same state, so that callers can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Breaker, Phase
from sparekey.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sparekey.types import Credential

_NONE: Final[Mapping[str, Breaker]] = MappingProxyType({})


class Guards(NamedTuple):
    """The names of the breakers that stand before one credential. An undeclared account or endpoint is the credential's own."""

    credential: str
    account: str
    endpoint: str
    model: str

    @classmethod
    def of(cls, c: Credential) -> Guards:
        """Name the breakers of `c`. An endpoint is told apart by model: one model's overload is not another's."""
        own = f"credential:{c.id}"
        account = f"account:{c.account}" if c.account else own
        endpoint = f"endpoint:{c.endpoint} {c.model}" if c.endpoint else own
        return cls(own, account, endpoint, f"model:{c.id} {c.model}")


@dataclass(frozen=True)
class Pool:
    """What never changes about a chain: its credentials in order, and its policy."""

    credentials: tuple[Credential, ...]
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        """Refuse an empty chain and two credentials of one name."""
        if not self.credentials:
            raise ValueError("Number of credentials must be >= 1")
        ids = [c.id for c in self.credentials]
        if twice := {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"credential ids must be unique; more than once: {', '.join(sorted(twice))}")

    @cached_property
    def guards(self) -> tuple[Guards, ...]:
        """The breakers before each credential."""
        return tuple(Guards.of(c) for c in self.credentials)

    @cached_property
    def guard_names(self) -> tuple[tuple[str, ...], ...]:
        """Their names, each once."""
        return tuple(tuple(dict.fromkeys(g)) for g in self.guards)

    def __len__(self) -> int:
        return len(self.credentials)

    def account(self, index: int) -> str:
        """Return the account of a credential; without a declared one it is its own."""
        return self.guards[index].account

    def ring(self, start: int) -> Iterator[int]:
        """Yield every index once: from `start` down to the last, then from the first down to the one before `start`."""
        yield from range(start, len(self.credentials))
        yield from range(start)


@dataclass(frozen=True, slots=True)
class PoolState:
    """What changes about a chain.

    Attributes:
        active: where the next request starts.
        term: grows with each switch; a result of an older term never moves `active`.
        switched_at: when the last switch (or the last due failback) was.
        served: requests served since then by a credential other than the first.
        breakers: what is or was parked, by name; absent means never.
        epoch: counts the changes of breakers.
        rescued_at: when a chain that is parked throughout last let one request through; None for never.
    """

    active: int = 0
    term: int = 0
    switched_at: float = 0.0
    served: int = 0
    breakers: Mapping[str, Breaker] = field(default_factory=lambda: _NONE)
    epoch: int = 0
    rescued_at: float | None = None


class Ticket(NamedTuple):
    """The permission for one attempt. It remembers the term and the epoch in which it was given."""

    index: int  # type: ignore[assignment]  # the word of the design; nobody asks a ticket for tuple.index
    term: int
    epoch: int = 0
    probe: bool = False


# ── reading a state ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def phase(pool: Pool, state: PoolState, index: int, now: float) -> Phase:
    """Return where a credential stands: the phase of the strictest of its guards."""
    strictest = Phase.CLOSED
    if not state.breakers:
        return strictest
    for _, guard in known_guards(pool, state, index):
        found = b.phase(guard, now)
        if found.value > strictest.value:
            strictest = found
    return strictest


def governing(pool: Pool, state: PoolState, index: int) -> Breaker | None:
    """Return the guard that keeps a credential longest, or None if no guard of it is parked."""
    held = [g for _, g in known_guards(pool, state, index) if g.until is not None]
    return max(held, key=until, default=None)


def firm(pool: Pool, state: PoolState, index: int, now: float) -> bool:
    """Return whether nothing but time ends the park of a credential: the provider stated the end, or a person set it."""
    return any(g.firm and b.phase(g, now) is Phase.PARKED for _, g in known_guards(pool, state, index))


def soonest_return(pool: Pool, state: PoolState, indices: Collection[int], now: float) -> float | None:
    """Return the seconds until the first of `indices` may get traffic again.

    None if one of them is not parked at all, or if a person holds them all until further notice.
    """
    guards = [governing(pool, state, i) for i in indices]
    if not guards or None in guards:
        return None
    return b.told(min(until(g) for g in guards if g is not None) - now)


def failback_due(pool: Pool, state: PoolState, now: float) -> bool:
    """Return whether traffic should step one credential up, by time or by count."""
    policy = pool.policy
    late = now - state.switched_at >= policy.failback_timeout_seconds
    return state.active > 0 and (late or state.served >= policy.failback_request_count)


def higher_than_active(state: PoolState, eligible: Collection[int] | None = None) -> list[int]:
    """Return the indices above the active one, the nearest first; with `eligible`, only those among them."""
    return [i for i in range(state.active - 1, -1, -1) if eligible is None or i in eligible]


def failback_target(pool: Pool, state: PoolState, higher: Collection[int], now: float) -> int | None:
    """Return the first of `higher` that is not parked; if all are, the soonest to return whose end is not firm."""
    phases = {i: phase(pool, state, i, now) for i in higher}
    if Phase.PROBING in phases.values():
        return None
    for i in higher:
        if phases[i] is not Phase.PARKED:
            return i
    return soonest(pool, state, [i for i in higher if not firm(pool, state, i, now)])


def soonest(pool: Pool, state: PoolState, indices: Collection[int]) -> int | None:
    """Return which of `indices` returns first; at the same time, the one of the highest priority."""
    return min(indices, key=lambda i: (until(governing(pool, state, i) or CLOSED), i), default=None)


def until(guard: Breaker) -> float:
    """Return the end of a park; 0 for what is not parked."""
    return 0.0 if guard.until is None else guard.until


def known_guards(pool: Pool, state: PoolState, index: int) -> list[tuple[str, Breaker]]:
    """Return the guards of a credential that were ever parked, by name."""
    breakers = state.breakers
    return [(name, breakers[name]) for name in pool.guard_names[index] if name in breakers] if breakers else []


# ── new states ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def switched(state: PoolState, index: int, now: float) -> PoolState:
    """Return the state with another active credential: a new term, and the failback timer and count at their start."""
    return replace(state, active=index, term=state.term + 1, switched_at=now, served=0)


def restarted(state: PoolState, now: float) -> PoolState:
    """Return the state with the failback timer and count at their start again."""
    return replace(state, switched_at=now, served=0)


def stamped(state: PoolState, changes: Mapping[str, Breaker]) -> PoolState:
    """Return the state with changed breakers, stamped with a new epoch."""
    if not changes:
        return state
    epoch = state.epoch + 1
    stamped = {name: replace(guard, epoch=epoch) for name, guard in changes.items()}
    return replace(state, breakers=MappingProxyType({**state.breakers, **stamped}), epoch=epoch)
