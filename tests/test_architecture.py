"""ARCHITECTURE.md tells no path that is not there, and every module of the hard parts is told."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sparekey"
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
TOLD = {
    path for path in re.findall(r"`((?:[a-z_]+/)+(?:[a-z_0-9]+\.(?:py|tsv))?)`", PAGE) if not path.startswith(("tests/", "data/", "docs/"))
}


def test_every_path_is_there():
    """A path below `src/sparekey/`, or from the root (`tests/`, `tools/`)."""
    assert not [path for path in sorted(TOLD) if not (PACKAGE / path).exists() and not (ROOT / path).exists()]


def test_every_module_of_the_core_is_found():
    """Whoever looks for a decision finds its module by what it does; `timing` and `race` are parts of others."""
    modules = {f"core/{path.name}" for path in (PACKAGE / "core").glob("*.py") if path.name != "__init__.py"}
    assert modules - TOLD == {"core/timing.py"}
