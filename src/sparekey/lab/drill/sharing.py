"""M08 to M10: processes that share one chain through a SQLite file, in real time."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.fixtures import NO_FAILBACK
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
_LONGEST: Final = 90.0
"""Seconds after which a process that does not answer is killed."""
_WITHIN: Final = 1.0
_LOAD: Final = 7.0
_LIMITED: Final = 4.5
_PARK: Final = 1.5
"""Seconds: how long the load lasts, how long the limit lasts within it, and each stated wait."""
_KNOBS: Final = {**NO_FAILBACK, "patience": 0.0}


class SecondProcess:
    """Another process that runs the scenario's chain (see `sparekey.lab.drill.second_process`)."""

    def __init__(self, scenario: Scenario, store: str) -> None:
        """Start the process; `ready` waits until it runs."""
        command = [sys.executable, "-m", "sparekey.lab.drill.second_process"]
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
        )
        self._send({"config": scenario.plain(), "mode": scenario.mode, "store": store})

    def begin(self, what: object) -> None:
        """Send an order without waiting for the answer."""
        self._send(what)

    def answer(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdout is not None
        limit = threading.Timer(_LONGEST, self._process.kill)
        limit.start()
        try:
            line = self._process.stdout.readline()
        finally:
            limit.cancel()
        if not line:
            raise RuntimeError("a process that shares the chain has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    ready = answer

    def ask(self) -> dict[str, Any]:
        """Make a call in the process; return what its caller saw, and its chain's state afterwards."""
        self.begin("ask")
        return self.answer()

    def look(self) -> dict[str, Any]:
        """Return the state of its chain now."""
        self.begin("look")
        return self.answer()

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first state in which `holds` is true; the last one, if none is in time."""
        end = time.monotonic() + _SETTLED
        while not holds(found := self.look()) and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def kill(self) -> None:
        """End the process with SIGKILL, for which no program can prepare."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """End the process: close its standard input, and kill it if it stays."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_SETTLED)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _send(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()


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
            process.ready()
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
        one.begin("ask")
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
        process.begin({"load": _LOAD})
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
        found = again.ready()
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
