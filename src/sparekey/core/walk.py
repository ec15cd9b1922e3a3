"""What one request saw on its way around the ring, and what follows from all of it together.

A `Walk` belongs to one request and is the only mutable thing of the core. It answers two questions, again and again:

    next()        whom to ask now: a ticket; a number of seconds to wait before asking again; or nobody any more
    failed(seen)  what a failure means: an exception to raise at once, or None, go on

Everybody is asked before the caller gets an error, with four exceptions: a failure that is certainly the request's ends the walk; a
refusal in words that proved to be the request's is shown to one more credential; while everybody refuses, most requests ask two; and a
host that is overloaded or out of reach is called twice at most. Failures are settled at once, but for connections that never came about:
if nobody could be reached, the fault is our own network's and nobody is parked.
"""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from sparekey.core import capacity, choose, expectations, local, settlement
from sparekey.core import memory as m
from sparekey.core.breaker import Phase
from sparekey.core.choose import Asker, Turn
from sparekey.core.exhaustion import exhausted
from sparekey.core.expectations import Kind, Sample
from sparekey.core.identity import Identity
from sparekey.core.policy import Advance, Recovery, is_blind, is_rate_limit, is_refusal, reaction_to
from sparekey.core.pool import Pool, PoolState, Ticket, due_at, governing, has_shapes, phase, softly
from sparekey.core.race import Beside
from sparekey.core.timing import backoff_seconds, believed
from sparekey.errors import DeadlineExceeded, OverloadedError
from sparekey.types import Action, ErrorClass, Evidence, Scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sparekey.core.expectations import Usual
    from sparekey.core.local import LocalState
    from sparekey.core.policy import Policy
    from sparekey.core.settlement import ObservedFailure
    from sparekey.types import Failure

CALLS_TO_A_FAILING_HOST: Final = 2
"""Calls that one request makes to an endpoint that is overloaded or out of reach (DESIGN.md 3.6)."""
CUT_COST: Final = 30.0
"""Seconds of its caller that a stream costs which is cut after he has seen content: he begins again by hand (DESIGN.md 4.5)."""
_NUMBERS: Final = count(1)


class SharedState(Protocol):
    """Where the state of a chain lives: read it, or let a pure function change it in one step."""

    dead: BaseException | None
    """How the only credential of a chain refused last, if that was no passing fault and more than a possible one."""

    @property
    def state(self) -> PoolState:
        """The state now."""

    @property
    def local(self) -> LocalState:
        """What only this process knows now."""

    def transact(self, decide: Callable[..., tuple[PoolState, Any]], *args: object) -> Any:
        """Put `decide(pool, state, *args)[0]` in the place of the state, atomically; return its second answer."""

    def learn(self, sample: Sample, now: float) -> None:
        """Take in how long an answer took, at once or a little later."""

    def transact_local(self, decide: Callable[..., tuple[LocalState, Any]], *args: object) -> Any:
        """Put `decide(local, policy, *args)[0]` in its place, atomically; return its second answer."""


class Walk:
    """One request's way around the ring.

    Attributes:
        tried: whom it has asked in this round.
        calls: how often it has called each credential in all rounds.
        seen: the last failure of each credential.
        left: how many more credentials it may ask; None for all.
        answer: the first refusal, once it is known that it is the caller's answer unless somebody serves.
        waited: seconds for which it has waited for what others find out, and
        slowest: that its slowest refusal took.
        connects: it is the one that tries whether our own network is back.
        bounded: the chain, or some credential, takes a limited number of requests at once (`sparekey.core.capacity`).
        held: the credentials of which it has places, by index; a credential stands there once for each.
        queued: when it began to wait for room; None: it does not wait.
        placed: it has its place in the chain.
        refused: it found no room in time.
    """

    too_large: BaseException | None = None
    left: int | None = None
    answer: BaseException | None = None
    connects = scouts = rescues = admitted = placed = refused = False
    queued: float | None = None
    begins = True
    waited = slowest = 0.0

    def __init__(
        self,
        pool: Pool,
        cell: SharedState,
        now: float,
        eligible: frozenset[int] | None = None,
        policy: Policy | None = None,
        identity: Identity | None = None,
        kind: Kind = Kind.WHOLE,
        races: bool = True,
    ) -> None:
        """Begin at `now`.

        Args:
            pool: the chain.
            cell: its state.
            now: the time.
            eligible: restricts the walk to some credentials.
            policy: stands in for the chain's own in what concerns this request alone.
            identity: tells this request from others.
            kind: what it waits for.
            races: others may be started beside a slow one.
        """
        self.pool, self.cell, self.now, self.began = pool, cell, now, now
        self.eligible, self.policy = eligible, policy or pool.policy
        self.number = next(_NUMBERS)
        self._identity = identity
        self.deadline = None if self.policy.deadline is None else now + self.policy.deadline
        state = cell.state
        self.active, self.term = state.active, state.term
        self.sticky = eligible is None or state.active in eligible
        self.tried: set[int] = set()
        self.calls: dict[int, int] = {}
        self.out: list[Ticket] = []
        self.seen: dict[int, ObservedFailure] = {}
        self.pending: list[ObservedFailure] = []
        self.host_faults: dict[str, int] = {}
        self.closed: set[int] = set()
        self.too_large_for: set[tuple[str, str | None]] = set()
        self.excused: set[int] = set()
        self.kind, self.races = kind, races
        self.asked_at: dict[int, float] = {}
        self.bounded = pool.policy.max_concurrency is not None or pool.has_caps
        self.held: list[int] = []

    @property
    def identity(self) -> Identity:
        """What tells this request from others."""
        self._identity = self._identity or Identity(name=("walk", self.number))
        return self._identity

    def _admission(self) -> float:
        """Ask fewer, and later, where everybody is known to refuse; what was found out while this request waited counts as well."""
        memory = self.cell.state.memory
        if memory.drought is not None and memory.drought.confirmed:
            wait, self.left = self.cell.transact(settlement.admit, self.now)
            self.admitted = True
            return float(wait)
        if memory.words and m.was_refused_by_all(memory, self.identity, self.now):
            self.left, self.admitted = m.ASKED_BY_OTHERS, True
        return 0.0

    # ── who is next ──

    def begin_round(self) -> None:
        """Go around the ring anew."""
        self.term, self.tried, self.begins, self.rescues = self.cell.state.term, set(), True, False

    def next(self) -> Ticket | float | None:
        """Return the next attempt; or the seconds after which to ask again; or None if this round has nobody left."""
        state = self.cell.state
        if self._well(state):
            self.begins = False
            return self._given(Ticket(0, state.term, state.epoch))
        if not self.calls and not self.admitted and (wait := self._admission()):
            return wait
        while not (self._spent() or self.left == 0 or self._gives_up_on_network()):
            if self.bounded and (until_room := self._until_room()) != 0.0:
                return until_room
            if (until_tried := self._until_tried()) != 0.0:
                return until_tried
            if (step := self._step()) != 0.0:
                return step
        return None

    def _step(self) -> Ticket | float | None:
        """As `next`; 0.0 if the choice has to be made anew."""
        doubtful = not self.seen or any(is_refusal(s.failure) for s in self.seen.values())
        asker = Asker(
            self._among(), self.tried, self.begins and self.sticky, doubtful, self.rescues, self._shape(), self._rotation(), not self.races
        )
        state = self.cell.state
        choice = choose.choose(self.pool, state, asker, self.now)
        if choice is None:
            return None
        if self.waited >= local.LONGEST_WAIT and choice.turn is Turn.RING and choice.index != state.active:
            asker, choice = self._spread(asker, state, choice)
        if self._is_retry(choice.index) and not self.cell.transact_local(local.take_retry):
            self.closed.add(choice.index)
            return 0.0
        if not self._may_explore(choice):
            self.waited += local.LOOK_AGAIN
            return local.LOOK_AGAIN
        if self.bounded and not self._reserved(choice.index):
            return 0.0
        ticket = self._taken(asker, state, choice)
        if self.bounded and (ticket is None or ticket.index != choice.index):
            self._let_go(choice.index)
        return ticket or 0.0

    def _well(self, state: PoolState) -> bool:
        """Whether this is the first call of a request to a chain that never failed: then there is nothing to decide."""
        if not self.begins or self.bounded or state.breakers or state.active or self.eligible is not None or self.deadline is not None:
            return False
        return not state.memory.words and state.memory.drought is None and self.cell.local.egress_at is None

    # ── the silent and the slow ──

    def limit(self, ticket: Ticket) -> float | None:
        """Return the seconds after which an attempt is slow; None where nobody could be started beside it, or nobody is to be."""
        known = self._usual(ticket.index)
        if (self.kind is Kind.WHOLE and known.seconds[self.kind].quick) or not self.races or len(self.pool) == 1:
            return None
        return expectations.limit(self.policy, known, self.kind, probe=ticket.probe)

    def _usual(self, index: int) -> Usual:
        return self.cell.state.expectations.get(self.pool.names[index], expectations.UNKNOWN)

    def may_probe_beside(self) -> bool:
        """Return whether this request may probe somebody beside the active credential: it begins, and may ask everybody."""
        return self.active > 0 and self.races and self.sticky and not self.calls

    def probe_beside(self) -> Beside | None:
        """Return a probe to be made beside this request: of one that was silent or slow, and whose rest is over."""
        state = self.cell.state
        if choose.beside(self.pool, state, self.eligible, self.now)[1] is None:
            return None
        ticket: Ticket | None = self.cell.transact(choose.beside, self.eligible, self.now)
        if ticket is None:
            return None
        return Beside(ticket, self.kind, expectations.leash(self.policy, self._usual(ticket.index), self.kind))

    def is_somebody_beside(self) -> bool:
        """Return whether the ring has somebody to run beside those that are out.

        Nobody who is parked is asked only because another one is slow.
        """
        choice = None if self.left == 0 or self._spent() else choose.choose(self.pool, self.cell.state, self._beside_asker(), self.now)
        return choice is not None and choice.turn is Turn.RING

    def is_parked(self, index: int) -> bool:
        """Return whether a credential was found to be out of order while this request waits for it."""
        return phase(self.pool, self.cell.state, index, self.now) is not Phase.CLOSED

    def beside(self) -> Ticket | None:
        """Return the next attempt of this round, to run beside those that are out; None if the ring has nobody left."""
        return None if self.left == 0 else self._in_ring(self._beside_asker())

    def _beside_asker(self) -> Asker:
        return Asker(self._among(), self.tried, shape=self._shape())

    def gone(self, now: float) -> None:
        """Take in that the caller has gone: whoever kept him for longer than expected is suspected."""
        self.now = now
        for ticket in list(self.out):
            took = now - self.asked_at.get(ticket.index, now)
            if took >= expectations.hint(self._usual(ticket.index), self.kind):
                self.out.remove(ticket)
                self.cell.transact(settlement.suspect, ticket, took, now)

    def _in_ring(self, asker: Asker) -> Ticket | None:
        state = self.cell.state
        choice = choose.choose(self.pool, state, asker, self.now)
        return self._taken(asker, state, choice) if choice is not None and choice.turn is Turn.RING and not self._spent() else None

    def _taken(self, asker: Asker, state: PoolState, choice: choose.Choice) -> Ticket | None:
        """A ticket, if one is given. It is of the term in which this round began: what was decided then moves nobody later."""
        found = self.cell.transact(choose.taken, asker, (state, choice), self.now)
        if found is None:
            return None
        ticket, turn = found
        self.rescues = self.rescues or turn is Turn.RESCUE
        self.begins = False
        if self.cell.local.retries < self.policy.retry_burst and not self._is_retry(ticket.index):
            self.cell.transact_local(local.earn_retry)
        return self._given(ticket if ticket.term == self.term else ticket._replace(term=self.term))

    def _given(self, ticket: Ticket) -> Ticket:
        index = ticket.index
        same = self.pool.first_of[index]
        self.tried.update(i for i, first in enumerate(self.pool.first_of) if first == same) if self.pool.has_twins else self.tried.add(
            index
        )
        self.calls[index] = self.calls.get(index, 0) + 1
        self.asked_at[index] = self.now
        self.left = None if self.left is None else self.left - 1
        self.out.append(ticket)
        if self.bounded and index not in self.held:
            self._hold(index, None)
        return ticket

    def _among(self) -> frozenset[int] | None:
        """Whom this request may ask; None for everybody."""
        if not self.seen and not self.closed and not self.bounded:
            return self.eligible
        full = self._full()
        return frozenset(i for i in self._everybody() if self._open_to(i) and i not in full)

    def _open_to(self, index: int) -> bool:
        """Silence is never tried twice, nor a host that fails again, nor whom the input was too large for."""
        if index in self.closed or self.calls.get(index, 0) > max(1, self.policy.max_retries):
            return False
        if index in self.seen and self.seen[index].failure.timed_out:
            return False
        if self.too_large_for and self._room(index) & self.too_large_for:
            return False
        return self.host_faults.get(self.pool.guards[index].endpoint, 0) < CALLS_TO_A_FAILING_HOST

    # ── how much runs at once ──

    def _until_room(self) -> float | None:
        """Return the seconds after which to look for room again, 0.0 if there is some; None: there is none in time."""
        since = self.now if self.queued is None else self.queued
        wait: float | None = self.cell.transact_local(capacity.enter, self._waiting(since), self._places(), self.now)
        self.refused = wait is None
        if not wait:
            self.queued, self.placed = None, self.placed or wait is not None
            return wait
        self.queued = since
        return wait if self.deadline is None else min(wait, max(0.001, self.deadline - self.now))

    def _waiting(self, since: float) -> capacity.Waiting:
        return capacity.Waiting(self.number, self.identity.client, self.placed, since)

    def _places(self) -> float:
        """How many attempts more those take whom this request could turn to now; where nobody is ready, that is not what it lacks."""
        if not self.pool.has_caps or not (ready := {self.pool.first_of[i] for i in self._ready()}):
            return math.inf
        out = self.cell.local.capacity.out
        return sum(math.inf if (cap := self.pool.caps[i]) is None else max(0, cap - out.get(i, 0)) for i in ready)

    def _full(self) -> set[int]:
        """Whose places are all taken."""
        if not self.bounded or not (out := self.cell.local.capacity.out):
            return set()
        caps, same = self.pool.caps, self.pool.first_of
        return {i for i, cap in enumerate(caps) if cap is not None and out.get(same[i], 0) >= cap}

    def _reserved(self, index: int) -> bool:
        """Take a place of a credential, if it has one. Where only the active one's are all taken, this request moves nobody."""
        active = self.cell.state.active
        if index != active and active not in self.tried and active in self._full():
            self.sticky = False
        return self._hold(index, self.pool.caps[index])

    def _hold(self, index: int, most: int | None) -> bool:
        taken: bool = self.cell.transact_local(capacity.take, self.pool.first_of[index], most)
        if taken:
            self.held.append(index)
        return taken

    def _let_go(self, index: int) -> None:
        if index in self.held:
            self.held.remove(index)
            self.cell.transact_local(capacity.let_go, self.pool.first_of[index])

    # ── whom it may ask ──

    def _room(self, index: int) -> set[tuple[str, str | None]]:
        model = self.pool.credentials[index].model
        return {("", model), (self.pool.guards[index].account, model)}

    def _is_retry(self, index: int) -> bool:
        """Whether a call goes to a credential that this request has called, or to an endpoint that has failed it."""
        return bool(self.seen) and (index in self.calls or self.pool.guards[index].endpoint in self.host_faults)

    def _shape(self) -> str | None:
        state = self.cell.state
        return self.identity.shape if has_shapes(state) else None

    def _rotation(self) -> int | None:
        """The last one whom a limited request may ask is picked in rotation."""
        return self.cell.transact_local(local.rotate) if self.left == 1 and self.seen else None

    def _spread(self, asker: Asker, state: PoolState, choice: choose.Choice) -> tuple[Asker, choose.Choice]:
        """A herd that has waited long enough spreads over those of the same model that nobody knows yet, and moves nobody."""
        models = [c.model for c in self.pool.credentials]
        among = {i for i in self._everybody() if i != state.active and self._open_to(i)} - self._full()
        alike = {i for i in among if models[i] == models[choice.index]}
        asker = asker._replace(among=alike, rotation=self.cell.transact_local(local.rotate))
        self.sticky = False
        return asker, choose.choose(self.pool, state, asker, self.now) or choice

    def _may_explore(self, choice: choose.Choice) -> bool:
        """Whether to ask somebody now, or to wait for what the request learns that is asking already.

        Only the active credential is known to be well: of another one, the first request of a herd finds out for all.
        """
        if choice.turn is Turn.UP or choice.index == self.cell.state.active or self.left is not None:
            return True
        if self.waited >= (local.LONGEST_WAIT if self.seen else local.SCOUT_SECONDS):
            return True
        self.scouts = True
        allowed: bool = self.cell.transact_local(local.scout, self.number, choice.index, self.slowest, self.now)
        return allowed

    def _spent(self) -> bool:
        return self.deadline is not None and self.now >= self.deadline

    # ── our own network ──

    def _until_tried(self) -> float | None:
        """Return the seconds to wait until the network is tried again, by this request or by another one; None: patience is over."""
        if self.connects or self.cell.local.egress_at is None:
            return 0.0
        wait: float = self.cell.transact_local(local.connect, self.now)
        if wait == 0.0:
            self.connects = True
            return wait
        if self.now + wait - self.began > self.policy.egress_patience or self._past_deadline(wait):
            return None
        return min(wait, local.LOOK_AGAIN * 5)

    def _gives_up_on_network(self) -> bool:
        """Whether nobody could be reached for so long that further connects would only keep the caller waiting."""
        if not self.seen or self.now - self.began < self.policy.egress_patience:
            return False
        return len({self.pool.guards[i].endpoint for i in self.seen}) > 1 and self._nobody_reached()

    def _nobody_reached(self) -> bool:
        """Whether everybody who could be asked was out of reach: whoever waits for a stated time has been reached."""
        return bool(self.seen) and all(s.failure.unreached for s in self.seen.values()) and not any(map(self._waits, self._untried()))

    def _waits(self, index: int) -> bool:
        guard = governing(self.pool, self.cell.state, index)
        return self._passes(index) and guard is not None and guard.stated and self.now < (guard.until or 0.0)

    def _passes(self, index: int) -> bool:
        """Whether what parks a credential will pass by itself."""
        guard = governing(self.pool, self.cell.state, index)
        return guard is not None and guard.cause is ErrorClass.TRANSIENT

    def _untried(self) -> list[int]:
        return [i for i in self._everybody() if i not in self.seen]

    def _everybody(self) -> list[int]:
        return [i for i in range(len(self.pool)) if self.eligible is None or i in self.eligible]

    # ── what became of it ──

    def succeeded(self, ticket: Ticket, size: int = 0, *, hedged: bool = False) -> Ticket:
        """Settle a success and everything that waited for it; return the ticket for the rest of a stream.

        `size` is that of the answer, as its sketch takes it; `hedged`: it was started beside a slow one.
        """
        self._reached()
        self._settle_pending()
        self._back(ticket)
        self.cell.dead = None
        refusals = [s for s in self.seen.values() if is_refusal(s.failure)] if self.seen else []
        moves = self.sticky and self.too_large is None and not (self.excused and self.excused >= self.seen.keys())
        request = self.identity.request if refusals else ""
        after: Ticket = self.cell.transact(settlement.succeed, ticket, refusals, request, moves, self.now)
        self.term = after.term  # what follows in the same call (a recovery) acts in the term that this success has made
        self._scouted()
        self.cell.learn(Sample(self.pool.names[ticket.index], self.kind, self.now - self.asked_at[ticket.index], size), self.now)
        if hedged:
            self.cell.transact_local(local.hedge_won)
        return after

    def failed(self, seen: ObservedFailure) -> BaseException | None:
        """Take in a failure; return the exception to raise at once if no other credential can help."""
        index, failure = seen.ticket.index, seen.failure
        seen = seen._replace(cost=self.now - self.asked_at.get(index, self.now))
        if is_refusal(failure):
            seen = seen._replace(shape=self.identity.shape)
        self.seen[index] = seen
        self.calls[index] = self.calls.get(index, 0) + max(0, seen.writes - 1)  # a request is written to a provider twice at most
        self._back(seen.ticket)
        self._let_go(index)
        if not failure.unreached:
            self.slowest = max(self.slowest, self.now - self.asked_at.get(index, self.now))
            self._reached()
        advance = reaction_to(failure).advance
        if failure.action is Action.STOP_AND_PARK or advance is Advance.NEVER:
            self._release(seen.ticket) if advance is Advance.NEVER else self._settle(seen)
            self._settle_pending()
            return seen.exception
        if advance is Advance.OTHER_MODEL:
            self._release(seen.ticket)
            self.too_large = self.too_large or seen.exception
            account = self.pool.guards[index].account if failure.scope is Scope.ACCOUNT else ""
            self.too_large_for.add((account, self.pool.credentials[index].model))
            return None
        self._count_host_fault(index, failure)
        if failure.unreached:
            self.pending.append(seen)
            return None
        if is_refusal(failure):
            return self._refused(seen)
        self._settle(seen)
        return None

    def _refused(self, seen: ObservedFailure) -> BaseException | None:
        """Settle a refusal; return the caller's answer if one more credential was asked already and it is no better."""
        memory, words = self.cell.state.memory, m.words_of(seen.failure)
        credential_id = self.pool.credentials[self.pool.first_of[seen.ticket.index]].id
        well = m.is_acquitted(memory, words, credential_id, self.now)
        known = well and m.is_the_requests(memory, words, self.now)
        self._settle(seen)
        if well:
            self.excused.add(seen.ticket.index)
        if self.answer is None and (known or is_blind(seen.failure)):
            self.answer = seen.exception
            if known and is_blind(seen.failure):
                self.left = 0
            elif self.left != 0:
                self.left = 1
        if self.answer is None or self.left != 0:
            return None
        self._unserved()
        return self.answer

    def _count_host_fault(self, index: int, failure: Failure) -> None:
        if failure.error_class is ErrorClass.TRANSIENT and (failure.scope is Scope.ENDPOINT or failure.unreached):
            endpoint = self.pool.guards[index].endpoint
            # what cannot be reached with one key cannot be reached with the next: a second call is for an overload
            self.host_faults[endpoint] = CALLS_TO_A_FAILING_HOST if failure.unreached else self.host_faults.get(endpoint, 0) + 1

    def cut(self, seen: ObservedFailure) -> None:
        """Settle the failure of a stream whose beginning the caller has seen.

        Where he has seen it, half an answer costs him more than the time it took.
        """
        took = self.now - self.asked_at.get(seen.ticket.index, self.now)
        seen = seen._replace(cost=took if self.policy.stream_recovery == Recovery.BUFFER else max(took, CUT_COST))
        self.seen[seen.ticket.index] = seen
        self._let_go(seen.ticket.index)
        self._settle(seen)

    def lost(self, ticket: Ticket) -> None:
        """Take back an attempt that another one outran: it blames nobody."""
        self._back(ticket)
        self._let_go(ticket.index)
        self._release(ticket)

    def same_again(self, seen: ObservedFailure) -> float | None:
        """Return the seconds after which the same credential may be tried once more, or None if the request should move on.

        It stays only where no other credential of the same model is ready (DESIGN.md 4.6). A probe is sent once, and so is a rescue: what
        is parked would not be let through again.
        """
        policy, failure, index = self.policy, seen.failure, seen.ticket.index
        if not policy.retry_same or not reaction_to(failure).retry_same or failure.evidence is Evidence.POSSIBLE:
            return None
        if failure.timed_out or failure.unreached or seen.writes > 1 or not self._open_to(index):
            return None
        if is_rate_limit(failure) and failure.retry_after is None and self._ready():
            return None  # nobody knows when there is room again
        wait = believed(failure.retry_after) or policy.retry_delay * (1 + seen.dice)
        if wait > policy.patience or self._past_deadline(wait) or phase(self.pool, self.cell.state, index, self.now) is not Phase.CLOSED:
            return None
        if self._another_is_ready(index) or not self.cell.transact_local(local.take_retry):
            return None
        self._count_host_fault(index, failure)
        return wait

    def _another_is_ready(self, index: int) -> bool:
        model = self.pool.credentials[index].model
        return any(self.pool.credentials[i].model == model for i in self._ready())

    def _ready(self) -> list[int]:
        """Whom this request could turn to now."""
        others = [i for i in range(len(self.pool)) if i not in self.tried and self._may_ask(i)]
        return [i for i in others if phase(self.pool, self.cell.state, i, self.now) in {Phase.CLOSED, Phase.DUE}]

    def _may_ask(self, index: int) -> bool:
        return (self.eligible is None or index in self.eligible) and self._open_to(index)

    def readmit(self, index: int) -> Ticket | None:
        """Return a new ticket for the same credential, unless it was parked meanwhile."""
        self.out = [ticket for ticket in self.out if ticket.index != index]
        self._let_go(index)
        return self._in_ring(Asker(frozenset({index})))

    def abandon(self) -> None:
        """The call is over: give back what is out, blame nobody."""
        if self.out or self.pending:
            for ticket in [*(s.ticket for s in self.pending), *self.out]:
                self._release(ticket)
            self.pending.clear()
            self.out.clear()
        if self.bounded:
            held = [self.pool.first_of[index] for index in self.held]
            self.cell.transact_local(capacity.leave, self._waiting(self.began), held)
            self.held, self.placed = [], False
        self._scouted()

    def _back(self, ticket: Ticket) -> None:
        if ticket in self.out:
            self.out.remove(ticket)

    def _reached(self) -> None:
        self.connects = False
        if self.cell.local.egress_at is not None:
            self.cell.transact_local(local.reached)

    def _scouted(self) -> None:
        if self.scouts:
            self.scouts = False
            self.cell.transact_local(local.back, self.number)

    def _settle(self, seen: ObservedFailure) -> None:
        self.cell.transact(settlement.fail, seen, self.now)
        if len(self.pool) == 1 and seen.failure.error_class is not ErrorClass.TRANSIENT and seen.failure.evidence is not Evidence.POSSIBLE:
            self.cell.dead = seen.exception

    def _settle_pending(self) -> None:
        for seen in self.pending:
            self._settle(seen)
        self.pending.clear()

    def _release(self, ticket: Ticket) -> None:
        self.cell.transact(settlement.release, ticket)

    # ── the ring is exhausted ──

    def pause(self, rounds_done: int) -> float | None:
        """Return the seconds until the next round over the ring, or None if there is to be none."""
        policy = self.policy
        if self.refused:
            return None
        if self._nobody_reached():
            return self._until_network()
        if rounds_done >= policy.max_retries or any(s.failure.error_class is not ErrorClass.TRANSIENT for s in self.seen.values()):
            return None
        dice = next((s.dice for s in reversed(self.seen.values())), 0.5)
        passing = [*self.seen, *(i for i in self._untried() if self._passes(i))]
        ready = min((self._ready_in(i) for i in passing if self._may_ask(i)), default=None)
        if ready is None or ready > policy.max_backoff:
            return None
        wait = max(ready, backoff_seconds(rounds_done, policy.backoff, policy.max_backoff, dice))
        return None if self._past_deadline(wait) else wait

    def _until_network(self) -> float | None:
        """Seconds until this request tries once more whether the network is back; what it saw until now counts for nothing then."""
        self.cell.transact_local(local.unreached, self.now)
        if self.now + local.EGRESS_EVERY - self.began > self.policy.egress_patience or self._past_deadline(local.EGRESS_EVERY):
            return None
        for seen in self.pending:
            self._release(seen.ticket)
        self.pending.clear()
        self.connects = False
        self.host_faults.clear()
        self.calls.clear()
        return local.EGRESS_EVERY

    def exhausted(self) -> BaseException:
        """Settle what is pending and return what the caller gets: every credential was tried or is parked."""
        if self._nobody_reached():
            for seen in self.pending:
                self._release(seen.ticket)
            self.pending.clear()
        self._settle_pending()
        self._unserved()
        if self.refused and not self.seen:
            return OverloadedError(max(1.0, self.policy.queue_timeout))
        if self.answer is not None:
            return self.answer
        if self.too_large is not None:
            return self.too_large
        if self._spent() and all(s.failure.timed_out for s in self.seen.values()):
            return DeadlineExceeded(f"the deadline of {self.policy.deadline:g} s was spent before any credential could answer")
        return exhausted(self.pool, self.cell, self.seen, self._untried(), self.now)

    def _unserved(self) -> None:
        if any(is_refusal(s.failure) for s in self.seen.values()):
            everybody = self.left is None and self.eligible is None
            seen = list(self.seen.values())
            self.cell.transact(settlement.unserved, seen, self.identity.request, everybody, self.began, self.now)

    def _ready_in(self, index: int) -> float:
        """Seconds until a credential may be tried again: at once if it is parked softly."""
        state = self.cell.state
        return 0.0 if softly(self.pool, state, index, self.now) else max(0.0, due_at(self.pool, state, index) - self.now)

    def _past_deadline(self, wait: float) -> bool:
        return self.deadline is not None and self.now + wait >= self.deadline
