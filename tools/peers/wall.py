"""Plays the rows against one system, many at a time: in real time nearly all of it is waiting."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peers.outside import OutsideStage
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
    """Play rows against a system; return its column as the results hold it."""
    with _worker(system) as worker:
        column: dict[str, Any] = {"versions": worker.versions, "python": worker.python, "modes": list(worker.modes)}
        column["rows"] = rows_played(worker, system.name, [row for row in ROWS if not only or row.id in only], tell)
    wanted = [row for row in ROWS if row.id in FIRST_ROWS and (not only or row.id in only)]
    if system.has_first and wanted:
        with _worker(system, PEERS_FIRST_CONTENT=FIRST_SECONDS) as worker:
            column["first"] = rows_played(worker, f"{system.name}, first token in {FIRST_SECONDS} s", wanted, tell)
    return column


def cost(system: System) -> dict[str, Any]:
    """Measure what a call costs through a system, in each of its modes."""
    with _worker(system) as worker, Simulator() as simulator:
        provider = simulator.provider("only")
        seat = ("only", "sk-cost", "sim-chat", provider.base_url)
        return {mode: worker.begin(do="cost", seat=seat, mode=mode).result(300)["cost"] for mode in worker.modes}


def python_of(system: System) -> Path:
    """Return the interpreter that a system lives in."""
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
    """Make healthy calls before the clock runs: the first one imports much, and what is wrong with an adapter shows here.

    Raises:
        BrokenAdapterError: a healthy answer does not come whole, or without its model and usage.
    """
    for mode in worker.modes:
        with OutsideStage(worker, built_in(), mode) as stage:
            for streaming in (False, True):
                world = stage.chat()
                heard = world.wait(world.start(streaming=streaming))
                if not (heard.complete and heard.model == world.seats[0].model and heard.tokens == HEALTHY_TOKENS):
                    raise BrokenAdapterError(f"a healthy call gave {heard}")


def _play(worker: Worker, row: Row, mode: str) -> tuple[Row, Run]:
    """Play one row in one mode. An error of the row itself is ours, and breaks the run off."""
    since = time.monotonic()
    with OutsideStage(worker, built_in(), mode) as stage:
        checks = list(row.play(stage))
        broken = tuple(dict.fromkeys(check.what for check in checks if not check.holds))
        return row, Run(mode, verdict(checks), stage.caller_saw, stage.provider_saw, broken, time.monotonic() - since)
