"""Play the rows to one system, many at a time: in real time most of it is waiting."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.peer_scenario import PeerContext
from peers.remote import BrokenAdapterError, Worker
from peers.rows import FIRST_ROWS, LONGEST_FIRST, ROWS
from peers.systems import PEERS
from sparekey.lab.drill.fixtures import built_in
from sparekey.lab.drill.row import Row, Run
from sparekey.lab.drill.verdict import verdict
from sparekey.lab.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peers.systems import System

AT_ONCE = 24
HEALTHY_TOKENS = 60
FIRST_SECONDS = "10"


def played(system: System, only: Sequence[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """Play rows to a system; return its part of the results."""
    with _worker(system) as worker:
        column: dict[str, Any] = {"versions": worker.versions, "python": worker.python, "modes": list(worker.modes)}
        column["rows"] = rows_played(worker, system.name, [row for row in ROWS if not only or row.id in only], tell)
    wanted = [row for row in ROWS if row.id in FIRST_ROWS and (not only or row.id in only)]
    if system.has_first and wanted:
        with _worker(system, PEERS_FIRST_CONTENT=FIRST_SECONDS) as worker:
            column["first"] = rows_played(worker, f"{system.name}, first token in {FIRST_SECONDS} s", wanted, tell)
    return column


def cost(system: System) -> dict[str, Any]:
    """Measure the cost of a call through a system, in each of its modes."""
    with _worker(system) as worker, Simulator() as simulator:
        provider = simulator.provider("only")
        seat = ("only", "sk-cost", "sim-chat", provider.base_url)
        return {mode: worker.begin(do="cost", seat=seat, mode=mode).result(300)["cost"] for mode in worker.modes}


def python_of(system: System) -> Path:
    """Return the interpreter of a system's environment."""
    return PEERS / system.home / "bin" / "python" if system.home else Path(sys.executable)


def _worker(system: System, **env: str) -> Worker:
    PEERS.mkdir(exist_ok=True)
    return Worker(python_of(system), system.adapter, (PEERS / f"{system.name}.log").open("a", encoding="utf-8"), **env)


def rows_played(worker: Worker, name: str, rows: Sequence[Row], tell: Callable[[str], None]) -> dict[str, Any]:
    """Play rows in each of a worker's modes; return their runs by id."""
    _warm_up(worker)
    found: dict[str, dict[str, Run]] = {row.id: {} for row in rows}
    order = sorted(rows, key=lambda row: LONGEST_FIRST.index(row.id) if row.id in LONGEST_FIRST else len(LONGEST_FIRST))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_play, worker, row, mode) for row in order for mode in worker.modes]
        for job in as_completed(jobs):
            row, run = job.result()
            found[row.id][run.mode] = run
            tell(f"{name}: {row.id} {run.mode} {run.verdict.value}: {run.caller}")
    return {row.id: [found[row.id][mode].as_dict() for mode in worker.modes] for row in rows}


def _warm_up(worker: Worker) -> None:
    """Make healthy calls before the clock runs.

    The first call imports much, and a broken adapter shows here.

    Raises:
        BrokenAdapterError: a healthy answer is not whole, or lacks its model or usage.
    """
    for mode in worker.modes:
        with PeerContext(worker, built_in(), mode) as context:
            for streaming in (False, True):
                scenario = context.chat()
                outcome = scenario.wait(scenario.start(streaming=streaming))
                if not (outcome.complete and outcome.model == scenario.seats[0].model and outcome.tokens == HEALTHY_TOKENS):
                    raise BrokenAdapterError(f"a healthy call gave {outcome}")


def _play(worker: Worker, row: Row, mode: str) -> tuple[Row, Run]:
    """Play one row in one mode. An exception of the row itself ends the run."""
    since = time.monotonic()
    with PeerContext(worker, built_in(), mode) as context:
        checks = list(row.play(context))
        broken = tuple(dict.fromkeys(check.what for check in checks if not check.holds))
        return row, Run(mode, verdict(checks), context.caller_saw, context.provider_saw, broken, time.monotonic() - since)
