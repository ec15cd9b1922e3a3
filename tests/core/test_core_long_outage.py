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
