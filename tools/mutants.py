"""Mutation tests of the core: change it in every small way, and count the changes that tests notice.

mutmut works on a copy, so that the work tree stays as it is. The exit code is 1 if fewer than 90 %
of the mutants are killed. The names of the survivors are printed, and with `--show` their changes
too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests/core", "tests/conftest.py", "tests/chain_play.py", "tests/fake_clock.py", "pyproject.toml", "README.md")
GOAL = 0.9
FOR_GENERATORS = """
# Where generators are interleaved, mutmut's context variable crashes the interpreter, and a generator that the garbage collector closes
# in the middle of mutmut's own bookkeeping breaks that.
import gc
from mutmut.core import MutmutCallStack
MutmutCallStack.set = MutmutCallStack.reset = classmethod(lambda *_: None)
gc.disable()
"""
GAMES = "10"  # games of the state machine for each mutant: it is the slowest test and runs last


def copy_to(sandbox: Path) -> None:
    """Copy the files that mutmut needs."""
    for name in COPIED:
        source, target = ROOT / name, sandbox / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    with (sandbox / "tests/conftest.py").open("a") as conftest:
        conftest.write(FOR_GENERATORS)


def mutmut(sandbox: Path, *arguments: str, quiet: bool = False) -> str:
    """Run mutmut in the copy; return its output if `quiet`, else show it."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    env = {**os.environ, "SPAREKEY_GAMES": GAMES, "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=sandbox, env=env, check=False, text=True, stdout=subprocess.PIPE if quiet else None)
    return done.stdout or ""


def survivors(sandbox: Path) -> list[str]:
    """Return the names of the mutants that no test noticed."""
    lines = mutmut(sandbox, "results", quiet=True).splitlines()
    return [line.split(":")[0].strip() for line in lines if line.strip().endswith(("survived", "no tests"))]


def main() -> int:
    """Run, count, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print the change of each survivor")
    parser.add_argument("--processes", default="2", help="how many mutants are tested at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        sandbox = Path(name)
        copy_to(sandbox)
        mutmut(sandbox, "run", "--max-children", options.processes)
        mutmut(sandbox, "export-cicd-stats", quiet=True)
        stats = json.loads((sandbox / "mutants" / "mutmut-cicd-stats.json").read_text())
        for survivor in survivors(sandbox):
            print(mutmut(sandbox, "show", survivor, quiet=True) if options.show else survivor)
    killed, total = stats["killed"] + stats["timeout"] + stats["suspicious"], stats["total"] - stats["skipped"]
    print(f"killed {killed} of {total} mutants ({killed / total:.1%}); survived {stats['survived']}, untested {stats['no_tests']}")
    return 0 if killed >= GOAL * total else 1


if __name__ == "__main__":
    sys.exit(main())
