"""The ordered credentials of one chain, and its state: who is active since when, and who is parked.

`Pool` never changes; `PoolState` is the small value that does. `choose` and `settlement` take both and return a new state with their
answer. A decision that changes nothing returns the very same state object, so that callers can tell.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import breaker as b
from sparekey.core.breaker import Breaker, Phase
from sparekey.core.memory import NOTHING, Memory
from sparekey.core.policy import Policy
from sparekey.core.twins import twins

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sparekey.core.expectations import Usual
    from sparekey.types import Credential

_NONE: Final[Mapping[str, Breaker]] = MappingProxyType({})
_NOTHING_LEARNED: Final[Mapping[str, Usual]] = MappingProxyType({})


class Guards(NamedTuple):
    """The names of the breakers (guards) of one credential. An account or endpoint that is not declared is the credential's own."""

    credential: str
    account: str
    endpoint: str
    model: str
    account_model: str

    @classmethod
    def of(cls, c: Credential, name: str) -> Guards:
        """Name the breakers of `c`, which counts under `name`. An endpoint has one for each model: their overloads are separate."""
        own, model = f"credential:{name}", f"model:{name} {c.model}"
        account = f"account:{c.account}" if c.account else own
        endpoint = f"endpoint:{c.endpoint} {c.model}" if c.endpoint else own
        return cls(own, account, endpoint, model, f"{account} {c.model}" if c.account else model)


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
    def first_of(self) -> tuple[int, ...]:
        """The index under which each credential counts: its own, or that of an earlier one with the same key."""
        same = twins(self.credentials)
        return tuple(same.get(i, i) for i in range(len(self.credentials)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The id under which each credential counts."""
        return tuple(self.credentials[first].id for first in self.first_of)

    @cached_property
    def has_twins(self) -> bool:
        """Whether any two credentials are the same one again (see `twins`)."""
        return self.first_of != tuple(range(len(self.credentials)))

    @cached_property
    def caps(self) -> tuple[int | None, ...]:
        """How many attempts each credential takes at once; None: any number."""
        return tuple(self.credentials[first].max_concurrency for first in self.first_of)

    @cached_property
    def has_caps(self) -> bool:
        """Whether any credential takes a limited number of attempts at once."""
        return any(cap is not None for cap in self.caps)

    @cached_property
    def guards(self) -> tuple[Guards, ...]:
        """The names of the breakers of each credential."""
        return tuple(Guards.of(c, self.credentials[self.first_of[i]].id) for i, c in enumerate(self.credentials))

    @cached_property
    def guard_names(self) -> tuple[tuple[str, ...], ...]:
        """The same, each name once."""
        return tuple(tuple(dict.fromkeys(g)) for g in self.guards)

    def under(self, policy: Policy) -> Pool:
        """Return the same credentials under another policy, without working out their names again."""
        view = copy(self)
        object.__setattr__(view, "policy", policy)
        return view

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
        rescued_at: when a chain whose credentials are all parked last let one request through; None for never.
        memory: what is remembered of refusals.
        expectations: how long the answers of each credential usually take, by id.
        vectors: the space of the chain's vectors and the length of the first one that came, with a blank between; "" before that.
    """

    active: int = 0
    term: int = 0
    switched_at: float = 0.0
    served: int = 0
    breakers: Mapping[str, Breaker] = field(default_factory=lambda: _NONE)
    epoch: int = 0
    rescued_at: float | None = None
    memory: Memory = NOTHING
    expectations: Mapping[str, Usual] = field(default_factory=lambda: _NOTHING_LEARNED)
    vectors: str = ""


class Ticket(NamedTuple):
    """The permission for one attempt.

    Attributes:
        index: the credential's.
        term: in which it was given; the result of an older term does not move the active index.
        epoch: in which it was given; a guard that has changed since ignores the result.
        probe: it is the one request that a parked credential gets.
    """

    index: int  # type: ignore[assignment]  # the word of the design; tuple.index is not used
    term: int
    epoch: int = 0
    probe: bool = False


# ── reading a state ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def phase(pool: Pool, state: PoolState, index: int, now: float, shape: str | None = None) -> Phase:
    """Return the phase of a credential: that of its strictest guard, for a request of any shape or of `shape`."""
    strictest, breakers = Phase.CLOSED, state.breakers
    if breakers:
        for name in pool.guard_names[index]:
            guard = breakers.get(name)
            if guard is not None and guard.until is not None and (found := b.phase(guard, now, shape)).value > strictest.value:
                strictest = found
    return strictest


def governing(pool: Pool, state: PoolState, index: int) -> Breaker | None:
    """Return the guard that keeps a credential longest, or None if no guard of it is parked."""
    held = [g for _, g in known_guards(pool, state, index) if g.until is not None]
    return max(held, key=until, default=None)


def _forbidding(pool: Pool, state: PoolState, index: int, now: float) -> list[Breaker]:
    """The guards that keep traffic from a credential at `now`."""
    return [g for _, g in known_guards(pool, state, index) if b.phase(g, now) in {Phase.PARKED, Phase.PROBING}]


def stated(pool: Pool, state: PoolState, index: int, now: float) -> bool:
    """Return whether the park of a credential has an end that the provider stated, or that a person set."""
    return any(g.stated for g in _forbidding(pool, state, index, now))


def softly(pool: Pool, state: PoolState, index: int, now: float) -> bool:
    """Return whether a credential takes traffic when no other one does: what parks it does so softly, or a stated end has come."""
    return all(g.soft or (g.stated and now >= until(g)) for g in _forbidding(pool, state, index, now))


def doubtfully(pool: Pool, state: PoolState, index: int, now: float) -> bool:
    """Return whether a credential is parked for refusals that may have been about the requests."""
    return all(g.soft or g.shapes for g in _forbidding(pool, state, index, now))


def may_be_rescue(pool: Pool, state: PoolState, index: int, now: float) -> bool:
    """Return whether a firmly parked credential may be asked because no other one serves."""
    return all(b.may_be_looked_at(g, now) for g in _forbidding(pool, state, index, now))


def is_quiet(pool: Pool, state: PoolState, index: int) -> bool:
    """Return whether a credential is parked for silence or slowness: it is probed beside the active one, not by a caller who waits."""
    guard = governing(pool, state, index)
    return guard is not None and guard.reason in b.QUIET


def has_shapes(state: PoolState) -> bool:
    """Return whether any park depends on the shape of a request."""
    return any(g.shapes and g.until is not None for g in state.breakers.values())


def soonest_return(pool: Pool, state: PoolState, indices: Collection[int], now: float) -> float | None:
    """Return the seconds until the first of `indices` may get traffic again.

    None if one of them is not parked at all, or if a person holds them all until further notice.
    """
    guards = [governing(pool, state, i) for i in indices]
    if not guards or None in guards:
        return None
    return b.remaining(min(until(g) for g in guards if g is not None) - now)


def failback_due(pool: Pool, state: PoolState, now: float) -> bool:
    """Return whether traffic should step one credential up, by time or by count."""
    return state.active > 0 and (late(pool, state, now) or state.served >= pool.policy.failback_request_count)


def late(pool: Pool, state: PoolState, now: float) -> bool:
    """Return whether a failback is due by time: then it may probe what is parked. One that is due by count ends no park (DESIGN.md 5.1)."""
    return now - state.switched_at >= pool.policy.failback_timeout_seconds


def higher_than_active(state: PoolState, eligible: Collection[int] | None = None) -> list[int]:
    """Return the indices above the active one, the nearest first; with `eligible`, only those among them."""
    return [i for i in range(state.active - 1, -1, -1) if eligible is None or i in eligible]


def failback_target(pool: Pool, state: PoolState, higher: Collection[int], now: float, shape: str | None = None) -> int | None:
    """Return the first of `higher` that is not parked; if all are and the failback is due by time, the soonest to return.

    None while a probe is out, and where nothing but time ends the parks.
    """
    phases = {i: phase(pool, state, i, now, shape) for i in higher}
    if Phase.PROBING in phases.values():
        return None
    for i in higher:
        if phases[i] is not Phase.PARKED:
            return i
    return soonest(pool, state, [i for i in higher if late(pool, state, now) and not stated(pool, state, i, now)])


def soonest(pool: Pool, state: PoolState, indices: Collection[int]) -> int | None:
    """Return which of `indices` returns first; at the same time, the one of the highest priority."""
    return min(indices, key=lambda i: (due_at(pool, state, i), i), default=None)


def due_at(pool: Pool, state: PoolState, index: int) -> float:
    """Return when the parks of a credential have run out or are looked at; 0 if it is not parked."""
    return max((b.due_at(g) for _, g in known_guards(pool, state, index) if g.until is not None), default=0.0)


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


def stamped(state: PoolState, changes: Mapping[str, Breaker], *, always: bool = False) -> PoolState:
    """Return the state with changed breakers, stamped with a new epoch; without a change the same state, unless `always`."""
    if not changes and not always:
        return state
    epoch = state.epoch + 1
    stamped = {name: replace(guard, epoch=epoch) for name, guard in changes.items()}
    return replace(state, breakers=MappingProxyType({**state.breakers, **stamped}), epoch=epoch)
