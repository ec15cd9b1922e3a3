"""Time that several processes agree on: a clock that jumps changes no park of a process that runs."""

from __future__ import annotations

import math
from contextlib import closing

import pytest
from stores_kit import AUTH, ask, chain, parked, wait_until

from sparekey.stores import Keeper
from sparekey.stores.base import Stamp
from sparekey.stores.shared_time import age, boot_id, machine_stamp
from sparekey.stores.sqlite import SQLiteStore

HOUR = 3600.0


class Clocks:
    """A machine's clocks: the monotonic one, and the time of day."""

    def __init__(self):
        self.mono, self.day = 500.0, 1_800_000_000.0

    def advance(self, seconds):
        self.mono += seconds
        self.day += seconds

    def store(self, path):
        return SQLiteStore(path, monotonic=lambda: self.mono, wall=lambda: self.day)


@pytest.mark.parametrize(
    ("written", "now", "at_most", "expected"),
    [
        (Stamp("a", 10, 1000), Stamp("a", 25, 9000), math.inf, 15),
        (Stamp("a", 10, 1000), Stamp("b", 2, 1060), math.inf, 60),
        (Stamp("a", 10, 1000), Stamp("b", 2, 400), math.inf, 0),
        (Stamp("a", 10, 1000), Stamp("a", 4010, 1000), 0.25, 0.25),
        (Stamp("", 10, 1000), Stamp("", 25, 1007), math.inf, 7),
    ],
    ids=["one boot: exact", "another boot: the time of day", "set back: nothing", "seen just now", "no boot id: the time of day"],
)
def test_how_old_a_value_is(written, now, at_most, expected):
    """By the same clock if there is one, by the time of day if not, never less than nothing, never more than can be."""
    assert age(written, now, at_most) == expected


def test_this_machine_has_a_stamp():
    """It goes forwards, and has the boot's name where the system has one."""
    one, two = machine_stamp(), machine_stamp()
    assert one.at <= two.at
    assert one.clock == two.clock == boot_id()


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_parks_keep_their_length_when_the_time_of_day_jumps(tmp_path, jump):
    """M06 across processes: for one that runs, and for one that starts after the jump on the same boot."""
    clocks = Clocks()
    one, two, late = (Keeper(clocks.store(tmp_path / "s.db"), poll=0.02, patience=10.0) for _ in range(3))
    with closing(one), closing(two), closing(late):
        first, second = (chain(keeper, clock=lambda: clocks.mono) for keeper in (one, two))
        ask(first, k0=AUTH)
        clocks.day += jump
        ask(first, k1=AUTH)
        assert wait_until(lambda: len(parked(second)) == 2)
        clocks.advance(100)
        third = chain(late, clock=lambda: clocks.mono)
        for each in (first, second, third):
            assert parked(each) == pytest.approx({"k0": 500, "k1": 500}, abs=1)


def test_a_park_outlives_a_reboot(tmp_path, monkeypatch):
    """Another boot has another monotonic clock; what has passed is read off the time of day."""
    clocks = Clocks()
    with closing(Keeper(clocks.store(tmp_path / "s.db"), patience=10.0)) as store:
        ask(chain(store, clock=lambda: clocks.mono), k0=AUTH)
    clocks.advance(60)
    clocks.mono = 3.0
    monkeypatch.setattr("sparekey.stores.shared_time.boot_id", lambda: "another boot")
    with closing(Keeper(clocks.store(tmp_path / "s.db"), patience=10.0)) as store:
        assert parked(chain(store, clock=lambda: clocks.mono)) == pytest.approx({"k0": 540}, abs=1)


def test_a_server_whose_clock_jumps_moves_no_park_of_a_running_process(servers):
    """What a process did not see at its last look is not older than that look, whatever the server says."""
    from sparekey.stores.redis import RedisStore

    stores = [RedisStore(f"{servers('valkey').url}?key=jumping") for _ in range(2)]
    one, two = (Keeper(store, poll=0.02, patience=10.0) for store in stores)
    with closing(one), closing(two):
        first, second = chain(one), chain(two)
        true = stores[0].stamp
        stores[0].stamp = lambda: true()._replace(at=true().at - HOUR)  # it wrote before the server's clock was set forwards
        ask(first, k0=AUTH)
        assert wait_until(lambda: parked(second))
        assert parked(second)["k0"] == pytest.approx(600, abs=20)
