"""What a failure parks, and for how long: the park table of the design."""

import math

import pytest

from chain_play import CERTAIN, Play, auth, names, no_model, overloaded, permanent, quota, rate_limit, too_large, unknown, unsafe
from sparekey.types import Credential, ErrorClass, Failure, Scope


def fail_first(play, failure, dice=0.5):
    """One request whose first attempt fails; the others serve it."""
    return play.start().fail(failure, dice).succeed()


@pytest.mark.parametrize(
    ("failure", "first", "growth"),
    [
        (auth(), 600, [1200, 2400, 3600, 3600]),
        (quota(), 600, [1200, 2400, 3600, 3600]),
        (no_model(), 600, [1200, 2400, 4800, 9600, 19200, 38400, 43200, 43200]),
        (rate_limit(), 5, [10, 20, 30, 30]),
        (overloaded(), 5, [10, 20, 30, 30]),
        (unknown(evidence=CERTAIN), 5, [10, 20, 40, 80, 160, 300, 300]),
    ],
    ids=lambda f: f.error_class.value if isinstance(f, Failure) else None,
)
def test_first_park_growth_and_cap(clock, failure, first, growth):
    """The first park of what is certain, and those after each probe that fails, up to the cap."""
    play = Play(2, clock, failback_timeout_seconds=1e9, failback_request_count=10**9)
    play.ill[0] = failure
    for length in [first, *growth]:
        assert play.call().served == 1
        assert play.returns_in(0) == pytest.approx(length)
        clock.advance(length)


@pytest.mark.parametrize(("dice", "low"), [(0.0, 8.0), (0.999, 12.0)])
def test_transient_parks_are_spread(clock, dice, low):
    """A fifth either way from the second on, so that the clients of one provider do not return in step."""
    play = Play(2, clock)
    fail_first(play, overloaded())
    clock.advance(5)
    fail_first(play, overloaded(), dice)
    assert play.returns_in(0) == pytest.approx(low, abs=0.01)


def test_recovery_forgets_the_growth(clock):
    """After a success the next park is a first one again."""
    play = Play(2, clock)
    play.ill[0] = overloaded()
    play.call()
    clock.advance(5)
    play.call()
    clock.advance(10)
    play.ill.clear()
    assert play.call().served == 0
    play.ill[0] = overloaded()
    play.call()
    assert play.returns_in(0) == pytest.approx(5)


def test_another_cause_starts_the_growth_anew(clock):
    """Three overloads say nothing about a revoked key."""
    play = Play(2, clock)
    play.ill[0] = rate_limit()
    play.call()
    clock.advance(5)
    play.call()
    clock.advance(10)
    play.ill[0] = auth()
    play.call()
    assert play.returns_in(0) == pytest.approx(600)


@pytest.mark.parametrize("failure", [rate_limit(30), overloaded(30), quota(30), unknown(30)], ids=lambda f: f.error_class.value)
def test_a_stated_wait_takes_the_place_of_the_tables(clock, failure):
    """What the provider says counts for rate limits, overload, quota and unknown causes, and is firm: it is certain."""
    play = Play(2, clock)
    fail_first(play, failure)
    assert play.returns_in(0) == 30
    assert (play.parked(0), play.state.breakers["credential:k0"].stated) == ("firmly", True)


@pytest.mark.parametrize("failure", [auth(retry_after=30), no_model(retry_after=30)], ids=lambda f: f.error_class.value)
def test_a_stated_wait_says_nothing_about_keys_and_models(clock, failure):
    """A revoked key does not come back in 30 s because a proxy says so."""
    play = Play(2, clock)
    fail_first(play, failure)
    assert play.returns_in(0) == 600
    assert not any(g.stated for g in play.state.breakers.values())


@pytest.mark.parametrize("nonsense", [0, -5, math.nan, math.inf, None])
def test_nonsense_does_not_switch_parking_off(clock, nonsense):
    """K18: a wait of nothing parks as the table says."""
    play = Play(2, clock)
    fail_first(play, rate_limit(nonsense))
    assert play.returns_in(0) == pytest.approx(5)


def test_a_long_stated_wait_parks_without_making_anybody_wait(clock):
    """K18, K05: the caller goes on at once, the credential returns through one probe."""
    play = Play(2, clock)
    request = fail_first(play, rate_limit(100))
    assert (request.served, request.pauses) == (1, [])
    clock.advance(99.9)
    assert play.call().sent == [1]
    clock.advance(0.1)
    probe, other = play.start(), play.start()
    assert (probe.index, other.index) == (0, 1)
    probe.succeed()
    assert play.call().sent == [0]


@pytest.mark.parametrize("failure", [permanent(), unsafe(), too_large()], ids=lambda f: f.error_class.value)
def test_a_requests_own_fault_parks_nothing(clock, failure):
    """K12: a hundred malformed requests leave the state as it was."""
    play = Play(2, clock)
    before = play.state
    for _ in range(100):
        request = play.start().fail(failure)
        assert (request.sent, request.error.failure) == ([0], failure)
    assert play.state is before


@pytest.mark.parametrize("scope", [Scope.REQUEST, Scope.EGRESS])
@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT, ErrorClass.AUTH, ErrorClass.UNKNOWN])
def test_a_scope_of_ours_parks_nothing(clock, scope, error_class):
    """Our own pool limits and the request's own faults move on, and blame nobody."""
    play = Play(2, clock)
    assert fail_first(play, Failure(error_class, scope=scope)).served == 1
    assert not play.state.breakers


TEAM = (
    Credential("a1", model="m", account="team", endpoint="https://one"),
    Credential("a2", model="m", account="team", endpoint="https://two"),
    Credential("b", model="m", account="other", endpoint="https://one"),
)


def phases(play):
    return [play.phase(i) for i in range(len(play.pool))]


def test_one_failure_parks_a_whole_account(clock):
    """K10: two keys of one account, its quota is gone."""
    play = Play(TEAM, clock)
    request = fail_first(play, quota())
    assert request.sent == [0, 2]
    assert phases(play) == ["PARKED", "PARKED", "CLOSED"]


def test_one_failure_parks_a_whole_endpoint(clock):
    """Overload is the server's: every key for it waits."""
    play = Play(TEAM, clock)
    request = fail_first(play, overloaded())
    assert request.sent == [0, 1]
    assert phases(play) == ["PARKED", "CLOSED", "PARKED"]


def test_an_endpoint_is_told_apart_by_model(clock):
    """One model's overload is not another's."""
    pair = (Credential("a", model="m", endpoint="https://one"), Credential("b", model="n", endpoint="https://one"))
    play = Play(pair, clock, retry_same=False)
    fail_first(play, overloaded())
    assert phases(play) == ["PARKED", "CLOSED"]


def test_one_failure_parks_a_credential_only(clock):
    """A rate limit or a bad key is that key's."""
    play = Play(TEAM, clock)
    request = fail_first(play, rate_limit())
    assert request.sent == [0, 1]
    assert phases(play) == ["PARKED", "CLOSED", "CLOSED"]


def test_a_missing_model_parks_that_model_of_that_key(clock):
    """K11: key A lacks the model and is passed over for it; the breaker that holds it is A's for this model alone."""
    play = Play(TEAM, clock)
    assert fail_first(play, Failure(ErrorClass.MODEL_NOT_FOUND, scope=Scope.ACCOUNT)).served == 1
    assert set(play.state.breakers) == {"model:a1 m"}
    assert phases(play) == ["PARKED", "CLOSED", "CLOSED"]


@pytest.mark.parametrize("scope", [Scope.CREDENTIAL, Scope.UNKNOWN, Scope.ACCOUNT, Scope.ENDPOINT])
def test_who_names_no_account_and_no_endpoint_has_its_own(clock, scope):
    """One failure of an anonymous credential holds nobody else."""
    play = Play(names(3), clock)
    fail_first(play, Failure(ErrorClass.TRANSIENT, scope=scope))
    assert set(play.state.breakers) == {"credential:k0"}
    assert phases(play) == ["PARKED", "CLOSED", "CLOSED"]


def test_a_recovered_account_still_owes_a_probe_for_each_key(clock):
    """Another key of the account got through: this one is tried by one single request before it is trusted."""
    play = Play(TEAM, clock)
    fail_first(play, quota())
    clock.advance(600)
    assert play.call().sent == [1]
    assert phases(play) == ["DUE", "CLOSED", "CLOSED"]
    probe, other = play.start(), play.start()
    assert (probe.index, other.index) == (0, 1)


def test_one_probe_for_a_whole_account(clock):
    """While a key of the account probes, the account's other keys are probed by nobody."""
    play = Play(TEAM, clock)
    fail_first(play, quota())
    clock.advance(600)
    probe = play.start()
    assert probe.index == 1
    assert phases(play) == ["PROBING", "PROBING", "CLOSED"]
    assert play.start().index == 2


def test_a_second_failure_of_the_same_moment_parks_no_longer(clock):
    """Both were sent before the first park: the later result is stale."""
    play = Play(2, clock)
    first, second = play.start(), play.start()
    first.fail(auth())
    second.fail(auth())
    assert play.state.breakers["credential:k0"].level == 1
    assert play.returns_in(0) == 600


def test_a_newer_end_never_shortens_an_older_one(clock):
    """K18: a rescue that meets an overload leaves the hour for the bad key as it is, with its cause."""
    play = Play(2, clock)
    play.ill = {0: auth(), 1: auth()}
    play.call()
    clock.advance(10)
    play.ill = {0: rate_limit(), 1: rate_limit()}
    assert play.call().sent == [0, 1]
    assert play.returns_in(0) == pytest.approx(590, abs=1)
    assert play.state.breakers["credential:k0"].cause is ErrorClass.AUTH


def test_a_failed_rescue_lets_no_park_grow(clock):
    """Trying a parked chain every 5 s does not park it for an hour."""
    play = Play(2, clock)
    play.ill = {0: auth(), 1: auth()}
    for _ in range(10):
        play.call()
        clock.advance(5)
    assert play.returns_in(0) <= 600
    assert play.returns_in(1) <= 600
