"""M08 to M10: processes that share one chain through a SQLite file, in real time."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.fixtures import NO_FAILBACK
from sparekey.lab.drill.line_process import LineProcess
from sparekey.lab.drill.outcome import CallOutcome, whole
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.scenario import Scenario

_SETTLED: Final = 10.0
"""Seconds for which a condition is waited for; rows say how soon it must hold."""
_WITHIN: Final = 1.0
_LOAD: Final = 7.0
_LIMITED: Final = 4.5
_PARK: Final = 1.5
"""Seconds: how long the load lasts, how long the limit lasts within it, and each stated wait."""
_KNOBS: Final = {**NO_FAILBACK, "patience": 0.0}


class SecondProcess(LineProcess):
    """Another process that runs the scenario's chain (see `sparekey.lab.drill.second_process`)."""

    def __init__(self, scenario: Scenario, store: str) -> None:
        """Start the process; `answer` waits until it runs."""
        super().__init__("sparekey.lab.drill.second_process", {"config": scenario.config_data(), "mode": scenario.mode, "store": store})

    def answer(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            ValueError: the process has ended.
        """
        return self.receive(limited=True)

    def ask(self) -> dict[str, Any]:
        """Make a call in the process; return what its caller saw, and its chain's state afterwards."""
        self.send("ask")
        return self.answer()

    def look(self) -> dict[str, Any]:
        """Return the state of its chain now."""
        self.send("look")
        return self.answer()

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first state in which `holds` is true; the last one, if none is in time."""
        end = time.monotonic() + _SETTLED
        while not holds(found := self.look()) and time.monotonic() < end:
            time.sleep(0.01)
        return found


@contextmanager
def _second_processes(scenario: Scenario, count: int) -> Iterator[tuple[Path, Callable[[], SecondProcess], list[SecondProcess]]]:
    """Start processes that share one file, and let each make one call.

    Hand out the folder of the file, a function that starts one more process, and the processes.
    """
    with tempfile.TemporaryDirectory(prefix="sparekey-drill") as root, ExitStack() as stack:
        folder = Path(root) / "store"
        folder.mkdir()

        def another() -> SecondProcess:
            process = SecondProcess(scenario, f"sqlite:///{folder / 'state.db'}")
            stack.callback(process.close)
            return process

        processes = [another() for _ in range(count)]
        for process in processes:
            process.answer()
            process.ask()  # the first call imports an SDK
        yield folder, another, processes


def _served(scenario: Scenario, reply: dict[str, Any]) -> Iterator[Check]:
    outcome = CallOutcome(text=reply["text"], seconds=reply["seconds"])
    scenario.outcomes.append(outcome)
    yield Check(f"no error ({reply['error']})", reply["error"] is None)
    yield from whole(outcome)


def _m08(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True, knobs=_KNOBS)
    with _second_processes(scenario, 2) as (_, _, (one, two)):
        before = scenario.tries(0)
        scenario.fail(0, faults.rate_limit(retry_after=4), times=1)
        parked = one.ask()
        seen = two.until(lambda look: bool(look["parked"]))
        yield Check("both see the park", bool(seen["parked"]) and seen["active"] == 1)
        yield Check("within 1 s", seen["at"] - parked["at"] <= _WITHIN, Verdict.PARTIAL)
        yield from _served(scenario, parked)
        yield from _served(scenario, two.ask())
        yield Check("the other one tries nothing that is parked", scenario.tries(0) == before + 1)
        one.until(lambda look: not look["parked"])
        scenario.fail(0, faults.slow(before=2), times=1)
        one.send("ask")
        yield Check("the probe is out", scenario.seats[0].provider.wait_for(lambda _: scenario.tries(0) == before + 2))
        yield from _served(scenario, two.ask())
        yield Check("one probe between them", scenario.tries(0) == before + 2)
        yield from _served(scenario, one.answer())
        back = two.until(lambda look: look["active"] == 0)
        yield Check("traffic of both is back on the first", back["active"] == 0)
        yield from _under_load(scenario, one, two)


def _under_load(scenario: Scenario, *processes: SecondProcess) -> Iterator[Check]:
    """Let both processes ask without a pause, and limit the first credential for a while."""
    before = scenario.tries(0)
    for process in processes:
        process.send({"load": _LOAD})
    provider = scenario.seats[0].provider
    yield Check("both are at it", provider.wait_for(lambda _: scenario.tries(0) > before + 2 * len(processes), _SETTLED))
    scenario.fail(0, faults.rate_limit(retry_after=_PARK))
    since = scenario.clock()
    time.sleep(_LIMITED)
    until = scenario.clock()
    scenario.heal()
    replies = [process.answer() for process in processes]
    lost = sum(one["lost_number"] for one in replies)
    yield Check(f"{lost} of {lost + sum(one['served'] for one in replies)} calls were lost {replies[0]['lost']}", not lost)
    late = [at for at in scenario.arrivals(0) if since + _WITHIN < at < until]
    most = int((_LIMITED - _WITHIN) / _PARK) + 1
    yield Check(f"{len(late)} calls of both to the limited one from 1 s on, {most} are allowed: one a park", len(late) <= most)


def _m09(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True, knobs=_KNOBS)
    with _second_processes(scenario, 1) as (_, another, (first,)):
        scenario.fail(0, faults.auth())
        yield from _served(scenario, first.ask())
        first.kill()
        before = scenario.tries(0)
        again = another()
        found = again.answer()
        yield Check("the park is remembered", bool(found["parked"]) and found["active"] == 1)
        yield from _served(scenario, again.ask())
        yield Check("nothing that is parked is tried", scenario.tries(0) == before)


def _m10(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=3, apart=True, knobs=_KNOBS)
    with _second_processes(scenario, 2) as (folder, _, (one, two)):
        scenario.fail(0, faults.auth())
        yield from _served(scenario, one.ask())
        two.until(lambda look: bool(look["parked"]))
        before = scenario.tries(0)
        folder.rename(folder.with_name("away"))
        gone = [process.until(lambda look: look["away"])["away"] for process in (one, two)]
        yield Check("the store is away", all(gone))
        scenario.fail(1, faults.auth())
        for _ in range(3):
            yield from _served(scenario, one.ask())
        yield Check("nothing that is parked is tried", (scenario.tries(0), scenario.tries(1)) == (before, 2))
        yield Check("one warning in each process", [process.look()["warnings"] for process in (one, two)] == [1, 1])
        folder.with_name("away").rename(folder)
        seen = two.until(lambda look: len(look["parked"]) == 2 and not look["away"])
        yield Check("state re-joins", len(seen["parked"]) == 2 and seen["active"] == 2)
        yield from _served(scenario, two.ask())
        yield Check("nothing that is parked is tried", (scenario.tries(0), scenario.tries(1)) == (before, 2))


_BLOCKING: Final = ("sync",)
_TASKS: Final = ("async",)
ROWS: Final = (
    Row("M08", "two processes share a chain", "every one served", "one probe between them, both see a park within 1 s", _m08, _TASKS),
    Row("M09", "killed with SIGKILL, started again", "served", "parks are remembered", _m09, _BLOCKING),
    Row("M10", "the shared store goes away and returns", "every one served", "one warning, state re-joins", _m10, _TASKS),
)
