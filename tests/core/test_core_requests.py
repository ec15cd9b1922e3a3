"""Whom a failure blames when a request knows more than one: fail fast, oversized input, weak evidence, egress."""

from dataclasses import replace

import pytest

from chain_play import Play, auth, names, overloaded, permanent, quota, rate_limit, silent, too_large, unknown, unreached, unsafe
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, ErrorClass, Evidence, Scope


def models(*names):
    return [Credential(f"c{i}", model=m) for i, m in enumerate(names)]


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
    assert (request.sent, request.error.failure) == ([0, 1], too_large())
    assert play.phase(1) == "PARKED"


def test_oversized_input_at_the_second_ends_the_walk_for_that_model(clock):
    """The model that refused counts, not the place in the chain."""
    play = Play(models("small", "small", "small"), clock)
    play.ill = {0: auth(), 1: too_large()}
    assert play.call().sent == [0, 1]


# ── weak evidence ──


def test_a_weak_text_parks_for_five_seconds(clock):
    """The next credential serves: then the first was at fault, but a request's words could have made the text."""
    play = Play(2, clock)
    play.ill = {0: weak()}
    assert play.call().served == 1
    assert play.returns_in(0) == 5


def test_a_weak_text_never_parks_for_longer_than_its_class(clock):
    """A transient park of 4 s stays one of 4 s."""
    play = Play(2, clock)
    play.start().fail(weak(ErrorClass.TRANSIENT), dice=0.0).succeed()
    assert play.returns_in(0) == 4


def test_a_weak_text_states_no_wait(clock):
    """A wait in a quoted text is quoted, too."""
    play = Play(2, clock)
    failure = weak()
    play.start().fail(type(failure)(failure.error_class, retry_after=9000, evidence=failure.evidence, fingerprint="x")).succeed()
    assert play.returns_in(0) == 5
    assert not play.state.breakers["credential:k0"].stated


def test_another_request_confirms_a_weak_text(clock):
    """The probe after 5 s meets the same: now the first real park follows, and it grows like any other."""
    play = Play(2, clock)
    play.ill = {0: weak()}
    lengths = []
    for _ in range(3):
        play.call()
        lengths.append(play.returns_in(0))
        clock.advance(play.returns_in(0))
    assert lengths == [5, 600, 1200]


def test_a_success_forgets_a_weak_text(clock):
    """Between two weak texts the credential served: neither confirms the other."""
    play = Play(2, clock)
    play.ill = {0: weak()}
    play.call()
    clock.advance(5)
    play.ill = {}
    assert play.call().served == 0
    play.ill = {0: weak()}
    play.call()
    assert play.returns_in(0) == 5


def test_a_strong_verdict_after_a_weak_one_is_a_first_park(clock):
    """The weak park does not count in the growth."""
    play = Play(2, clock)
    play.ill = {0: weak()}
    play.call()
    clock.advance(5)
    play.ill = {0: quota()}
    play.call()
    assert play.returns_in(0) == 600


def test_the_same_weak_text_of_two_accounts_is_the_requests_fault(clock):
    """K16: two tries at most, the first provider's error, nothing parked, nothing moved."""
    play = Play(3, clock)
    before = play.state
    play.ill = dict.fromkeys(range(3), weak())
    for _ in range(100):
        request = play.call()
        assert request.sent == [0, 1]
        assert request.error.failure is play.ill[0]
    assert play.state is before
    play.ill = {}
    assert play.call().sent == [0]


def test_it_is_the_firsts_error_that_is_raised(clock):
    """Of the two alike, the one that came first."""
    play = Play(3, clock)
    first, second = weak(), weak()
    play.ill = {0: unreached(), 1: first, 2: second}
    assert play.call().error.failure is first
    assert (play.phase(0), play.phase(1)) == ("PARKED", "CLOSED")


def test_two_weak_texts_that_differ_park_both(clock):
    """Each provider gave its own reason: five seconds each."""
    play = Play(3, clock)
    play.ill = {0: weak(text="no balance"), 1: weak(text="bad key")}
    assert play.call().sent == [0, 1, 2]
    assert (play.returns_in(0), play.returns_in(1)) == (5, 5)


def test_weak_texts_without_words_are_not_alike(clock):
    """Two empty fingerprints say nothing."""
    play = Play(3, clock)
    play.ill = {0: weak(text=""), 1: weak(text="")}
    assert play.call().sent == [0, 1, 2]


def test_two_keys_of_one_account_do_not_contradict_each_other(clock):
    """The same weak text of one account's keys may well be the account's fault."""
    play = Play([Credential("a", account="t"), Credential("b", account="t"), Credential("c", account="u")], clock)
    play.ill = {0: weak(), 1: weak()}
    assert play.call().sent == [0, 1, 2]
    assert (play.returns_in(0), play.returns_in(1)) == (5, 5)


def test_a_strong_verdict_is_no_twin_of_a_weak_one(clock):
    """The same words with a code beside them are proof."""
    play = Play(3, clock)
    play.ill = {0: weak(), 1: quota(fingerprint="insufficient balance")}
    assert play.call().sent == [0, 1, 2]


def test_a_malformed_request_acquits_whom_a_weak_text_accused(clock):
    """The next provider says plainly that the request is at fault: the first one's text was the caller's own."""
    play = Play(2, clock)
    play.ill = {0: weak(), 1: permanent()}
    request = play.call()
    assert (request.sent, request.error.failure) == ([0, 1], permanent())
    assert play.phase(0) == "CLOSED"


def test_a_weak_text_that_nobody_contradicts_parks(clock):
    """The chain is exhausted: what was put off is settled."""
    play = Play(2, clock)
    play.ill = {0: weak(), 1: auth()}
    error = play.call().error
    assert isinstance(error, AllCredentialsFailedError)
    assert (play.returns_in(0), play.returns_in(1)) == (5, 600)
    assert error.retry_after == 5


def test_a_cancelled_request_settles_no_weak_text(clock):
    """Nobody is blamed for a request whose caller went away."""
    play = Play(3, clock)
    before = play.state
    play.start().fail(weak()).cancel()
    assert play.state is before


def test_a_weak_text_under_a_wider_scope_is_as_weak(clock):
    """Neither the account nor the key is parked for longer than 5 s."""
    play = Play([Credential("a", account="t"), Credential("b", account="u")], clock)
    play.ill = {0: weak(scope=Scope.ACCOUNT)}
    assert play.call().served == 1
    assert {g.until - clock() for g in play.state.breakers.values()} == {5}


# ── egress ──


def test_a_dead_network_parks_nobody(clock):
    """K09: every connect fails; nothing is parked, the active one stays, and it serves as soon as the network is back."""
    play = Play(3, clock)
    before = play.state
    play.ill = dict.fromkeys(range(3), unreached())
    for _ in range(3):
        request = play.call()
        assert request.sent == [0, 1, 2]
        assert len(request.error.errors) == 3
        assert request.error.retry_after is None
    assert play.state is before
    play.ill = {}
    assert play.call().sent == [0]


def test_a_weak_text_about_the_network_is_the_networks_fault(clock):
    """Nobody was reached, however it was read."""
    play = Play(2, clock)
    before = play.state
    play.ill = {0: unreached(evidence=Evidence.WEAK), 1: unreached(evidence=Evidence.WEAK)}
    play.call()
    assert play.state is before


def test_one_that_cannot_be_reached_is_parked_when_another_answers(clock):
    """Then the network works, and the fault is that endpoint's."""
    play = Play(2, clock)
    play.ill = {0: unreached()}
    assert play.call().served == 1
    assert play.returns_in(0) == pytest.approx(5)


@pytest.mark.parametrize("answer", [overloaded(), rate_limit(), auth(), silent(), unknown(), permanent(), too_large()])
def test_any_answer_shows_that_the_network_works(clock, answer):
    """An error page is an answer."""
    play = Play(models("m", "n"), clock)
    play.ill = {0: unreached(), 1: answer}
    play.call()
    assert play.phase(0) == "PARKED"


def test_an_unreached_one_is_parked_once_for_a_request(clock):
    """Two rounds that reach nobody and one that does: one park, not three."""
    play = Play(2, clock, max_retries=2)
    play.ill = {0: unreached(), 1: overloaded()}
    play.call()
    assert play.state.breakers["credential:k0"].level == 1


def test_a_cancelled_walk_parks_no_unreached_one(clock):
    """Whether the network was down was not found out."""
    play = Play(2, clock)
    before = play.state
    play.start().fail(unreached()).cancel()
    assert play.state is before


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
    before = play.state
    assert play.call(eligible={2}).served == 2
    assert play.state is before


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


# ── poison ──


def test_a_poisoned_wait_is_not_believed(clock):
    """A wait in words that the caller could have written parks nobody for longer than five seconds."""
    play = Play(2, clock)
    play.ill = {0: replace(weak(), retry_after=5000.0)}
    play.call()
    assert play.call(eligible={0}).error.retry_after <= 5


def test_poison_during_its_own_park_confirms_nothing(clock):
    """The same words again while the park lasts keep it short; after it, a request that fails so again confirms it."""
    play = Play([Credential("a", account="x"), Credential("b", account="x")], clock)
    play.ill = {0: weak(), 1: weak()}
    for _ in range(100):
        assert play.call().error.retry_after <= 5
    clock.advance(5)
    assert play.call().error.retry_after > 5


def test_poison_strands_nobody(clock):
    """K16: two providers word one caller's poison differently, both are parked briefly, and the next valid request is served at once."""
    play = Play(2, clock)
    for _ in range(100):
        play.ill = {0: weak(text="one wording"), 1: weak(text="another wording")}
        play.call()
    play.ill = {}
    assert play.call().served == 0
