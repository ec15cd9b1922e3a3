"""Play every row to every system, and write docs/comparison.md. `make peers` installs them first.

Results are merged into tools/peers/results.json, so that you can play one system or one row again;
the page is written from that file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from peers.page import write
from peers.systems import HERE, PEERS, SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peers.systems import System

RESULTS = HERE / "results.json"
EXAMPLES = """examples:
  make peers                                 # everything: install, play, measure, write the page
  PYTHONPATH=tools .venv/bin/python -m peers --only sparekey           # sparekey's own columns anew
  PYTHONPATH=tools .venv/bin/python -m peers --only litellm --rows S08,K05 --no-cost
  PYTHONPATH=tools .venv/bin/python -m peers --page                    # write the page from what was measured
"""


def main() -> int:
    """Play, measure and write the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="peers", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="systems whose names begin with one of these, separated by commas")
    parser.add_argument("--rows", default="", help="rows, separated by commas")
    parser.add_argument("--at-once", type=int, default=4, help="how many systems are played at the same time (default: 4)")
    parser.add_argument("--no-cost", action="store_true", help="do not measure what a call costs")
    parser.add_argument("--page", action="store_true", help="play nothing, write the page only")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"systems": {}}
    chosen = [s for s in SYSTEMS if not options.page and s.name.startswith(tuple(options.only.split(",")))]
    missing = [s.name for s in chosen if s.home and not (PEERS / s.home / "bin" / "python").exists()]
    if missing:
        print(f"not installed: {', '.join(missing)}; run `make peers`, or choose others with --only", file=sys.stderr)
        return 2
    _play(chosen, [row for row in options.rows.split(",") if row], options.at_once, results)
    if not options.no_cost:
        _measure(chosen, results)
    write(results)
    return 0


def _play(chosen: Sequence[System], rows: list[str], at_once: int, results: dict[str, Any]) -> None:
    """Play each system in a process of its own, and merge its results."""
    with ProcessPoolExecutor(at_once) as pool:
        jobs = {pool.submit(_column, system, rows): system.name for system in chosen}
        for job in as_completed(jobs):
            name, column = jobs[job], job.result()
            before = results["systems"].setdefault(name, {})
            merged = {part: {**before.get(part, {}), **column[part]} for part in ("rows", "first") if part in column}
            before.update({**column, **merged, "date": datetime.now(UTC).date().isoformat(), "machine": _machine()})
            _keep(results)


def _column(system: System, rows: list[str]) -> dict[str, Any]:
    from peers.runner import played  # noqa: PLC0415 - in the child only: --page must not need sparekey's SDKs

    start, lock = time.monotonic(), threading.Lock()

    def tell(line: str) -> None:
        with lock:
            print(f"{time.monotonic() - start:6.1f} s  {line}", flush=True)

    return played(system, rows, tell)


def _measure(chosen: Sequence[System], results: dict[str, Any]) -> None:
    """Measure the costs, one system after the other, while nothing else runs."""
    from peers.runner import cost  # noqa: PLC0415 - as above

    for system in chosen:
        print(f"what a call costs: {system.name}", flush=True)
        with ProcessPoolExecutor(1) as pool:
            results["systems"][system.name]["cost"] = pool.submit(cost, system).result()
        _keep(results)


def _keep(results: dict[str, Any]) -> None:
    """Write the results that exist, so that an interrupted run is not lost."""
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
