"""Words that proved to be the request's: who is acquitted, what everybody refused, and the drought (DESIGN.md 3.4)."""

import pytest

from chain_play import POSSIBLE, Play, Traffic, auth, body, overloaded, rate_limit, refusal
from sparekey.core import memory as m
from sparekey.core.identity import Identity, hashed
from sparekey.errors import AllCredentialsFailedError

SIZES = pytest.mark.parametrize("n", [2, 3, 15])


def acquitted(clock, n=3, words="you may not"):
    """A chain whose first credential refused in some words, and then served a request that began later."""
    play = Play(n, clock)
    play.ill = {0: refusal(words)}
    play.call(request="first")
    play.ill = {}
    clock.advance(5)
    assert play.call(request="well").served == 0
    return play


# ── (a) this credential refused in these words and has served since ──


@SIZES
def test_who_served_since_is_not_parked_for_these_words(clock, n):
    """3.4a: its refusal was about the request."""
    play = acquitted(clock, n)
    play.ill = {0: refusal()}
    assert play.call(request="second").served == 1
    assert play.parked(0) == ""


@SIZES
def test_who_is_then_served_elsewhere_moves_nobody(clock, n):
    """3.4a: the next request goes where it went before."""
    play = acquitted(clock, n)
    play.ill = {0: refusal()}
    play.call(request="second")
    assert play.active == 0
    play.ill = {}
    assert play.call().sent == [0]


def test_other_words_park_it(clock):
    """3.4a: nothing is known of those."""
    play = acquitted(clock)
    play.ill = {0: refusal("something else")}
    play.call()
    assert play.parked(0) == "softly"


@pytest.mark.parametrize("change", [{"status": 400}, {"error_class": refusal().error_class.UNKNOWN}], ids=["status", "class"])
def test_other_words_are_told_by_class_and_status_too(clock, change):
    """3.4: the same text under another status is another refusal."""
    play = acquitted(clock)
    play.ill = {0: refusal(**change)}
    play.call()
    assert play.parked(0) == "softly"


def test_three_requests_outweigh_that_it_served_once(clock):
    """3.4a: its key died in the words that were a request's before: three different ones as in 3.3."""
    play = acquitted(clock)
    play.ill = {0: refusal()}
    for i in range(3):
        assert play.parked(0) == ""
        assert play.call(request=f"request {i}").served == 1
        clock.advance(5)
    assert (play.parked(0), play.returns_in(0)) == ("firmly", 595)


def test_one_request_three_times_outweighs_nothing(clock):
    """3.4a: different ones, as in 3.3."""
    play = acquitted(clock)
    play.ill = {0: refusal()}
    for _ in range(10):
        play.call(request="again")
        clock.advance(5)
    assert play.parked(0) == ""


def test_a_success_that_began_before_the_refusal_acquits_nobody(clock):
    """3.4a: "a request that began later" (P14)."""
    play = Play(2, clock)
    slow = play.start()
    play.ill = {0: refusal()}
    play.call()
    slow.succeed()
    clock.advance(5)
    play.call()
    assert play.parked(0) == "softly"


def test_what_proved_to_be_the_requests_is_forgotten_after_ten_minutes(clock):
    """3.4: it is told by the last refusal in these words."""
    play = acquitted(clock)
    clock.advance(594)
    play.ill = {0: refusal()}
    play.call()
    assert play.parked(0) == ""
    clock.advance(601)
    play.call()
    assert play.parked(0) == "softly"


# ── (b) everybody who was asked refused one request in these words ──


def known(clock, n=5):
    """A chain in which words proved to be the request's: everybody refused one request in them, and has served since."""
    play = Play(n, clock, failback_request_count=10**9, failback_timeout_seconds=1e9)
    play.call(request="well")
    play.ill = dict.fromkeys(range(n), refusal())
    play.call(request="poison")
    play.ill = {}
    for _ in range(2):
        assert play.call(request="well").served == 0
    return play


@pytest.mark.parametrize("n", [3, 5, 15])
def test_known_words_are_shown_to_one_more(clock, n):
    """3.4b: and the caller gets the first answer."""
    play = known(clock, n)
    play.ill = dict.fromkeys(range(n), refusal())
    request = play.call(request="another")
    assert len(request.sent) == 2
    assert request.error.failure is play.ill[0]


@pytest.mark.parametrize("n", [3, 5, 15])
def test_the_one_more_is_picked_in_rotation(clock, n):
    """3.4b: so that a well one among many is reached."""
    play = known(clock, n)
    play.ill = dict.fromkeys(range(n), refusal())
    others = [play.call(request=f"poison {i}").sent[1] for i in range(n - 1)]
    assert sorted(others) == [*range(1, n)]


def test_a_success_in_words_that_another_refused_erases_them(clock):
    """3.4b: then they were not the request's after all, and everybody is asked again."""
    play = known(clock, 5)
    play.ill = {i: refusal() for i in range(4)}
    sent, i = [], 0
    while (request := play.call(request=f"request {i}")).served is None:
        sent.append(len(request.sent))
        i += 1
    assert (request.served, set(sent)) == (4, {2})
    for i in range(20):
        assert play.call(request=f"after {i}").served == 4


def test_a_success_that_nobody_refused_leaves_the_words_known(clock):
    """3.4b: healthy requests say nothing about poisoned ones."""
    play = known(clock)
    for i in range(20):
        assert play.call(request=f"well {i}").served == 0
    play.ill = dict.fromkeys(range(5), refusal())
    assert len(play.call(request="poison 2").sent) == 2


@pytest.mark.parametrize("down", [overloaded(), rate_limit()], ids=lambda f: f.reason)
def test_what_some_refused_while_others_were_down_is_not_known(clock, down):
    """3.4b: who knows what they would have said."""
    play = Play(3, clock, max_retries=0, retry_same=False)
    play.call()
    play.ill = {0: refusal(), 1: refusal(), 2: down}
    play.call(request="poison")
    play.ill = {}
    clock.advance(30)
    for _ in range(3):
        play.call()
    play.ill = {0: refusal(), 1: refusal()}
    assert play.call(request="other").served == 2


@SIZES
def test_a_request_that_everybody_refused_asks_two_when_it_comes_again(clock, n):
    """3.4b: the very same one."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), refusal())
    assert len(play.call(request="poison").sent) == n
    assert len(play.call(request="poison").sent) == 2
    assert len(play.call(request="something else").sent) == n


# ── (c) the drought ──


def drought(clock, n=5, **more):
    """A chain that has refused two different requests in a row, and served none since."""
    play = Play(n, clock)
    play.ill = dict.fromkeys(range(n), refusal(**more))
    for i in range(2):
        assert len(play.call(request=f"request {i}").sent) == n
    return play


@pytest.mark.parametrize("n", [3, 5, 15])
def test_one_request_a_second_asks_everybody_and_the_others_two(clock, n):
    """3.4c: at most ten a second; the rest are told that all have failed, within a quarter of a second."""
    play = drought(clock, n)
    traffic = Traffic(play, took=0.0).every(0.05, 200, "request", first=1.0)
    log = traffic.run()
    for second in range(1, 11):
        asked = [r for r in log if r.sent and second <= r.ended - 1000 < second + 1]
        assert len(asked) <= 11
        assert sum(len(r.sent) == n for r in asked) <= 2
        assert {len(r.sent) for r in asked} <= {2, n}
    assert sum(len(r.sent) == n for r in log) in (10, 11)
    assert max(r.ended - r.began for r in log) <= 0.27
    assert all(isinstance(r.error, AllCredentialsFailedError) for r in log)


def test_one_request_twice_is_no_drought(clock):
    """3.4c: two different ones."""
    play = Play(5, clock)
    play.ill = dict.fromkeys(range(5), refusal())
    for _ in range(3):
        play.call(request="the same")
    assert len(play.call(request="another").sent) == 5


def test_a_routed_request_is_not_everybody(clock):
    """3.4c: who may ask only some says nothing of the others."""
    play = Play(4, clock)
    play.ill = {**dict.fromkeys(range(3), refusal()), 3: lambda request: refusal() if b"media" in request else None}
    for i in range(5):
        assert play.call(eligible={3}, request=body(f"media {i}", media=i)).error is not None
    assert play.call(request=body("plain")).served == 3


def test_any_success_ends_the_drought(clock):
    """3.4c: everybody is asked again."""
    play = drought(clock)
    play.ill = {}
    assert play.call().served is not None
    play.ill = dict.fromkeys(range(4), refusal("other words"))
    assert play.call().served == 4


def test_a_success_of_before_the_drought_does_not_count_for_it(clock):
    """3.4c: nothing served since the second that everybody refused."""
    play = Play(5, clock)
    play.ill = dict.fromkeys(range(5), refusal())
    play.call(request="one")
    play.ill = {}
    play.call(request="well")
    play.ill = dict.fromkeys(range(5), refusal("anew"))
    play.call(request="two")
    assert len(play.call(request="three").sent) == 5, "the first of a new row was the only one"


def test_during_a_drought_whoever_is_well_again_is_found_within_a_second(clock):
    """3.4c: wherever it stands."""
    play = drought(clock, 15)
    del play.ill[11]
    traffic = Traffic(play, took=0.0).every(0.05, 60, "request")
    log = traffic.run()
    assert min(r.ended for r in log if r.served == 11) <= 1001.1


# ── what is kept ──


def test_no_words_of_a_caller_are_kept(clock):
    """3.4: hashes only: neither what a request says nor what a refusal repeats."""
    play = Play(3, clock)
    play.ill = dict.fromkeys(range(3), refusal("the secret text"))
    for i in range(3):
        play.call(request=body(f"a private letter {i}"))
    kept = repr(play.state)
    assert play.state.memory.words
    assert "secret" not in kept
    assert "private" not in kept
    assert "letter" not in kept


def test_the_memory_is_bounded(clock):
    """3.4: by the number of wordings and of requests, however many come."""
    play = Play(3, clock)
    for i in range(300):
        play.ill = dict.fromkeys(range(3), refusal(f"wording {i}"))
        play.call(request=f"request {i}")
        clock.advance(0.5)
    assert len(play.state.memory.words) <= m.MOST_WORDS
    play.ill = dict.fromkeys(range(3), refusal("one"))
    for i in range(300):
        play.call(request=f"request {i}")
        clock.advance(1)
    assert max(len(one.everybody) for one in play.state.memory.words.values()) <= 8
    assert all(len(g.against) <= 3 for g in play.state.breakers.values())


def test_the_oldest_wording_goes_first():
    """And a wording that comes again is young."""
    memory = m.NOTHING
    for i in range(m.MOST_WORDS):
        memory = m.refused(memory, f"words {i}", "k", 1, float(i))
    memory = m.refused(memory, "words 0", "k", 1, 40.0)
    memory = m.refused(memory, "new", "k", 1, 41.0)
    assert "words 0" in memory.words
    assert "words 1" not in memory.words
    assert len(memory.words) == m.MOST_WORDS


def test_what_changes_nothing_is_the_same_memory():
    """So that nobody writes it."""
    memory = m.refused(m.NOTHING, "words", "k", 5, 0.0)
    assert m.served(memory, "other", 9, (), 1.0) is memory
    assert m.served(memory, "k", 4, (), 1.0) is memory
    assert m.served(m.NOTHING, "k", 9, (), 1.0) is m.NOTHING
    assert m.convicted(memory, "other words", "k") is memory
    assert m.convicted(memory, "words", "other") is memory
    assert m.refused_by_all(memory, "other words", "request") is memory
    once = m.refused_by_all(memory, "words", "request")
    assert m.refused_by_all(once, "words", "request") is once


def test_the_first_refusal_says_when_it_began():
    """A later one in the same words does not make an earlier success too old."""
    memory = m.refused(m.refused(m.NOTHING, "words", "k", 5, 0.0), "words", "k", 9, 1.0)
    assert m.is_acquitted(m.served(memory, "k", 6, (), 2.0), "words", "k", 2.0)
    assert not m.is_acquitted(m.served(memory, "k", 4, (), 2.0), "words", "k", 2.0)


def test_who_is_convicted_is_not_acquitted_by_old_successes():
    """A new refusal in these words begins anew."""
    memory = m.served(m.refused(m.NOTHING, "words", "k", 5, 0.0), "k", 6, (), 1.0)
    memory = m.convicted(memory, "words", "k")
    assert not m.is_acquitted(memory, "words", "k", 1.0)
    memory = m.refused(memory, "words", "k", 20, 2.0)
    assert not m.is_acquitted(m.served(memory, "k", 19, (), 3.0), "words", "k", 3.0)
    assert m.is_acquitted(m.served(memory, "k", 20, (), 3.0), "words", "k", 3.0)


def test_what_has_faded_is_dropped_at_the_next_occasion():
    """A chain that is well again carries nothing along."""
    memory = m.refused(m.NOTHING, "words", "k", 5, 0.0)
    assert m.served(memory, "other", 9, (), m.KEPT_SECONDS + 1).words == {}


# ── what tells requests apart ──


def test_requests_are_told_apart_by_their_bodies():
    """Or, where the body is not known, by a name that no other request has."""
    one, same, other = Identity(b'{"a": 1}'), Identity(b'{"a": 1}'), Identity(b'{"a": 2}')
    assert one.request == same.request == hashed(b'{"a": 1}')
    assert one.request != other.request
    assert Identity(name=("walk", 1)).request != Identity(name=("walk", 2)).request


def test_the_shape_of_a_request_is_what_it_uses_not_what_it_says():
    """Member names at any depth, in any order, and the model."""
    plain = Identity(body("a")).shape
    assert Identity(body("quite another text")).shape == plain
    assert Identity(body("a", tools=[1])).shape != plain
    assert Identity(b'{"b": 1, "a": 2}').shape == Identity(b'{"a": 3, "b": {"a": 1}}').shape
    assert Identity(body("a", model="x")).shape != Identity(body("a", model="y")).shape
    assert Identity(b"").shape == Identity(b"no json").shape == Identity(name=("walk", 3)).shape


def test_possible_words_of_a_passing_fault_are_remembered_as_any(clock):
    """3.1: a caller may quote "rate limit exceeded"."""
    play = Play(3, clock)
    play.ill = dict.fromkeys(range(3), rate_limit(evidence=POSSIBLE, fingerprint="rate limit exceeded"))
    play.call(request="poison")
    assert len(play.call(request="poison").sent) == 2


def test_what_is_certain_is_not_remembered_as_words(clock):
    """3.1: it parks instead."""
    play = Play(2, clock)
    play.ill = {0: auth(), 1: auth()}
    play.call()
    assert not play.state.memory.words
