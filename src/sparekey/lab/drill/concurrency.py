"""M01 to M07: many callers at once, callers that go away, and clocks that jump."""

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
"""Seconds after which a probe without a result counts as lost, plus one."""
_TURNS: Final = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 400, 600, 1000)
"""Turns of the event loop after which a call is cancelled, from its first step to after its end."""


def _ill_once(scenario: Scenario) -> Iterator[Check]:
    """Park the first credential, let the second one serve, and let the park run out."""
    scenario.fail(0, faults.overloaded())
    yield from whole(scenario.ask())
    yield Check("the first one is parked", scenario.parked_for(0) > 0)
    scenario.heal()
    scenario.clock.skip(scenario.parked_for(0) + 1)


def _m01(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    yield from _ill_once(scenario)
    scenario.clock.freeze()
    scenario.fail(0, faults.hang(20))
    before = scenario.tries(0)
    calls = [scenario.start() for _ in range(_CROWD)]
    served = [scenario.wait(call).complete for call in calls]
    yield Check("all are served", all(served))
    yield Check("exactly one probe", scenario.tries(0) == before + 1)


def _m02(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    scenario.fail(0, faults.slow(before=10), times=1)
    late = scenario.start()
    yield Check("the slow call is out", scenario.seats[0].provider.wait_for(lambda p: len(p.requests) == 1))
    scenario.fail(0, faults.auth())
    yield from whole(scenario.ask())
    yield Check("the second one is active", scenario.chain.active_index == 1)
    yield from whole(scenario.wait(late))
    yield Check("a late success moves nobody", scenario.chain.active_index == 1 and scenario.parked_for(0) > 0)


def _m03(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    yield from _ill_once(scenario)
    scenario.fail(0, faults.hang())
    before = scenario.tries(0)
    probe = scenario.start()
    yield Check("the probe is out", scenario.seats[0].provider.wait_for(lambda _: scenario.tries(0) == before + 1))
    probe.cancel()  # a task goes away at once; a thread stays, and only its lease can end
    scenario.heal()
    scenario.clock.skip(_LEASE)
    yield from whole(scenario.ask())
    yield Check("another probe is let through", scenario.tries(0) == before + 2 and scenario.chain.active_index == 0)


def _m04(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    scenario.fail(0, faults.stall(after=10))
    scenario.leave(after=3)
    provider = scenario.seats[0].provider
    yield Check("the upstream call is cancelled within 1 s", provider.wait_for(lambda p: len(p.abandoned) == 1, 1.0))
    yield Check("its connection is closed", provider.wait_for(lambda p: p.open_connections == 0, 1.0))
    yield Check("nobody is blamed", not scenario.parked and scenario.chain.active_index == 0)
    scenario.heal()
    yield from whole(scenario.stream())


def _m05(context: RowContext) -> Iterator[Check]:
    for ill in (False, True):
        scenario = context.chat(seats=2, apart=True)
        if ill:
            scenario.fail(0, faults.overloaded())
        for number, turns in enumerate(_TURNS):
            scenario.cancel_after(turns, streaming=number % 2 == 0)
        yield Check("no attempt is left unsettled", not scenario.probing)
        yield Check("nobody is blamed for a cancelled call", ill or not scenario.parked)
        yield from whole(scenario.ask())
        scenario.close()
        yield Check("no connection leaks", context.simulator.wait_closed())


def _m06(context: RowContext) -> Iterator[Check]:
    for jump in (3600.0, -3600.0):
        scenario = context.chat(seats=2, apart=True)
        scenario.fail(0, faults.rate_limit(retry_after=30))
        yield from whole(scenario.ask())
        before, since = scenario.parked_for(0), scenario.clock()
        with _wall_clock_moved(jump):
            yield from whole(scenario.ask())
            passed = scenario.clock() - since
            yield Check(f"the park keeps its length ({jump:+.0f} s)", abs(before - passed - scenario.parked_for(0)) < 1)


@contextmanager
def _wall_clock_moved(seconds: float) -> Iterator[None]:
    """Show this process another time of day, as after a correction of the system's clock."""
    true = time.time
    time.time = lambda: true() + seconds  # the row is played alone, so no other row is affected
    try:
        yield
    finally:
        time.time = true


def _m07(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=3, apart=True)
    end = time.monotonic() + context.profile.load
    wrong: list[str] = []
    workers = [threading.Thread(target=_hammer, args=(scenario, mode, end, wrong)) for mode in ("sync", "async") for _ in range(_WORKERS)]
    for worker in workers:
        worker.start()
    _make_trouble(scenario, end)
    for worker in workers:
        worker.join()
    yield Check(f"every call is served or gets the chain's own error {wrong[:3]}", not wrong)
    scenario.heal()
    scenario.clock.skip(max(scenario.parked_for(seat) for seat in range(len(scenario.seats))) + 1)
    for _ in range(4):
        yield from whole(scenario.ask())
    yield Check("traffic is back on the first", scenario.chain.active_index == 0)
    yield Check("nothing is left behind", not scenario.probing)


def _hammer(scenario: Scenario, mode: str, end: float, wrong: list[str]) -> None:
    while time.monotonic() < end:
        outcome = scenario.wait(scenario.start(mode=mode))
        if not outcome.complete and outcome.exhausted is None:
            wrong.append(outcome.words)


def _make_trouble(scenario: Scenario, end: float) -> None:
    """Script random faults, and end parks early."""
    dice = random.Random(7)  # noqa: S311 - chance of a drill, not a secret
    trouble = (faults.overloaded(), faults.rate_limit(retry_after=1), faults.auth(), faults.quota(), faults.reset(), faults.html())
    while time.monotonic() < end:
        scenario.fail(dice.randrange(len(scenario.seats)), dice.choice(trouble), times=dice.randint(1, 3))
        scenario.clock.skip(dice.choice((0.0, 1.0, 10.0, 700.0)) if scenario.clock.virtual else 0.0)
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
