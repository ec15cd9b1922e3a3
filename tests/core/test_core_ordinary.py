"""Ordinary requests: whoever serves them without asking the core does what the core would have done."""

import random
from dataclasses import replace

import pytest

from chain_play import Play, auth, names, overloaded, quota, rate_limit, unreached
from sparekey.core.expectations import Kind
from sparekey.core.ordinary import counted, crosses, ordinary
from sparekey.core.pool import switched


def plan(play, kind=Kind.WHOLE):
    return ordinary(play.pool, play.state, play.chain_state.local, play.clock(), kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_healthy_chain_has_ordinary_requests(clock, kind):
    """They go to the first credential, change nothing, and do so for as long as the state is the same."""
    found = plan(Play(3, clock), kind)
    assert (found.ticket.index, found.counts, found.until) == (0, False, float("inf"))


def test_behind_a_parked_credential_they_go_to_the_active_one(clock):
    """They count towards the failback, until the park or the time before the failback runs out."""
    play = Play(3, clock)
    play.ill = {0: auth()}
    assert play.call().served == 1
    play.ill.clear()
    found = plan(play)
    assert (found.ticket.index, found.counts) == (1, True)
    assert clock() < found.until <= play.state.switched_at + 600
    clock.advance(found.until - clock())
    assert plan(play) is None, "the first credential is to be probed"


def test_none_is_ordinary_while_the_core_has_to_decide(clock):
    """A network that is away, places that are counted, parks that depend on the request."""
    play = Play(2, clock)
    away = replace(play.chain_state.local, egress_at=clock())
    assert ordinary(play.pool, play.state, away, clock()) is None
    assert plan(Play(2, clock, max_concurrency=3)) is None
    assert plan(Play([replace(one, max_concurrency=1) for one in names(2)], clock)) is None


def test_many_successes_count_at_once(clock):
    """As one after the other, but for those of an older term; a failback by count is noticed before it is due."""
    play = Play(2, clock, failback_request_count=50)
    play.chain_state.change(lambda state: switched(state, 1, clock()))
    found = plan(play)
    assert not crosses(play.pool, play.state, 49)
    assert crosses(play.pool, play.state, 50)
    after, _ = counted(play.pool, play.state, found.ticket, 50)
    assert after == replace(play.state, served=50)
    assert not crosses(play.pool, after, 1), "it is due already, and asked about when the state is"
    later = switched(after, 0, clock())
    assert counted(play.pool, later, found.ticket, 3)[0] is later


@pytest.mark.parametrize("seed", range(30))
def test_what_is_foretold_happens(clock, seed):
    """In whatever state a chain is after random faults and pauses: the credential that is asked, and what a success changes."""
    dice = random.Random(seed)
    play = Play(3, clock, failback_request_count=6)
    faults = (auth, quota, overloaded, rate_limit, unreached)
    foretold = 0
    for _ in range(60):
        clock.advance(dice.choice((0.1, 1.0, 7.0, 61.0, 610.0)))
        play.ill = {index: dice.choice(faults)() for index in range(3) if dice.random() < 0.2}
        found, before = plan(play), play.state
        if found is not None and found.ticket.index not in play.ill:
            foretold += 1
            assert play.call().served == found.ticket.index
            more = 1 if found.counts else 0
            assert play.state == replace(before, served=before.served + more, expectations=play.state.expectations)
        else:
            try:
                play.call()
            except Exception:
                continue
    assert foretold > 10
