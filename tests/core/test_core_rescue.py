"""Never strand the caller: what happens when every credential is parked (sections 3.3, 3.8 and 5.6 of the design)."""

from itertools import pairwise

import pytest

from chain_play import (
    LIKELY,
    POSSIBLE,
    Play,
    Traffic,
    auth,
    no_model,
    overloaded,
    quota,
    rate_limit,
    refusal,
    silent,
    too_large,
    unknown,
    unsafe,
)
from sparekey.core.policy import Policy
from sparekey.errors import AllCredentialsFailedError, CredentialParkedError
from sparekey.types import Credential, ErrorClass, Failure, Scope


def park(play, *failures):
    """One request that parks credential 0 for the first failure, 1 for the second, and so on."""
    play.ill = dict(enumerate(failures))
    request = play.call()
    play.ill = {}
    return request


SOFT = [rate_limit(), overloaded(), unknown(), refusal(), auth(LIKELY), quota(evidence=POSSIBLE), no_model(LIKELY)]


@pytest.mark.parametrize("failure", SOFT, ids=lambda f: f.reason)
def test_less_than_certainty_lets_traffic_through(clock, failure):
    """3.3: when the ring has nobody else, softly parked ones are asked at once, as many requests as come."""
    play = Play(2, clock, max_retries=0, retry_same=False)
    park(play, failure, failure)
    assert [play.phase(i) for i in range(2)] == ["PARKED", "PARKED"]
    assert [play.call().served for _ in range(5)] == [0] * 5


def test_softly_parked_ones_are_asked_in_ring_order(clock):
    """3.3: not the soonest to return: they all may be well."""
    play = Play(3, clock)
    for index in (1, 0, 2):
        play.ill = {index: refusal()}
        play.call(eligible={index}, request="one")
        clock.advance(1)
    assert play.start().index == 0


def test_every_one_parked_for_a_passing_cause_is_tried(clock):
    """A request that meets overload everywhere has tried everybody, once a round."""
    play = Play(3, clock)
    park(play, overloaded(), overloaded(), overloaded())
    play.ill = dict.fromkeys(range(3), overloaded())
    assert sorted(play.call().sent) == [0, 0, 1, 1, 2, 2]


def test_a_rescue_that_serves_ends_the_park(clock):
    """Who serves is well."""
    play = Play(2, clock)
    park(play, rate_limit(), rate_limit())
    play.call()
    assert play.phase(0) == "CLOSED"


def test_passing_causes_come_before_dead_keys(clock):
    """A revoked key is left alone while another one is merely busy, even if its park ends before."""
    play = Play(2, clock)
    play.start({0}).fail(auth())
    clock.advance(599)
    play.start({1}).fail(overloaded())
    assert play.call().sent == [1]


@pytest.mark.parametrize("failure", [auth(), quota(), no_model()], ids=lambda f: f.error_class.value)
@pytest.mark.parametrize("n", [2, 3, 15])
def test_one_request_every_five_seconds_tries_a_dead_chain(clock, failure, n):
    """5.6: somebody may have paid: one asks all of them, the others fail at once and are told when to return."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), failure)
    assert play.call().sent == [*range(n)]
    clock.advance(1)
    assert sorted(play.call().sent) == [*range(n)]
    other = play.call()
    assert other.sent == []
    assert isinstance(other.error, AllCredentialsFailedError)
    assert other.error.retry_after == 600
    clock.advance(4.9)
    assert play.call().sent == []
    clock.advance(0.1)
    assert sorted(play.call().sent) == [*range(n)]


@pytest.mark.parametrize("n", [2, 3, 15])
def test_one_that_was_paid_for_serves_within_five_seconds(clock, n):
    """5.6: whichever of them: the request that asks them all finds it."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), auth())
    play.call()
    play.call()
    del play.ill[n - 1]
    clock.advance(5)
    assert play.call().served == n - 1
    assert play.call().sent == [n - 1]


def test_the_rescue_interval_is_a_knob(clock):
    """0 lets every request try everything."""
    play = Play(2, clock, rescue_interval=0)
    park(play, auth(), auth())
    play.ill = {0: auth(), 1: auth()}
    assert [sorted(play.call().sent) for _ in range(3)] == [[0, 1]] * 3
    assert Policy().rescue_interval == 5


@pytest.mark.parametrize("failure", [rate_limit(100), quota(100)], ids=lambda f: f.error_class.value)
def test_a_short_stated_wait_is_kept(clock, failure):
    """5.6: one of under two minutes, until the very moment that the provider named, though nobody serves."""
    play = Play(2, clock)
    park(play, failure, failure)
    clock.advance(90)
    request = play.call()
    assert (request.sent, request.error.retry_after) == ([], 10)
    clock.advance(10)
    assert play.call().served == 0


def test_who_comes_free_during_the_walk_is_tried(clock):
    """The ring had passed it when its park ran out: it is probed like any other, by this request alone."""
    play = Play(2, clock)
    park(play, rate_limit(), rate_limit(30))
    request = play.start()
    assert request.index == 0
    clock.advance(30)
    request.fail(overloaded())
    assert request.index == 1
    assert play.phase(1) == "PROBING"
    assert request.succeed().served == 1


def test_a_stated_wait_is_passed_over_for_one_without(clock):
    """Of two that are parked, the one whose end nobody stated is tried, though it ends later."""
    play = Play(2, clock)
    park(play, rate_limit(3), overloaded())
    assert play.call().sent == [1]


def test_a_dead_key_is_asked_when_the_others_have_failed_the_request(clock):
    """5.6: last of all, and once in five seconds: whoever is left may have been paid for."""
    play = Play(2, clock, max_retries=0, retry_same=False)
    park(play, auth())
    play.ill = {0: auth(), 1: overloaded()}
    assert [play.call().sent for _ in range(3)] == [[1, 0], [1], [1]]


def test_a_lone_credential_keeps_a_stated_wait(clock):
    """K18: its requests fail at once with the time of its return, and one probe brings it back."""
    play = Play(1, clock)
    park(play, rate_limit(30))
    request = play.call()
    assert (request.sent, request.error.retry_after) == ([], 30)
    clock.advance(30)
    assert play.call().served == 0


def test_others_are_not_stranded_while_a_lone_one_is_probed(clock):
    """The probe may take long: who comes meanwhile is sent, too, for there is nobody else."""
    play = Play(1, clock)
    park(play, rate_limit(30))
    clock.advance(30)
    first, second, third = (play.start() for _ in range(3))
    assert (first.index, play.phase(0)) == (0, "PROBING")
    assert [second.index, third.index] == [0, 0]


def test_a_rescue_does_not_give_back_the_probe_of_another(clock):
    """Cancelled or malformed: the probe that is out is not its own."""
    play = Play(1, clock)
    park(play, rate_limit(30))
    clock.advance(30)
    probe, rescue = play.start(), play.start()
    rescue.cancel()
    assert play.phase(0) == "PROBING"
    probe.succeed()
    assert play.phase(0) == "CLOSED"


def test_a_rescue_stays_among_the_eligible(clock):
    """Capability comes before availability."""
    play = Play(3, clock)
    park(play, rate_limit(), rate_limit(), rate_limit())
    assert play.call(eligible={2}).sent == [2]


def test_what_is_open_among_the_eligible_alone_decides(clock):
    """A healthy credential that this request cannot use does not keep it from a rescue."""
    play = Play(2, clock)
    park(play, auth())
    assert play.call(eligible={0}).served == 0


def test_a_rescue_tries_no_second_credential_of_a_model_that_refused(clock):
    """S12: one try per model, whatever is parked."""
    same = [Credential("a", model="m"), Credential("b", model="m"), Credential("c", model="n")]
    play = Play(same, clock)
    park(play, overloaded(), overloaded(), overloaded())
    play.ill = {0: too_large(), 1: too_large()}
    assert play.call().sent == [0, 2]


def test_a_rescue_tries_silence_no_second_time(clock):
    """A credential that said nothing in this request is not asked again."""
    play = Play(2, clock)
    play.ill = {0: silent(), 1: overloaded()}
    assert play.call().sent.count(0) == 1


def test_the_error_says_why_each_was_not_tried(clock):
    """One entry a credential: parked, for what, and for how many seconds more."""
    play = Play(2, clock)
    park(play, auth(), quota(100))
    play.ill = {0: unsafe()}
    assert play.call().sent == [0]
    clock.advance(1)
    error = play.call().error
    assert [(e.credential_id, e.error_class, e.index) for e in error.errors] == [
        ("k0", ErrorClass.AUTH, 0),
        ("k1", ErrorClass.QUOTA_EXCEEDED, 1),
    ]
    assert all(isinstance(e.exception, CredentialParkedError) for e in error.errors)
    assert [(e.exception.cause, round(e.exception.seconds)) for e in error.errors] == [
        ("auth: invalid_key", 599),
        ("quota_exceeded: insufficient_balance", 99),
    ]
    assert [e.exception.credential_id for e in error.errors] == ["k0", "k1"]
    assert error.retry_after == 99


def test_the_error_of_a_routed_request_names_the_eligible(clock):
    """Parked for half a second more, for a cause without a finer word."""
    play = Play(3, clock)
    play.start({1}).fail(Failure(ErrorClass.QUOTA_EXCEEDED, "", Scope.CREDENTIAL, 0.5))
    error = play.call(eligible={1}).error
    assert [(e.credential_id, e.exception.seconds, e.exception.cause) for e in error.errors] == [("k1", 0.5, "quota_exceeded")]


# ── a lone credential (DESIGN.md 3.8) ──


@pytest.mark.parametrize("failure", [auth(), quota()], ids=lambda f: f.error_class.value)
def test_a_lone_dead_key_is_tried_once_every_five_seconds(clock, failure):
    """P05: one key, account overdue, 60 requests in 3 s: at most 3 calls, all get the provider's own error at once."""
    play = Play(1, clock)
    play.ill = {0: failure}
    traffic = Traffic(play).every(0.05, 60, "body")
    log = traffic.run()
    assert len(traffic.calls) <= 3
    for request in log:
        assert request.error.agreed.failure is failure, "the provider's own exception"
        assert request.ended - request.began <= 0.05


def test_a_lone_key_that_is_paid_for_serves_within_five_seconds(clock):
    """One every five seconds finds it out, and then all are served."""
    play = Play(1, clock)
    play.ill = {0: quota()}
    traffic = Traffic(play).at(20.0, change=play.ill.clear).every(0.5, 60)
    log = traffic.run()
    lost = [r for r in log if r.began >= 1025.1 and r.error]
    assert not lost


def test_a_lone_refusal_in_uncertain_words_parks_nobody_firmly(clock):
    """3.3: it may be the request's: the next one is asked as if nothing had been."""
    play = Play(1, clock)
    play.ill = {0: refusal()}
    for _ in range(20):
        assert play.call().sent == [0]
        clock.advance(1)
    assert play.parked(0) == "softly"
    play.ill = {}
    assert play.call().served == 0


# ── a stated wait is looked at before its end (DESIGN.md 5.6, P08) ──

SIX_DAYS = 561635.0


@pytest.mark.parametrize("failure", [rate_limit(SIX_DAYS), quota(SIX_DAYS)], ids=lambda f: f.error_class.value)
def test_an_account_that_is_topped_up_is_back_within_a_quarter_of_an_hour(clock, failure):
    """P08: with a spare, the spare serves meanwhile."""
    play = Play(2, clock)
    play.ill = {0: failure}
    play.call()
    play.ill = {}
    traffic = Traffic(play).every(5.0, 12 * 15)
    traffic.run()
    assert all(request.served is not None for request in traffic.log)
    assert min(at for at, index, _ in traffic.calls if index == 0) <= 1000 + 900


def test_at_most_eight_looks_a_day_are_wasted(clock):
    """P08: with a spare that serves, a request each ten seconds, for three days."""
    play = Play(2, clock)
    end = clock() + SIX_DAYS
    play.ill = {0: lambda _: quota(end - clock())}
    play.call()
    begun, looks = clock(), []
    while clock() < begun + 3 * 86400:
        looks += [clock() - begun] * play.call().sent.count(0)
        clock.advance(10)
    assert max(sum(day * 86400 <= at < (day + 1) * 86400 for at in looks) for day in range(3)) <= 8
    assert len(looks) >= 20


def test_another_end_that_a_look_brings_is_believed(clock):
    """P08: six days were an error of theirs, now they say a minute."""
    play = Play(2, clock)
    play.ill = {0: quota(SIX_DAYS)}
    play.call()
    clock.advance(600)
    play.ill = {0: quota(60)}
    assert (play.call().sent, play.returns_in(0)) == ([0, 1], 60)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_where_nobody_serves_a_stated_wait_is_looked_at_every_five_minutes(clock, n):
    """P08: without a spare."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), quota(SIX_DAYS))
    play.call()
    looks = []
    for _ in range(360):
        clock.advance(10)
        looks += [clock() - 1000] * len(play.call().sent)
    assert looks, "somebody looks"
    assert all(b - a >= 300 or b == a for a, b in pairwise(looks))
    assert len(set(looks)) >= 3600 / 300 - 2


@pytest.mark.parametrize("n", [1, 2, 3])
def test_whoever_is_topped_up_while_nobody_serves_is_back_within_five_minutes(clock, n):
    """P08."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), quota(SIX_DAYS))
    play.call()
    clock.advance(60)
    play.ill = {}
    for _ in range(60):
        clock.advance(5)
        if play.call().served is not None:
            break
    assert clock() - 1060 <= 300
    assert [play.call().error for _ in range(3)] == [None] * 3
