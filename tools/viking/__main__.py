"""OpenViking beside sparekey: `make openviking` runs this.

It compares what both send for one `ov.conf`, and runs OpenViking's server with sparekey.

PYTHONPATH=src:tools .venv/bin/python -m viking [--forms] [--server alone,library,gateway]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from viking.compare import compare
from viking.server_ways import WAYS, run

if TYPE_CHECKING:
    from viking.compare import Compared

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FORMS = HERE / "forms.jsonl"


def main() -> int:
    """Compare, serve and print.

    Return 1 for an unexplained difference or a server without an overview.
    """
    parser = argparse.ArgumentParser(prog="viking", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", type=Path, default=ROOT / ".peers" / "openviking" / "bin" / "python", help="a Python with OpenViking")
    parser.add_argument("--forms", action="store_true", help="only compare what is sent")
    parser.add_argument("--server", default="", help=f"only run the server, these ways: {','.join(WAYS)}")
    options = parser.parse_args()
    good = True
    if not options.server:
        good &= _forms(options.python)
    if not options.forms:
        for way in (options.server or ",".join(WAYS)).split(","):
            good &= _served(way, options.python)
    return 0 if good else 1


def _forms(python: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        there, here = Path(folder, "there"), Path(folder, "here")
        for which, binary, out in (("openviking", python, there), ("sparekey", Path(sys.executable), here)):
            command = [str(binary), str(HERE / "sent.py"), which, str(FORMS), str(out)]
            subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HOME": folder})
        found = compare(FORMS, there, here)
    for one in found:
        _tell(one)
    for documented, title in ((True, "of OpenViking's own"), (False, "further forms")):
        rows = [one for one in found if one.documented is documented]
        loads, both = [one for one in rows if one.there], [one for one in rows if one.there and one.here]
        print(
            f"{title}: {len(rows)} forms, {len(loads)} load there, {sum(one.here for one in rows)} here; of the {len(both)} that load in "
            f"both {sum(one.same for one in both)} send the same, {sum(not one.same and not one.unexplained for one in both)} differ for "
            f"a known reason, {sum(one.unexplained for one in both)} for none"
        )
    return not any(one.unexplained for one in found)


def _tell(one: Compared) -> None:
    if one.there and one.here and one.same:
        return
    if one.there != one.here:
        print(f"{one.form}: loads {'there' if one.there else 'here'} only: {one.why.splitlines()[0][:300]}")
    for reason in one.reasons:
        print(f"{one.form}: {'DIFFERS: ' if one.unexplained else ''}{reason}")


def _served(way: str, python: Path) -> bool:
    outcome = run(way, python)
    overview, error = outcome.told.get("overview"), outcome.told.get("error")
    usage = str((outcome.told.get("usage") or {}).get("status", ""))
    counted = [line for line in usage.splitlines() if "sim-" in line or "| chat" in line or "| embedding" in line]
    print(f"{way}: {outcome.seconds:.1f} s; overview {'made' if overview else 'missing'}; {outcome.told.get('hits', 0)} hits")
    print(f"  dead key asked: {outcome.dead[0]} chats, {outcome.dead[1]} embeddings; spare: {outcome.spare[0]}, {outcome.spare[1]}")
    for line in counted:
        print(f"  counted: {' '.join(line.replace('|', ' ').split())}")
    if error or not overview:
        print(f"  {error}\n{outcome.log}")
    return bool(overview) and not error


if __name__ == "__main__":
    sys.exit(main())
