"""What one request meets on its way: fail fast, oversized input, a chain that is exhausted, routing by capability."""

import pytest

from chain_play import Play, auth, models, names, overloaded, permanent, rate_limit, too_large, unsafe
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, ErrorClass, Scope

# ── the request is at fault ──


@pytest.mark.parametrize("failure", [permanent(), unsafe()], ids=lambda f: f.error_class.value)
def test_fail_fast(clock, failure):
    """S13, 3.7: exactly one try, no other credential, and the provider's own exception object."""
    play = Play(3, clock)
    request = play.start()
    request.fail(failure)
    assert (request.sent, request.over) == ([0], True)
    assert request.error.failure is failure


def test_fail_fast_after_a_failover(clock):
    """The dead key before it is parked all the same; the error is that of the request."""
    play = Play(3, clock)
    play.ill = {0: auth(), 1: permanent()}
    request = play.call()
    assert (request.sent, request.error.failure) == ([0, 1], permanent())
    assert (play.phase(0), play.phase(1), play.active) == ("PARKED", "CLOSED", 0)


# ── oversized input ──


def test_oversized_input_goes_to_another_model_only(clock):
    """S12: one try per model; who serves does not become active."""
    play = Play(models("small", "small", "large", "small"), clock)
    play.ill = {0: too_large(), 1: too_large(), 3: too_large()}
    request = play.call()
    assert (request.sent, request.served, play.active) == ([0, 2], 2, 0)
    assert not play.state.breakers


def test_oversized_input_for_every_model_is_the_original_error(clock):
    """S12: one try per model, and the first provider's own error."""
    play = Play(models("small", "large", "small", "large"), clock)
    first = too_large()
    play.ill = {0: first, 1: too_large(), 2: too_large(), 3: too_large()}
    request = play.call()
    assert request.sent == [0, 1]
    assert request.error.failure is first


def test_models_that_nobody_named_count_as_one(clock):
    """Two credentials of unknown models are taken for the same model: fail fast."""
    play = Play(models(None, None), clock)
    play.ill = {0: too_large()}
    assert play.call().sent == [0]


def test_oversized_input_and_a_broken_spare_is_the_original_error(clock):
    """The caller can act on the size, not on the spare."""
    play = Play(models("small", "large"), clock)
    play.ill = {0: too_large(), 1: overloaded()}
    request = play.call()
    assert (set(request.sent), request.error.failure) == ({0, 1}, too_large())
    assert play.phase(1) == "PARKED"


def test_one_accounts_limit_is_not_the_models(clock):
    """Section 2: too large for one organisation's tokens per minute: another account has room, another key of the first has not."""
    team = [Credential(f"c{i}", model="m", account=account) for i, account in enumerate(("a", "a", "b"))]
    play = Play(team, clock)
    play.ill = dict.fromkeys((0, 1), too_large(Scope.ACCOUNT))
    request = play.call()
    assert (request.sent, request.served, play.active) == ([0, 2], 2, 0)
    assert not play.state.breakers


def test_every_accounts_limit_is_the_original_error(clock):
    """The first provider's own: nobody has room."""
    play = Play(2, clock)
    first = too_large(Scope.ACCOUNT)
    play.ill = {0: first, 1: too_large(Scope.ACCOUNT)}
    request = play.call()
    assert (request.sent, request.error.failure) == ([0, 1], first)


def test_oversized_input_at_the_second_ends_the_walk_for_that_model(clock):
    """The model that refused counts, not the place in the chain."""
    play = Play(models("small", "small", "small"), clock)
    play.ill = {0: auth(), 1: too_large()}
    assert play.call().sent == [0, 1]


# ── all of them ──


def test_every_key_is_dead(clock):
    """K07: one error with as many causes, in the order tried. None stands in a traceback: they may hold a key."""
    play = Play(15, clock)
    play.ill = dict.fromkeys(range(15), auth())
    error = play.call().error
    assert isinstance(error, AllCredentialsFailedError)
    assert [e.credential_id for e in error.errors] == [f"k{i}" for i in range(15)]
    assert {e.error_class for e in error.errors} == {ErrorClass.AUTH}
    assert (error.__cause__, error.__context__) == (None, None)
    assert error.retry_after == 600


def test_every_key_is_rate_limited(clock):
    """K08: the error carries the soonest return, and nobody waited."""
    play = Play(3, clock)
    play.ill = {0: rate_limit(90), 1: rate_limit(30), 2: rate_limit(60)}
    request = play.call()
    assert (request.error.retry_after, request.pauses) == (30, [])


def test_a_chain_that_failed_stays_where_it_was(clock):
    """Nobody served: nobody becomes active."""
    play = Play(names(3), clock)
    play.ill = dict.fromkeys(range(3), overloaded())
    play.call()
    assert (play.active, play.state.term) == (0, 0)


# ── routing by capability ──


def test_only_the_eligible_are_tried(clock):
    """The others are not even mentioned in the error."""
    play = Play(4, clock)
    play.ill = {1: auth(), 3: auth()}
    request = play.call(eligible={1, 3})
    assert request.sent == [1, 3]
    assert [e.index for e in request.error.errors] == [1, 3]


def test_the_soonest_return_is_that_of_the_eligible(clock):
    """Another credential's return does not help this request."""
    play = Play(2, clock)
    play.start({0}).fail(rate_limit(10))
    play.ill = {1: auth()}
    assert play.call(eligible={1}).error.retry_after == 600


def test_a_request_that_the_active_one_cannot_serve_moves_nobody(clock):
    """A media call routed by capability does not change the active credential."""
    play = Play(3, clock)
    before = play.decisions
    assert play.call(eligible={2}).served == 2
    assert play.decisions == before


def test_a_request_that_the_active_one_could_serve_moves_it(clock):
    """It failed for a reason that concerns every request."""
    play = Play(3, clock)
    play.ill = {0: auth()}
    assert play.call(eligible={0, 2}).served == 2
    assert play.active == 2


def test_a_routed_request_probes_nothing_out_of_its_way(clock):
    """Whether a higher one has recovered is for the requests that it can serve."""
    play = Play(3, clock)
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    play.ill = {}
    assert play.call(eligible={1, 2}).sent == [1]
    assert play.call().sent == [0]


def test_nobody_is_eligible(clock):
    """An error without entries, at once."""
    request = Play(2, clock).call(eligible=set())
    assert (request.sent, request.error.errors, request.error.retry_after) == ([], [], None)


def test_traffic_steps_back_up_among_the_eligible_too(clock):
    """A chain that is only used for routed calls returns to the better one when its park has run out."""
    play = Play(3, clock)
    play.ill = {0: overloaded()}
    assert play.call(eligible={0, 1}).served == 1
    play.ill = {}
    clock.advance(10)
    assert play.call(eligible={0, 1}).served == 0
    assert play.active == 0


def test_a_routed_request_probes_nobody_outside(clock):
    """A higher credential that cannot serve the request is not probed by it."""
    play = Play(3, clock)
    play.ill = {0: overloaded()}
    play.call()
    clock.advance(10)
    assert play.call(eligible={1, 2}).sent == [1]
