"""What one request may cost: calls, retries, waiting, and patience with our own network (DESIGN.md 3.6 to 3.8)."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from chain_play import (
    LIKELY,
    POSSIBLE,
    Play,
    Traffic,
    auth,
    blank,
    models,
    names,
    overloaded,
    permanent,
    quota,
    rate_limit,
    refusal,
    silent,
    too_large,
    unknown,
    unreached,
)
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, Secret

SIZES = pytest.mark.parametrize("n", [2, 3, 15])
ANY = [
    overloaded(),
    rate_limit(),
    refusal(),
    unknown(),
    auth(),
    quota(),
    silent(),
    blank(),
    overloaded(1),
    rate_limit(1),
    refusal("", POSSIBLE),
]


def host(n, url="https://one", model="m"):
    """Credentials at one host."""
    return [Credential(f"{model}{i}", model=model, account=f"{model}{i}", endpoint=url) for i in range(n)]


# ── calls of one request ──


@SIZES
@pytest.mark.parametrize("failure", ANY, ids=lambda f: f"{f.error_class} {f.evidence} {f.retry_after}")
def test_one_call_a_credential_and_round_and_two_rounds(clock, n, failure):
    """3.6: whatever they say."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), failure)
    for _ in range(5):
        calls = Counter(play.call().sent)
        assert max(calls.values(), default=0) <= 2
        clock.advance(3)


@SIZES
@pytest.mark.parametrize("failure", [overloaded(), overloaded(status=503), overloaded(1)], ids=["overloaded", "503", "stated"])
def test_a_host_that_is_overloaded_is_called_twice_at_most(clock, n, failure):
    """3.6: by one request, with however many keys, retries and rounds."""
    play = Play(host(n), clock)
    play.ill = dict.fromkeys(range(n), failure)
    for _ in range(10):
        assert len(play.call().sent) <= 2
        clock.advance(7)


@SIZES
def test_an_overloaded_host_keeps_nobody_from_another_one(clock, n):
    """3.6: after two calls the request moves on to another host."""
    play = Play([*host(n), Credential("other", model="m", endpoint="https://two")], clock)
    play.ill = dict.fromkeys(range(n), overloaded())
    for _ in range(20):
        request = play.call()
        assert request.served == n
        assert len(request.sent) <= 3
        clock.advance(3)


@SIZES
def test_a_host_that_cannot_be_reached_is_called_once(clock, n):
    """3.6: with another key it is no nearer."""
    play = Play([*host(n), Credential("other", model="m", endpoint="https://two")], clock)
    play.ill = dict.fromkeys(range(n), unreached())
    assert play.call().sent == [0, n]


def test_other_faults_of_a_host_do_not_count(clock):
    """3.6: keys that it refuses, one after the other, are asked all."""
    play = Play(host(15), clock)
    play.ill = dict.fromkeys(range(14), refusal())
    assert play.call().served == 14


@pytest.mark.parametrize("took", [0.02, 0.5])
def test_fifteen_keys_at_one_overloaded_host(clock, took):
    """P04: 64 requests at once: at most 17 calls a request; in all at most 20 % more calls than requests after the first two."""
    play = Play(host(15), clock)
    play.ill = dict.fromkeys(range(15), overloaded())
    traffic = Traffic(play, took=took)
    for i in range(64):
        traffic.at(0.0, f"request {i}")
    log = traffic.run()
    assert max(len(r.sent) for r in log) <= 17
    assert len(traffic.calls) <= 64 * 1.2 + 2 + 10, "with the burst of ten"


def test_retries_are_a_fifth_of_the_calls(clock):
    """3.6: over ten seconds, after a burst of ten: two hosts, everything overloaded, twenty requests a second."""
    play = Play([*host(3), *host(3, "https://two", "m2")], clock)
    play.ill = dict.fromkeys(range(6), overloaded())
    traffic = Traffic(play, took=0.02).every(0.05, 400, "request")
    log = traffic.run()
    retries = 0
    for request in log:
        hosts = [play.pool.credentials[i].endpoint for i in request.sent]
        retries += len(hosts) - len(set(hosts))
    assert retries <= 10 + 0.2 * len(traffic.calls)


def test_moving_on_is_no_retry(clock):
    """3.6: a hundred requests in a row that find the first two dead in words of their own go on to the third."""
    play = Play(3, clock, retry_share=0.0, retry_burst=0.0)
    play.ill = {0: refusal(), 1: rate_limit()}
    for i in range(100):
        assert play.call(request=f"request {i}").served == 2
        clock.advance(0.5)


def test_without_a_budget_nobody_is_called_twice(clock):
    """3.6: retries are paid from it, second tries and second rounds alike."""
    play = Play(models("m", "n"), clock, retry_share=0.0, retry_burst=0.0)
    play.ill = {0: overloaded(), 1: overloaded()}
    assert play.call().sent == [0, 1]


@SIZES
def test_silence_is_asked_once(clock, n):
    """S06: in whatever round."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), silent())
    assert play.call().sent == [*range(n)]


def test_two_credentials_with_one_key_count_as_one(clock):
    """P07: what the first is refused, the second is not asked."""
    key = Secret("sk-0123456789abcdef")
    pair = [Credential(i, model="m", api_key=key, endpoint="https://one") for i in "ab"]
    play = Play([*pair, Credential("c", model="m")], clock)
    play.ill = {0: auth(), 1: auth()}
    assert play.call().sent == [0, 2]
    assert play.phases() == ["PARKED", "PARKED", "CLOSED"]


@pytest.mark.parametrize("failure", [refusal(), quota(evidence=LIKELY)], ids=lambda f: f.error_class)
def test_a_twins_success_is_the_others(clock, failure):
    """P07: they stand and fall together."""
    key = Secret("sk-0123456789abcdef")
    play = Play([Credential(i, model="m", api_key=key, endpoint="https://one") for i in "ab"], clock)
    play.ill = {0: failure, 1: failure}
    play.call()
    play.ill = {}
    assert play.call().served == 0
    assert play.phases() == ["CLOSED", "CLOSED"]


# ── a herd ──


@pytest.mark.parametrize("n", [3, 15])
@pytest.mark.parametrize("words", ["one wording", "words of their own", "certain"])
def test_a_herd_asks_the_dead_few_times(clock, n, words):
    """P16: 64 requests at once with all but the last dead (896 wasted calls without it)."""
    play = Play(n, clock)
    death = {"one wording": lambda i: refusal(), "words of their own": lambda i: refusal(f"words {i}"), "certain": lambda i: auth()}[words]
    play.ill = {i: death(i) for i in range(n - 1)}
    traffic = Traffic(play, took=lambda index, request, failure: 0.03 if failure else 2.0)
    for i in range(64):
        traffic.at(0.0, f"request {i}")
    log = traffic.run()
    assert not [r for r in log if r.error]
    assert traffic.calls_to(*range(n - 1)) <= 150
    assert max(r.ended for r in log) - min(r.ended for r in log) <= 0.3


@pytest.mark.parametrize("took", [0.001, 0.05, 0.16, 0.3, 0.5])
@pytest.mark.parametrize("keys", [3, 15])
def test_a_herd_spreads_where_refusals_are_slow(clock, keys, took):
    """P16: however long a dead key takes to refuse, 64 requests at once make at most 150 calls to the dead ones, and all are served."""
    play = Play(keys, clock)
    play.ill = {i: refusal() for i in range(keys - 1)}
    traffic = Traffic(play, took=lambda index, request, failure: took if failure else 2.0)
    for i in range(64):
        traffic.at(0.0, f"request {i}")
    log = traffic.run()
    assert not [r for r in log if r.error]
    assert traffic.calls_to(*range(keys - 1)) <= 150
    assert play.active == keys - 1


@pytest.mark.parametrize("failure", [refusal(), refusal("", POSSIBLE), auth(), rate_limit()], ids=lambda f: f"{f.error_class} {f.evidence}")
@SIZES
def test_nobody_waits_longer_than_a_quarter_of_a_second_for_others(clock, n, failure):
    """3.6: in all, whatever they find out, and though everybody refuses."""
    play = Play(n, clock, max_retries=0, retry_same=False)
    play.ill = dict.fromkeys(range(n), failure)
    traffic = Traffic(play, took=0.02).every(0.05, 40, "request")
    log = traffic.run()
    assert max(sum(r.pauses) for r in log) <= 0.27 + 1e-9, "it looks again each fiftieth of a second"


@SIZES
def test_a_slow_scout_keeps_nobody(clock, n):
    """3.6: it may be about to answer: after a quarter of a second the others ask for themselves."""
    play = Play(n, clock)
    play.start({0}).fail(auth())
    traffic = Traffic(play, took=30.0)
    for i in range(20):
        traffic.at(0.0, f"request {i}")
    log = traffic.run()
    assert not [r for r in log if r.error]
    assert max(r.ended for r in log) <= 1030.25 + 1e-9


def test_where_everybody_is_well_nobody_waits(clock):
    """3.6: only a dead one is found out about."""
    play = Play(3, clock)
    traffic = Traffic(play, took=1.0)
    for i in range(64):
        traffic.at(0.0, f"request {i}")
    assert {r.ended for r in traffic.run()} == {1001.0}


# ── a stated second (H08) ──


@pytest.mark.parametrize("failure", [rate_limit(1), overloaded(1), overloaded()], ids=lambda f: f"{f.reason} {f.retry_after}")
@SIZES
def test_a_spare_of_the_same_model_answers_at_once(clock, n, failure):
    """H08: nobody waits, and the first one gets nothing for that second."""
    play = Play(n, clock)
    play.ill = {0: failure}
    traffic = Traffic(play, took=0.01)
    traffic.at(0.0).at(0.5).at(0.9)
    log = traffic.run()
    assert [r.served for r in log] == [1, 1, 1]
    assert not [p for r in log for p in r.pauses]
    assert traffic.calls_to(0) == 1


def test_a_host_that_answers_503_after_eight_seconds(clock):
    """H11: for 20 minutes, one request each 10 s: few callers pay for it."""
    play = Play(2, clock)
    play.ill = {0: overloaded()}
    paid, end = 0, clock() + 1200
    while clock() < end:
        began = clock()
        request = play.start()
        while not request.over:
            failed = request.index == 0
            clock.advance(8 if failed else 0.5)
            request.fail(overloaded()) if failed else request.succeed()
        paid += clock() - began > 5
        clock.now = max(clock(), began + 10)
    assert paid <= 60, "with a park as long as what it cost (DESIGN.md 4.5) at most 12"


# ── our own network (DESIGN.md 3.7, H10, K09) ──


def down(play):
    play.ill = dict.fromkeys(range(len(play.pool)), unreached())


@SIZES
def test_a_short_loss_of_the_network_is_waited_out(clock, n):
    """H10: down for 5 s: nobody fails, nobody is parked."""
    play = Play(n, clock)
    down(play)
    traffic = Traffic(play, took=0.01).every(0.5, 20, "request").at(5.0, change=play.ill.clear)
    log = traffic.run()
    assert not [r for r in log if r.error]
    assert play.phases() == ["CLOSED"] * n
    assert max(r.ended for r in log if r.began <= 1005) <= 1006.5


@SIZES
def test_a_long_loss_of_the_network_is_told_within_twelve_seconds(clock, n):
    """H10: for ever; nobody is parked, and the state is as it was."""
    play = Play(n, clock)
    before = play.state
    down(play)
    traffic = Traffic(play, took=0.01).every(1.0, 30, "request")
    log = traffic.run()
    assert max(r.ended - r.began for r in log) <= 12
    assert all(isinstance(r.error, AllCredentialsFailedError) for r in log)
    assert play.state is before


@SIZES
def test_one_connect_a_second_and_host(clock, n):
    """H10: of all requests together, while the network is away."""
    play = Play(n, clock)
    down(play)
    traffic = Traffic(play, took=0.001).every(0.1, 200, "request")
    traffic.run()
    times = defaultdict(list)
    for at, index, _ in traffic.calls:
        if at >= 1001.0:
            times[index].append(at)
    for found in times.values():
        assert all(b - a >= 0.98 for a, b in pairwise(found))


def test_patience_with_the_network_ends_at_the_deadline(clock):
    """3.7: within what the caller has."""
    play = Play(2, clock, deadline=3)
    down(play)
    request = play.call()
    assert clock() - 1000 <= 3
    assert request.error is not None


def test_patience_with_the_network_is_a_knob(clock):
    """0: the caller hears at once."""
    play = Play(2, clock, egress_patience=0)
    down(play)
    request = play.call()
    assert (request.sent, request.pauses) == ([0, 1], [])


@SIZES
def test_the_network_is_back(clock, n):
    """K09: the active one stays, and it serves as soon as the network is back."""
    play = Play(n, clock)
    down(play)
    play.call()
    play.ill = {}
    assert [play.call().served for _ in range(3)] == [0, 0, 0]


def test_one_that_cannot_be_reached_is_parked_when_another_answers(clock):
    """3.7: then the network works, and the fault is that endpoint's."""
    play = Play(2, clock)
    play.ill = {0: unreached()}
    assert play.call().served == 1
    assert (play.returns_in(0), play.parked(0)) == (pytest.approx(5), "softly")


@pytest.mark.parametrize("answer", [overloaded(), rate_limit(), auth(), silent(), unknown(), refusal(), permanent(), too_large()])
def test_any_answer_shows_that_the_network_works(clock, answer):
    """3.7: an error page is an answer."""
    play = Play(models("m", "n"), clock)
    play.ill = {0: unreached(), 1: answer}
    play.call()
    assert play.phase(0) == "PARKED"


def test_an_unreached_one_is_parked_once_for_a_request(clock):
    """Two rounds that do not reach it: one park, not two."""
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


def test_a_credential_that_waits_for_a_stated_time_was_reached(clock):
    """3.7: then the network is not away; only the other one is."""
    play = Play(2, clock)
    play.start({0}).fail(rate_limit(100))
    play.ill = {1: unreached()}
    request = play.call()
    assert request.error is not None
    assert clock() - 1000 <= 3


def test_names_are_what_they_say(clock):
    """A chain of these tests has an account and an endpoint for each."""
    assert len(set(Play(names(3), clock).pool.guards)) == 3
