"""One thing that may be parked, as a value."""

import pytest

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Phase
from sparekey.types import ErrorClass

AUTH, TRANSIENT = ErrorClass.AUTH, ErrorClass.TRANSIENT


def parked_until(until, **more):
    return b.parked(CLOSED, until, 1, AUTH, "invalid_key", **more)


def test_a_new_one_is_closed():
    """Nothing is held against what never failed."""
    assert b.phase(CLOSED, 0.0) is Phase.CLOSED
    assert (CLOSED.strikes, CLOSED.level, CLOSED.epoch, CLOSED.cause, CLOSED.reason) == (0, 0, 0, None, "")
    assert not CLOSED.firm
    assert not CLOSED.weak


@pytest.mark.parametrize(("now", "found"), [(9.9, Phase.PARKED), (10.0, Phase.DUE), (99.0, Phase.DUE)])
def test_a_park_ends_at_its_end(now, found):
    """At the very second of its end a park is over."""
    assert b.phase(parked_until(10.0), now) is found


@pytest.mark.parametrize(("now", "found"), [(10.0, Phase.PROBING), (19.9, Phase.PROBING), (20.0, Phase.DUE)])
def test_a_lease_ends_at_its_end(now, found):
    """A probe that is lost makes room for another one."""
    assert b.phase(b.leased(parked_until(10.0), 20.0), now) is found


def test_a_lease_does_not_end_a_park():
    """Parked comes before probing."""
    assert b.phase(b.leased(parked_until(10.0), 20.0), 5.0) is Phase.PARKED


def test_a_probe_comes_back():
    """Without a verdict the next request may probe."""
    assert b.phase(b.released(b.leased(parked_until(10.0), 20.0)), 11.0) is Phase.DUE


def test_a_breaker_without_a_probe_is_released_as_it_is():
    """What changes nothing is the same value."""
    guard = parked_until(10.0)
    assert b.released(guard) is guard


def test_a_park_can_be_ended():
    """Ended means due, not firm, and without a probe; the growth is kept."""
    guard = b.ended(b.leased(parked_until(10.0, firm=True), 20.0), 3.0)
    assert b.phase(guard, 3.0) is Phase.DUE
    assert (guard.firm, guard.lease, guard.level, guard.cause) == (False, None, 1, AUTH)


def test_a_strike_is_counted_without_a_park():
    """The circuit breaker's threshold counts these."""
    assert b.struck(b.struck(CLOSED)).strikes == 2
    assert b.struck(CLOSED).until is None


def test_a_park_says_why():
    """All that a person is told stands in the value."""
    guard = parked_until(10.0, firm=True, weak=True)
    assert (guard.until, guard.cause, guard.reason, guard.firm, guard.weak) == (10.0, AUTH, "invalid_key", True, True)
    assert (guard.strikes, guard.level, guard.lease) == (1, 1, None)


def test_a_plain_park_is_neither_firm_nor_weak():
    """Both have to be said."""
    guard = b.parked(CLOSED, 10.0, 1, AUTH)
    assert (guard.firm, guard.weak, guard.reason) == (False, False, "")


def test_a_newer_end_never_shortens_an_older_one():
    """The older, longer park keeps its end, its cause and its firmness; the probe that failed is back."""
    older = b.leased(parked_until(100.0, firm=True), 5.0)
    newer = b.parked(older, 50.0, 7, TRANSIENT, "overloaded")
    assert (newer.until, newer.cause, newer.reason, newer.firm, newer.level) == (100.0, AUTH, "invalid_key", True, 1)
    assert (newer.strikes, newer.lease) == (2, None)


def test_a_later_end_takes_the_place_of_an_older_one():
    """The newer, longer park is the one that counts; at the same end, too, the newer one's cause is told."""
    for until in (100.0, 150.0):
        newer = b.parked(parked_until(100.0, firm=True), until, 3, TRANSIENT, "overloaded")
        assert (newer.until, newer.cause, newer.firm, newer.level, newer.strikes) == (until, TRANSIENT, False, 3, 2)


def test_parks_in_a_row_are_counted_by_cause():
    """The same cause after the end of its park is one more; another cause starts anew."""
    guard = parked_until(10.0)
    assert b.next_level(CLOSED, AUTH, 0.0) == 1
    assert b.next_level(guard, AUTH, 10.0) == 2
    assert b.next_level(guard, TRANSIENT, 10.0) == 1


def test_a_park_that_is_not_over_is_not_counted_again():
    """A rescue that fails in the middle of a park lets nothing grow."""
    assert b.next_level(parked_until(10.0), AUTH, 9.0) == 1


def test_a_weak_park_does_not_count_as_the_first():
    """Level 0 is a park on weak evidence alone; whenever it is confirmed, the first real park follows."""
    guard = b.parked(CLOSED, 10.0, 0, AUTH, weak=True)
    assert b.next_level(guard, AUTH, 5.0) == 1
    assert b.next_level(guard, AUTH, 10.0) == 1


def test_the_phases_are_ordered_by_what_they_forbid():
    """The strictest guard of a credential decides."""
    assert [p.name for p in sorted(Phase, key=lambda p: p.value)] == ["CLOSED", "DUE", "PROBING", "PARKED"]
