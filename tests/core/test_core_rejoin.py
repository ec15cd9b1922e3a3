"""Two histories of one chain meet: what only one side has changed is taken from it, of what both have, the later end wins."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from sparekey.core.breaker import CLOSED, Breaker
from sparekey.core.pool import PoolState, restarted, stamped, switched
from sparekey.core.rejoin import counts_only, merged
from sparekey.types import ErrorClass

A, B = "credential:a", "credential:b"


def parked(state, **ends):
    """The state with parks until so many seconds."""
    return stamped(state, {f"credential:{name}": Breaker(until=end, cause=ErrorClass.AUTH) for name, end in ends.items()})


BASE = parked(PoolState(active=1, term=3, switched_at=10.0, served=4, epoch=7), a=100.0)


def until(state):
    """The ends of all parks."""
    return {name.partition(":")[2]: guard.until for name, guard in state.breakers.items()}


def test_who_has_nothing_to_add_takes_over_the_others():
    """The very same state, so that nobody writes it again."""
    theirs = parked(BASE, b=50.0)
    assert merged(BASE, BASE, theirs) is theirs
    assert merged(BASE, theirs, theirs) is theirs
    assert merged(BASE, replace(BASE), theirs) is theirs


def test_what_they_left_alone_stays_as_i_have_it():
    """A recovery, a park and a switch that nobody else knows of."""
    mine = switched(parked(stamped(BASE, {A: CLOSED}), b=60.0), 0, 20.0)
    assert merged(BASE, mine, BASE) == mine


def test_the_union_of_parks():
    """Each side parked another one."""
    found = merged(BASE, parked(BASE, b=60.0), parked(BASE, c=70.0))
    assert until(found) == {"a": 100.0, "b": 60.0, "c": 70.0}


@pytest.mark.parametrize(("mine", "theirs"), [(200.0, 300.0), (300.0, 200.0)])
def test_of_two_parks_the_later_end_wins(mine, theirs):
    """Whoever has it."""
    assert until(merged(BASE, parked(BASE, a=mine), parked(BASE, a=theirs)))["a"] == 300.0


def test_a_park_wins_over_a_recovery_of_the_other_side():
    """One probe more is cheaper than traffic to a dead credential."""
    closed = stamped(BASE, {A: CLOSED})
    assert until(merged(BASE, closed, parked(BASE, a=30.0)))["a"] == 30.0
    assert until(merged(BASE, parked(BASE, a=30.0), closed))["a"] == 30.0


def test_what_is_disputed_has_a_new_epoch():
    """No result of an attempt that either side began before counts for it."""
    mine, theirs = parked(parked(BASE, a=200.0), b=60.0), parked(BASE, a=300.0)
    found = merged(BASE, mine, theirs)
    assert found.epoch == found.breakers[A].epoch == max(mine.epoch, theirs.epoch) + 1
    assert found.breakers[B] == mine.breakers[B]


def test_a_park_of_theirs_is_newer_than_my_tickets():
    """I have gone on meanwhile, and a ticket of mine is as new as their park: its success would clear what it never saw."""
    mine, theirs = parked(parked(BASE, c=60.0), d=60.0), parked(BASE, b=50.0)
    assert theirs.breakers[B].epoch <= mine.epoch
    assert merged(BASE, mine, theirs).breakers[B].epoch > mine.epoch


def test_parks_of_both_sides_are_newer_than_the_others_tickets():
    """Each side made its own, and both count alike: a ticket of the other side is as new as either."""
    mine, theirs = parked(BASE, b=60.0), parked(BASE, c=70.0)
    assert mine.epoch == theirs.epoch
    found = merged(BASE, mine, theirs)
    assert {name: found.breakers[f"credential:{name}"].epoch > mine.epoch for name in "bc"} == {"b": True, "c": True}


def test_what_is_due_since_before_the_clock_began_is_due_all_the_same():
    """A park of another process can have ended before this machine was started; it still owes a probe."""
    base = parked(PoolState(), a=-9.0)
    found = merged(base, stamped(base, {A: CLOSED}), parked(base, a=-5.0))
    assert until(found)["a"] == -5.0


def test_a_probe_of_mine_can_still_report():
    """They did nothing to it, and none of their tickets is as new."""
    mine = stamped(BASE, {A: replace(BASE.breakers[A], lease=160.0)})
    found = merged(BASE, mine, replace(BASE, served=9))
    assert found.breakers[A] == mine.breakers[A]
    assert found.epoch == mine.epoch


def test_a_probe_that_they_gave_back_is_back():
    """It has no new epoch, and is a change all the same."""
    base = stamped(BASE, {A: replace(BASE.breakers[A], lease=160.0)})
    theirs = replace(base, breakers=MappingProxyType({A: replace(base.breakers[A], lease=None)}))
    assert merged(base, replace(base, served=5), theirs).breakers[A].lease is None
    assert merged(base, theirs, replace(base, served=5)).breakers[A].lease is None


def test_the_later_switch_decides_who_is_active():
    """In a new term, so that no late success of either moves it."""
    mine, theirs = switched(BASE, 2, 30.0), switched(switched(BASE, 0, 15.0), 3, 20.0)
    found = merged(BASE, mine, theirs)
    assert (found.active, found.switched_at) == (2, 30.0)
    assert found.term == theirs.term + 1
    assert merged(BASE, theirs, mine).active == 2


def test_the_same_switch_is_one():
    """What was sent, and is read back, is no second term."""
    mine = switched(BASE, 2, 30.0)
    assert merged(BASE, mine, replace(mine)) == mine


def test_a_switch_of_one_side_is_taken_over():
    """With its time and its count."""
    moved = replace(switched(BASE, 2, 30.0), served=6)
    for found in (merged(BASE, moved, replace(BASE, served=9)), merged(BASE, replace(BASE, served=9), moved)):
        assert (found.active, found.term, found.switched_at, found.served) == (2, moved.term, 30.0, 6)


def test_served_requests_add_up():
    """What both have served since they agreed."""
    assert merged(BASE, replace(BASE, served=7), replace(BASE, served=14)).served == 17


def test_a_count_that_both_have_started_anew():
    """At about the same time: what each has served since then adds up."""
    mine, theirs = replace(restarted(BASE, 50.0), served=2), replace(restarted(BASE, 50.3), served=3)
    assert merged(BASE, mine, theirs).served == 5


def test_times_come_back_from_a_store_a_little_different():
    """It is the same count all the same; one that was started anew is another."""
    mine = replace(BASE, served=7)
    assert merged(BASE, mine, replace(BASE, served=14, switched_at=10.4)).served == 17
    assert (merged(BASE, mine, restarted(BASE, 50.0)).served, merged(BASE, mine, restarted(BASE, 50.0)).active) == (0, 1)
    assert merged(BASE, restarted(BASE, 50.0), replace(BASE, served=14)).served == 0


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"), [(None, 5.0, 5.0), (9.0, 5.0, 9.0), (9.0, None, 9.0), (4.0, 5.0, 5.0), (1.0, 0.9, 0.9)]
)
def test_the_later_rescue_counts(mine, theirs, expected):
    """One request every five seconds, of both together; what I have not changed is theirs to say."""
    base = replace(BASE, rescued_at=1.0)
    found = merged(base, replace(base, rescued_at=mine, served=5), replace(base, rescued_at=theirs))
    assert found.rescued_at == expected


def test_a_store_that_lost_its_data_takes_nothing_away():
    """It is older than what both agreed on: then they agree on nothing, and both sides' parks hold."""
    fresh = parked(PoolState(), b=40.0)
    found = merged(BASE, replace(BASE, served=5), fresh)
    assert until(found) == {"a": 100.0, "b": 40.0}
    assert found.active == 1
    assert found.epoch >= BASE.epoch


def test_a_term_that_went_backwards_is_lost_data_too():
    """Whatever its epoch says."""
    theirs = replace(BASE, term=0, active=0, breakers=MappingProxyType({}))
    assert until(merged(BASE, replace(BASE, served=5), theirs)) == {"a": 100.0}


def test_a_park_that_a_store_forgot_holds():
    """A replica that was promoted before it heard of it, even if others have changed something there since."""
    mine = parked(BASE, b=50.0)
    forgotten = parked(stamped(BASE, {"credential:d": CLOSED}), c=70.0)
    assert forgotten.epoch > mine.epoch
    found = merged(mine, mine, forgotten)
    assert until(found) == {"a": 100.0, "b": 50.0, "c": 70.0, "d": None}
    assert found.breakers[B].epoch > forgotten.epoch
    assert merged(forgotten, forgotten, found) is found


def test_a_state_of_before_what_both_agreed_on_takes_nothing_away():
    """Though this process has nothing to add to what both knew: neither the park nor the switch."""
    base = switched(parked(BASE, b=50.0), 2, 20.0)
    found = merged(base, base, BASE)
    assert until(found) == {"a": 100.0, "b": 50.0}
    assert found.active == 2
    assert found.term >= base.term


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"served": 5}, True),
        ({}, True),
        ({"active": 0}, False),
        ({"term": 4}, False),
        ({"epoch": 99}, False),
        ({"switched_at": 11.0}, False),
        ({"rescued_at": 1.0}, False),
        ({"breakers": MappingProxyType({})}, False),
    ],
)
def test_only_a_count_can_wait(change, expected):
    """Everything else is told at once."""
    assert counts_only(BASE, replace(BASE, **change)) is expected
