"""Plays every trace to every system that is there, three seeds each, and writes docs/quality.md: `make quality`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from quality.page import write
from quality.systems import CHAT_ONLY, INTERPRETERS, SYSTEMS
from quality.world import NAMES, trace

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Play what the command line asks for; keep the results of the rest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="only this one; may be given several times")
    parser.add_argument("--trace", action="append", choices=NAMES, help="only this one; may be given several times")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 1 on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many plays at once")
    parser.add_argument("--json", action="store_true", help="print the results as JSON, one play a line")
    parser.add_argument("--only-page", action="store_true", help="write the page from the results that are there")
    given = parser.parse_args()
    if not given.only_page:
        plays = [
            (s, t, n) for n in range(1, given.seeds + 1) for t in given.trace or NAMES for s in given.system or SYSTEMS if _is_there(s, t)
        ]
        with ThreadPoolExecutor(given.jobs) as pool:
            for done, (play, row) in enumerate(zip(plays, pool.map(_played, plays), strict=True), 1):
                regret = f"{100 * (row['cost'] / row['ideal'] - 1):.1f} %" if row else "failed"
                sys.stderr.write(f"{done}/{len(plays)}  {play[0]}, {play[1]}, seed {play[2]}: {regret}\n")
                if row is not None:
                    _keep(row)  # at once: the whole takes long, and may be broken off
    write(ROOT / "docs" / "quality.md", ROOT / "docs" / "quality.svg", _results())
    if given.json:
        sys.stdout.writelines(json.dumps(row) + "\n" for row in _results())
    return 0


def _results() -> list[dict[str, Any]]:
    """Return the results of all plays until now."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    return found


def _keep(row: dict[str, Any]) -> None:
    """Put the result of a play in the place of an older one."""
    others = [one for one in _results() if (one["system"], one["trace"], one["seed"]) != (row["system"], row["trace"], row["seed"])]
    RESULTS.write_text("[\n" + ",\n".join(map(json.dumps, sorted([*others, row], key=_order))) + "\n]\n", "utf-8")


def _order(row: dict[str, Any]) -> tuple[int, int, int]:
    return NAMES.index(row["trace"]), list(SYSTEMS).index(row["system"]), row["seed"]


def _is_there(system: str, name: str) -> bool:
    """Whether a system is installed and takes the requests of a trace."""
    there = system not in INTERPRETERS or (ROOT / INTERPRETERS[system]).exists()
    return there and not (system in CHAT_ONLY and trace(name).get("kind") == "embed")


def _played(what: tuple[str, str, int]) -> dict[str, Any] | None:
    system, name, seed = what
    python = ROOT / INTERPRETERS[system] if system in INTERPRETERS else Path(sys.executable)
    paths = [str(ROOT / "tools"), str(ROOT / "src")]  # the loop of virtual time is sparekey's, and needs nothing else of it
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OTEL_SDK_DISABLED": "true"}
    done = subprocess.run(
        [str(python), "-m", "quality.play", system, name, str(seed)],
        env={**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.stderr.write(f"{system}, {name}, seed {seed}: {done.stderr.strip().splitlines()[-1:]}\n")
        return None
    row: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return row


if __name__ == "__main__":
    sys.exit(main())
