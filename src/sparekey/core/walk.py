"""What one request saw on its way around the ring, and what follows from all of it together.

A `Walk` belongs to one request and is the only mutable thing of the core. Most failures are settled at once. Two kinds wait until the
request knows more: a connection that never came about (if no credential could be reached, the fault is our own network's), and weak
evidence (if two accounts give the same weak text, the fault is the request's).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from sparekey.core import admission, settlement
from sparekey.core.breaker import Phase, told
from sparekey.core.policy import REACTIONS, Advance, is_weak
from sparekey.core.pool import Pool, PoolState, Ticket, firm, governing, phase, soonest_return
from sparekey.core.timing import backoff_seconds, believed
from sparekey.errors import AllCredentialsFailedError, CredentialError, CredentialParkedError, DeadlineExceeded
from sparekey.types import Action, ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.core.policy import Policy
    from sparekey.types import Failure


class Cell(Protocol):
    """Where the state of a chain lives: read it, or let a pure function change it in one step."""

    @property
    def state(self) -> PoolState:
        """The state now."""

    def transact(self, decide: Callable[..., tuple[PoolState, Ticket | None]], *args: object) -> Ticket | None:
        """Put `decide(pool, state, *args)[0]` in the place of the state, atomically; return its second answer."""


class Seen(NamedTuple):
    """A failure of this request, not necessarily settled yet. `dice` is a random number in [0, 1)."""

    ticket: Ticket
    failure: Failure
    exception: BaseException
    dice: float


class Walk:
    """One request's way around the ring."""

    def __init__(self, pool: Pool, cell: Cell, now: float, eligible: frozenset[int] | None = None, policy: Policy | None = None) -> None:
        """Begin at `now`; `eligible` restricts the walk to some credentials, `policy` stands in for the chain's own."""
        self.pool, self.cell, self.now = pool, cell, now
        self.eligible, self.policy = eligible, policy or pool.policy
        self.deadline = None if self.policy.deadline is None else now + self.policy.deadline
        self.sticky = eligible is None or cell.state.active in eligible
        self.term = 0
        self.tried: set[int] = set()
        self.out: list[Ticket] = []
        self.seen: dict[int, Seen] = {}
        self.pending: list[Seen] = []
        self.too_large: BaseException | None = None
        self.refusing_models: set[str | None] = set()

    # ── who is next ──

    def tickets(self) -> Iterator[Ticket]:
        """Yield the attempts of one round: a probe that is due, the ring from the active credential, then a rescue."""
        state = self.cell.state
        self.term, self.tried = state.term, set()
        if state.active and self.sticky and (probe := self._ask(admission.start, self.eligible)):
            yield self._given(probe)
        while ticket := self._next_in_ring(state.active) or self._ask(admission.rescue, self._candidates(), self.tried):
            yield self._given(ticket)

    def beside(self) -> Ticket | None:
        """Return the next attempt of this round, to run beside those that are out; None if the ring has nobody left.

        Nobody who is parked is asked only because another one is slow.
        """
        ticket = self._next_in_ring(self.cell.state.active)
        return self._given(ticket) if ticket else None

    def _given(self, ticket: Ticket) -> Ticket:
        self.tried.add(ticket.index)
        self.out.append(ticket)
        return ticket

    def _next_in_ring(self, active: int) -> Ticket | None:
        for index in self.pool.ring(active):
            if index not in self.tried and self._open_to(index) and (ticket := self._ask(admission.admit, index)):
                return ticket
        return None

    def _ask(self, decide: Callable[..., tuple[PoolState, Ticket | None]], *args: object) -> Ticket | None:
        """A ticket, if one is given. It is of the term in which this round began: what was decided then moves nobody later."""
        ticket = None if self._spent() else self.cell.transact(decide, *args, self.now)
        return ticket if ticket is None or ticket.term == self.term else ticket._replace(term=self.term)

    def _candidates(self) -> list[int]:
        return [i for i in range(len(self.pool)) if self._open_to(i)]

    def _spent(self) -> bool:
        return self.deadline is not None and self.now >= self.deadline

    def _open_to(self, index: int) -> bool:
        """Silence is never tried twice, nor a model that found the input too large."""
        if self.eligible is not None and index not in self.eligible:
            return False
        if self.refusing_models and self.pool.credentials[index].model in self.refusing_models:
            return False
        return index not in self.seen or not self.seen[index].failure.timed_out

    # ── what became of it ──

    def succeeded(self, ticket: Ticket) -> Ticket:
        """Settle a success and everything that waited for it; return the ticket for the rest of a stream."""
        self._settle_pending()
        self._back(ticket)
        after = self.cell.transact(settlement.succeed, ticket, self.now, self.sticky and self.too_large is None) or ticket
        self.term = after.term  # what follows in the same call (a recovery) acts in the term that this success has made
        return after

    def failed(self, seen: Seen) -> BaseException | None:
        """Take in a failure; return the exception to raise at once if no other credential can help."""
        self.seen[seen.ticket.index] = seen
        self._back(seen.ticket)
        advance = REACTIONS[seen.failure.error_class].advance
        if seen.failure.action is Action.STOP_AND_PARK:
            self._settle(seen)
            self._acquit(weak=True)
            self._settle_pending()
            return seen.exception
        if advance is Advance.ALWAYS:
            return self._blame(seen)
        self._release(seen.ticket)
        if advance is Advance.OTHER_MODEL:
            self.too_large = self.too_large or seen.exception
            self.refusing_models.add(self.pool.credentials[seen.ticket.index].model)
            return None
        self._acquit(weak=True)
        self._settle_pending()
        return seen.exception

    def cut(self, seen: Seen) -> None:
        """Settle the failure of a stream whose beginning the caller has seen."""
        self.seen[seen.ticket.index] = seen
        self._settle(seen)

    def lost(self, ticket: Ticket) -> None:
        """Take back an attempt that another one outran: it blames nobody."""
        self._back(ticket)
        self._release(ticket)

    def same_again(self, seen: Seen) -> float | None:
        """Return the seconds after which the same credential may be tried once more, or None if the request should move on.

        A probe is sent once, and so is a rescue: what is parked would not be let through again.
        """
        policy, failure = self.policy, seen.failure
        if not policy.retry_same or not REACTIONS[failure.error_class].retry_same:
            return None
        closed = phase(self.pool, self.cell.state, seen.ticket.index, self.now) is Phase.CLOSED
        if not closed or failure.timed_out or is_weak(failure):
            return None
        wait = believed(failure.retry_after) or policy.retry_delay * (1 + seen.dice)
        return wait if wait <= policy.patience and not self._past_deadline(wait) else None

    def readmit(self, index: int) -> Ticket | None:
        """Return a new ticket for the same credential, unless it was parked meanwhile."""
        self.out = [ticket for ticket in self.out if ticket.index != index]
        again = self._ask(admission.admit, index)
        return self._given(again) if again else None

    def abandon(self) -> None:
        """The caller went away: give back what is out, blame nobody."""
        for ticket in [*(s.ticket for s in self.pending), *self.out]:
            self._release(ticket)
        self.pending.clear()
        self.out.clear()

    def _back(self, ticket: Ticket) -> None:
        if ticket in self.out:
            self.out.remove(ticket)

    def _blame(self, seen: Seen) -> BaseException | None:
        if seen.failure.unreached:
            self.pending.append(seen)
        elif is_weak(seen.failure):
            if twin := next((p for p in self.pending if self._same_weak_text(p, seen)), None):
                self.pending.append(seen)
                self._acquit(weak=True)
                self._settle_pending()
                return twin.exception
            self.pending.append(seen)
        else:
            self._settle(seen)
        return None

    def _same_weak_text(self, a: Seen, b: Seen) -> bool:
        alike = is_weak(a.failure) and a.failure.fingerprint == b.failure.fingerprint != ""
        return alike and self.pool.account(a.ticket.index) != self.pool.account(b.ticket.index)

    def _settle(self, seen: Seen) -> None:
        self.cell.transact(settlement.fail, seen.ticket, seen.failure, self.now, seen.dice)

    def _settle_pending(self) -> None:
        for seen in self.pending:
            self._settle(seen)
        self.pending.clear()

    def _acquit(self, *, weak: bool) -> None:
        """Drop the pending verdicts of one kind: whom they would have blamed is not at fault."""
        for seen in [p for p in self.pending if (is_weak(p.failure) and not p.failure.unreached) is weak]:
            self.pending.remove(seen)
            self._release(seen.ticket)

    def _release(self, ticket: Ticket) -> None:
        self.cell.transact(settlement.release, ticket)

    # ── the ring is exhausted ──

    def pause(self, rounds_done: int) -> float | None:
        """Return the seconds until the next round over the ring, or None if there is to be none."""
        policy = self.policy
        entries = self._entries()
        transient = [e for e in entries if e.error_class is ErrorClass.TRANSIENT]
        tried_others = any(s.failure.error_class is not ErrorClass.TRANSIENT for s in self.seen.values())
        if rounds_done >= policy.max_retries or not transient or tried_others:
            return None
        dice = next((s.dice for s in reversed(self.seen.values())), 0.5)
        ready = min((self._ready_in(e.index) for e in transient if self._open_to(e.index)), default=None)
        if ready is None or ready > policy.max_backoff:
            return None
        wait = max(ready, backoff_seconds(rounds_done, policy.backoff, policy.max_backoff, dice))
        return None if self._past_deadline(wait) else wait

    def exhausted(self) -> BaseException:
        """Settle what is pending and return what the caller gets: every credential was tried or is parked."""
        if self.seen and all(s.failure.unreached for s in self.seen.values()):
            self._acquit(weak=False)
        self._settle_pending()
        if self.too_large is not None:
            return self.too_large
        if self._spent() and all(s.failure.timed_out for s in self.seen.values()):
            return DeadlineExceeded(f"the deadline of {self.policy.deadline:g} s was spent before any credential could answer")
        indices = [i for i in range(len(self.pool)) if self.eligible is None or i in self.eligible]
        # No provider's exception as its cause: a traceback would print their words unmasked, and some of them repeat the key.
        return AllCredentialsFailedError(self._entries(), soonest_return(self.pool, self.cell.state, indices, self.now))

    def _ready_in(self, index: int) -> float:
        """Seconds until a credential may be tried again; only a stated wait has to be waited for."""
        state = self.cell.state
        guard = governing(self.pool, state, index)
        return max(0.0, (guard.until or 0.0) - self.now) if guard and firm(self.pool, state, index, self.now) else 0.0

    def _past_deadline(self, wait: float) -> bool:
        return self.deadline is not None and self.now + wait >= self.deadline

    def _entries(self) -> list[CredentialError]:
        """One entry a credential: what this request saw, else why it was not tried."""
        seen = [CredentialError(self.pool.credentials[i].id, s.failure.error_class, s.exception, i) for i, s in self.seen.items()]
        rest = [i for i in range(len(self.pool)) if i not in self.seen and (self.eligible is None or i in self.eligible)]
        return seen + [entry for i in rest if (entry := self._parked_entry(i)) is not None]

    def _parked_entry(self, index: int) -> CredentialError | None:
        guard = governing(self.pool, self.cell.state, index)
        if guard is None:
            return None
        credential_id, cause = self.pool.credentials[index].id, guard.cause or ErrorClass.UNKNOWN
        seconds = told((guard.until or 0.0) - self.now)
        why = f"{cause}: {guard.reason}" if guard.reason else str(cause)
        return CredentialError(credential_id, cause, CredentialParkedError(credential_id, why, seconds), index)
