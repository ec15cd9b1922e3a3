"""Hypothesis plays any number of interleaved requests against the core and checks every single decision.

Each change of state passes through `Watched.transact`, which holds it to the rules of the design; each request is watched from its
first step to its last. At the end everybody is healed, and traffic has to come back to the first credential.

`SPAREKEY_EXPLORE=1` plays random games instead of the fixed ones, and more of them; `SPAREKEY_GAMES=10` plays as few as that and shows the
first failure as it is (the mutation tests do).
"""

import os
from collections import Counter

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Phases
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, precondition, rule

from chain_play import Fault, Play, auth, overloaded, permanent, quota, rate_limit, silent, too_large, unreached
from sparekey.cell import Cell
from sparekey.core import choose, settlement
from sparekey.core.breaker import CLOSED, Phase
from sparekey.core.flow import Pause
from sparekey.core.policy import REACTIONS, Advance, is_weak
from sparekey.core.pool import Ticket, failback_due, firm, phase
from sparekey.core.streams import Relay, Start, Wait
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope

EXPLORE = bool(os.environ.get("SPAREKEY_EXPLORE"))
FEW = int(os.environ.get("SPAREKEY_GAMES", "0"))
AT_FAULT = [c for c in ErrorClass if REACTIONS[c].parking is None]

CHAINS = {
    "plain": [Credential(f"k{i}", model="m") for i in range(4)],
    "lone": [Credential("k", model="m")],
    "pair": [Credential(f"k{i}", model="m") for i in range(2)],
    "teams": [
        Credential("a1", model="m", account="a", endpoint="https://one"),
        Credential("a2", model="m", account="a", endpoint="https://two"),
        Credential("b1", model="n", account="b", endpoint="https://one"),
        Credential("b2", model="m", account="b", endpoint="https://one"),
        Credential("c", model="n"),
    ],
}


TYPICAL = [rate_limit(), overloaded(), silent(), unreached(), unreached(), auth(), quota(), quota(5000), weak(), too_large(), permanent()]


@st.composite
def unusual(draw):
    """Any failure that a classifier could report, sensible or not."""
    error_class = draw(st.sampled_from(ErrorClass))
    scope = Scope.REQUEST if error_class in AT_FAULT else draw(st.sampled_from(Scope))
    how = draw(st.sampled_from(["", "", "unreached", "timed_out"])) if error_class is ErrorClass.TRANSIENT else ""
    return Failure(
        error_class,
        scope=scope,
        retry_after=draw(st.sampled_from([None, None, 0, -5, float("nan"), float("inf"), 1.5, 7, 30, 5000])),
        evidence=draw(st.sampled_from(Evidence)),
        unreached=how == "unreached",
        timed_out=how == "timed_out",
        fingerprint=draw(st.sampled_from(["", "one", "two"])),
    )


ANSWERS = st.one_of(st.just("success"), st.sampled_from(TYPICAL), st.sampled_from(TYPICAL), unusual())
TURNS = st.one_of(st.sampled_from(["success", "success", "slow", "slow", "differs"]), st.sampled_from(TYPICAL), unusual())
"""What may happen to a stream: `success` is its first content, or its end; a failure comes before or after the first content."""
DICE = st.sampled_from([0.0, 0.5, 0.99])
LATE = st.sampled_from([0, 0, 30])


class Watched(Cell):
    """A cell that holds every decision to the rules, and keeps account of probes and tickets."""

    def __init__(self, pool, clock):
        super().__init__(pool, clock)
        self.probes = {}
        self.settled = Counter()
        self.blamed = set()

    def transact(self, decide, *args):
        old = self.state
        answer = super().transact(decide, *args)
        new = self.state
        self._always(decide, args, old, new)
        check = {
            choose.start: self._started,
            choose.admit: self._admitted,
            choose.rescue: self._rescued,
            settlement.succeed: self._succeeded,
            settlement.fail: self._failed,
            settlement.release: self._released,
        }[decide]
        check(old, new, answer, *args)
        return answer

    def _always(self, decide, args, old, new):
        """The active index moves only by a success of its own term, and each move is one term."""
        assert new.epoch >= old.epoch
        assert 0 <= new.active < len(self.pool)
        if (new.active, new.term) != (old.active, old.term):
            assert decide is settlement.succeed
            ticket, now = args[0], args[1]
            assert ticket.term == old.term
            assert (new.active, new.term, new.switched_at, new.served) == (ticket.index, old.term + 1, now, 0)

    # ── who comes in ──

    def _started(self, old, new, ticket, eligible, now):
        if ticket is None:
            assert new.breakers is old.breakers
            return
        stands = phase(self.pool, old, ticket.index, now)
        assert ticket.index < old.active
        assert ticket.probe
        if stands is not Phase.DUE:
            assert failback_due(self.pool, old, now)
            assert ticket.index == self._step_up(old, eligible, now)
            assert new.switched_at == now
        else:
            between = (i for i in range(ticket.index + 1, old.active) if eligible is None or i in eligible)
            assert all(phase(self.pool, old, i, now) is not Phase.DUE for i in between), "the nearest is probed first"
        assert all(phase(self.pool, old, i, now) is not Phase.PROBING for i in range(old.active))
        self._issue(old, new, ticket, now)

    def _step_up(self, state, eligible, now):
        """One step up, told anew: the nearest that is not parked, else the first to return whose end is not firm."""
        higher = [i for i in range(state.active - 1, -1, -1) if eligible is None or i in eligible]
        for i in higher:
            if phase(self.pool, state, i, now) is not Phase.PARKED:
                return i
        loose = [i for i in higher if not firm(self.pool, state, i, now)]
        return min(loose, key=lambda i: (self._end(state, i), i))

    def _end(self, state, index):
        return max((g.until for n in self.pool.guards[index] if (g := state.breakers.get(n)) and g.until is not None), default=0.0)

    def _admitted(self, old, new, ticket, index, now):
        if ticket is None:
            assert new is old
            assert phase(self.pool, old, index, now) in (Phase.PARKED, Phase.PROBING)
            return
        assert ticket.index == index
        assert phase(self.pool, old, index, now) in (Phase.CLOSED, Phase.DUE), "nothing is sent to a parked credential"
        assert ticket.probe is (phase(self.pool, old, index, now) is Phase.DUE)
        self._issue(old, new, ticket, now)

    def _rescued(self, old, new, ticket, indices, tried, now):
        if ticket is None:
            assert new is old
            return
        assert ticket.index in indices
        assert ticket.index not in tried
        if phase(self.pool, old, ticket.index, now) in (Phase.CLOSED, Phase.DUE):
            self._admitted(old, new, ticket, ticket.index, now)
            return
        assert new.breakers is old.breakers
        assert not firm(self.pool, old, ticket.index, now), "a stated wait is kept"
        assert all(phase(self.pool, old, i, now) in (Phase.PARKED, Phase.PROBING) for i in indices if i not in tried)
        if new is not old:
            assert all(phase(self.pool, old, i, now) is not Phase.CLOSED for i in indices)
            assert old.rescued_at is None or now - old.rescued_at >= self.pool.policy.rescue_interval

    def _issue(self, old, new, ticket, now):
        """One probe per park: whoever holds a lease is alone until it is settled or lost."""
        leased = {n for n, g in new.breakers.items() if g.lease is not None and old.breakers.get(n, CLOSED).lease != g.lease}
        assert bool(leased) is ticket.probe
        for name in leased:
            assert name in self.pool.guards[ticket.index]
            out = self.probes.get(name)
            assert out is None or now >= out, "one probe per park"
            self.probes[name] = new.breakers[name].lease

    # ── what comes back ──

    def _succeeded(self, old, new, after, ticket, now, sticky):
        self.settled[id(ticket)] += 1
        self._probe_back(old, new, ticket)
        if ticket.term != old.term:
            assert untils(new) == untils(old), "a stale result changes nothing"
            return
        if sticky:
            assert new.active == ticket.index
        for name, guard in old.breakers.items():
            if new.breakers[name] is not guard:
                assert name in self.pool.guards[ticket.index]
                assert new.breakers[name].until is None
                assert guard.epoch <= ticket.epoch
        assert (after.index, after.term) == (ticket.index, new.term)

    def _failed(self, old, new, _, ticket, failure, now, dice):
        self.settled[id(ticket)] += 1
        self._probe_back(old, new, ticket)
        parked = {n for n, g in new.breakers.items() if g.epoch != old.breakers.get(n, CLOSED).epoch}
        if parked:
            self.blamed.add(id(ticket))
        blameless = failure.error_class in AT_FAULT or failure.scope in (Scope.REQUEST, Scope.EGRESS)
        if blameless:
            assert not parked
        for name in parked:
            was, guard = old.breakers.get(name, CLOSED), new.breakers[name]
            assert name in self.pool.guards[ticket.index]
            assert was.epoch <= ticket.epoch, "a stale result changes nothing"
            assert guard.until > now
            assert was.until is None or guard.until >= was.until, "a newer end never shortens an older one"
            if is_weak(failure) and not was.weak:
                assert guard.until <= max(now + 5, was.until or 0)
        if len(self.pool) == 1:
            assert all(new.breakers[n].stated for n in parked)

    def _released(self, old, new, _, ticket):
        self.settled[id(ticket)] += 1
        self._probe_back(old, new, ticket)
        assert untils(new) == untils(old), "nobody is blamed"
        assert new.epoch == old.epoch

    def _probe_back(self, old, new, ticket):
        """A settled probe holds no lease any more, unless somebody else's has taken its place."""
        if ticket.probe:
            for name in self.pool.guards[ticket.index]:
                was = old.breakers.get(name)
                if was is not None and was.lease is not None and was.epoch <= ticket.epoch:
                    assert new.breakers[name].lease is None
                    self.probes.pop(name, None)
        for name, guard in new.breakers.items():
            if guard.lease is None:
                self.probes.pop(name, None)


def untils(state):
    return {name: guard.until for name, guard in state.breakers.items()}


class Requests(RuleBasedStateMachine):
    """Requests come, are answered in any order, are outrun, cut and cancelled; time passes."""

    flying = Bundle("flying")
    streaming = Bundle("streaming")

    @initialize(
        chain=st.sampled_from(["plain", "teams", "pair", "plain", "teams", "pair", "lone"]),
        max_retries=st.sampled_from([0, 0, 1]),
        retry_same=st.sampled_from([False, False, False, True]),
        deadline=st.sampled_from([None, None, 20.0]),
        count=st.sampled_from([2, 50]),
    )
    def begin(self, chain, max_retries, retry_same, deadline, count):
        self.clock = Ticking()
        self.play = Play(
            CHAINS[chain],
            self.clock,
            max_retries=max_retries,
            retry_same=retry_same,
            deadline=deadline,
            failback_request_count=count,
        )
        self.cell = self.play.cell = Watched(self.play.pool, self.clock)
        self.heard = {}
        self.round = {}
        self.tickets = {}
        self.term = {}
        self.silent = {}
        self.slow = {}
        self.first = {}

    # ── rules ──

    @rule(target=flying, some=st.integers(2, 5))
    def start(self, some):
        return multiple(*(r for _ in range(some) for r in self._start(None)))

    @rule(target=flying, data=st.data())
    def start_routed(self, data):
        return multiple(*self._start(data.draw(st.sets(st.integers(0, len(self.play.pool) - 1), min_size=1))))

    @rule(target=streaming, hedge=st.booleans(), recoverable=st.sampled_from([True, True, False]), data=st.data())
    def start_stream(self, hedge, recoverable, data):
        eligible = data.draw(st.none() | st.sets(st.integers(0, len(self.play.pool) - 1), min_size=1))
        return multiple(*self._watch(self.play.stream(eligible, hedge=hedge, recoverable=recoverable)))

    def _start(self, eligible):
        return self._watch(self.play.start(eligible))

    def _watch(self, request):
        self.heard[request], self.round[request], self.tickets[request], self.silent[request] = [], [], [], set()
        self.slow[request], self.first[request] = set(), None
        self.term[request] = self.play.state.term
        return self._next(request)

    @rule(target=flying, request=consumes(flying), answer=ANSWERS, dice=DICE, late=LATE)
    def answer(self, request, answer, dice, late):
        match request.step:
            case Ticket():
                self._attempted(request, answer, dice)
            case Pause():
                self._slept(request, late)
        return multiple(*self._next(request))

    @rule(target=streaming, request=consumes(streaming), turn=TURNS, dice=DICE, late=LATE, data=st.data())
    def turn(self, request, turn, dice, late, data):
        match request.step:
            case Start() | Wait():
                self._raced(request, turn, dice, data.draw(st.integers(0, len(request.running) - 1)))
            case Relay():
                self._relayed(request, turn, dice)
            case Pause():
                self._slept(request, late)
        return multiple(*self._next(request))

    def _raced(self, request, turn, dice, which):
        self.heard[request].append(turn)
        running = [ticket.index for ticket in request.running]
        index = running[which]
        if turn == "slow" and request.step != Wait(patient=True):
            self._overtaken(request, running, dice)
        elif isinstance(turn, Failure):
            self._lost(request, turn, index, dice)
        else:
            request.begin(index)
            assert isinstance(request.step, Relay), "whoever is first is passed on"
            assert request.step.ticket.index == index
            self.silent[request] |= (self.slow[request] & set(running)) - {index}
            self.term[request] = request.step.ticket.term

    def _overtaken(self, request, running, dice):
        self.slow[request] |= set(running)
        request.slow(dice=dice)
        assert isinstance(request.step, (Start, Wait)), "a slow stream alone ends nothing"
        if isinstance(request.step, Start) and request.step.alone:
            self.silent[request] |= set(running)

    def _lost(self, request, failure, index, dice):
        if failure.timed_out:
            self.silent[request].add(index)
        request.lose(failure, index, dice)
        if REACTIONS[failure.error_class].advance is Advance.NEVER:
            assert request.over
            assert self.first[request] or request.error.failure is failure, "the provider's own exception"

    def _relayed(self, request, turn, dice):
        first = self.first[request]
        if isinstance(turn, Failure):
            self.first[request] = first or turn
            if turn.timed_out:
                self.silent[request].add(request.served)
            request.cut(turn, dice)
            assert not request.over or request.error.failure is self.first[request]
            assert request.recoverable or request.over, "who cannot be recovered never moves on"
        elif turn == "differs" and first:
            before = untils(self.play.state)
            request.differ()
            assert untils(self.play.state) == before, "models are free to say it differently"
        else:
            request.end()
            assert request.error is None
            assert request.over

    def _attempted(self, request, answer, dice):
        self.heard[request].append(answer)
        if isinstance(answer, str):
            request.succeed()
            return
        if answer.timed_out:
            self.silent[request].add(request.index)
        request.fail(answer, dice)
        if REACTIONS[answer.error_class].advance is Advance.NEVER:
            assert request.over
            assert request.error.failure is answer, "the provider's own exception"

    def _slept(self, request, late):
        self.clock.now += late
        if not self.play.pool.policy.retry_same:
            self.round[request], self.term[request] = [], self.play.state.term
        request.wake()

    @rule(request=st.one_of(consumes(flying), consumes(streaming)))
    def cancel(self, request):
        before = untils(self.play.state)
        request.cancel()
        assert untils(self.play.state) == before, "nobody is blamed"
        self._all_settled(request)

    @rule(seconds=st.sampled_from([0.1, 1, 4, 5, 7, 30, 61, 600, 3600]))
    def time_passes(self, seconds):
        self.clock.now += seconds

    # ── what holds at any time ──

    @invariant()
    @precondition(lambda self: hasattr(self, "play"))
    def reading_changes_nothing(self):
        before = self.play.state
        assert self.play.active == self.play.active
        assert self.play.state is before

    def teardown(self):
        """Everybody is well again: no request fails any more, and traffic comes back to the first credential, one step at a time."""
        if not hasattr(self, "play"):
            return
        for request in self.play.flying:
            request.cancel()
        self.clock.now += 40 * 86400
        for _ in range(2 * len(self.play.pool) + 2):
            before = self.play.active
            assert self.play.call().served is not None
            assert self.play.active <= before
            self.clock.now += 601
        assert self.play.active == 0

    # ── bookkeeping ──

    def _next(self, request):
        """Note the new attempt, check what a request as a whole may not do, and return it if it goes on."""
        ticket = request.step.ticket if isinstance(request.step, Start) else request.step
        if isinstance(ticket, Ticket):
            self.tickets[request].append(ticket)
            assert ticket.index not in self.silent[request], "silence is never tried twice"
            if not self.play.pool.policy.retry_same:
                assert ticket.index not in self.round[request], "a walk tries each credential at most once a round"
                assert ticket.term == self.term[request], "a walk acts in its own term"
            self.round[request].append(ticket.index)
        if request.over:
            self._end(request)
            return ()
        return (request,)

    def _end(self, request):
        self._all_settled(request)
        heard = self.heard[request]
        if request.error is not None and (first := self.first[request]):
            assert request.error.failure is first, "the caller gets what broke first"
        assert request.error is None or isinstance(request.error, (Fault, AllCredentialsFailedError, TimeoutError))
        if all(isinstance(f, Failure) and f.unreached for f in heard) and isinstance(request.error, AllCredentialsFailedError):
            assert not self.cell.blamed & {id(t) for t in self.tickets[request]}, "our own network is nobody's fault"

    def _all_settled(self, request):
        """Every attempt is settled exactly once; only the first of two tries with one credential goes into the second.

        Whoever served a stream may be settled once more, by its cut.
        """
        if self.play.pool.policy.retry_same:
            return
        for ticket in self.tickets[request]:
            settled = self.cell.settled[id(ticket)]
            assert settled == 1 or (settled == 2 and self.first[request])


class Ticking:
    """A clock of its own for every game."""

    now = 1000.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


TestRequests = Requests.TestCase
TestRequests.settings = settings(
    max_examples=FEW or (1500 if EXPLORE else 200),
    phases=[Phases.generate] if FEW else list(Phases),
    database=None,
    stateful_step_count=60,
    deadline=None,
    derandomize=not EXPLORE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
