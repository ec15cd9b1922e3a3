"""A request to a chain that is well takes the short way: nothing is weighed, and no race begins."""

from unittest.mock import patch

import pytest

from chain_play import Play, auth, overloaded, rate_limit, refusal, silent
from sparekey.core import choose, expectations, flow
from sparekey.core.expectations import LEAST, Kind, Sample
from sparekey.core.pool import switched
from sparekey.core.race import Beside

DECISIONS = [patch.object(choose, "choose", side_effect=AssertionError), patch.object(flow, "Race", side_effect=AssertionError)]


def takes_the_short_way(play):
    """Whether a request is served without a decision."""
    with DECISIONS[0], DECISIONS[1]:
        try:
            return play.call().sent == [play.active]
        except AssertionError:
            return False


def test_a_chain_that_never_failed(clock):
    """From the first request on."""
    play = Play(3, clock)
    assert [takes_the_short_way(play) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("failure", [auth(), rate_limit(30), refusal(), overloaded()])
def test_after_a_failover(clock, failure):
    """While the park above lasts there is nothing to weigh either; when it is over, one request probes."""
    play = Play(3, clock)
    play.ill = {0: failure}
    assert play.call(request="one").served == 1
    assert takes_the_short_way(play) == (failure != refusal())  # requests of another shape may probe what refused in doubtful words
    clock.advance(3600)
    assert not takes_the_short_way(play)


def test_after_a_recovery(clock):
    """What has failed once and is well again is as good as new."""
    play = Play(2, clock)
    play.ill = {0: rate_limit(5)}
    play.call()
    play.ill.clear()
    clock.advance(5)
    assert (play.call().served, play.active, takes_the_short_way(play)) == (0, 0, True)


def test_not_when_a_failback_is_due(clock):
    """By time, though nothing is parked: the request goes one step up."""
    play = Play(2, clock, failback_timeout_seconds=60)
    play.chain_state.change(lambda state: switched(state, 1, clock()))
    assert takes_the_short_way(play)
    clock.advance(60)
    assert (takes_the_short_way(play), play.call().served) == (False, 0)


def test_not_beside_a_probe_that_is_due(clock):
    """One that was silent is probed beside the active one."""
    play = Play(2, clock)
    play.ill = {0: silent()}
    play.call(took=10.0)
    clock.advance(600)
    steps = flow.call(play.pool, play.chain_state, clock(), hedge=lambda: True)
    assert isinstance(step := next(steps), Beside)
    assert step.ticket.index == 0
    steps.close()


def test_a_failure_on_the_short_way_goes_the_long_way(clock):
    """The race takes the attempt over that is out."""
    play = Play(2, clock)
    play.ill = {0: auth()}
    assert (play.call().sent, play.phases()) == ([0, 1], ["PARKED", "CLOSED"])


def test_answers_are_learned_together_while_nothing_is_known(clock):
    """The eighth answer makes the credential known, as if each had been learned at once; the state changes twice until then."""
    play, states = Play(2, clock), set()
    for number in range(LEAST):
        assert expectations.usual(play.state, "k0").seconds[Kind.WHOLE].known is False, number
        play.call(took=0.3)
        states.add(id(play.state.expectations))
    known = expectations.usual(play.state, "k0")
    assert (known.learned, known.seconds[Kind.WHOLE].known, len(states)) == (LEAST, True, 2)
    one_by_one = Play(2, clock)
    for _ in range(LEAST):
        one_by_one.chain_state.transact(expectations.learn, [Sample("k0", Kind.WHOLE, 0.3)], clock())
    assert expectations.usual(one_by_one.state, "k0").seconds[Kind.WHOLE].known
