"""One thing that may be parked, as a value."""

import pytest

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Phase
from sparekey.types import ErrorClass

AUTH, QUOTA, TRANSIENT = ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED, ErrorClass.TRANSIENT
HOUR, DAY = 3600.0, 86400.0


def parked_until(until, **more):
    return b.parked(CLOSED, 0.0, until, 1, AUTH, "invalid_key", **more)


def test_a_new_one_is_closed():
    """Nothing is held against what never failed."""
    assert b.phase(CLOSED, 0.0) is Phase.CLOSED
    assert (CLOSED.level, CLOSED.epoch, CLOSED.cause, CLOSED.reason, CLOSED.since, CLOSED.against) == (0, 0, None, "", None, ())
    assert not CLOSED.stated
    assert not CLOSED.soft


@pytest.mark.parametrize(("now", "found"), [(9.9, Phase.PARKED), (10.0, Phase.DUE), (99.0, Phase.DUE)])
def test_a_park_ends_at_its_end(now, found):
    """At the very second of its end a park is over."""
    assert b.phase(parked_until(10.0), now) is found


@pytest.mark.parametrize(("now", "found"), [(10.0, Phase.PROBING), (19.9, Phase.PROBING), (20.0, Phase.DUE)])
def test_a_lease_ends_at_its_end(now, found):
    """A probe that is lost makes room for another one."""
    assert b.phase(b.leased(parked_until(10.0), 20.0), now) is found


def test_a_probe_comes_back():
    """Without a verdict the next request may probe."""
    assert b.phase(b.released(b.leased(parked_until(10.0), 20.0)), 11.0) is Phase.DUE


def test_a_breaker_without_a_probe_is_released_as_it_is():
    """What changes nothing is the same value."""
    guard = parked_until(10.0)
    assert b.released(guard) is guard


def test_a_park_can_be_ended():
    """Ended means due, with no stated end, no look at it, and without a probe; the growth is kept."""
    guard = b.ended(b.leased(parked_until(5000.0, stated=True), 20.0), 3.0)
    assert b.phase(guard, 3.0) is Phase.DUE
    assert (guard.stated, guard.lease, guard.look_after, guard.level, guard.cause) == (False, None, 0.0, 1, AUTH)


def test_a_failure_that_parks_nobody_is_remembered():
    """Since when it fails, so that several requests can outweigh what is known of it; only the first one counts."""
    assert b.failing(b.failing(CLOSED, 3.0), 7.0).since == 3.0
    assert b.failing(CLOSED, 3.0).until is None


def test_a_park_says_why():
    """All that a person is told stands in the value."""
    guard = parked_until(10.0, stated=True)
    assert (guard.until, guard.cause, guard.reason, guard.stated, guard.soft) == (10.0, AUTH, "invalid_key", True, False)
    assert (guard.level, guard.lease, guard.since) == (1, None, 0.0)


def test_a_plain_park_is_neither_stated_nor_soft():
    """Both have to be said."""
    guard = b.parked(CLOSED, 0.0, 10.0, 1, AUTH)
    assert (guard.stated, guard.soft, guard.reason) == (False, False, "")


def test_a_newer_end_never_shortens_an_older_one():
    """The older, longer park keeps its end, its cause and its firmness; the probe that failed is back."""
    older = b.leased(parked_until(100.0, stated=True), 5.0)
    newer = b.parked(older, 40.0, 10.0, 7, TRANSIENT, "overloaded", soft=True)
    assert (newer.until, newer.cause, newer.reason, newer.stated, newer.soft, newer.level) == (100.0, AUTH, "invalid_key", True, False, 1)
    assert newer.lease is None


def test_a_later_end_takes_the_place_of_an_older_one():
    """The newer, longer park is the one that counts; at the same end, too, the newer one's cause is told."""
    for until in (100.0, 150.0):
        newer = b.parked(parked_until(100.0, stated=True), 50.0, until - 50.0, 3, TRANSIENT, "overloaded")
        assert (newer.until, newer.cause, newer.stated, newer.level) == (until, TRANSIENT, False, 3)


def test_a_park_keeps_since_when_it_fails():
    """And what several requests have shown, until a success."""
    first = b.parked(CLOSED, 3.0, 5.0, 0, AUTH, soft=True)
    assert b.parked(first, 8.0, 5.0, 0, AUTH, soft=True).since == 3.0


def test_parks_in_a_row_are_counted_by_cause():
    """The same cause after the end of its park is one more; another cause starts anew."""
    guard = parked_until(10.0)
    assert b.next_level(CLOSED, AUTH, 0.0) == 1
    assert b.next_level(guard, AUTH, 10.0) == 2
    assert b.next_level(guard, TRANSIENT, 10.0) == 1


def test_a_park_that_is_not_over_is_not_counted_again():
    """A rescue that fails in the middle of a park lets nothing grow."""
    assert b.next_level(parked_until(10.0), AUTH, 9.0) == 1


def test_a_soft_park_does_not_count_as_the_first():
    """Level 0 is a park on less than certainty; whenever a firm one follows, it is the first."""
    guard = b.parked(CLOSED, 5.0, 5.0, 0, AUTH, soft=True)
    assert b.next_level(guard, AUTH, 5.0) == 1
    assert b.next_level(guard, AUTH, 10.0) == 1


def test_the_phases_are_ordered_by_what_they_forbid():
    """The strictest guard of a credential decides."""
    assert [p.name for p in sorted(Phase, key=lambda p: p.value)] == ["CLOSED", "DUE", "PROBING", "PARKED"]


# ── looks at a stated end before it comes ──


@pytest.mark.parametrize(
    ("length", "first"),
    [(119.9, 119.9), (120.0, 120.0), (120.1, 12.01), (1000.0, 100.0), (6000.0, 600.0), (561635.0, 600.0)],
)
def test_a_stated_end_is_looked_at_before_it_comes(length, first):
    """After a tenth of it or ten minutes, whichever is less; a wait of under two minutes is kept to its end."""
    assert b.due_at(parked_until(length, stated=True)) == pytest.approx(first)


def test_an_end_that_nobody_stated_is_not_looked_at():
    """The table's own parks end when they end."""
    assert b.due_at(parked_until(3600.0)) == 3600.0


def looked(guard, now, length=None):
    """The breaker after a probe that failed at `now`; `length`: the provider states another wait."""
    if length is None:
        return b.parked(guard, now, 5.0, 1, TRANSIENT, soft=True, probed=True)
    return b.parked(guard, now, length, 1, QUOTA, stated=True, probed=True)


@pytest.mark.parametrize("restated", [False, True])
def test_looks_are_spaced_twice_as_far_each_time_up_to_an_hour(restated):
    """Whether the provider states the same end again or says something else."""
    guard, now, waits = parked_until(6 * DAY, stated=True), 0.0, []
    for _ in range(5):
        waits.append(b.due_at(guard) - now)
        now = b.due_at(guard)
        guard = looked(guard, now, 6 * DAY - now if restated else None)
    assert waits == [600.0, 1200.0, 2400.0, 3600.0, 3600.0]


def test_there_are_at_most_eight_wasted_looks_a_day():
    """For as long as it is parked."""
    guard, looks = parked_until(6 * DAY, stated=True), []
    while (now := b.due_at(guard)) < 6 * DAY:
        looks.append(now)
        guard = looked(guard, now, 6 * DAY - now)
    for day in range(6):
        assert sum(day * DAY <= at < (day + 1) * DAY for at in looks) == 8, f"day {day}"


def test_a_provider_that_is_asked_anew_and_states_another_end_is_believed():
    """A reset in six days was an error of theirs: now they say a minute."""
    guard = looked(parked_until(6 * DAY, stated=True), 600.0, 60.0)
    assert guard.until == 660.0


def test_a_shorter_end_that_no_probe_has_brought_is_not_believed():
    """It may be a late answer to an older request."""
    guard = b.parked(parked_until(6 * DAY, stated=True), 600.0, 60.0, 1, QUOTA, stated=True)
    assert guard.until == 6 * DAY


@pytest.mark.parametrize(("stated", "after", "may"), [(False, 1.0, True), (True, 299.9, False), (True, 300.0, True)])
def test_where_nobody_serves_a_stated_end_is_looked_at_every_five_minutes(stated, after, may):
    """What nobody stated may be asked at any time."""
    assert b.may_be_looked_at(parked_until(5000.0, stated=stated), after) is may


def test_a_short_stated_wait_is_kept_even_if_nobody_serves():
    """It is over soon enough, and they meant it."""
    assert not b.may_be_looked_at(parked_until(100.0, stated=True), 99.0)


def test_a_hold_is_looked_at_by_nobody():
    """A person set it: only time or a release ends it."""
    assert not b.may_be_looked_at(b.Breaker(until=b.UNTIL_RELEASED, stated=True, reason="held"), HOUR)


def test_how_long_is_left_is_told_unless_only_a_release_ends_it():
    """Never below zero."""
    assert (b.remaining(7.0), b.remaining(-1.0), b.remaining(b.UNTIL_RELEASED - 1)) == (7.0, 0.0, None)
