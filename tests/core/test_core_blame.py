"""Whom a refusal blames: certain, likely and possible words, soft parks, and firm ones by several requests (DESIGN.md 3.1 to 3.3, 3.5)."""

import random

import pytest

from chain_play import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
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
    unknown,
    unreached,
    unsafe,
)
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, ErrorClass, Failure, Scope

SIZES = pytest.mark.parametrize("n", [2, 3, 15])
DOUBTFUL = [LIKELY, POSSIBLE]


def label(value):
    return f"{value.error_class} {value.evidence}" if isinstance(value, Failure) else None


# ── certain, likely, possible ──


@pytest.mark.parametrize("failure", [auth(), quota(), no_model()], ids=label)
def test_the_providers_own_code_parks_firmly_at_once(clock, failure):
    """3.1: it can mean nothing else."""
    play = Play(2, clock)
    play.ill = {0: failure}
    assert play.call().served == 1
    assert (play.parked(0), play.returns_in(0)) == ("firmly", 600)


@pytest.mark.parametrize("evidence", DOUBTFUL)
@pytest.mark.parametrize("make", [auth, quota, no_model, unknown], ids=lambda f: f.__name__)
def test_less_than_certainty_parks_softly_for_five_seconds(clock, make, evidence):
    """3.3: whatever the class says of the certain."""
    play = Play(2, clock)
    play.ill = {0: make(evidence=evidence)}
    assert play.call().served == 1
    assert (play.parked(0), play.returns_in(0)) == ("softly", 5)


@pytest.mark.parametrize("make", [rate_limit, overloaded], ids=lambda f: f.__name__)
def test_a_passing_fault_in_a_callers_words_parks_softly(clock, make):
    """3.1: "rate limit exceeded" may be quoted, too."""
    play = Play(2, clock)
    play.ill = {0: make(30, evidence=POSSIBLE, wait_is_certain=False)}
    assert play.call().served == 1
    assert (play.parked(0), play.returns_in(0)) == ("softly", 5)


@pytest.mark.parametrize("evidence", DOUBTFUL)
@pytest.mark.parametrize("make", [quota, rate_limit, overloaded, unknown], ids=lambda f: f.__name__)
def test_a_wait_in_a_header_is_certain_at_once(clock, make, evidence):
    """3.3: no caller's words stand there, whatever stands in the text."""
    play = Play(2, clock)
    play.ill = {0: make(1000.0, evidence=evidence)}
    assert play.call().served == 1
    assert (play.parked(0), play.returns_in(0)) == ("firmly", 1000)


@pytest.mark.parametrize("make", [quota, unknown], ids=lambda f: f.__name__)
def test_a_wait_that_may_be_quoted_is_not_believed(clock, make):
    """3.3: in a text that may repeat the request, so may the wait."""
    play = Play(2, clock)
    play.ill = {0: make(9000.0, evidence=POSSIBLE, wait_is_certain=False)}
    play.call()
    assert (play.parked(0), play.returns_in(0)) == ("softly", 5)
    assert play.call(eligible={0}).error.retry_after <= 5


def test_a_soft_park_never_takes_the_place_of_a_firm_one(clock):
    """3.3: a refusal behind a dead key shortens nothing."""
    play = Play(2, clock)
    first, second = play.start(), play.start()
    first.fail(auth()).succeed()
    second.fail(refusal()).succeed()
    assert (play.parked(0), play.returns_in(0)) == ("firmly", 600)


def test_a_refusal_of_the_account_parks_all_its_keys_softly(clock):
    """3.3: scope widens whom it may be about, not how much it proves."""
    play = Play([Credential("a", account="t"), Credential("b", account="t"), Credential("c", account="u")], clock)
    play.ill = {0: quota(evidence=LIKELY)}
    assert play.call().sent == [0, 2]
    assert [play.parked(i) for i in range(3)] == ["softly", "softly", ""]
    assert play.returns_in(1) == 5


def test_one_models_own_limit_parks_that_model_of_the_account(clock):
    """P09: another model of the same account goes on; the model is parked for all keys of the account."""
    team = [
        Credential("large 1", model="m-large", account="a"),
        Credential("large 2", model="m-large", account="a"),
        Credential("small", model="m-small", account="a"),
    ]
    play = Play(team, clock)
    play.ill = {0: quota(3600, one_model=True)}
    assert (play.call().sent, play.phases()) == ([0, 2], ["PARKED", "PARKED", "CLOSED"])


def test_one_models_limit_of_one_key_parks_nobody_else(clock):
    """P09: where the words name the key, not the account."""
    team = [Credential("a", model="m", account="t"), Credential("b", model="m", account="t"), Credential("c", model="n", account="t")]
    play = Play(team, clock)
    play.ill = {0: Failure(ErrorClass.QUOTA_EXCEEDED, "model_limit", Scope.CREDENTIAL, evidence=CERTAIN, one_model=True)}
    assert play.call().sent == [0, 1]
    assert play.phases() == ["PARKED", "CLOSED", "CLOSED"]


# ── everybody is asked (DESIGN.md 3.2) ──

DEATHS = [
    pytest.param(lambda i: refusal(), id="the same words"),
    pytest.param(lambda i: refusal(f"words {i}"), id="words of their own"),
    pytest.param(lambda i: refusal("", POSSIBLE, ErrorClass.UNKNOWN, status=400), id="no words"),
    pytest.param(lambda i: quota(evidence=POSSIBLE, status=400, fingerprint="insufficient balance"), id="under 400"),
    pytest.param(lambda i: no_model(POSSIBLE, status=404), id="no model"),
    pytest.param(
        lambda i: [auth(), quota(), refusal(), overloaded(), unknown(), silent(), unreached(), no_model()][i % 8], id="of all kinds"
    ),
]


@SIZES
@pytest.mark.parametrize("death", DEATHS)
def test_a_healthy_one_is_reached_however_the_others_word_their_death(clock, n, death):
    """3.2: all but the last are dead, and every request is served."""
    play = Play(n, clock)
    play.ill = {i: death(i) for i in range(n - 1)}
    for _ in range(50):
        assert play.call().served == n - 1
        clock.advance(1)


@SIZES
@pytest.mark.parametrize("failure", [permanent(), unsafe()], ids=label)
def test_what_is_certainly_the_requests_ends_the_walk(clock, n, failure):
    """3.2: and whoever refused it before is parked softly for it."""
    play = Play(n, clock)
    play.ill = {0: refusal(), 1: failure}
    request = play.call()
    assert (request.sent, request.error.failure) == ([0, 1], failure)
    assert play.parked(0) in ("softly", "")
    assert play.parked(1) == ""


@SIZES
def test_a_400_that_says_nothing_is_shown_to_one_more(clock, n):
    """3.2: the caller gets the first answer, unless the other one serves."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), blank())
    request = play.call()
    assert (request.sent, request.error.failure) == ([0, 1], play.ill[0])
    play = Play(n, clock)
    play.ill = {0: blank()}
    assert (play.call().served, play.parked(0)) == (1, "softly")


@pytest.mark.parametrize("other", [refusal(), auth(), overloaded(), permanent(), unknown(), silent()], ids=label)
def test_the_caller_gets_the_400_whatever_the_other_one_says(clock, other):
    """3.2: it was the first answer."""
    play = Play(3, clock)
    play.ill = {0: blank(), 1: other, 2: other}
    request = play.call()
    assert request.error.failure in (blank(), permanent())
    assert len(request.sent) == 2


# ── firm by several requests (DESIGN.md 3.3) ──


def refused(play, times, every=5.0, request=None, index=0):
    """Requests that one credential refuses and another one serves, five seconds apart."""
    play.ill[index] = refusal()
    for i in range(times):
        play.clock.advance(every if i else 0)
        assert play.call(request=request).served is not None


@SIZES
def test_three_different_requests_that_another_one_served_park_firmly(clock, n):
    """3.3: two do not."""
    play = Play(n, clock)
    refused(play, 2)
    assert (play.parked(0), play.returns_in(0)) == ("softly", 5)
    clock.advance(5)
    play.call()
    assert (play.parked(0), play.returns_in(0)) == ("firmly", 600)
    assert [play.parked(i) for i in range(1, n)] == [""] * (n - 1)


@SIZES
def test_one_request_that_comes_again_and_again_is_one(clock, n):
    """3.3: a caller who repeats himself proves nothing new."""
    play = Play(n, clock)
    refused(play, 100, request="the same")
    assert (play.parked(0), play.returns_in(0)) == ("softly", 5)


def test_a_firm_park_by_several_requests_grows_as_the_table_says(clock):
    """3.3: after it a single probe shows that nothing has changed."""
    play = Play(2, clock, failback_timeout_seconds=1e9)
    refused(play, 3)
    lengths = []
    for _ in range(4):
        lengths.append(play.returns_in(0))
        clock.advance(play.returns_in(0))
        assert play.call().sent == [0, 1]
    assert lengths == [600, 1200, 2400, 3600]


@SIZES
def test_a_success_of_its_own_in_between_starts_the_count_anew(clock, n):
    """3.3: it may refuse what some callers send, and serve the rest."""
    play = Play(n, clock)
    for round_ in range(10):
        refused(play, 2)
        clock.advance(5)
        play.ill = {}
        assert play.call().served == 0, round_
    assert play.parked(0) == ""


@SIZES
def test_what_everybody_refused_counts_against_nobody(clock, n):
    """3.3: a hundred requests that all refuse, each another one."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), refusal())
    for _ in range(100):
        assert play.call().error is not None
        clock.advance(5)
        assert "firmly" not in [play.parked(i) for i in range(n)]
    play.ill = {}
    assert play.call().served == 0


def test_a_success_that_began_before_the_refusal_clears_nothing(clock):
    """3.3: slow answers of before its death prove nothing (P14)."""
    play = Play(2, clock)
    slow = play.start()
    refused(play, 2)
    slow.succeed()
    assert play.parked(0) == "softly"
    clock.advance(5)
    play.call()
    assert play.parked(0) == "firmly"


def test_a_success_that_began_after_the_refusal_clears_it(clock):
    """3.3: asked at once, since the ring had nobody else."""
    play = Play(2, clock)
    play.ill = {0: refusal(), 1: refusal()}
    play.call()
    assert [play.parked(i) for i in range(2)] == ["softly", "softly"]
    play.ill = {}
    assert play.call().served == 0
    assert [play.parked(i) for i in range(2)] == ["", "softly"]


def test_certain_evidence_needs_no_second_request(clock):
    """3.3: after two refusals in doubtful words the provider's code comes: the first firm park of its class."""
    play = Play(2, clock)
    refused(play, 2)
    clock.advance(5)
    play.ill = {0: auth()}
    play.call()
    assert (play.parked(0), play.returns_in(0)) == ("firmly", 600)


def test_requests_of_one_moment_do_not_park_firmly(clock):
    """3.3: what came before anybody knew of the refusal may be of one kind: they have to span a soft park."""
    play = Play(2, clock)
    herd = [play.start() for _ in range(10)]
    for request in herd:
        request.fail(refusal())
    for request in herd:
        if not request.over:
            request.succeed()
    assert play.parked(0) == "softly"


def test_a_firm_park_is_for_whom_the_words_blame(clock):
    """3.3: whoever shares the account of the one that served is not parked with it."""
    play = Play([Credential("a", account="t"), Credential("b", account="t")], clock)
    play.ill = {0: quota(evidence=LIKELY)}
    for _ in range(10):
        assert play.call().served is not None
        clock.advance(5)
    assert play.parked(1) == ""


# ── shapes: who refuses what one kind of request uses may serve the others ──


def test_a_soft_park_is_for_requests_of_its_shape(clock):
    """P17: a key without tools serves those who use none, at once."""
    play = Play(2, clock)
    play.ill = {0: lambda request: refusal() if b"tools" in request else None}
    assert play.call(request=body("a", tools=[1])).served == 1
    assert play.call(request=body("b", tools=[1])).sent == [1]
    assert play.call(request=body("c")).served in (0, 1)
    assert play.parked(0) in ("softly", "")


@SIZES
def test_mixed_callers_are_each_served_by_those_that_do(clock, n):
    """P17: some keys do not take tools, others no pictures: nobody is firmly parked for the others' sake."""
    play = Play(n, clock)
    play.ill = {i: lambda request: refusal("no tools") if b"tools" in request else None for i in range(n - 1)}
    play.ill[n - 1] = lambda request: refusal("no pictures") if b"pictures" in request else None
    for i in range(200):
        uses = {"tools": {"tools": [i]}, "pictures": {"pictures": [i]}, "": {}}[("tools", "pictures", "")[i % 3]]
        assert play.call(request=body(f"request {i}", **uses)).error is None
        clock.advance(0.5)
        assert "firmly" not in [play.parked(k, body("plain")) for k in range(n)], i
        assert "firmly" not in [play.parked(k, body("picture", pictures=[1])) for k in range(n - 1)], i
        assert play.parked(n - 1, body("tool", tools=[1])) != "firmly", i


def test_doubtful_words_open_no_certain_park_for_other_shapes(clock):
    """3.3: a key that is certainly dead is dead for requests of every shape, whatever it answers to a rescue."""
    play = Play(2, clock)
    play.ill = {0: auth(), 1: auth()}
    play.call(request=body("a"))
    clock.advance(5)
    play.ill = {0: refusal(), 1: auth()}
    assert sorted(play.call(request=body("b", tools=[1])).sent) == [0, 1]
    clock.advance(1)
    assert play.call(request=body("c")).sent == []
    assert play.parked(0, body("c")) == "firmly"


def test_a_passing_fault_is_for_requests_of_every_shape(clock):
    """3.3: a rate limit asks for no shape."""
    play = Play(2, clock)
    play.ill = {0: rate_limit()}
    play.call(request=body("a", tools=[1]))
    assert play.call(request=body("b")).sent == [1]


def test_a_dead_key_is_parked_for_everybody_after_a_few_shapes(clock):
    """3.3: four shapes that it refuses are enough to think that it refuses all."""
    play = Play(2, clock)
    play.ill = {0: refusal()}
    for i in range(4):
        play.call(request=body("a", **{f"use_{i}": 1}))
    assert play.call(request=body("a", another=1)).sent == [1]


# ── all refuse one request (DESIGN.md 3.5) ──


@SIZES
def test_all_that_refuse_are_an_exhausted_chain_with_one_entry_each(clock, n):
    """3.5: in the library."""
    play = Play(n, clock)
    play.ill = {i: refusal(f"words {i}") for i in range(n)}
    error = play.call().error
    assert isinstance(error, AllCredentialsFailedError)
    assert [e.index for e in error.errors] == [*range(n)]


@SIZES
@pytest.mark.parametrize("evidence", DOUBTFUL)
def test_the_same_uncertain_words_of_all_are_the_callers_answer(clock, n, evidence):
    """3.5: to clients over HTTP: the first refusal as the provider wrote it."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), refusal(evidence=evidence))
    error = play.call().error
    assert error.agreed.failure is play.ill[0]
    assert error.agreed is error.errors[0].exception


@SIZES
@pytest.mark.parametrize(
    "others",
    [refusal("other words"), auth(), quota(), refusal(status=401)],
    ids=["other words", "a certain key", "a certain quota", "a 401"],
)
def test_different_words_are_not_the_requests(clock, n, others):
    """3.5, K07: nor is anything certain among them, nor a 401."""
    play = Play(n, clock)
    play.ill = {**dict.fromkeys(range(n), others), 0: refusal(), **({0: others} if others.status == 401 else {})}
    error = play.call().error
    assert isinstance(error, AllCredentialsFailedError)
    assert error.agreed is None


@pytest.mark.parametrize(("accounts", "agreed"), [("ab", True), ("aa", False), ("a", False)])
def test_refusals_outrank_a_passing_fault_if_two_accounts_give_them(clock, accounts, agreed):
    """3.5: else it is passing: the one that is down might have served."""
    team = [Credential(f"c{i}", model="m", account=account) for i, account in enumerate(accounts)]
    play = Play([*team, Credential("down", model="m", account="z")], clock, max_retries=0, retry_same=False)
    play.ill = {**dict.fromkeys(range(len(team)), refusal()), len(team): overloaded()}
    assert (play.call().error.agreed is not None) is agreed


@SIZES
def test_nobody_is_firmly_parked_for_what_all_refused(clock, n):
    """3.5: unless it is certain."""
    play = Play(n, clock)
    play.ill = {**dict.fromkeys(range(n), refusal()), 0: auth()}
    play.call()
    assert [play.parked(i) for i in range(n)] == ["firmly"] + ["softly"] * (n - 1)


# ── plays of the fault table ──

POISON = [
    pytest.param(lambda i: refusal("quoted: rate limit exceeded, insufficient balance, invalid api key", POSSIBLE, status=400), id="alike"),
    pytest.param(lambda i: refusal(f"wording {i}"), id="each its own"),
    pytest.param(lambda i: refusal("region", LIKELY, scope=Scope.ACCOUNT), id="of the account"),
    pytest.param(lambda i: quota(evidence=LIKELY, status=402), id="can only afford"),
    pytest.param(lambda i: no_model(LIKELY, status=404), id="no such file"),
    pytest.param(lambda i: unknown(status=403, evidence=LIKELY), id="a firewall's page"),
]


def poisoned(play, wording, bodies=None):
    """Every credential answers a request that holds POISON with its wording, and all others with an answer."""
    for i in range(len(play.pool)):
        play.ill[i] = lambda request, i=i: wording(i) if request and "POISON" in request else None


@SIZES
@pytest.mark.parametrize("wording", POISON)
@pytest.mark.parametrize("bodies", ["the same body", "another body each"])
def test_one_callers_request_takes_the_chain_from_nobody(clock, n, wording, bodies):
    """P01: one poisoned request every 0.5 s for 10 s, two healthy callers at 10 a second."""
    play = Play(n, clock)
    poisoned(play, wording)
    longest = []
    play.chain_state.add_hook(lambda event: longest.append(getattr(event, "seconds", 0)))
    traffic = Traffic(play, took=0.02)
    for i in range(20):
        traffic.at(i * 0.5, "POISON" if bodies == "the same body" else f"POISON {i}")
    traffic.every(0.1, 100, "well").every(0.1, 100, "fine", first=0.05)
    traffic.run()
    healthy = [r for r in traffic.log if "POISON" not in r.request]
    assert not [r for r in healthy if r.error], "no healthy request is lost"
    assert max(r.ended - r.began for r in healthy) <= 0.25, "nor waits more than 0.2 s longer"
    assert max(longest, default=0) <= 5, "nothing is parked for more than 5 s"
    bad = [r for r in traffic.log if "POISON" in r.request]
    assert all(r.error is not None for r in bad)
    if n < 15 or wording(0) == wording(1):
        assert max(len(r.sent) for r in bad[2:]) <= 2, "from the third one on after at most two calls"
    assert sum(len(r.sent) for r in bad[2:]) <= 4 * len(bad[2:]), "fifteen wordings are known a little later"


@SIZES
@pytest.mark.parametrize("wording", POISON)
def test_dead_ones_keep_nobody_from_the_well_one(clock, n, wording):
    """P02: all but the last answer everything with their refusal: all are served, the dead get three calls each, then one a park."""
    play = Play(n, clock)
    play.ill = {i: wording(i) for i in range(n - 1)}
    traffic = Traffic(play).every(0.6, 200, "request")
    log = traffic.run()
    assert not [r for r in log if r.error]
    for i in range(n - 1):
        assert traffic.calls_to(i, until=1006.0) <= 3
        parks = 7 if wording(i).error_class is ErrorClass.UNKNOWN else 1
        assert traffic.calls_to(i, since=1020.0) <= parks, "firmly parked by then"


@SIZES
@pytest.mark.parametrize("wording", POISON)
def test_poison_and_dead_ones_at_once(clock, n, wording):
    """P03: all but the last are dead, and each poisoned request has another body."""
    play = Play(n, clock)
    poisoned(play, wording)
    play.ill.update({i: wording(i) for i in range(n - 1)})
    traffic = Traffic(play)
    for i in range(16):
        traffic.at(i * 0.6, f"POISON {i}")
    traffic.every(0.1, 100, "well")
    log = traffic.run()
    assert not [r for r in log if "POISON" not in r.request and r.error]
    for i in range(n - 1):
        assert traffic.calls_to(i) <= 25


@SIZES
@pytest.mark.parametrize("wording", POISON)
def test_a_quoted_text_is_asked_twice_at_most_from_the_third_on(clock, n, wording):
    """K16: a hundred times, one after the other, each another body; then a valid request is served at once by the first credential."""
    play = Play(n, clock)
    play.call()
    poisoned(play, wording)
    sent = []
    for i in range(100):
        sent.append(len(play.call(request=f"POISON {i}").sent))
        clock.advance(0.2)
        assert max(play.returns_in(k) for k in range(n)) <= 5
        assert play.call(request=f"well {i}").sent == [0], i
    assert max(sent[2:]) <= 2


@pytest.mark.parametrize("wording", POISON)
@pytest.mark.parametrize(("n", "fresh"), [(2, True), (3, False), (15, False), (15, True)])
def test_a_hundred_poisoned_requests_and_no_healthy_one_among_them(clock, n, wording, fresh):
    """P12: the healthy one after them is served at once by the first credential; 2.2 calls a poisoned one after the first two."""
    play = Play(n, clock)
    if not fresh:
        play.call(request="well")
    poisoned(play, wording)
    sent = []
    for i in range(100):
        sent.append(len(play.call(request=f"POISON {i}").sent))
        clock.advance(0.2)
    assert sum(sent[2:]) / len(sent[2:]) <= max(2.2, (n + 4 * 2) / 5), "one a second asks everybody, the others two"
    assert play.call(request="well").sent == [0]


@pytest.mark.parametrize("wording", POISON)
def test_words_of_a_request_hide_nobody_who_is_well(clock, wording):
    """P13: words known as the request's; then c1 is rate limited, c2 and c3 really die in those words, c4 is well: nobody is refused."""
    play = Play(4, clock)
    poisoned(play, wording)
    for i in range(5):
        play.call(request=f"POISON {i}")
        clock.advance(1)
        assert play.call(request=f"well {i}").served == 0
    play.ill = {0: rate_limit(30), 1: wording(1), 2: wording(2)}
    for i in range(100):
        assert play.call(request=f"after {i}").served is not None, i
        clock.advance(1)


@SIZES
@pytest.mark.parametrize("wording", POISON)
def test_slow_answers_of_before_its_death_prove_nothing(clock, n, wording):
    """P14: a key dies while five slow answers run on it: at most 5 further calls."""
    play = Play(n, clock)
    traffic = Traffic(play, took=lambda index, request, failure: 40.0 if "slow" in request else 0.05)
    for i in range(5):
        traffic.at(0.0, f"slow {i}")
    traffic.at(1.0, change=lambda: play.ill.update({0: wording(0)}))
    traffic.every(0.5, 160, "request", first=2.0)
    log = traffic.run()
    assert not [r for r in log if r.error]
    assert traffic.calls_to(0, since=1002.0, until=1040.0) <= 5


BACK = [(POSSIBLE, 1.0), (LIKELY, 2.0), (CERTAIN, 6.0)]


@pytest.mark.parametrize(("n", "lucky"), [(3, "first"), (5, "middle"), pytest.param(15, "first", marks=pytest.mark.slow), (15, "last")])
@pytest.mark.parametrize(("evidence", "within"), BACK)
def test_one_of_a_dead_chain_that_is_repaired_is_found(clock, n, evidence, within, lucky):
    """P15: all keys dead, 20 requests a second, one repaired after 20 s: at most ten requests a second go out, and it is back soon."""
    play = Play(n, clock)
    one = {"first": 0, "middle": n // 2, "last": n - 1}[lucky]
    play.ill = dict.fromkeys(range(n), auth(evidence, status=401 if evidence is LIKELY else 400, fingerprint="bad key"))
    traffic = Traffic(play, took=0.02).at(20.0, change=lambda: play.ill.pop(one)).every(0.05, 20 * 40, "request")
    log = traffic.run()
    for second in range(4, 20):
        out = {request for at, _, request in traffic.calls if second <= at - 1000 < second + 1}
        assert len(out) <= 11, "ten a second, and one of the second before"
    back = min(r.ended for r in log if r.served is not None) - 1020.0
    assert back <= within
    assert not [r for r in log if r.began >= 1020.0 + back and r.error], "and then all are served"


@pytest.mark.parametrize("wording", POISON)
def test_a_herd_finds_out_about_the_dead_once(clock, wording):
    """P16: 15 keys, 14 dead, 64 requests at once: at most 150 calls to the dead, nobody waits more than 0.3 s longer than the first."""
    play = Play(15, clock)
    play.ill = {i: wording(i) for i in range(14)}
    traffic = Traffic(play, took=lambda index, request, failure: 0.03 if failure else 1.0)
    for i in range(64):
        traffic.at(0.0, f"request {i}")
    log = traffic.run()
    assert not [r for r in log if r.error]
    assert traffic.calls_to(*range(14)) <= 150
    first = min(r.ended for r in log)
    assert max(r.ended for r in log) - first <= 0.3


@pytest.mark.parametrize("n", [2, 4, 8])
@pytest.mark.parametrize("gap", [0.1, 1.0, 6.0])
def test_a_request_reaches_the_one_key_that_owns_what_it_names(clock, n, gap):
    """3.3: nobody is stranded on less than certainty: keys that refuse each other's files are well, and no caller is lost."""
    play = Play(n, clock)
    play.ill = {i: lambda request, i=i: None if request.startswith(f"of {i} ") else refusal() for i in range(n)}
    traffic = Traffic(play)
    dice = random.Random(n)
    for turn in range(40 * n):
        traffic.at(turn * gap * dice.random() * 2, f"of {dice.randrange(n)} {turn}")
    assert [r.request for r in traffic.run() if r.error] == []


@pytest.mark.parametrize("rate", [10, 50, 200])
def test_a_key_that_dies_in_words_once_known_as_the_requests_is_left_soon(clock, rate):
    """3.4a, P14: ten different requests that another one serves are enough, in whatever time."""
    play = Play(2, clock)
    dead = []
    play.ill = {i: lambda request, i=i: refusal() if "poison" in request or i in dead else None for i in range(2)}
    for turn in range(3):
        play.call(request=f"poison {turn}")
        play.call(request=f"fine {turn}")
    dead.append(play.active)
    traffic = Traffic(play, took=0.001)
    traffic.every(1 / rate, 5 * rate, "later")
    assert [r for r in traffic.run() if r.error] == []
    assert traffic.calls_to(*dead) <= 20
