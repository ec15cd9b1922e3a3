"""A park is as long as what it cost: twenty times the seconds that a failure took from its caller, and a memory of it for ten minutes."""

import pytest

from chain_play import Play, models, names, overloaded, rate_limit, silent


def failing(clock, failure, seconds, **policy):
    """A chain of two whose first credential has failed after so many seconds, and whose second one has served."""
    play = Play(names(2), clock, **policy)
    flight = play.start()
    clock.advance(seconds)
    flight.fail(failure).succeed()
    return play


@pytest.mark.parametrize(("seconds", "park"), [(0.1, 5), (1.0, 20), (8.0, 160), (15.0, 300), (100.0, 300)])
def test_a_park_is_as_long_as_what_it_cost(clock, seconds, park):
    """Twenty times the seconds, from what the table says up to five minutes."""
    assert failing(clock, overloaded(), seconds).returns_in(0) == pytest.approx(park)


@pytest.mark.parametrize("failure", [rate_limit(), overloaded(2.5)], ids=["rate limit", "stated"])
def test_a_limit_and_a_stated_wait_are_as_long_as_they_are(clock, failure):
    """However long they took to come: the provider says what there is room for."""
    assert failing(clock, failure, 8.0).returns_in(0) <= 5


def test_a_success_ends_the_park_but_not_the_memory(clock):
    """The next failure counts on top of what is left of the first one, which fades over ten minutes."""
    play = failing(clock, silent(), 4.0)
    clock.advance(81)
    assert (play.call().served, play.phase(0)) == (0, "CLOSED")
    clock.advance(219)  # half of the ten minutes have passed since the failure
    flight = play.start()
    clock.advance(1.0)
    flight.fail(silent()).succeed()
    assert play.returns_in(0) == pytest.approx(20 * (4.0 / 2 + 1.0), rel=0.05)


def test_after_ten_minutes_nothing_is_remembered(clock):
    """A failure is judged by itself again."""
    play = failing(clock, silent(), 4.0)
    clock.advance(81)
    play.call()
    clock.advance(600)
    play.start().fail(silent()).succeed()
    assert play.returns_in(0) == pytest.approx(5)


@pytest.mark.parametrize(("recovery", "park"), [("splice", 300), ("buffer", 40)])
def test_a_stream_that_is_cut_costs_its_reader_half_a_minute(clock, recovery, park):
    """Unless nobody has seen a part of it: then it costs what it took."""
    play = Play(2, clock, stream_recovery=recovery)
    stream = play.stream().begin()
    clock.advance(2.0)
    stream.cut(overloaded())
    assert play.returns_in(0) == pytest.approx(park)


def test_a_limit_without_a_stated_wait_moves_on_at_once(clock):
    """Nobody knows when there is room again, and a spare is ready, of whatever model."""
    play = Play(models("m", "n"), clock)
    play.ill = {0: rate_limit()}
    request = play.call()
    assert (request.sent, request.pauses) == ([0, 1], [])


def test_a_limit_without_a_stated_wait_is_tried_again_where_nobody_else_is_left(clock):
    """The one credential there is may have room by then."""
    play = Play(1, clock)
    assert play.start().fail(rate_limit()).pauses
