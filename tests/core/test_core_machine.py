"""Hypothesis plays any number of interleaved requests against the core and checks every single decision.

Each change of state passes through `Watched.transact`, which holds it to the rules of the design and keeps books of its own: who has
refused which request and served which, what is certain, who probes. Each request is watched from its first step to its last. At the end
everybody is healed, and traffic has to come back to the first credential.

`SPAREKEY_GAMES=10` plays as few as that and shows the first failure as it is (the mutation tests do).
"""

import os
from collections import Counter, defaultdict
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import Phase as Phases
from hypothesis import given
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, precondition, rule

from chain_play import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
    Fault,
    Play,
    Traffic,
    auth,
    blank,
    body,
    no_model,
    overloaded,
    permanent,
    quota,
    rate_limit,
    refusal,
    silent,
    too_large,
    unreached,
)
from fake_clock import FakeClock
from searches import drawn
from sparekey.core import breaker as b
from sparekey.core import choose, expectations, flow, local, settlement, streams
from sparekey.core.breaker import CLOSED, Phase
from sparekey.core.choose import Turn
from sparekey.core.flow import Pause
from sparekey.core.memory import words_of
from sparekey.core.policy import REACTIONS, Advance, is_blind, is_refusal, reaction_to
from sparekey.core.pool import Ticket, failback_due, is_quiet, late, phase, softly
from sparekey.core.race import KeepWaiting, Start
from sparekey.core.streams import Deliver
from sparekey.core.walk import Walk
from sparekey.engine.chain_state import ChainState
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope

FEW = int(os.environ.get("SPAREKEY_GAMES", "0"))
AT_FAULT = [c for c in ErrorClass if REACTIONS[c].parking is None]
ANOTHER_SHAPE = "of a request that nobody has sent"

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


TYPICAL = [
    *(rate_limit(), overloaded(), silent(), unreached(), unreached(), too_large(), too_large(Scope.ACCOUNT), permanent(), blank()),
    *(auth(), quota(), quota(5000), no_model(), quota(one_model=True)),
    *(refusal(), refusal(), refusal("other words"), refusal(scope=Scope.ACCOUNT), auth(LIKELY), quota(evidence=POSSIBLE)),
]


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
        wait_is_certain=draw(st.booleans()),
        unreached=how == "unreached",
        timed_out=how == "timed_out",
        fingerprint=draw(st.sampled_from(["", "one", "two"])),
    )


ANSWERS = st.one_of(st.just("success"), st.sampled_from(TYPICAL), st.sampled_from(TYPICAL), unusual())
TURNS = st.one_of(st.sampled_from(["success", "success", "slow", "slow", "differs"]), st.sampled_from(TYPICAL), unusual())
"""What may happen to a stream: `success` is its first content, or its end; a failure comes before or after the first content."""
DICE = st.sampled_from([0.0, 0.5, 0.99])
LATE = st.sampled_from([0, 0, 30])
BODIES = st.sampled_from([None, None, *(body(f"request {i}") for i in range(5)), *(body(f"request {i}", tools=[1]) for i in range(3))])


class Watching(Walk):
    """A walk that can be asked, by whoever plays its request, what it knows."""

    latest = None

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        Watching.latest = self


class Watched(ChainState):
    """A chain's state that holds every decision to the rules, and keeps account of probes and tickets, refusals and successes.

    `order` counts what happens. `asked`: when each ticket was given. `refusals`: when a credential first refused in some words. `against`:
    which requests something refused that another one served, since its last success. `certain`: until when something is parked for a
    reason that is certain.
    """

    def __init__(self, pool, clock):
        super().__init__(pool, clock)
        self.probes = {}
        self.settled = Counter()
        self.blamed = set()
        self.order, self.tokens = 0, 0
        self.asked, self.refusals, self.against, self.certain = {}, {}, defaultdict(set), {}

    def transact(self, decide, *args):
        self.order += 1
        old = self.state
        answer = super().transact(decide, *args)
        new = self.state
        self._always(decide, args, old, new)
        check = {
            choose.taken: self._taken,
            settlement.succeed: self._succeeded,
            settlement.fail: self._failed,
            settlement.release: self._released,
            settlement.unserved: self._unserved,
            settlement.admit: self._admitted,
            choose.beside: self._probed_beside,
            expectations.learn: self._learned,
        }[decide]
        check(old, new, answer, *args)
        self._nothing_certain_is_forgotten(new)
        return answer

    def transact_local(self, decide, *args):
        answer = super().transact_local(decide, *args)
        assert self.local.retries >= 0
        if decide is local.take_retry:
            self.tokens += answer
        return answer

    def _always(self, decide, args, old, new):
        """The active index moves only by a success of its own term, and each move is one term."""
        assert new.epoch >= old.epoch
        assert 0 <= new.active < len(self.pool)
        if (new.active, new.term) != (old.active, old.term):
            assert decide is settlement.succeed
            ticket, now = args[0], args[-1]
            assert ticket.term == old.term
            assert (new.active, new.term, new.switched_at, new.served) == (ticket.index, old.term + 1, now, 0)

    def _nothing_certain_is_forgotten(self, new):
        """What is certain is neither shortened nor softened, and holds for requests of every shape."""
        now = self.clock()
        self.certain = {name: end for name, end in self.certain.items() if end > now}
        for name, end in self.certain.items():
            guard = new.breakers[name]
            assert guard.until is not None
            assert guard.until >= end
            assert not guard.soft
            assert b.phase(guard, now, ANOTHER_SHAPE) is not Phase.DUE or b.due_at(guard) <= now, "nothing certain is forgotten"

    # ── who comes in ──

    def _taken(self, old, new, found, asker, seen, now):
        if found is None:
            assert new is old
            return
        ticket, turn = found
        self.asked[ticket] = self.asked.get(ticket, self.order)
        index, shape = ticket.index, asker.shape
        assert index not in asker.tried
        assert asker.among is None or index in asker.among
        stands = phase(self.pool, old, index, now, shape)
        among = range(len(self.pool)) if asker.among is None else asker.among
        left = [i for i in among if i not in asker.tried]
        takes = [i for i in left if phase(self.pool, old, i, now, shape) is Phase.CLOSED or self._is_due(old, i, now, shape)]
        if turn is Turn.UP:
            self._up(old, new, ticket, stands, among, asker, now)
        elif turn is Turn.RING:
            assert stands in (Phase.CLOSED, Phase.DUE), "nothing is sent to a parked credential"
        else:
            assert not takes, "those that are parked come after those that are not"
            if turn is Turn.SOFT:
                assert softly(self.pool, old, index, now)
            else:
                assert not [i for i in left if softly(self.pool, old, i, now)], "firmly parked ones come last"
                forbidding = [g for g in self._guards(old, index) if b.phase(g, now) in (Phase.PARKED, Phase.PROBING)]
                assert all(not g.stated or now >= g.until or now - g.looked >= 300 for g in forbidding), "a stated wait is kept"
                assert asker.rescues or old.rescued_at is None or now - old.rescued_at >= self.pool.policy.rescue_interval
            assert new.breakers is old.breakers or ticket.probe
        if turn in (Turn.UP, Turn.RING):
            assert ticket.probe is (stands is Phase.DUE or turn is Turn.UP)
        self._issue(old, new, ticket, now)

    def _is_due(self, state, index, now, shape):
        """Whether a live request probes it in its turn: not if it was silent or slow."""
        return phase(self.pool, state, index, now, shape) is Phase.DUE and not is_quiet(self.pool, state, index)

    def _guards(self, state, index):
        return [state.breakers[name] for name in self.pool.guard_names[index] if name in state.breakers]

    def _up(self, old, new, ticket, stands, among, asker, now):
        shape = asker.shape
        assert ticket.index < old.active
        if stands is not Phase.DUE:
            assert failback_due(self.pool, old, now)
            assert ticket.index == self._step_up(old, among, asker, now)
            assert new.switched_at == now
            if stands is Phase.PARKED:
                assert late(self.pool, old, now), "a failback that is due by count ends no park"
                for name in self.pool.guard_names[ticket.index]:
                    self.certain.pop(name, None)
        else:
            between = (i for i in range(ticket.index + 1, old.active) if i in among)
            assert not any(self._is_due(old, i, now, shape) for i in between), "the nearest is probed first"
        assert all(phase(self.pool, old, i, now, shape) is not Phase.PROBING for i in range(old.active))

    def _step_up(self, state, among, asker, now):
        """One step up, told anew: the nearest that is not parked, else the first to return whose end nobody stated."""
        higher = [i for i in range(state.active - 1, -1, -1) if i in among]
        shape = asker.shape
        if not asker.live:
            higher = [i for i in higher if phase(self.pool, state, i, now, shape) is Phase.CLOSED or not is_quiet(self.pool, state, i)]
        for i in higher:
            if phase(self.pool, state, i, now, shape) is not Phase.PARKED:
                return i
        loose = [i for i in higher if not any(g.stated for g in self._guards(state, i) if b.phase(g, now) is Phase.PARKED)]
        return min(loose, key=lambda i: (self._end(state, i), i))

    def _end(self, state, index):
        return max((b.due_at(g) for g in self._guards(state, index) if g.until is not None), default=0.0)

    def _issue(self, old, new, ticket, now):
        """One probe per park: whoever holds a lease is alone until it is settled or lost."""
        leased = {n for n, g in new.breakers.items() if g.lease is not None and old.breakers.get(n, CLOSED).lease != g.lease}
        assert bool(leased) is ticket.probe
        for name in leased:
            assert name in self.pool.guards[ticket.index]
            out = self.probes.get(name)
            assert out is None or now >= out, "one probe per park"
            self.probes[name] = new.breakers[name].lease

    def _probed_beside(self, old, new, ticket, _, now):
        """Whoever is probed beside a request rests again, softly; nobody waits for it."""
        if ticket is None:
            assert new is old
            return
        self.asked[ticket] = self.order
        assert phase(self.pool, old, ticket.index, now) is Phase.DUE
        assert phase(self.pool, new, ticket.index, now) is Phase.PARKED
        assert softly(self.pool, new, ticket.index, now)
        assert ticket.index < old.active

    def _learned(self, old, new, _, samples, now):
        """Slow answers park their own credential, softly, and nobody else."""
        changed = {n for n, g in new.breakers.items() if g is not old.breakers.get(n)}
        assert changed <= {name for i, c in enumerate(self.pool.credentials) if c.id == samples[-1].who for name in self.pool.guards[i]}
        assert all(new.breakers[name].soft and new.breakers[name].until <= now + 300 for name in changed)

    def _admitted(self, old, new, admission, now):
        assert new.breakers is old.breakers
        assert 0 <= admission.wait <= 0.25

    # ── what comes back ──

    def _succeeded(self, old, new, after, ticket, refusals, request, sticky, now):
        self.settled[id(ticket)] += 1
        self._probe_back(old, new, ticket)
        mine = set(self.pool.guard_names[ticket.index])
        for seen in refusals:
            for name in set(self.pool.guard_names[seen.ticket.index]) - mine:
                self.against[name].add(request)
        assert new.memory.drought is None, "any success ends a drought"
        self._acquits(old, new, ticket)
        theirs = {name for seen in refusals for name in self.pool.guard_names[seen.ticket.index]} - mine
        for name, guard in new.breakers.items():
            was = old.breakers.get(name, CLOSED)
            if guard is was or (guard.until, guard.soft, guard.since) == (was.until, was.soft, was.since):
                continue
            if name in mine:
                assert ticket.term == old.term, "a stale result changes nothing"
                assert (guard.until, guard.since, guard.against) == (None, None, ())
                assert was.epoch <= ticket.epoch
                self.against.pop(name, None)
                self.certain.pop(name, None)
            else:
                assert name in theirs, "a success parks only whom it shows to be dead"
                assert not guard.soft
                assert len(self.against[name]) >= 3, "three different requests that another one served"
                assert now - was.since >= 5
        if ticket.term == old.term:
            for name in mine & set(old.breakers):
                if old.breakers[name].epoch <= ticket.epoch:
                    assert new.breakers[name].until is None, "who serves is well"
            if sticky:
                assert new.active == ticket.index
            assert (after.index, after.term) == (ticket.index, new.term)

    def _acquits(self, old, new, ticket):
        """Whoever is acquitted of some words has served a request that began after it refused in them."""
        for key, words in new.memory.words.items():
            before = old.memory.words.get(key)
            fresh = words.acquitted - (before.acquitted if before else frozenset())
            for who in fresh:
                assert who == self.pool.credentials[self.pool.first_of[ticket.index]].id
                assert self.asked.get(ticket, 0) == 0 or self.asked[ticket] > self.refusals[who, key], "a request that began later"

    def _failed(self, old, new, _, seen, now):  # noqa: C901 - one rule after the other
        ticket, failure = seen.ticket, seen.failure
        self.settled[id(ticket)] += 1
        self._probe_back(old, new, ticket)
        if is_refusal(failure):
            who, words = self.pool.credentials[self.pool.first_of[ticket.index]].id, words_of(failure)
            known = old.memory.words.get(words)
            if known is None or who not in known.refused or words not in new.memory.words:
                self.refusals[who, words] = self.order
        changed = {n for n, g in new.breakers.items() if g.epoch != old.breakers.get(n, CLOSED).epoch}
        if changed:
            self.blamed.add(id(ticket))
        blameless = failure.error_class in AT_FAULT or failure.scope in (Scope.REQUEST, Scope.EGRESS)
        if blameless and not is_blind(failure):
            assert not changed
        stated = settlement.stated_wait(failure) is not None
        for name in changed:
            was, guard = old.breakers.get(name, CLOSED), new.breakers[name]
            assert name in self.pool.guards[ticket.index]
            assert was.epoch <= ticket.epoch, "a stale result changes nothing"
            assert guard.since is not None
            if not (stated and ticket.probe and was.stated):
                assert was.until is None or guard.until >= was.until, "a newer end never shortens an older one"
            if is_refusal(failure):
                assert guard.until is None or guard.until <= max(now + 5, was.until or 0), "one request parks nobody for more than 5 s"
            if failure.evidence is not CERTAIN and not stated:
                assert guard.until is None or guard.soft or guard.until == was.until, "less than certainty parks softly"
            if (failure.evidence is CERTAIN and not reaction_to(failure).parking.soft) or (stated and guard.stated):
                assert not guard.soft
                self.certain[name] = guard.until
            elif stated and name in self.certain:
                self.certain[name] = min(self.certain[name], guard.until)

    def _unserved(self, old, new, *_):
        assert new.breakers is old.breakers, "what everybody refused counts against nobody"

    def _released(self, old, new, _, ticket):
        self.settled[id(ticket)] += 1
        self._probe_back(old, new, ticket)
        assert untils(new) == untils(old), "nobody is blamed"
        assert new.epoch == old.epoch
        assert new.memory is old.memory

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
        self.chain_state = self.play.chain_state = Watched(self.play.pool, self.clock)
        self.heard = {}
        self.tickets = {}
        self.walks = {}
        self.eligible = {}
        self.silent = {}
        self.slow = {}
        self.first = {}

    # ── rules ──

    @rule(target=flying, some=st.integers(2, 5), data=st.data())
    def start(self, some, data):
        return multiple(*(r for _ in range(some) for r in self._watch(self.play.start, None, request=data.draw(BODIES))))

    @rule(target=flying, request=BODIES, data=st.data())
    def start_routed(self, request, data):
        eligible = data.draw(st.sets(st.integers(0, len(self.play.pool) - 1), min_size=1))
        return multiple(*self._watch(self.play.start, eligible, request=request))

    @rule(target=streaming, hedge=st.booleans(), recoverable=st.sampled_from([True, True, False]), data=st.data())
    def start_stream(self, hedge, recoverable, data):
        eligible = data.draw(st.none() | st.sets(st.integers(0, len(self.play.pool) - 1), min_size=1))
        return multiple(*self._watch(self.play.stream, eligible, hedge=hedge, recoverable=recoverable, request=data.draw(BODIES)))

    def _watch(self, begin, eligible, **more):
        with patch.object(flow, "Walk", Watching), patch.object(streams, "Walk", Watching):
            request = begin(eligible, **more)
        self.walks[request] = Watching.latest
        self.eligible[request] = range(len(self.play.pool)) if eligible is None else eligible
        self.heard[request], self.tickets[request], self.silent[request] = [], [], set()
        self.slow[request], self.first[request] = set(), None
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
            case Start() | KeepWaiting():
                self._raced(request, turn, dice, data.draw(st.integers(0, len(request.running) - 1)))
            case Deliver():
                self._relayed(request, turn, dice)
            case Pause():
                self._slept(request, late)
        return multiple(*self._next(request))

    def _raced(self, request, turn, dice, which):
        running = [ticket.index for ticket in request.running]
        index = running[which]
        self.heard[request].append((index, turn))
        if turn == "slow" and request.step != KeepWaiting(patient=True):
            self._overtaken(request, running, dice)
        elif isinstance(turn, Failure):
            self._lost(request, turn, index, dice)
        else:
            request.begin(index)
            assert isinstance(request.step, Deliver), "whoever is first is passed on"
            assert request.step.ticket.index == index
            self.silent[request] |= (self.slow[request] & set(running)) - {index}

    def _overtaken(self, request, running, dice):
        self.slow[request] |= set(running)
        request.slow(dice=dice)
        assert isinstance(request.step, (Start, KeepWaiting)), "a slow stream alone ends nothing"
        assert not isinstance(request.step, Start) or not request.step.alone, "nothing is cancelled for nothing"

    def _lost(self, request, failure, index, dice):
        if failure.timed_out:
            self.silent[request].add(index)
        request.lose(failure, index, dice)
        if reaction_to(failure).advance is Advance.NEVER:
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
        self.heard[request].append((request.index, answer))
        if isinstance(answer, str):
            request.succeed()
            return
        if answer.timed_out:
            self.silent[request].add(request.index)
        request.fail(answer, dice)
        if reaction_to(answer).advance is Advance.NEVER:
            assert request.over
            assert request.error.failure is answer, "the provider's own exception"

    def _slept(self, request, late):
        self.clock.now += late
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

    @invariant()
    @precondition(lambda self: hasattr(self, "play"))
    def what_goes_to_the_active_one_is_what_the_long_way_says(self):
        """Requests that need no decision get the ticket that a decision would give: no probe, and the active credential."""
        pool, state, now = self.play.pool, self.play.state, self.clock()
        for shape in (ANOTHER_SHAPE, *(shape for guard in state.breakers.values() for shape in guard.shapes[:1])):
            if choose.goes_to_active(pool, state, now, lambda shape=shape: shape):
                asker = choose.Asker(begins=True, doubtful=True, shape=shape)
                choice = choose.choose(pool, state, asker, now)
                assert choice == (state.active, Turn.RING)
                assert choose.take(pool, state, choice, shape, now) == (state, Ticket(state.active, state.term, state.epoch))
                assert choose.choose(pool, state, asker._replace(live=True), now) == choice
                assert choose.beside(pool, state, None, now) == (state, None)

    def teardown(self):
        """Everybody is well again: within minutes somebody serves, and traffic comes back to the first credential, one step at a time."""
        if not hasattr(self, "play"):
            return
        for request in self.play.flying:
            request.cancel()
        self.clock.now += 301
        assert any(self.play.call().served is not None for _ in range(2)), "nobody is stranded"
        assert self.play.call().served is not None
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
            self._bounded(request, ticket)
        if request.over:
            self._end(request)
            return ()
        return (request,)

    def _bounded(self, request, ticket):
        """Two calls to a credential, and to a host that is overloaded; while our own network is away it is another matter."""
        failures = [(i, f) for i, f in self.heard[request] if isinstance(f, Failure)]
        if any(f.unreached for _, f in failures):
            return
        calls = Counter(t.index for t in self.tickets[request])
        assert max(calls.values()) <= 2, "one call a credential and round, two rounds"
        endpoint = self.play.pool.guards[ticket.index].endpoint
        overloaded_ = [i for i, f in failures if f.error_class is ErrorClass.TRANSIENT and f.scope is Scope.ENDPOINT]
        assert sum(self.play.pool.guards[i].endpoint == endpoint for i in overloaded_) < 2, "two calls to a failing host"

    def _end(self, request):
        self._all_settled(request)
        heard = [what for _, what in self.heard[request]]
        if request.error is not None and (first := self.first[request]):
            assert request.error.failure is first, "the caller gets what broke first"
        assert request.error is None or isinstance(request.error, (Fault, AllCredentialsFailedError, TimeoutError))
        if isinstance(request.error, AllCredentialsFailedError):
            self._everybody_was_asked(request)
            if all(isinstance(f, Failure) and f.unreached for f in heard):
                assert not self.chain_state.blamed & {id(t) for t in self.tickets[request]}, "our own network is nobody's fault"
        retries = sum(len(found) - len({t.index for t in found}) for r, found in self.tickets.items() if not self._away(r))
        assert retries <= self.chain_state.tokens, "a second call is paid for"

    def _away(self, request):
        return any(isinstance(f, Failure) and f.unreached for _, f in self.heard[request])

    def _everybody_was_asked(self, request):
        """Whoever is not firmly parked is reached before a caller hears that all have failed."""
        walk, now, state, pool = self.walks[request], self.clock(), self.play.state, self.play.pool
        if walk.remaining is not None or self._away(request) or self.chain_state.local.egress_at is not None:
            return
        if walk.deadline is not None and now >= walk.deadline:
            return
        failing = {pool.guards[i].endpoint for i, f in self.heard[request] if isinstance(f, Failure) and f.scope is Scope.ENDPOINT}
        for i in set(self.eligible[request]) - {t.index for t in self.tickets[request]}:
            if pool.guards[i].endpoint in failing:
                continue
            assert phase(pool, state, i, now) in (Phase.PARKED, Phase.PROBING), "a healthy one is reached"
            assert not softly(pool, state, i, now), "softly parked ones are asked when nobody else is left"

    def _all_settled(self, request):
        """Every attempt is settled exactly once; only the first of two tries with one credential goes into the second.

        Whoever served a stream may be settled once more, by its cut.
        """
        if self.play.pool.policy.retry_same:
            return
        for ticket in self.tickets[request]:
            settled = self.chain_state.settled[id(ticket)]
            assert settled == 1 or (settled == 2 and self.first[request])


class Ticking:
    """A clock of its own for every game."""

    now = 1000.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


TestRequests = Requests.TestCase
TestRequests.settings = drawn(FEW or 60, phases=[Phases.generate] if FEW else list(Phases), stateful_step_count=60)


# ── whole days of a chain ──

WORDS = st.sampled_from(["these words", "those words", ""])


@st.composite
def worlds(draw):
    """Credentials of which at least one is well; the others are dead in words of their own. All refuse what is poisoned.

    Some of those that are well refuse one caller's request, always the same one, which the rest serves.
    """
    n = draw(st.sampled_from([2, 3, 4, 7, 15]))
    dead = draw(st.sets(st.integers(0, n - 1), max_size=n - 1))
    death = {i: refusal(draw(WORDS), draw(st.sampled_from([LIKELY, POSSIBLE]))) for i in dead}
    poison = refusal(draw(WORDS), draw(st.sampled_from([LIKELY, POSSIBLE])))
    well = [i for i in range(n) if i not in dead]
    picky = draw(st.sets(st.sampled_from(well), max_size=len(well) - 1))
    gaps = st.sampled_from([0.0, 0.02, 0.1, 0.5, 2.0, 6.0])
    steps = draw(st.lists(st.tuples(gaps, st.sampled_from("HHHPPRSS")), min_size=10, max_size=80))
    return n, death, poison, picky, steps


@given(worlds())
@drawn(FEW or 40)
def test_no_request_takes_the_chain_from_the_others(world):
    """Healthy requests are served; who is well is parked softly at most; the dead are left alone after a while."""
    n, death, poison, picky, steps = world
    play = Play(n, FakeClock())
    for i in range(n):
        refuses = ("POISON", "special") if i in picky else ("POISON",)
        play.ill[i] = lambda request, i=i, refuses=refuses: death.get(i) or (poison if request.startswith(refuses) else None)
    parks = []
    play.chain_state.add_hook(lambda event: parks.append((getattr(event, "what", ""), getattr(event, "seconds", 0))))
    traffic, at = Traffic(play, took=0.02), 0.0
    droughts = {}
    for number, (gap, kind) in enumerate(steps):
        at += gap
        name = {"H": f"well {number}", "P": f"POISON {number}", "R": "POISON again", "S": "special"}[kind]
        traffic.at(at, change=lambda name=name: droughts.update({name: droughts.get(name) or bool(play.state.memory.drought)}))
        traffic.at(at, name)
    for request in traffic.run():
        assert len(request.sent) <= 2 * n
        if request.request.startswith("well") and not droughts[request.request]:
            assert request.error is None, "no healthy request is lost"
    well = {f"credential:k{i}" for i in range(n) if i not in death}
    assert all(seconds <= 5.001 for what, seconds in parks if what in well), "who is well is parked softly at most"
    healthy = sum(kind == "H" for _, kind in steps)
    for i in death:
        assert traffic.calls_to(i) <= 4 + at / 5 + len(steps) - healthy + sum(gap == 0 for gap, _ in steps)
