"""Who is active: the ring, terms, failback and probes (section 5 of the design)."""

from dataclasses import replace

import pytest

from chain_play import Fault, Play, auth, names, overloaded, permanent, quota, rate_limit, unreached
from sparekey.core import choose, settlement
from sparekey.core.breaker import Phase
from sparekey.core.policy import Policy
from sparekey.core.pool import Pool, PoolState, Ticket, failback_due, failback_target, higher_than_active, phase, restarted, switched
from sparekey.core.settlement import ObservedFailure


def down_to(play, index):
    """Make `index` active by an overload of everything above it, and let the parks stand."""
    play.ill = dict.fromkeys(range(index), rate_limit())
    assert play.call().served == index
    play.ill.clear()


def put(play, index):
    """Make `index` active although nothing is parked."""
    play.chain_state.change(lambda s: switched(s, index, play.clock()))


def test_a_chain_needs_a_credential(clock):
    """Nothing to choose from is refused at once."""
    with pytest.raises(ValueError, match=r"^Number of credentials must be >= 1$"):
        Pool(())


def test_ids_are_unique(clock):
    """Two credentials of one name could not be told apart; the message names them in order."""
    with pytest.raises(ValueError, match=r"^credential ids must be unique; more than once: k0, k1$"):
        Pool((*names(3), *reversed(names(2))))


def test_a_pool_has_a_policy_and_a_length():
    """The defaults of the design, unless others are given."""
    assert (len(Pool(names(3))), Pool(names(3)).policy) == (3, Policy())


def test_a_chain_begins_with_its_first(clock):
    """Index 0 has the highest priority."""
    play = Play(3, clock)
    assert (play.active, play.call().sent) == (0, [0])


@pytest.mark.parametrize(("start", "ring"), [(0, [0, 1, 2, 3]), (2, [2, 3, 0, 1]), (3, [3, 0, 1, 2])])
def test_the_ring(start, ring):
    """From the active one down to the last, then from the first down to the one before it, each once."""
    assert list(Pool(names(4)).ring(start)) == ring


def test_the_walk_passes_the_ring_once(clock):
    """5.3: once a round, from the active one."""
    play = Play(4, clock, retry_same=False, max_retries=0)
    put(play, 2)
    play.ill = dict.fromkeys(range(4), overloaded())
    assert play.call().sent == [2, 3, 0, 1]


def test_fifteen_keys(clock):
    """K06: fourteen are dead, the fifteenth serves the first request, and the next one at once."""
    play = Play(15, clock)
    play.ill = dict.fromkeys(range(14), auth())
    assert play.call().sent == list(range(15))
    assert (play.active, play.call().sent) == (14, [14])


def test_whoever_serves_is_active(clock):
    """5.4: sticky between requests; each switch starts a term and sets the time."""
    play = Play(3, clock)
    play.ill = {0: auth()}
    clock.advance(7)
    play.call()
    assert (play.active, play.state.term, play.state.switched_at) == (1, 1, clock())
    assert play.call().sent == [1]
    assert play.state.term == 1


def test_parked_credentials_are_passed_over(clock):
    """A dead key costs one attempt, not one a request."""
    play = Play(3, clock)
    play.ill = {0: auth()}
    play.call()
    play.ill = {0: auth(), 1: auth()}
    assert play.call().sent == [1, 2]


def test_a_late_success_of_an_older_term_moves_nobody(clock):
    """M02: the active credential is where the newer term put it, and nothing is counted."""
    play = Play(3, clock)
    slow = play.start()
    play.ill = {0: auth()}
    play.call()
    before = play.decisions
    slow.succeed()
    assert slow.served == 0
    assert play.decisions == before


def test_a_walk_moves_the_active_index_in_its_own_term_only(clock):
    """A request that left a failing credential goes on from where the others are, and drags nobody away from there."""
    play = Play(3, clock)
    down_to(play, 1)
    slow = play.start()
    assert slow.index == 1
    clock.advance(5)
    assert play.call().served == 0
    slow.fail(overloaded())
    assert slow.sent == [1, 0]
    slow.fail(overloaded()).succeed()
    assert (slow.sent, slow.served) == ([1, 0, 2], 2)
    assert (play.active, play.state.term) == (0, 2)


def test_a_success_at_the_first_counts_nothing(clock):
    """There is nowhere to fail back to."""
    play = Play(2, clock)
    before = play.decisions
    play.call()
    assert play.decisions == before


# ── failback by time and by count ──


@pytest.mark.parametrize(("seconds", "moves"), [(599.9, False), (600.0, True)])
def test_failback_by_time(clock, seconds, moves):
    """5.1: 600 s after the last switch the first request tries one step up."""
    play = Play(names(2), clock)
    put(play, 1)
    clock.advance(seconds)
    assert play.call().sent == ([0] if moves else [1])
    assert play.active == (0 if moves else 1)


def test_failback_by_count(clock):
    """5.1: after 50 requests since the switch the next one tries one step up, however little time has passed."""
    play = Play(2, clock)
    put(play, 1)
    assert [play.call().sent for _ in range(50)] == [[1]] * 50
    assert play.call().sent == [0]


def test_a_failback_by_count_ends_no_firm_park(clock):
    """5.1: fifty served requests say nothing about a revoked key (19 of 1,000 requests went to one)."""
    play = Play(2, clock)
    play.ill = {0: auth()}
    for _ in range(1000):
        assert play.call().served == 1
    assert play.chain_state.state.breakers["credential:k0"].level == 1
    clock.advance(599)
    assert play.call().sent == [1]


def test_a_failback_by_time_probes_what_is_parked(clock):
    """5.1: one request, which falls through to the active one."""
    play = Play(2, clock, failback_timeout_seconds=100)
    play.ill = {0: auth()}
    play.call()
    clock.advance(100)
    assert [play.call().sent for _ in range(2)] == [[0, 1], [1]]


def test_one_step_is_one_credential(clock):
    """From the fourth to the third, not to the first."""
    play = Play(4, clock)
    put(play, 3)
    seen = []
    for _ in range(3):
        clock.advance(600)
        seen.append(play.call().served)
    assert seen == [2, 1, 0]


def test_a_switch_starts_timer_and_count_again(clock):
    """A fresh switch is not undone at once."""
    play = Play(3, clock)
    put(play, 2)
    for _ in range(30):
        play.call()
    clock.advance(600)
    assert play.call().served == 1
    assert (play.state.served, play.state.switched_at) == (0, clock())


def test_a_failed_failback_costs_the_caller_nothing_and_starts_again(clock):
    """5.2: a due failback is a probe: it falls through to the active credential, and timer and count start anew."""
    play = Play(2, clock)
    put(play, 1)
    clock.advance(600)
    play.ill = {0: auth()}
    assert (play.call().sent, play.active) == ([0, 1], 1)
    assert play.state.switched_at == clock()
    assert play.call().sent == [1]


def test_one_request_tries_a_due_failback(clock):
    """5.2: while it is out, the others stay where they are."""
    play = Play(2, clock)
    put(play, 1)
    clock.advance(600)
    assert [play.start().index for _ in range(5)] == [0, 1, 1, 1, 1]


def test_a_dead_one_in_the_middle_is_stepped_over(clock):
    """5.1: it never keeps traffic from a healthy first one."""
    play = Play(3, clock)
    put(play, 2)
    clock.advance(300)
    play.start({1}).fail(auth())
    clock.advance(300)
    assert play.call().sent == [0]


@pytest.mark.parametrize("soonest", [0, 1])
def test_a_due_failback_ends_the_park_that_ends_soonest(clock, soonest):
    """5.1: if every higher one is parked, one of them is tried all the same."""
    play = Play(3, clock, failback_timeout_seconds=100)
    play.start({soonest}).fail(auth())
    clock.advance(1)
    play.start({1 - soonest}).fail(auth())
    assert play.call().served == 2
    clock.advance(100)
    assert play.call().sent == [soonest]
    assert play.active == soonest


def test_a_park_that_a_failback_ends_is_probed_by_one_request(clock):
    """Ending it is no trust: the others wait for what becomes of it."""
    play = Play(2, clock, failback_timeout_seconds=100)
    play.start().fail(auth()).succeed()
    clock.advance(100)
    assert [play.start().index for _ in range(3)] == [0, 1, 1]


def test_of_two_that_end_together_the_first_is_tried(clock):
    """Priority decides what time does not."""
    play = Play(3, clock, failback_timeout_seconds=100)
    play.ill = {0: auth(), 1: auth()}
    play.call()
    clock.advance(100)
    assert play.call().sent == [0, 2]


def test_a_due_failback_keeps_a_stated_wait(clock):
    """5.1: an end that the provider stated is not ended by a failback."""
    play = Play(2, clock, failback_timeout_seconds=400)
    play.ill = {0: quota(5000)}
    play.call()
    clock.advance(400)
    assert play.call().sent == [1]


def test_a_stated_wait_is_passed_over_for_another_end(clock):
    """The soonest whose end nobody stated is tried, even if a stated one ends before."""
    play = Play(3, clock, failback_timeout_seconds=100)
    play.ill = {0: auth(), 1: rate_limit(110)}
    play.call()
    clock.advance(100)
    play.ill = {}
    assert play.call().sent == [0]


def test_the_count_of_a_chain_without_a_way_up(clock):
    """At the first credential a failback is never due."""
    pool = Pool(names(2))
    assert not failback_due(pool, PoolState(0, 0, 0.0, 999), 1e9)
    assert failback_due(pool, PoolState(1, 0, 0.0, 50), 0.0)
    assert not failback_due(pool, PoolState(1, 0, 0.0, 49), 599.9)


# ── early failback: probes ──


def test_a_park_that_has_run_out_is_probed_by_one_request(clock):
    """M01: a hundred requests at once, exactly one probe; the others stay where they are."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(5)
    flying = [play.start() for _ in range(100)]
    assert [f.index for f in flying] == [0] + [1] * 99
    flying[0].succeed()
    assert play.active == 0
    for other in flying[1:]:
        other.succeed()
    assert play.active == 0
    assert play.call().sent == [0]


def test_the_nearest_is_probed_first(clock):
    """5.2: of two that are due, the one just above the active one."""
    play = Play(3, clock)
    down_to(play, 2)
    clock.advance(5)
    assert play.start().index == 1
    assert play.start().index == 2


def test_a_failed_probe_falls_through_to_the_active(clock):
    """5.2: nobody pays for a probe with an error."""
    play = Play(3, clock)
    down_to(play, 2)
    clock.advance(5)
    play.ill = {1: rate_limit()}
    assert (play.call().sent, play.active) == ([1, 2], 2)
    play.ill = {}
    assert (play.call().sent, play.active) == ([0], 0)


def test_one_probe_a_park(clock):
    """After a failed probe nobody probes again until the next park has run out."""
    play = Play(2, clock)
    down_to(play, 1)
    play.ill = {0: rate_limit()}
    clock.advance(5)
    assert play.call().sent == [0, 1]
    clock.advance(9.9)
    assert play.call().sent == [1]
    clock.advance(0.1)
    assert play.call().sent == [0, 1]


def test_a_cancelled_probe_makes_room_for_another(clock):
    """M03: its lease is given back at once, and nobody is blamed."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(5)
    play.start().cancel()
    assert play.phase(0) == "DUE"
    assert play.start().index == 0


@pytest.mark.parametrize(("seconds", "index"), [(59.9, 1), (60.0, 0)])
def test_a_lost_probe_expires(clock, seconds, index):
    """M03: if nobody ever says what became of it, another probe is sent when its lease ends."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(5)
    play.start()
    clock.advance(seconds)
    assert play.start().index == index


def test_a_lost_probe_that_comes_back_late_says_nothing(clock):
    """Its successor's lease and the park that followed are not touched by it."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(5)
    lost = play.start()
    clock.advance(60)
    second = play.start()
    assert second.index == 0
    before = play.state
    lost.fail(auth())
    assert play.state.breakers == before.breakers
    assert play.phase(0) == "PROBING"


def test_a_probe_that_succeeds_too_late_to_matter_is_given_back(clock):
    """Its term is over: it moves nobody, and the next request may probe again."""
    play = Play(3, clock)
    down_to(play, 1)
    clock.advance(5)
    probe = play.start()
    play.ill = {1: auth()}
    assert play.call().served == 2
    probe.succeed()
    assert (play.active, play.phase(0)) == (2, "DUE")


def test_a_malformed_probe_is_no_verdict(clock):
    """The request was at fault: its error goes to the caller, and another request may probe."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(5)
    probe = play.start().fail(permanent())
    assert probe.error.failure == permanent()
    assert play.phase(0) == "DUE"
    assert play.active == 1


def test_a_probe_that_reaches_nobody_is_put_off(clock):
    """The network was down, for the active one too: the probe is back, nothing is parked."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(5)
    play.ill = dict.fromkeys(range(2), unreached())
    play.call()
    assert play.phase(0) == "DUE"
    assert (play.phase(1), play.active) == ("CLOSED", 1)


def test_a_lower_one_that_is_due_is_no_early_failback(clock):
    """A spare that recovered is left alone until it is needed."""
    play = Play(3, clock)
    put(play, 1)
    play.start({2}).fail(rate_limit())
    clock.advance(5)
    assert play.call().sent == [1]
    play.ill = {1: auth()}
    assert play.call().sent == [1, 2]


def test_back_to_the_first_over_a_dead_middle(clock):
    """K19: the middle one is revoked for good, the first overloaded for 10 s: back within 30 s of its recovery."""
    play = Play(3, clock)
    play.ill = {0: overloaded(), 1: auth()}
    begun, back = clock(), None
    for _ in range(60):
        if clock() - begun >= 10:
            play.ill.pop(0, None)
        if play.call().served == 0:
            back = clock() - begun
            break
        clock.advance(1)
    assert back is not None
    assert back <= 40


def test_an_outage_of_a_minute(clock):
    """S15: 503 for 60 s, a request each 4 s: all served, one probe a park, back within 30 s of the recovery."""
    play = Play(2, clock)
    play.ill = {0: overloaded()}
    begun, tries, back = clock(), 0, None
    for _ in range(25):
        if clock() - begun >= 60:
            play.ill = {}
        request = play.call()
        assert request.served is not None
        tries += request.sent.count(0) if play.ill else 0
        back = clock() - begun if back is None and request.served == 0 else back
        clock.advance(4)
    assert tries <= 5
    assert back <= 90


def test_reading_the_active_index_changes_nothing(clock):
    """5.1: however due a failback is."""
    play = Play(2, clock)
    down_to(play, 1)
    clock.advance(1e6)
    before = play.state
    assert [play.active for _ in range(3)] == [1, 1, 1]
    assert play.state is before


def test_a_switch_forgets_the_count():
    """So does a failback that came to nothing; both take the time."""
    before = PoolState(active=1, term=3, switched_at=1.0, served=9)
    assert switched(before, 2, 5.0) == PoolState(active=2, term=4, switched_at=5.0)
    assert restarted(before, 5.0) == PoolState(active=1, term=3, switched_at=5.0)


def test_a_ticket_knows_the_term_and_the_epoch_in_which_it_was_given(clock):
    """Whatever is known by then: a later verdict is told apart from an earlier one."""
    play = Play(2, clock)
    first = play.start().step
    play.start().fail(auth()).succeed()
    second = play.start().step
    assert (first.term, second.term) == (0, 1)
    assert second.epoch > first.epoch
    clock.advance(600)
    third = play.start().step
    assert (third.index, third.probe, first.probe, second.probe) == (0, True, False, False)
    assert third.epoch > second.epoch


# ── the switcher's own step ──


def test_the_switchers_failback_moves_one_step(clock):
    """`maybe_failback` moves the index itself, unlike a chain, which probes."""
    pool = Pool(names(3))
    state = switched(PoolState(), 2, 100.0)
    assert choose.maybe_failback(pool, state, 699.0) == (state, 2)
    state, index = choose.maybe_failback(pool, state, 700.0)
    assert (index, state.active, state.term, state.switched_at, state.served) == (1, 1, 2, 700.0, 0)


def failed(failure, at=0.0):
    """A chain of two whose first credential has failed."""
    seen = ObservedFailure(Ticket(0, 0), failure, Fault(failure), 0.5, at)
    return switched(settlement.fail(Pool(names(2)), PoolState(), seen, at)[0], 1, at)


def test_the_switchers_failback_ends_the_park_it_steps_onto():
    """5.1: by time it is a probe: whoever is active gets traffic."""
    pool = Pool(names(2), Policy(failback_timeout_seconds=10))
    state, index = choose.maybe_failback(pool, failed(auth()), 599.0)
    assert index == 0
    assert phase(pool, state, 0, 599.0) is Phase.DUE


def test_the_switchers_failback_by_count_ends_no_park():
    """5.1: fifty served ones say nothing about a revoked key: the count starts again."""
    pool = Pool(names(2))
    state, index = choose.maybe_failback(pool, replace(failed(auth()), served=50), 100.0)
    assert (index, state.served, phase(pool, state, 0, 100.0)) == (1, 0, Phase.PARKED)


def test_the_switchers_failback_waits_for_a_stated_end():
    """Nowhere to go: the timer starts again and the index stays."""
    pool = Pool(names(2), Policy(failback_timeout_seconds=400))
    state, index = choose.maybe_failback(pool, failed(quota(5000)), 400.0)
    assert (index, state.switched_at) == (1, 400.0)


def test_no_step_while_a_probe_is_out(clock):
    """One verdict after the other."""
    play = Play(3, clock)
    down_to(play, 2)
    clock.advance(5)
    play.start()
    assert failback_target(play.pool, play.state, higher_than_active(play.state), clock()) is None
