"""What one request has seen on its way around the ring, and whom it may still ask.

A `Walk` belongs to one request and is the only mutable object of the core. It holds the books; the decisions are functions over it:

    next_attempt   whom to ask now, or how long to wait before asking again
    room           a place in the chain and of a credential, where their number is limited
    beside         whom to start beside an attempt that is slow
    outcomes       what a success or a failure means for the request, and what the chain learns from it
    rounds         the same credential once more, or the whole ring once more
    egress         patience with our own network

**Theory.** A request asks every credential before its caller gets an error. Four rules end it earlier: a failure that is certainly the
request's; a refusal in words that proved to be the request's (one more credential is asked, in rotation); a time in which everybody
refuses (most requests ask two); a host that is overloaded or out of reach (it is called twice at most). Within a round each credential is
asked once, so `tried` only grows; `calls`, `seen` and the bounds outlive the rounds. A ticket is *out* from the moment it is given until
its outcome is settled, and `abandon` gives back what is still out at the end: so a probe never keeps its lease for a caller who has gone.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from sparekey.core import choose, expectations, memory, room, settlement
from sparekey.core.breaker import Phase
from sparekey.core.expectations import Kind
from sparekey.core.identity import Identity
from sparekey.core.pool import governing, has_shapes, phase
from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.expectations import Usual
    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, Ticket
    from sparekey.core.settlement import ObservedFailure
    from sparekey.core.shared_state import SharedState
    from sparekey.types import Failure

CALLS_TO_A_FAILING_HOST: Final = 2
"""Calls that one request makes to an endpoint that is overloaded or out of reach (DESIGN.md 3.6)."""
_NUMBERS: Final = count(1)


class Walk:
    """The books of one request.

    Attributes:
        pool: the chain.
        chain_state: its state, shared with all other requests.
        policy: the knobs for this request.
        kind: what the request waits for: a first content or a whole answer.
        races: whether a second attempt may be started beside a slow one.
        eligible: the indices that the request may ask; None for all.
        number: tells the requests of this process apart.
        well: the active credential was well when the request began, nothing was due, and nothing limits the request: it is asked at once.
        now: the time, in seconds of the chain's clock; the flow sets it with each message.
        began: when the request began.
        deadline: when its deadline is spent; None for no deadline.
        active: the active credential when the request began.
        term: the term in which this round began; tickets carry it, so that an older decision does not move the active index later.
        epoch: the epoch of the chain when the request began.
        sticky: whether the credential that serves becomes the active one.
        begins: this round has asked no credential yet.
        tried: the indices that were asked in this round.
        rescues: this request is the one that asks firmly parked credentials.
        out: the tickets whose outcome is not settled yet.
        asked_at: when each credential was last asked, by index.
        calls: how often each credential was called in all rounds, by index.
        seen: the last failure of each credential, by index.
        pending: failures to connect, not settled yet: if no provider can be reached, our own network is at fault.
        host_faults: how often each endpoint was overloaded or out of reach for this request.
        closed: the indices to which the budget for retries allowed no second call.
        too_large_for: the accounts and models for which the input is too large; the account is "" where it is the model's limit.
        too_large: the first such failure.
        excused: the indices whose refusal proved to be about the request.
        answer: the first refusal, once it is known to be the caller's answer unless a credential serves.
        remaining: how many more credentials may be asked; None for all.
        admitted: a limit of that kind was decided for this request.
        waited: seconds for which it has waited for what other requests find out.
        slowest: seconds that its slowest refusal took.
        scouts: it finds out about a credential for the requests beside it.
        connects: it is the request that tries whether our own network is back.
        bounded: the chain, or some credential, takes a limited number of requests at once.
        placed: it has its place in the chain.
        held: the indices of the credentials of which it has a place.
        queued: when it began to wait for room; None: it does not wait.
        refused: it found no room in time.
    """

    too_large: BaseException | None = None
    remaining: int | None = None
    answer: BaseException | None = None
    connects = scouts = rescues = admitted = placed = refused = False
    queued: float | None = None
    _identity: Identity | None
    begins = True
    waited = slowest = 0.0

    def __init__(
        self,
        pool: Pool,
        chain_state: SharedState,
        now: float,
        eligible: frozenset[int] | None = None,
        policy: Policy | None = None,
        identify: Callable[[], Identity] | None = None,
        kind: Kind = Kind.WHOLE,
        races: bool = True,
        made: Ticket | None = None,
    ) -> None:
        """Begin at `now`.

        Args:
            pool: the chain.
            chain_state: its state.
            now: the time.
            eligible: restricts the walk to some credentials; None for all.
            policy: replaces the chain's own policy in what concerns this request alone.
            identify: returns what tells this request from others; None: it is different from all others.
            kind: what it waits for.
            races: whether a second attempt may be started beside a slow one.
            made: the ticket of an attempt that was made before, at `now`: it is the first of this request.
        """
        self.pool, self.chain_state, self.now, self.began = pool, chain_state, now, now
        self.eligible, self.policy = eligible, policy or pool.policy
        self.number = next(_NUMBERS)
        self._identify, self._identity = identify, None
        self.deadline = None if self.policy.deadline is None else now + self.policy.deadline
        state = chain_state.state
        self.active, self.term, self.epoch = state.active, state.term, state.epoch
        self.sticky = eligible is None or state.active in eligible
        self.bounded = pool.policy.max_concurrency is not None or pool.has_caps
        self.made = made
        if made is not None:
            self.active, self.term, self.epoch = made.index, made.term, made.epoch
        self.well = made is not None or (
            eligible is None
            and not self.bounded
            and self.deadline is None
            and chain_state.local.egress_at is None
            and (state.memory is memory.NOTHING or memory.limits_no_request(state.memory))
            and (not (state.breakers or state.active) or choose.goes_to_active(pool, state, now, lambda: self.identity.shape))
        )
        self.tried: set[int] = set()
        self.calls: dict[int, int] = {}
        self.out: list[Ticket] = []
        self.seen: dict[int, ObservedFailure] = {}
        self.pending: list[ObservedFailure] = []
        self.host_faults: dict[str, int] = {}
        self.closed: set[int] = set()
        self.too_large_for: set[tuple[str, str | None]] = set()
        self.excused: set[int] = set()
        self.kind, self.races, self.made = kind, races, made
        self.asked_at: dict[int, float] = {}
        self.held: list[int] = []

    # ── what is known ──

    @property
    def identity(self) -> Identity:
        """What tells this request from others."""
        if self._identity is None:
            self._identity = self._identify() if self._identify else Identity(name=("walk", self.number))
        return self._identity

    def shape(self) -> str | None:
        """Return the request's shape; None where no park depends on it."""
        return self.identity.shape if has_shapes(self.chain_state.state) else None

    def usual(self, index: int) -> Usual:
        """Return how long the answers of a credential usually take."""
        return self.chain_state.state.expectations.get(self.pool.names[index], expectations.UNKNOWN)

    def expected(self, index: int) -> Usual:
        """Return what answers of a credential usually take.

        While nothing is known of it, this is what is known of another one of its model: what thinks with one key thinks with the next.
        """
        known, credentials = self.usual(index), self.pool.credentials
        if known.seconds[self.kind].known or len(credentials) == 1 or (model := credentials[index].model) is None:
            return known
        alike = (self.usual(i) for i, one in enumerate(credentials) if i != index and one.model == model)
        return next((other for other in alike if other.seconds[self.kind].known), known)

    def took(self, index: int) -> float:
        """Return the seconds since a credential was asked; 0 if it was not."""
        return self.now - self.asked_at.get(index, self.now)

    def spent(self) -> bool:
        """Return whether the deadline has passed."""
        return self.deadline is not None and self.now >= self.deadline

    def past_deadline(self, wait: float) -> bool:
        """Return whether the deadline has passed after a wait of so many seconds."""
        return self.deadline is not None and self.now + wait >= self.deadline

    # ── whom it may ask ──

    def everybody(self) -> list[int]:
        """Return the indices of all credentials to which the request is restricted."""
        return [i for i in range(len(self.pool)) if self.eligible is None or i in self.eligible]

    def untried(self) -> list[int]:
        """Return those of them that have not failed yet."""
        return [i for i in self.everybody() if i not in self.seen]

    def among(self) -> frozenset[int] | None:
        """Return the indices that the request may ask now; None for all."""
        if not self.seen and not self.closed and not self.bounded:
            return self.eligible
        return frozenset(filter(self.open_to, self.everybody())) - room.full(self)

    def may_ask(self, index: int) -> bool:
        """Return whether the request may ask a credential, at some time."""
        return (self.eligible is None or index in self.eligible) and self.open_to(index)

    def ready(self) -> list[int]:
        """Return whom the request could turn to now: neither tried in this round nor parked."""
        others = [i for i in range(len(self.pool)) if i not in self.tried and self.may_ask(i)]
        return [i for i in others if phase(self.pool, self.chain_state.state, i, self.now) in {Phase.CLOSED, Phase.DUE}]

    def open_to(self, index: int) -> bool:
        """Return whether the bounds of one request leave a call to a credential.

        A credential that was silent is not tried twice, nor a host that failed twice, nor one for which the input is too large.
        """
        if index in self.closed or self.calls.get(index, 0) > max(1, self.policy.max_retries):
            return False
        if index in self.seen and self.seen[index].failure.timed_out:
            return False
        if self.too_large_for and self._room(index) & self.too_large_for:
            return False
        return self.host_faults.get(self.pool.guards[index].endpoint, 0) < CALLS_TO_A_FAILING_HOST

    def is_retry(self, index: int) -> bool:
        """Return whether a call goes to a credential that this request has called, or to an endpoint that has failed it."""
        return bool(self.seen) and (index in self.calls or self.pool.guards[index].endpoint in self.host_faults)

    def parked_for_a_while(self, index: int) -> bool:
        """Return whether what parks a credential is a fault that passes by itself."""
        guard = governing(self.pool, self.chain_state.state, index)
        return guard is not None and guard.cause is ErrorClass.TRANSIENT

    def _room(self, index: int) -> set[tuple[str, str | None]]:
        model = self.pool.credentials[index].model
        return {("", model), (self.pool.guards[index].account, model)}

    # ── what is written down ──

    def give(self, ticket: Ticket) -> Ticket:
        """Write down that a ticket goes out, and return it: the credential and its twins are tried in this round."""
        index, first_of = ticket.index, self.pool.first_of
        if self.pool.has_twins:
            self.tried.update(i for i, first in enumerate(first_of) if first == first_of[index])
        else:
            self.tried.add(index)
        self.calls[index] = self.calls.get(index, 0) + 1
        self.asked_at[index] = self.now
        self.remaining = None if self.remaining is None else self.remaining - 1
        self.out.append(ticket)
        if self.bounded and index not in self.held:
            room.hold(self, index)
        return ticket

    def take_back(self, ticket: Ticket) -> None:
        """Write down that the outcome of a ticket is settled."""
        if ticket in self.out:
            self.out.remove(ticket)

    def count_host_fault(self, index: int, failure: Failure) -> None:
        """Count an overload against the endpoint of a credential; one that is out of reach is not called a second time."""
        if failure.error_class is ErrorClass.TRANSIENT and (failure.scope is Scope.ENDPOINT or failure.unreached):
            endpoint = self.pool.guards[index].endpoint
            # what cannot be reached with one key cannot be reached with the next: a second call is for an overload
            self.host_faults[endpoint] = CALLS_TO_A_FAILING_HOST if failure.unreached else self.host_faults.get(endpoint, 0) + 1

    def release(self, ticket: Ticket) -> None:
        """Give a ticket back to the chain without a verdict."""
        self.chain_state.transact(settlement.release, ticket)

    def release_pending(self) -> None:
        """Give back the tickets of all attempts that reached no provider: they blame no credential."""
        for seen in self.pending:
            self.release(seen.ticket)
        self.pending.clear()
