"""What a chain does with a request that nothing is special about: found by letting one walk through a copy of the state.

A healthy chain answers every request alike: one attempt with the active credential, and a success that changes nothing, or only counts.
Whoever serves many requests can therefore ask once for a state, and do the same for each of them until the state changes or `until` has
come. Nothing is decided here: `ordinary` plays the flow of a call to its end and looks at what that did. Where it did anything else (a
probe, a lease, a rescue, a refusal that is remembered), or where the request's own words could matter, there is no ordinary request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import flow, streams
from sparekey.core.breaker import due_at
from sparekey.core.expectations import Kind
from sparekey.core.flow import Begun, Done
from sparekey.core.identity import Identity
from sparekey.core.memory import KEPT_SECONDS
from sparekey.core.pool import has_shapes
from sparekey.core.race import Start

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sparekey.core.expectations import Sample
    from sparekey.core.local import LocalState
    from sparekey.core.pool import Pool, PoolState, Ticket
    from sparekey.core.settlement import ObservedFailure

_SOMEBODY: Final = Identity(name=("ordinary", 0))
_LONG: Final = float("inf")


class Ordinary(NamedTuple):
    """What becomes of an ordinary request.

    Attributes:
        ticket: the permission of its only attempt.
        limit: seconds after which that attempt is slow, so that another one may be started beside it; None: never.
        counts: its success counts towards a failback, and changes nothing else; False: it changes nothing.
        earns: it earns its share of a retry.
        until: when this has to be asked again, in seconds of the chain's clock.
    """

    ticket: Ticket
    limit: float | None
    counts: bool
    earns: bool
    until: float


def ordinary(pool: Pool, state: PoolState, local: LocalState, now: float, kind: Kind = Kind.WHOLE) -> Ordinary | None:
    """Return what becomes of an ordinary request that starts at `now`; None: no request is ordinary in this state.

    Args:
        pool: the chain.
        state: its state.
        local: what this process knows of it.
        now: the time.
        kind: what the request waits for.
    """
    if local.egress_at is not None or has_shapes(state) or any(one.everybody for one in state.memory.words.values()):
        return None
    copy = _Copy(pool, state, replace(local, retries=0.0))  # a budget that is not full shows whether this request would fill it
    steps = _steps(pool, copy, now, kind)
    try:
        step = next(steps)
    except Exception:  # noqa: BLE001 - whatever a caller would get: nobody is asked
        return None
    if not isinstance(step, Start) or not step.alone or step.ticket.probe or step.ticket.index != state.active or copy.changed:
        steps.close()
        return None
    earns, ticket = copy.earned, step.ticket
    rest = flow.advance(steps, Begun(now, ticket, 1))
    if kind is Kind.FIRST and rest is not None:
        rest = flow.advance(steps, Done(now))
    counts = copy.state is not state
    if rest is not None or (counts and copy.state != replace(state, served=state.served + 1)):
        steps.close()
        return None
    return Ordinary(ticket, step.limit, counts, earns, _until(pool, state, now))


def crosses(pool: Pool, state: PoolState, more: int) -> bool:
    """Return whether so many more served requests make a failback due by count."""
    most = pool.policy.failback_request_count
    return state.active > 0 and state.served < most <= state.served + more


def counted(pool: Pool, state: PoolState, ticket: Ticket, served: int) -> tuple[PoolState, PoolState]:
    """Take in so many ordinary successes at once; those of an older term count for nothing. The answer is the state before."""
    del pool
    return (replace(state, served=state.served + served) if ticket.term == state.term else state), state


def _steps(pool: Pool, copy: _Copy, now: float, kind: Kind) -> Any:
    if kind is Kind.WHOLE:
        return flow.call(pool, copy, now, identify=_somebody, hedge=_never)
    return streams.stream(pool, copy, now, identify=_somebody, hedge=_never, recoverable=_never)


def _until(pool: Pool, state: PoolState, now: float) -> float:
    """When time alone may change what `choose` says: a park, a lease, or the time before a failback runs out."""
    ends = [one.at + KEPT_SECONDS for one in state.memory.words.values() if one.at + KEPT_SECONDS > now]
    ends += [end for g in state.breakers.values() if g.until is not None for end in (g.until, due_at(g), g.lease or 0.0) if end > now]
    if state.active and (due := state.switched_at + pool.policy.failback_timeout_seconds) > now:
        ends.append(due)
    return min(ends, default=_LONG)


def _somebody() -> Identity:
    return _SOMEBODY


def _never() -> bool:
    return False


class _Copy:
    """The state of a chain as one walk sees it; what the walk changes is changed here alone."""

    dead: ObservedFailure | None = None

    def __init__(self, pool: Pool, state: PoolState, local: LocalState) -> None:
        self.pool, self.state, self.local = pool, state, local
        self.changed = self.earned = False

    def transact(self, decide: Callable[..., tuple[PoolState, Any]], *args: object) -> Any:
        new, answer = decide(self.pool, self.state, *args)
        self.changed = self.changed or new is not self.state
        self.state = new
        return answer

    def transact_local(self, decide: Callable[..., tuple[LocalState, Any]], *args: object) -> Any:
        new, answer = decide(self.local, self.pool.policy, *args)
        if new is not self.local:
            self.earned = True
            self.changed = self.changed or replace(new, retries=self.local.retries) != self.local
        self.local = new
        return answer

    def learn(self, sample: Sample, now: float) -> None:
        """Learn nothing: the sample is made up."""
