"""M: many callers at once, callers that go away, and time that jumps."""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sparekey.lab.drill.outcome import whole
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.verdict import Check
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.scenario import Scenario

_CROWD: Final = 100
_WORKERS: Final = 8
_LEASE: Final = 61.0
"""Seconds after which a probe without a result counts as lost, and one more."""
_TURNS: Final = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 400, 600, 1000)
"""Turns of the event loop after which a call is cancelled: from before its first step to after its end."""


def _ill_once(world: Scenario) -> Iterator[Check]:
    """Let the first credential be parked, the second one be active, and the park be over."""
    world.fail(0, faults.overloaded())
    yield from whole(world.ask())
    yield Check("the first one is parked", world.parked_for(0) > 0)
    world.heal()
    world.clock.skip(world.parked_for(0) + 1)


def _m01(stage: RowContext) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    yield from _ill_once(world)
    world.clock.freeze()
    world.fail(0, faults.hang(20))
    before = world.tries(0)
    calls = [world.start() for _ in range(_CROWD)]
    served = [world.wait(call).complete for call in calls]
    yield Check("all are served", all(served))
    yield Check("exactly one probe", world.tries(0) == before + 1)


def _m02(stage: RowContext) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    world.fail(0, faults.slow(before=10), times=1)
    late = world.start()
    yield Check("the slow call is out", world.seats[0].provider.wait_for(lambda p: len(p.requests) == 1))
    world.fail(0, faults.auth())
    yield from whole(world.ask())
    yield Check("the second one is active", world.chain.active_index == 1)
    yield from whole(world.wait(late))
    yield Check("a late success moves nobody", world.chain.active_index == 1 and world.parked_for(0) > 0)


def _m03(stage: RowContext) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    yield from _ill_once(world)
    world.fail(0, faults.hang())
    before = world.tries(0)
    probe = world.start()
    yield Check("the probe is out", world.seats[0].provider.wait_for(lambda _: world.tries(0) == before + 1))
    probe.cancel()  # a task goes away at once; a thread stays where it is, and only its lease can end
    world.heal()
    world.clock.skip(_LEASE)
    yield from whole(world.ask())
    yield Check("another probe is let through", world.tries(0) == before + 2 and world.chain.active_index == 0)


def _m04(stage: RowContext) -> Iterator[Check]:
    world = stage.chat(seats=2)
    world.fail(0, faults.stall(after=10))
    world.leave(after=3)
    provider = world.seats[0].provider
    yield Check("the upstream call is cancelled within 1 s", provider.wait_for(lambda p: len(p.abandoned) == 1, 1.0))
    yield Check("its connection is closed", provider.wait_for(lambda p: p.open_connections == 0, 1.0))
    yield Check("nobody is blamed", not world.parked and world.chain.active_index == 0)
    world.heal()
    yield from whole(world.stream())


def _m05(stage: RowContext) -> Iterator[Check]:
    for ill in (False, True):
        world = stage.chat(seats=2, apart=True)
        if ill:
            world.fail(0, faults.overloaded())
        for number, turns in enumerate(_TURNS):
            world.cancel_after(turns, streaming=number % 2 == 0)
        yield Check("no attempt is left unsettled", not world.probing)
        yield Check("nobody is blamed for a cancelled call", ill or not world.parked)
        yield from whole(world.ask())
        world.close()
        yield Check("no connection leaks", stage.simulator.wait_closed())


def _m06(stage: RowContext) -> Iterator[Check]:
    for jump in (3600.0, -3600.0):
        world = stage.chat(seats=2, apart=True)
        world.fail(0, faults.rate_limit(retry_after=30))
        yield from whole(world.ask())
        before, since = world.parked_for(0), world.clock()
        with _wall_clock_moved(jump):
            yield from whole(world.ask())
            passed = world.clock() - since
            yield Check(f"the park keeps its length ({jump:+.0f} s)", abs(before - passed - world.parked_for(0)) < 1)


@contextmanager
def _wall_clock_moved(seconds: float) -> Iterator[None]:
    """Let the process see another time of day, as after a correction of the system's clock."""
    true = time.time
    time.time = lambda: true() + seconds  # the row is played alone, so nobody else is misled
    try:
        yield
    finally:
        time.time = true


def _m07(stage: RowContext) -> Iterator[Check]:
    world = stage.chat(seats=3, apart=True)
    end = time.monotonic() + stage.profile.load
    wrong: list[str] = []
    workers = [threading.Thread(target=_hammer, args=(world, mode, end, wrong)) for mode in ("sync", "async") for _ in range(_WORKERS)]
    for worker in workers:
        worker.start()
    _make_trouble(world, end)
    for worker in workers:
        worker.join()
    yield Check(f"every call is served or gets the chain's own error {wrong[:3]}", not wrong)
    world.heal()
    world.clock.skip(max(world.parked_for(seat) for seat in range(len(world.seats))) + 1)
    for _ in range(4):
        yield from whole(world.ask())
    yield Check("traffic is back on the first", world.chain.active_index == 0)
    yield Check("nothing is left behind", not world.probing)


def _hammer(world: Scenario, mode: str, end: float, wrong: list[str]) -> None:
    while time.monotonic() < end:
        heard = world.wait(world.start(mode=mode))
        if not heard.complete and heard.exhausted is None:
            wrong.append(heard.words)


def _make_trouble(world: Scenario, end: float) -> None:
    """Script random faults, and let parks end early."""
    dice = random.Random(7)  # noqa: S311 - chance of a drill, no secret
    trouble = (faults.overloaded(), faults.rate_limit(retry_after=1), faults.auth(), faults.quota(), faults.reset(), faults.html())
    while time.monotonic() < end:
        world.fail(dice.randrange(len(world.seats)), dice.choice(trouble), times=dice.randint(1, 3))
        world.clock.skip(dice.choice((0.0, 1.0, 10.0, 700.0)) if world.clock.virtual else 0.0)
        time.sleep(0.02)


_TASKS: Final = ("async",)
ROWS: Final = (
    Row("M01", "100 requests while a park runs out", "every one served", "exactly one probe", _m01, alone=True, waits=True),
    Row("M02", "a slow success of an old term comes late", "both served", "the active one does not move", _m02, waits=True),
    Row("M03", "the probe is lost", "the next call served by the first", "another probe after the lease", _m03),
    Row("M04", "the caller goes away mid-stream", "nothing", "cancelled within 1 s, nobody blamed", _m04),
    Row("M05", "cancelled at any turn of the event loop", "the next call served", "no attempt and no connection left", _m05, _TASKS),
    Row("M06", "the time of day jumps an hour, both ways", "served", "parks keep their length", _m06, alone=True),
    Row(
        "M07",
        "8 threads and 8 tasks under random faults",
        "served, or the chain's error",
        "back to the first",
        _m07,
        ("mixed",),
        alone=True,
    ),
)
