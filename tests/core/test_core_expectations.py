"""What answers usually take is learned, and silence and slowness show: limits, hints, probes, brownouts (DESIGN.md 4)."""

import math
import random
import sys
from dataclasses import replace

import pytest

from chain_play import Play, auth, names, overloaded, silent
from sparekey.core import expectations, flow
from sparekey.core.expectations import Durations, Kind, Sample, Usual
from sparekey.core.policy import Policy
from sparekey.core.race import Beside, KeepWaiting, Lost, Slow, Start
from sparekey.types import Credential

POLICY = Policy()


def usual(*seconds, kind=Kind.WHOLE, size=0):
    """What is known of a credential after answers of so many seconds."""
    known = expectations.UNKNOWN
    for s in seconds:
        known = expectations._learned(known, kind, [Sample("k0", kind, s, size)])
    return known


def limit(known, kind=Kind.WHOLE, *, probe=False):
    return expectations.limit(POLICY, known, kind, probe=probe)


class Whole:
    """One call for a whole answer that may race."""

    def __init__(self, play, *, hedge=True):
        self.play = play
        self._steps = flow.call(play.pool, play.chain_state, play.clock(), hedge=lambda: hedge)
        self.step = next(self._steps)
        self.first = getattr(self.step, "ticket", None)
        if isinstance(self.step, Beside):
            over = play.probe(self.step)
            self.step = self._steps.send(flow.Done(play.clock()))
            over()

    def slow(self):
        """Its limit runs out, in time."""
        self.play.clock.advance(self.step.limit)
        self.step = self._steps.send(Slow(flow.Failed(self.play.clock(), silent(), TimeoutError(), 0.5)))
        return self

    def fail(self, failure):
        self.step = self._steps.send(Lost(self.step.ticket, flow.Failed(self.play.clock(), failure, OSError(), 0.5)))
        return self

    def succeed(self, ticket=None):
        flow.advance(self._steps, flow.Begun(self.play.clock(), ticket or self.step.ticket))


# ── the sketch ──


@pytest.mark.parametrize("median", [0.002, 0.3, 2.0, 45.0, 900.0])
def test_a_sketch_is_within_a_fifth_of_the_truth(median):
    """Whatever is usual: an embedding, a chat, an agent that thinks for a quarter of an hour."""
    values = [median * (0.5 + i / 100) for i in range(101)]
    found = Durations().with_(values)
    assert median <= found.median <= 1.2 * median
    assert 1.45 * median <= found.p95 <= 1.2 * 1.46 * median


def test_what_is_old_fades():
    """After some hundred answers of another kind nothing is left of what was usual before."""
    found = Durations().with_([10.0] * 300).with_([1.0] * 1500)
    assert found.p95 < 1.3


def test_a_few_answers_teach_nothing():
    """One slow first answer is no habit."""
    assert not usual(*[1.0] * 7).seconds[Kind.WHOLE].known
    assert usual(*[1.0] * 8).seconds[Kind.WHOLE].known


def test_what_is_learned_of_a_credential_is_small():
    """Less than 2 kB, whatever it has answered."""
    known = usual(*[1.07**i / 1000 for i in range(250)], kind=Kind.FIRST, size=7)
    known = expectations._learned(known, Kind.WHOLE, [Sample("k0", Kind.WHOLE, 1.07**i / 1000, 7) for i in range(250)])
    sketches = [*known.seconds, *known.pace]
    size = sum(sys.getsizeof(d) + sum(sys.getsizeof(getattr(d, slot)) for slot in d.__slots__) for d in sketches)
    assert size + sys.getsizeof(known) + 2 * sys.getsizeof(known.seconds) < 2048 + 512


# ── limits ──


def test_a_whole_answer_is_waited_for_alone_for_three_times_what_is_usual():
    """H02: thirty seconds while nothing is known, after ten answers of a second at most five in all."""
    assert limit(expectations.UNKNOWN) == 30
    assert 3.0 <= limit(usual(*[1.0] * 10)) <= 4.0


def test_a_first_content_may_take_more_than_twice_what_is_usual():
    """4.2: the chain's own limit, or more for a model that thinks."""
    assert limit(expectations.UNKNOWN, Kind.FIRST) == 10
    assert limit(usual(*[1.0] * 10, kind=Kind.FIRST), Kind.FIRST) == 10
    assert 55 <= limit(usual(*[20.0] * 10, kind=Kind.FIRST), Kind.FIRST) <= 66


def test_of_few_values_the_longest_is_not_usual():
    """The first call of a process loads its SDK, which is no fault of the host."""
    assert limit(usual(25.0, *[0.1] * 9)) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_a_thinking_model_is_seldom_raced(seed):
    """6 % of its first contents take more than 15 s, one more than 94 s: at most 3 % of its streams get a second start."""
    dice, known, raced = random.Random(seed), Durations(), 0
    for _ in range(2000):
        took = 0.37 * math.exp(2.39 * dice.gauss(0, 1))
        longest = limit(Usual(seconds=(known, Durations())), Kind.FIRST)
        raced += took > longest
        known = known.with_([min(took, longest)])  # one that is overtaken is learned as far as it was seen
    assert raced <= 0.03 * 2000


def test_all_that_is_learned_of_a_credential_is_small():
    """Less than 2 kB each, whatever it answers."""
    dice, everything = random.Random(1), expectations.UNKNOWN
    for i in range(600):
        sample = Sample("k0", Kind(i % 2), dice.lognormvariate(2, 3), 100 + i)
        everything = expectations._learned(everything, sample.kind, [sample])
    held = replace(everything, slow=2, held=(Sample("k0", Kind.WHOLE, 9.0, 9), Sample("k0", Kind.WHOLE, 9.0, 9)))
    assert grown(held) < 2048


def grown(value):
    """The bytes of a value and of all that belongs to it alone: small numbers, names, kinds and the ends of buckets are shared."""
    shared, found, left = {id(one) for one in ("k0", *Kind, *range(257), *expectations._EDGES)}, 0, [value]
    while left:
        one = left.pop()
        if id(one) in shared or isinstance(one, type):
            continue
        shared.add(id(one))
        found += sys.getsizeof(one)
        left += one if isinstance(one, tuple) else [getattr(one, name) for name in getattr(type(one), "__slots__", ())]
    return found


@pytest.mark.parametrize(
    ("recovery", "known", "seconds"),
    [
        ("buffer", (), 15),
        ("buffer", [0.5] * 10, 4),
        ("buffer", [2.0] * 10, 5),
        ("buffer", [20.0] * 10, 15),
        ("splice", [0.5] * 10, 15),
    ],
)
def test_a_stream_that_nobody_has_seen_may_be_silent_as_long_as_its_first_contents_are(recovery, known, seconds):
    """Another one begins anew at no loss; where the caller has seen a part, the chain's own limit holds."""
    found = expectations.idle_limit(Policy(stream_recovery=recovery), usual(*known, kind=Kind.FIRST))
    assert found == pytest.approx(seconds, rel=0.2)


def test_a_live_probe_is_left_after_four_seconds():
    """4.4: or after what is usual, where that is more."""
    assert limit(expectations.UNKNOWN, probe=True) == 4
    assert limit(usual(*[12.0] * 10), probe=True) >= 12


def test_the_next_one_is_started_beside_a_slow_whole_answer(clock):
    """4.1: the first whole answer wins, the slow one has failed only then."""
    play = Play(2, clock)
    call = Whole(play).slow()
    assert (call.step.ticket.index, call.step.alone, play.phase(0)) == (1, False, "CLOSED")
    call.succeed()
    assert (play.active, play.phase(0)) == (1, "PARKED")


def test_without_a_budget_a_whole_answer_is_waited_for(clock):
    """4.2: nothing is cancelled for nothing."""
    play = Play(2, clock)
    call = Whole(play, hedge=False)
    first = call.step.ticket
    assert call.slow().step == KeepWaiting(patient=True, limit=1.0)
    call.succeed(first)
    assert (play.active, play.phase(0)) == (0, "CLOSED")


def test_a_slow_one_of_a_thinking_model_has_not_failed(clock):
    """It is overtaken within what such a model takes now and then: the next one serves, and the first rests only after three in a row."""
    play = Play(2, clock)
    play.learned(0, *[0.1, 0.3, 0.5, 4.0] * 10)
    for rests in (False, False, True):
        play.chain_state.transact(lambda _, state: (replace(state, active=0), None))
        Whole(play).slow().succeed()
        assert (play.phase(0) == "PARKED") is rests
    assert play.guards(0)[0].reason == "brownout"


def test_a_silent_one_of_which_much_is_known_has_failed(clock):
    """Ten times what twenty answers took is no tail."""
    play = Play(2, clock)
    play.learned(0, *[1.0, 1.2, 0.9, 1.1] * 5)
    call = Whole(play).slow()
    clock.advance(6.0)
    call.succeed()
    assert play.parked(0) == "softly"


def test_slow_answers_among_few_do_not_make_slowness_usual():
    """A brownout that was broken by a quick answer now and then leaves slow ones among what is learned."""
    known = usual(*[1.0, 1.3, 0.8, 1.1, 0.9, 1.2] * 6, *[5.0] * 4, kind=Kind.FIRST)
    assert expectations.is_slow(known, Sample("k0", Kind.FIRST, 5.0))


def test_a_model_that_thinks_is_known_to_from_few_answers():
    """Of ten answers the longest one is not the longest that may come."""
    few = usual(0.1, 0.2, 0.3, 0.5, 0.6, 0.9, 1.5, 2.5, 6.0, 7.0, kind=Kind.FIRST)
    assert limit(few, Kind.FIRST) > 30


def test_a_second_start_that_is_slow_as_well_blames_nobody(clock):
    """All are slow: whoever began first has shown nothing of the others."""
    play = Play(3, clock)
    call = Whole(play).slow()
    first, second = call.first, call.step.ticket
    call.slow()
    clock.advance(5)
    call.succeed(first)
    assert second.index == 1
    assert play.phases() == ["CLOSED"] * 3


def test_a_lower_one_that_was_silent_is_started_beside_a_slow_one(clock):
    """Its rest is over, and nobody but those who are kept waiting will ask it."""
    play = Play(2, clock)
    play.start({1}).fail(silent()).cancel()
    clock.advance(600)
    call = Whole(play).slow()
    assert call.step.ticket.index == 1


def test_what_is_known_of_a_model_is_expected_of_its_other_keys(clock):
    """The second key of a model that thinks is not raced because it is new; another model is."""
    for spare, expected in (("m", 60.0), ("other", 30.0)):
        play = Play((Credential("a", model="m"), Credential("b", model=spare)), clock)
        play.learned(0, *[20.0] * 10)
        play.chain_state.transact(lambda _, state: (replace(state, active=1), None))
        assert Whole(play).step.limit == pytest.approx(expected, rel=0.2)


def test_the_only_credential_has_no_limit(clock):
    """There is nobody to be started beside it, and no thread is needed."""
    assert Whole(Play(1, clock)).step.limit is None


# ── hints ──


@pytest.mark.parametrize(("seconds", "parked"), [(4.0, False), (4.98, True), (20.0, True)])
def test_two_callers_who_leave_late_are_a_hint(clock, seconds, parked):
    """H01: the third request is served by the next credential."""
    play = Play(2, clock)
    for _ in range(2):
        flight = play.start()
        clock.advance(seconds)
        flight.leave()
    assert (play.phase(0) == "PARKED") is parked
    assert play.call().served == (1 if parked else 0)


def test_a_success_in_between_takes_the_hint_back(clock):
    """The first one was in a hurry."""
    play = Play(2, clock)
    for _ in range(2):
        flight = play.start()
        clock.advance(20)
        flight.leave()
        play.call()
    assert play.phase(0) == "CLOSED"


def test_a_hint_waits_for_what_is_usual(clock):
    """Whoever leaves a model that thinks before it usually answers blames nobody."""
    play = Play(2, clock)
    play.learned(0, *[20.0] * 10)
    for _ in range(3):
        flight = play.start()
        clock.advance(25)
        flight.leave()
    assert play.phase(0) == "CLOSED"


# ── probes ──


def silent_first(clock):
    """A chain whose first credential was silent for ten seconds, and is due; the second one is active."""
    play = Play(2, clock)
    stream = play.stream()
    clock.advance(10)
    stream.slow().begin(1).end()
    clock.advance(play.returns_in(0))
    assert play.phase(0) == "DUE"
    return play


def test_a_silent_one_is_probed_beside_the_active_one(clock):
    """H03: the caller is served by the active one, and one call a park goes to the silent one."""
    play = silent_first(clock)
    play.probe_takes = 99.0
    requests = [play.call_racing() for _ in range(5)]
    assert [r.sent for r in requests] == [[1]] * 5
    assert (play.probed, play.phase(0)) == ([0], "PARKED")


def test_a_probe_that_answers_brings_the_traffic_back(clock):
    """The next request goes there."""
    play = silent_first(clock)
    assert play.call_racing().sent == [1]
    assert (play.probed, play.active, play.call_racing().sent) == ([0], 0, [0])


def test_a_probe_that_fails_otherwise_parks_as_that_does(clock):
    """The silent host has come back, and its key is dead."""
    play = silent_first(clock)
    play.ill = {0: auth()}
    play.call_racing()
    assert play.returns_in(0) == pytest.approx(600)


def test_one_that_failed_otherwise_is_probed_by_a_live_request_with_a_leash(clock):
    """4.4: it is left after four seconds, and the budget is not asked."""
    play = Play(names(2), clock, hedge_burst=0, hedge_share=0)
    play.ill = {0: overloaded()}
    play.call()
    clock.advance(60)
    call = Whole(play, hedge=False)
    assert (call.step.ticket.index, call.step.limit) == (0, 4.0)
    assert call.slow().step.ticket.index == 1


def test_where_nobody_else_is_ready_a_silent_one_is_asked(clock):
    """Softly parked is not refused."""
    play = Play(1, clock)
    play.start().fail(silent())
    assert play.call().served == 0


# ── brownouts ──


def browned_out(clock, n=2):
    play = Play(n, clock)
    play.learned(0, *[1.0] * 20)
    play.learned(0, 10.0, 10.0, 10.0)
    return play


def test_three_slow_answers_in_a_row_are_a_brownout(clock):
    """H06: it rests for a minute, softly, and the next one serves."""
    play = Play(2, clock)
    play.learned(0, *[1.0] * 20)
    play.learned(0, 10.0, 10.0)
    assert play.phase(0) == "CLOSED"
    play.learned(0, 10.0)
    assert (play.parked(0), play.returns_in(0)) == ("softly", 60)
    assert play.call().served == 1


def test_an_answer_in_time_between_them_is_none(clock):
    """Two slow ones are chance."""
    play = Play(2, clock)
    play.learned(0, *[1.0] * 20)
    play.learned(0, 10.0, 10.0, 1.0, 10.0, 10.0)
    assert play.phase(0) == "CLOSED"


def test_where_nobody_else_is_well_nobody_rests(clock):
    """The only one, and one beside which the other is dead."""
    assert browned_out(clock, 1).phase(0) == "CLOSED"
    play = Play(2, clock)
    play.learned(0, *[1.0] * 20)
    play.start({1}).fail(auth()).cancel()
    play.learned(0, 10.0, 10.0, 10.0)
    assert play.phase(0) == "CLOSED"


def test_a_long_answer_is_not_a_slow_one(clock):
    """Ten times the tokens take ten times as long."""
    play = Play(2, clock)
    who = play.pool.credentials[0].id
    usually = [Sample(who, Kind.WHOLE, 1.0, 100)] * 20
    play.chain_state.transact(expectations.learn, [*usually, *[Sample(who, Kind.WHOLE, 10.0, 1000)] * 3], clock())
    assert play.phase(0) == "CLOSED"


def test_a_slow_probe_lets_it_rest_for_longer(clock):
    """60, 120, 240, 300, 300 s; the caller is served beside it each time."""
    play = browned_out(clock)
    play.call()
    play.probe_takes, rests = 10.0, []
    for _ in range(5):
        rests.append(play.returns_in(0))
        clock.advance(play.returns_in(0))
        call = Whole(play)
        assert call.step.ticket.index == 1
        call.succeed()
    assert rests == pytest.approx([60, 120, 240, 300, 300])


def test_a_brownout_that_lasts_is_how_it_is_now(clock):
    """After two hours of it, it takes traffic again."""
    play = browned_out(clock)
    who = play.pool.credentials[0].id
    play.chain_state.transact(expectations.learn, [Sample(who, Kind.WHOLE, 10.0, probe=True)] * 40, clock())
    assert play.state.expectations[who].slow == 0


def test_what_nobody_feels_is_never_slow():
    """A tenth of a second instead of a hundredth."""
    assert not expectations.is_slow(usual(*[0.01] * 20), Sample("k0", Kind.WHOLE, 0.1))


def test_what_two_processes_have_learned_is_kept_by_whoever_has_learned_more():
    """Of each credential by itself."""
    base = {"a": usual(*[1.0] * 8)}
    mine, theirs = {"a": usual(*[1.0] * 12), "b": Usual(learned=1)}, {"a": usual(*[1.0] * 10), "c": Usual(learned=2)}
    found = expectations.merged(base, mine, theirs)
    assert (found["a"], set(found)) == (mine["a"], {"a", "b", "c"})


def test_a_start_beside_has_a_limit_of_its_own(clock):
    """The third one comes when the second is slow, too."""
    play = Play(3, clock)
    call = Whole(play).slow().slow()
    assert isinstance(call.step, Start)
    assert call.step.ticket.index == 2
