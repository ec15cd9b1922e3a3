"""How often an outage is looked at: as often as it is short (core/settlement.py)."""

import pytest

from chain_play import Play, overloaded, rate_limit


def lasting(clock, failure, hours):
    """A chain whose first credential fails for hours, one request each ten seconds; return how often it was called."""
    play, calls = Play(2, clock), 0
    play.ill = {0: failure}
    for _ in range(int(hours * 360)):
        calls += play.call().sent.count(0)
        clock.advance(10)
    return play, calls


def test_a_long_outage_is_looked_at_less_and_less(clock):
    """Each half a minute at first, and each five minutes at last."""
    play, calls = lasting(clock, overloaded(), 2)
    assert calls < 90
    assert play.returns_in(0) <= 300


def test_a_short_one_is_looked_at_as_the_table_says(clock):
    """S15, K19: back within half a minute."""
    play, _ = lasting(clock, overloaded(), 0.1)
    assert play.returns_in(0) <= 30


def test_rate_limits_are_no_outage(clock):
    """However long they last, there may be room again in a moment."""
    play, _ = lasting(clock, rate_limit(), 1)
    assert play.returns_in(0) == pytest.approx(0, abs=31)


def limited(play, times):
    """A request that meets a rate limit so often in a row, each time when the park is over; then there is room."""
    play.ill = {0: rate_limit()}
    for _ in range(times):
        play.call()
        length = play.returns_in(0)
        play.clock.advance(length)
    play.ill = {}
    assert play.call().served == 0
    return length


def test_a_rate_limit_parks_as_long_as_it_had_to_last_time(clock):
    """There was room after twenty seconds, and not after five and ten: the next park begins there."""
    play = Play(2, clock)
    assert limited(play, 3) == pytest.approx(20, rel=0.2)
    assert limited(play, 1) == pytest.approx(20, rel=0.2)


def test_how_long_there_was_no_room_is_forgotten_after_ten_minutes(clock):
    """Another minute may be another load."""
    play = Play(2, clock)
    limited(play, 3)
    clock.advance(601)
    assert limited(play, 1) <= 5
