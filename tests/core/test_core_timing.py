"""How long parks and pauses last."""

import math

import pytest

from sparekey.core.policy import Parking
from sparekey.core.timing import LONGEST_STATED_SECONDS, backoff_seconds, believed, park_seconds

PARKING = Parking(5, 2, 60, 0.2)


@pytest.mark.parametrize("nonsense", [None, 0, 0.0, -5.0, math.nan, math.inf, -math.inf])
def test_a_stated_wait_that_cannot_be_meant_is_not_believed(nonsense):
    """Zero, negative and endless waits count as unstated."""
    assert believed(nonsense) is None


def test_a_stated_wait_is_taken_as_it_is():
    """An hour is an hour, and a blink is a blink."""
    assert believed(3600) == 3600
    assert believed(0.25) == 0.25


def test_a_stated_wait_is_believed_for_a_month():
    """Nothing is parked for years because of a wrong header."""
    assert believed(1e12) == LONGEST_STATED_SECONDS


@pytest.mark.parametrize(("level", "seconds"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (50, 60), (10_000, 60)])
def test_parks_double_up_to_their_cap(level, seconds):
    """The first park, its growth and its cap, at the middle of the dice; a level of thousands overflows nothing."""
    assert park_seconds(PARKING, level, 0.5) == pytest.approx(seconds)


def test_growth_overflows_nowhere():
    """Without a cap, years of failures are still a number."""
    assert math.isfinite(park_seconds(Parking(5, 2, math.inf), 100_000, 0.5))
    assert math.isfinite(backoff_seconds(100_000, 0.5, math.inf, 0.5))


@pytest.mark.parametrize(("dice", "seconds"), [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_parks_are_spread_by_their_jitter(dice, seconds):
    """A fifth either way."""
    assert park_seconds(PARKING, 2, dice) == pytest.approx(seconds)


@pytest.mark.parametrize(("level", "longest"), [(1, 5), (5, 60)])
def test_no_park_is_longer_than_the_table_says(level, longest):
    """The first one no longer than the first, the others no longer than the cap, whatever the dice."""
    assert park_seconds(PARKING, level, 1.0) == longest


def test_parks_without_jitter_ignore_the_dice():
    """Keys and quotas need no spread."""
    assert park_seconds(Parking(600, 2, 3600), 1, 0.9) == 600


@pytest.mark.parametrize(("attempt", "seconds"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0)])
def test_pauses_double_up_to_their_longest(attempt, seconds):
    """At the highest throw, the pause is the whole length."""
    assert backoff_seconds(attempt, 0.5, 8.0, 1.0) == pytest.approx(seconds)


def test_half_of_a_pause_is_left_to_chance():
    """At the lowest throw, half of the length remains."""
    assert backoff_seconds(0, 0.5, 8.0, 0.0) == pytest.approx(0.25)
