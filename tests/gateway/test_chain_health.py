"""How a chain is, is what its last requests saw: for the console, `sparekey status` and `/readyz` alike."""

import pytest
from health_kit import Watched

from chain_play import POSSIBLE, auth, no_model, permanent, rate_limit, refusal, unknown
from sparekey.core import manual
from sparekey.core.breaker import UNTIL_RELEASED
from sparekey.gateway.observe.chain_health import Level, health, slow
from sparekey.stats.credential_stats import CredentialSummary
from sparekey.types import ErrorClass

OK, SPARE, DOWN = Level.OK, Level.SPARE, Level.DOWN


@pytest.fixture
def watched(clock):
    return Watched(clock, "team-a", "team-b", "team-c")


def test_a_chain_that_is_well_is_told_by_who_serves(watched):
    """The first one, then a spare."""
    assert watched.ask(3) == 3
    assert (watched.health.level, watched.said[0]) == (OK, "team-a serves")
    assert watched.ask(3, **{"team-a": auth()}) == 3
    assert (watched.health.level, watched.said[0]) == (SPARE, "team-b serves in place of team-a")


def test_some_that_fail_are_told_beside_who_serves(watched):
    """One of many: not all is well, and how many is said. Five minutes later it is forgotten."""
    watched.ask(6)
    ill = {name: rate_limit(0.5) for name in watched.ids}
    assert watched.ask(1, **ill) == 0
    watched.clock.advance(1)
    watched.ill = {}
    assert watched.ask(3) == 3
    assert (watched.health.level, watched.health.serving) == (SPARE, 0)
    assert watched.said[:2] == ("team-a serves", "1 of the last 10 requests failed. 0 of 2 spares are ready.")
    watched.clock.advance(301)
    watched.ask()
    assert watched.health.level is OK


def test_the_callers_own_faults_are_not_the_chains(watched):
    """Requests that are refused for what they ask leave the chain well, and are told."""
    assert watched.ask(4, **{"team-a": permanent()}) == 0
    assert watched.health.level is OK
    assert watched.said[1].startswith("The last 4 requests were refused for what they asked.")


def test_failures_in_a_row_outweigh_a_state_that_knows_of_nothing(watched):
    """A chain whose parks a person has ended is down until a request is served."""
    watched.ask(3, **{name: auth() for name in watched.ids})
    now = watched.clock()
    watched.chain.transact(manual.activate, 0, now)
    assert (watched.health.level, watched.health.trying) == (DOWN, 0)
    assert watched.said == (
        "Requests fail",
        "The last 3 requests failed, the first 0 s ago. team-a: requests fail there: its key is not valid.",
        "The next request tries team-a.",
    )
    watched.ill = {}
    watched.ask()
    assert (watched.health.level, watched.health.serving) == (SPARE, 0)


def test_an_old_failure_says_nothing_against_who_is_well(watched):
    """All failed, and since then another machine, with which the state is shared, was served."""
    watched.ask(3, **{name: auth() for name in watched.ids})
    watched.chain.transact(manual.activate, 0, watched.clock())
    watched.clock.advance(301)
    assert (watched.health.level, watched.said[0]) == (OK, "team-a serves")


def test_nobody_can_be_reached(watched):
    """All are held: that is down, whatever was served before, and says how it ends."""
    watched.ask(3)
    for index in range(3):
        watched.chain.transact(manual.hold, index, watched.clock() + UNTIL_RELEASED, watched.clock())
    assert (watched.health.level, watched.health.trying) == (DOWN, None)
    assert watched.said == ("Nobody can serve", "All 3 credentials are held.", "Requests fail until a person releases a credential.")
    watched.chain.transact(manual.release, 0, watched.clock())
    assert (watched.health.level, watched.health.serving) == (OK, 0), "it has served, and nothing has failed since"


def test_what_a_store_remembers_of_a_dead_credential_is_believed_after_a_restart(clock):
    """Its park has run out, nobody has asked since: it is not said to serve."""
    before = Watched(clock, "only")
    before.ask(1, only=auth())
    clock.advance(4000)
    found = health(before.chain.pool, before.chain.state, clock(), (), clock())
    assert (found.level, found.trying) == (DOWN, 0)


def test_all_that_refuse_different_requests_are_down(watched):
    """Two requests in a row that everybody refuses, in words that blame the credentials."""
    watched.ask(4, every=0.2, **{name: refusal(f"no {name}") for name in watched.ids})
    assert watched.health.level is DOWN


@pytest.mark.parametrize("ids", [("only",), ("team-a", "team-b")])
@pytest.mark.parametrize("failure", [refusal(), refusal(error_class=ErrorClass.QUOTA_EXCEEDED), no_model(POSSIBLE), unknown()])
def test_what_all_refuse_again_and_again_is_down(clock, ids, failure):
    """The same request, in words without a code: whoever looks during the parks and after them sees that requests fail."""
    watched = Watched(clock, *ids)
    for number in range(1, 9):
        watched.ask(2, every=1.3, **dict.fromkeys(ids, failure))
        assert (watched.health.level, watched.health.serving) == (DOWN, None)
        assert watched.said[1].startswith(f"The last {2 * number} requests failed")
    clock.advance(60)
    assert watched.health.level is DOWN


def test_a_dead_key_of_the_only_credential_is_a_failure(clock):
    """Its own error goes out, and nobody calls that the requests' fault."""
    watched = Watched(clock, "only")
    watched.ask(6, every=0.5, only=auth())
    assert (watched.health.level, watched.health.recent.failed_last) == (DOWN, 6)
    assert watched.said[1] == "Its only credential is parked. The last 6 requests failed, the first 2 s ago."


def test_one_poisoned_caller_does_not_take_the_chain_down(watched):
    """Its request is refused by all, two at a time, while others are served; a chain that serves nobody any more is down."""
    bad = dict.fromkeys(watched.ids, refusal())
    for _ in range(10):
        assert watched.ask(2, every=1.0) == 2
        for _ in range(2):
            watched.ask(1, every=0.2, **bad)
            assert watched.health.level is not DOWN
        watched.ill = {}
    watched.ask(2)
    watched.ask(3, every=0.2, **dict.fromkeys(watched.ids, refusal("something else")))
    assert watched.health.level is DOWN


@pytest.mark.parametrize("ids", [("only",), ("team-a", "team-b")])
def test_a_chain_that_dies_again_in_the_same_words_is_down(clock, ids):
    """The words had proved to be about a request, since the chain served after them: who only repeats them is not believed for long."""
    watched, bad = Watched(clock, *ids), dict.fromkeys(ids, refusal())
    watched.ask(3, every=0.3, **bad)
    clock.advance(6)
    watched.ill = {}
    assert watched.ask() == 1
    watched.ask(3, every=0.3, **bad)
    assert (watched.health.level, watched.health.recent.refused) == (SPARE, 3)
    watched.ask(9, every=0.3, **bad)
    assert (watched.health.level, watched.health.recent.failed_last) == (DOWN, 12)
    watched.ill = {}
    watched.ask()
    watched.ask(4, every=3, **bad)
    assert watched.health.level is DOWN


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0.01, 0.4, None], [None, None, None]),
        ([8.0, 0.01, 0.4], [8.0, None, None]),
        ([8.0], [8.0]),
        ([2.5, 2.4], [None, None]),
        ([2.5, 0.2], [2.5, None]),
        ([None, None], [None, None]),
    ],
)
def test_who_is_slow(seconds, expected):
    """By itself from 5 s to first content on, beside a faster one from 2 s on."""
    assert slow([CredentialSummary(latest_first=one) for one in seconds]) == expected


def test_whole_answers_may_take_longer():
    """They are as long as what is asked for."""
    assert slow([CredentialSummary(latest=one) for one in (31.0, 29.0, 9.0)]) == [31.0, None, None]
