"""Never strand the caller: what happens when every credential is parked (section 3.6 of the design)."""

import pytest

from chain_play import Play, auth, no_model, overloaded, quota, rate_limit, silent, too_large, unknown, unreached, unsafe
from sparekey.core.policy import Policy
from sparekey.errors import AllCredentialsFailedError, CredentialParkedError
from sparekey.types import Credential, ErrorClass, Failure, Scope


def park(play, *failures):
    """One request that parks credential 0 for the first failure, 1 for the second, and so on."""
    play.ill = dict(enumerate(failures))
    request = play.call()
    play.ill = {}
    return request


@pytest.mark.parametrize("failure", [rate_limit(), overloaded(), unknown()], ids=lambda f: f.reason)
def test_passing_causes_let_traffic_through(clock, failure):
    """Where the soonest to return is parked for a passing cause, requests go to it all the same, as many as come."""
    play = Play(2, clock)
    park(play, failure, failure)
    assert [play.call().served for _ in range(5)] == [0] * 5


def test_the_soonest_to_return_is_tried_first(clock):
    """Not the first in order."""
    play = Play(2, clock)
    play.start({1}).fail(rate_limit(), dice=0.0)
    play.start({0}).fail(rate_limit(), dice=0.9)
    assert play.start().index == 1


def test_every_one_parked_for_a_passing_cause_is_tried(clock):
    """A request that meets overload everywhere has tried everybody, once."""
    play = Play(3, clock)
    park(play, overloaded(), overloaded(), overloaded())
    play.ill = dict.fromkeys(range(3), overloaded())
    assert sorted(play.call().sent) == [0, 1, 2]


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
def test_one_request_every_five_seconds_tries_a_dead_chain(clock, failure):
    """Somebody may have paid: one tries the soonest, the others fail at once and are told when to return."""
    play = Play(2, clock)
    park(play, failure, failure)
    play.ill = {0: failure, 1: failure}
    clock.advance(1)
    assert play.call().sent == [0]
    other = play.call()
    assert other.sent == []
    assert isinstance(other.error, AllCredentialsFailedError)
    assert other.error.retry_after == 599
    clock.advance(4.9)
    assert play.call().sent == []
    clock.advance(0.1)
    assert play.call().sent == [1]


def test_the_rescue_interval_is_a_knob(clock):
    """0 lets every request try everything."""
    play = Play(2, clock, rescue_interval=0)
    park(play, auth(), auth())
    play.ill = {0: auth(), 1: auth()}
    assert [sorted(play.call().sent) for _ in range(3)] == [[0, 1]] * 3
    assert Policy().rescue_interval == 5


@pytest.mark.parametrize("failure", [rate_limit(300), quota(300)], ids=lambda f: f.error_class.value)
def test_a_stated_wait_is_kept(clock, failure):
    """In both cases: until the very moment that the provider named."""
    play = Play(2, clock)
    park(play, failure, failure)
    clock.advance(299.9)
    request = play.call()
    assert request.sent == []
    assert request.error.retry_after == pytest.approx(0.1)
    clock.advance(0.1)
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


def test_no_dead_key_is_tried_while_the_ring_has_others(clock):
    """A rescue of a dead key is for a chain that is parked throughout: one that merely reached nobody is not."""
    play = Play(2, clock)
    park(play, auth())
    play.ill = {1: unreached()}
    assert play.call().sent == [1]
    assert play.state.rescued_at is None


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
    assert [play.start().index for _ in range(3)] == [0, 0, 0]
    assert play.phase(0) == "PROBING"


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
    play = Play(2, clock, max_retries=1)
    play.ill = {0: silent(), 1: overloaded()}
    assert play.call().sent == [0, 1, 1]


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
