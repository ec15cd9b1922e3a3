"""Second tries, further rounds over the ring, and deadlines (sections 3.6, 4.6, 5.5 and 5.8 of the design)."""

from collections import Counter

import pytest

from chain_play import (
    CERTAIN,
    POSSIBLE,
    Play,
    auth,
    models,
    names,
    overloaded,
    permanent,
    quota,
    rate_limit,
    silent,
    too_large,
    unknown,
)
from sparekey.core.flow import Pause
from sparekey.core.policy import Policy
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded
from sparekey.types import Credential

TWO = models("m", "n")
"""A spare that serves another model: a passing fault is waited out before it is asked."""

# ── the same credential again (DESIGN.md 4.6) ──


def test_a_transient_failure_is_tried_once_more(clock):
    """S03: a 500 once, then healthy: the same credential answers, after a tenth of a second at least."""
    play = Play(TWO, clock)
    request = play.start().fail(overloaded(), dice=0.0)
    assert request.pauses == [0.1]
    request.wake().succeed()
    assert (request.sent, request.served) == ([0, 0], 0)
    assert not play.state.breakers


@pytest.mark.parametrize("failure", [rate_limit(1), rate_limit(), overloaded()], ids=lambda f: f.reason)
def test_with_a_spare_of_the_same_model_nobody_waits(clock, failure):
    """H08, 4.6: the spare answers at once, and the first one gets nothing while its park lasts."""
    play = Play(2, clock)
    play.ill = {0: failure}
    request = play.call()
    assert (request.sent, request.pauses, request.served) == ([0, 1], [], 1)
    assert play.call().sent == [1]


def test_a_spare_of_the_same_model_that_is_parked_is_no_spare(clock):
    """Then the fault is waited out."""
    play = Play(2, clock)
    play.start({1}).fail(quota())
    request = play.start().fail(rate_limit(1))
    assert request.pauses == [1]


def test_of_two_models_the_spare_of_the_same_one_is_asked_at_once(clock):
    """Wherever it stands in the chain."""
    play = Play(models("m", "n", "m"), clock)
    play.ill = {0: overloaded()}
    request = play.call()
    assert (request.pauses, request.sent[:2]) == ([], [0, 1])


def test_the_second_try_is_spread(clock):
    """Up to twice the delay, by the dice."""
    assert Play(TWO, clock).start().fail(overloaded(), dice=0.5).pauses == pytest.approx([0.15])


def test_it_is_tried_twice_at_most(clock):
    """Then the next one, and the failed one is parked once."""
    play = Play(TWO, clock)
    play.ill = {0: overloaded()}
    request = play.call()
    assert request.sent == [0, 0, 1]
    assert play.state.breakers["credential:c0"].level == 1


def test_the_last_failure_counts(clock):
    """An overload and then a dead key is a dead key."""
    play = Play(TWO, clock)
    play.start().fail(overloaded()).wake().fail(auth())
    assert play.returns_in(0) == pytest.approx(600)


@pytest.mark.parametrize(("wait", "tries"), [(2.0, [0, 0, 1]), (2.1, [0, 1])])
def test_patience(clock, wait, tries):
    """S01: a stated wait of 2 s is kept to the letter on the same credential; a longer one moves on."""
    play = Play(TWO, clock)
    play.ill = {0: rate_limit(wait)}
    request = play.call()
    assert request.sent == tries
    assert request.pauses == ([wait] if len(tries) == 3 else [])


NEVER_AGAIN = [auth(), quota(1), unknown(), unknown(evidence=CERTAIN), silent(), overloaded(evidence=POSSIBLE)]


@pytest.mark.parametrize("failure", NEVER_AGAIN, ids=lambda f: f"{f.reason} {f.evidence}")
def test_some_failures_are_never_tried_again(clock, failure):
    """Dead keys, unknown causes, silence and words that a caller could have written: the same credential is left alone."""
    play = Play(TWO, clock)
    play.ill = {0: failure}
    assert play.call().sent == [0, 1]


def test_second_tries_can_be_switched_off(clock):
    """Instances behind a chain may retry by themselves."""
    play = Play(TWO, clock, retry_same=False)
    play.ill = {0: overloaded()}
    assert play.call().sent == [0, 1]


def test_a_probe_is_sent_once(clock):
    """One probe per park means one try."""
    play = Play(TWO, clock)
    play.ill = {0: overloaded()}
    play.call()
    clock.advance(60)
    assert play.call().sent == [0, 1]


def test_a_credential_parked_meanwhile_is_not_tried_again(clock):
    """During the pause another request found its key dead."""
    play = Play(TWO, clock)
    request = play.start().fail(overloaded())
    play.start().fail(auth()).succeed()
    assert request.wake().index == 1


def test_a_second_try_that_is_cancelled_blames_nobody(clock):
    """In the pause as in the call."""
    play = Play(TWO, clock)
    before = play.state
    play.start().fail(overloaded()).cancel()
    play.start().fail(overloaded()).wake().cancel()
    assert play.state is before


@pytest.mark.parametrize("failure", [overloaded(), rate_limit()], ids=lambda f: f.reason)
@pytest.mark.parametrize("n", [1, 2, 3, 15])
def test_nobody_is_called_more_than_twice_by_one_request(clock, failure, n):
    """3.6: a second try or a second round, not both; not even whoever is the last one left."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), failure)
    assert max(Counter(play.call().sent).values()) <= 2


# ── further rounds ──


def test_one_round_for_ready_made_instances(clock):
    """Their wrappers walk the ring once."""
    play = Play(2, clock, max_retries=0, retry_same=False)
    play.ill = {0: overloaded(), 1: overloaded()}
    request = play.call()
    assert (request.sent, request.pauses) == ([0, 1], [])


def test_transient_failures_are_walked_again(clock):
    """Up to `max_retries` more rounds, with pauses that double."""
    play = Play(2, clock, max_retries=3, retry_same=False)
    play.ill = {0: rate_limit(), 1: rate_limit()}
    request = play.call()
    assert len(request.sent) == 8
    assert request.pauses == [0.375, 0.75, 1.5]
    assert isinstance(request.error, AllCredentialsFailedError)
    assert len(request.error.errors) == 2


def test_a_later_round_may_serve(clock):
    """Two overloads pass."""
    play = Play(2, clock, retry_same=False)
    request = play.start().fail(overloaded()).fail(overloaded())
    request.wake().succeed()
    assert request.served == 0
    assert play.phase(0) == "CLOSED"


def test_pauses_have_a_longest(clock):
    """They stop growing at `max_backoff`."""
    play = Play(1, clock, max_retries=5, backoff=1, max_backoff=4, retry_same=False)
    request = play.start()
    for _ in range(5):
        request.fail(rate_limit(), dice=0.999).wake()
    assert request.pauses == pytest.approx([1, 2, 4, 4, 4], abs=0.01)


@pytest.mark.parametrize("other", [auth(), quota(), unknown()], ids=lambda f: f.error_class.value)
def test_other_failures_end_the_walk(clock, other):
    """Only a ring that was exhausted by transient failures alone is walked again."""
    play = Play(2, clock, max_retries=3)
    play.ill = {0: overloaded(), 1: other}
    assert play.call().sent == [0, 1]


def test_a_dead_key_that_was_not_tried_ends_nothing(clock):
    """It was parked before: what this request met was transient only."""
    play = Play(2, clock, rescue_interval=60)
    play.ill = {0: auth(), 1: overloaded()}
    assert [play.call().sent[-1] for _ in range(2)] == [1, 0]
    assert play.call().sent == [1, 1]


def test_a_dead_chain_is_not_walked_again(clock):
    """Nothing transient was met, nothing transient is parked."""
    play = Play(2, clock, max_retries=3)
    play.ill = {0: auth(), 1: auth()}
    play.call()
    assert [play.call().pauses for _ in range(2)] == [[], []]


def test_oversized_input_is_not_walked_again(clock):
    """No wait makes it smaller."""
    play = Play([Credential("a", model="m"), Credential("b", model="n")], clock, max_retries=3)
    play.ill = {0: too_large(), 1: too_large()}
    assert play.call().sent == [0, 1]


def test_the_soonest_stated_wait_is_honoured(clock):
    """Nobody is tried before the moment that its provider named."""
    play = Play(2, clock, max_retries=1)
    play.ill = {0: rate_limit(6), 1: rate_limit(4)}
    request = play.call()
    assert request.pauses == [4]
    assert request.sent == [0, 1, 1]


def test_a_long_stated_wait_makes_nobody_sleep(clock):
    """K18: long waits park; the caller is told at once."""
    play = Play(2, clock, max_retries=3)
    play.ill = {0: rate_limit(9), 1: rate_limit(20)}
    request = play.call()
    assert (request.pauses, request.error.retry_after) == ([], 9)


def test_a_stated_wait_of_just_the_longest_pause_is_slept(clock):
    """The bound is part of what is allowed."""
    play = Play(1, clock, max_retries=1)
    play.ill = {0: rate_limit(8)}
    assert play.call().pauses == [8]


def test_who_states_nothing_is_not_waited_for(clock):
    """One provider's long wait does not hold up another one's second round."""
    play = Play(2, clock, retry_same=False)
    play.ill = {0: rate_limit(6), 1: overloaded()}
    request = play.call()
    assert (request.pauses, request.sent) == ([0.375], [0, 1, 1])


def test_silence_is_never_tried_twice(clock):
    """S06: who accepts and never answers is tried once in a request, in whatever round."""
    play = Play(2, clock, max_retries=2)
    play.ill = {0: silent(), 1: rate_limit()}
    assert play.call().sent.count(0) == 1


def test_a_rescue_is_sent_once(clock):
    """What is parked is not tried twice in a round."""
    play = Play(2, clock, max_retries=0)
    play.ill = {0: overloaded(), 1: overloaded()}
    play.call()
    request = play.call()
    assert (sorted(request.sent), request.pauses) == ([0, 1], [])


def test_silence_alone_ends_the_walk(clock):
    """There is nobody left to ask."""
    play = Play(2, clock, max_retries=2)
    play.ill = {0: silent(), 1: silent()}
    request = play.call()
    assert (request.sent, request.pauses) == ([0, 1], [])


def test_a_stated_wait_met_before_the_first_try(clock):
    """All are parked for a moment: the request waits that moment instead of failing."""
    play = Play(1, clock, max_retries=1)
    play.start().fail(rate_limit(3)).cancel()
    request = play.start()
    assert isinstance(request.step, Pause)
    assert request.pauses == [3]
    assert request.wake().succeed().served == 0


@pytest.mark.parametrize(("stated", "pause"), [(0.1, 0.375), (0.6, 0.6)])
def test_a_short_stated_wait_is_slept_as_a_backoff(clock, stated, pause):
    """The longer of the two; with no dice thrown yet, the middle."""
    play = Play(1, clock, retry_same=False)
    play.start().fail(rate_limit(stated))
    assert play.start().pauses == [pytest.approx(pause)]


def test_a_round_begins_at_the_active_one_of_its_time(clock):
    """Another request moved it during the pause."""
    play = Play(3, clock, retry_same=False)
    request = play.start().fail(overloaded()).fail(overloaded()).fail(overloaded())
    assert play.call(eligible={0, 1, 2}).served == 0
    play.ill = {0: auth()}
    assert play.call().served == 1
    assert request.wake().index == 1


def test_a_pause_that_is_cancelled_blames_nobody_more(clock):
    """What was settled stays, nothing is out."""
    play = Play(2, clock, max_retries=1)
    request = play.start().fail(overloaded()).fail(overloaded())
    before = play.state
    request.cancel()
    assert play.state is before


# ── deadlines ──


def test_a_spent_deadline_starts_nothing(clock):
    """5.8: the first attempt took all the time there was."""
    play = Play(3, clock, deadline=10)
    play.ill = {0: overloaded(), 1: overloaded()}
    request = play.call(took=10)
    assert request.sent == [0]
    assert isinstance(request.error, AllCredentialsFailedError)
    assert [e.index for e in request.error.errors] == [0]


def test_what_is_left_of_a_deadline_is_used(clock):
    """9.9 s of 10 are not all."""
    play = Play(3, clock, deadline=10)
    play.ill = {0: overloaded(), 1: overloaded()}
    assert play.call(took=4.95).sent == [0, 1, 2]


def test_a_deadline_spent_before_the_first_attempt(clock):
    """A pause for a stated wait ate it up: said as what it is, which is a timeout, too."""
    play = Play(1, clock, deadline=5, max_retries=1)
    play.start().fail(rate_limit(3)).cancel()
    request = play.start()
    clock.advance(5)
    request.succeed()
    assert isinstance(request.error, DeadlineExceeded)
    assert isinstance(request.error, TimeoutError)
    assert str(request.error) == "the deadline of 5 s was spent before any credential could answer"


def test_no_pause_beyond_the_deadline(clock):
    """A round that could not begin in time is not waited for."""
    play = Play(1, clock, deadline=4, max_retries=1)
    play.ill = {0: rate_limit(4)}
    assert play.call().pauses == []
    play = Play(1, clock, deadline=4.1, max_retries=1)
    play.ill = {0: rate_limit(4)}
    assert play.call().pauses == [4]


def test_no_second_try_beyond_the_deadline(clock):
    """The same holds for the same credential."""
    play = Play(TWO, clock, deadline=1)
    play.ill = {0: rate_limit(1)}
    assert play.call().pauses == []


def test_a_second_try_that_comes_too_late_is_not_made(clock):
    """The pause was overslept."""
    play = Play(TWO, clock, deadline=5)
    request = play.start().fail(overloaded())
    clock.advance(5)
    request.succeed()
    assert request.sent == [0]
    assert request.over
    assert play.phase(0) == "PARKED"


def test_the_deadline_is_absolute(clock):
    """It counts from the start of the request, over every attempt and pause."""
    play = Play(1, clock, deadline=2, max_retries=9, backoff=1, max_backoff=1, retry_same=False)
    play.ill = {0: rate_limit()}
    request = play.call()
    assert sum(request.pauses) < 2
    assert len(request.pauses) == 2


def test_no_deadline_by_default(clock):
    """A slow success is a success."""
    assert Policy().deadline is None
    play = Play(names(2), clock)
    play.ill = {0: overloaded()}
    assert play.call(took=1e6).served == 1


def test_a_malformed_request_in_a_later_round_fails_fast(clock):
    """The verdict counts, whenever it comes."""
    play = Play(1, clock, max_retries=2)
    request = play.start().fail(overloaded()).wake().fail(permanent())
    assert request.error.failure == permanent()
