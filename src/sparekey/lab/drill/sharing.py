"""M08 to M10: several processes share one chain through a SQLite file. They are real processes, and time is real."""

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
"""Seconds after which a process that does not answer is ended."""
_WITHIN: Final = 1.0
_LOAD: Final = 7.0
_LIMITED: Final = 4.5
_PARK: Final = 1.5
"""Seconds: of load, of those with a limit in them, of one stated wait."""
_KNOBS: Final = {**NO_FAILBACK, "patience": 0.0}


class Sharer:
    """Another process with the scenario's chain (see `sparekey.lab.drill.second_process`)."""

    def __init__(self, scenario: Scenario, store: str) -> None:
        """Start it; `ready` waits until it is there."""
        command = [sys.executable, "-m", "sparekey.lab.drill.second_process"]
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
        )
        self._send({"config": scenario.plain(), "mode": scenario.mode, "store": store})

    def begin(self, what: object) -> None:
        """Give an order and do not wait."""
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
        """Let it make a call; return what its caller heard, and what its chain looks like then."""
        self.begin("ask")
        return self.answer()

    def look(self) -> dict[str, Any]:
        """Return what its chain looks like now."""
        self.begin("look")
        return self.answer()

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first look at which something holds; the last one, if it never does."""
        end = time.monotonic() + _SETTLED
        while not holds(found := self.look()) and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def kill(self) -> None:
        """End it as nothing can be prepared for (SIGKILL)."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Let it end."""
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
def _sharing(scenario: Scenario, count: int) -> Iterator[tuple[Path, Callable[[], Sharer], list[Sharer]]]:
    """Some processes on one file, which have made one call each: its folder, what starts one more, and those that are there."""
    with tempfile.TemporaryDirectory(prefix="sparekey-drill") as root, ExitStack() as stack:
        folder = Path(root) / "store"
        folder.mkdir()

        def another() -> Sharer:
            sharer = Sharer(scenario, f"sqlite:///{folder / 'state.db'}")
            stack.callback(sharer.close)
            return sharer

        sharers = [another() for _ in range(count)]
        for sharer in sharers:
            sharer.ready()
            sharer.ask()  # the first call imports an SDK
        yield folder, another, sharers


def _served(scenario: Scenario, told: dict[str, Any]) -> Iterator[Check]:
    outcome = CallOutcome(text=told["text"], seconds=told["seconds"])
    scenario.outcome.append(outcome)
    yield Check(f"no error ({told['error']})", told["error"] is None)
    yield from whole(outcome)


def _m08(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True, knobs=_KNOBS)
    with _sharing(scenario, 2) as (_, _, (one, two)):
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


def _under_load(scenario: Scenario, *sharers: Sharer) -> Iterator[Check]:
    """Let both processes ask without a pause while the first credential is limited for a while."""
    before = scenario.tries(0)
    for sharer in sharers:
        sharer.begin({"load": _LOAD})
    provider = scenario.seats[0].provider
    yield Check("both are at it", provider.wait_for(lambda _: scenario.tries(0) > before + 2 * len(sharers), _SETTLED))
    scenario.fail(0, faults.rate_limit(retry_after=_PARK))
    since = scenario.clock()
    time.sleep(_LIMITED)
    until = scenario.clock()
    scenario.heal()
    told = [sharer.answer() for sharer in sharers]
    lost = sum(one["lost_number"] for one in told)
    yield Check(f"{lost} of {lost + sum(one['served'] for one in told)} calls were lost {told[0]['lost']}", not lost)
    late = [at for at in scenario.arrivals(0) if since + _WITHIN < at < until]
    most = int((_LIMITED - _WITHIN) / _PARK) + 1
    yield Check(f"{len(late)} calls of both to the limited one from 1 s on, {most} are allowed: one a park", len(late) <= most)


def _m09(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True, knobs=_KNOBS)
    with _sharing(scenario, 1) as (_, another, (first,)):
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
    with _sharing(scenario, 2) as (folder, _, (one, two)):
        scenario.fail(0, faults.auth())
        yield from _served(scenario, one.ask())
        two.until(lambda look: bool(look["parked"]))
        before = scenario.tries(0)
        folder.rename(folder.with_name("away"))
        gone = [sharer.until(lambda look: look["away"])["away"] for sharer in (one, two)]
        yield Check("the store is away", all(gone))
        scenario.fail(1, faults.auth())
        for _ in range(3):
            yield from _served(scenario, one.ask())
        yield Check("nothing that is parked is tried", (scenario.tries(0), scenario.tries(1)) == (before, 2))
        yield Check("one warning in each process", [sharer.look()["warnings"] for sharer in (one, two)] == [1, 1])
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
