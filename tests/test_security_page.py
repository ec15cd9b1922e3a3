"""SECURITY.md names, line by line, what shows that it holds."""

import re
from pathlib import Path

from sparekey.lab.drill.table import EVERY_ROW

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
ROWS = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]


def test_every_threat_is_shown_by_something():
    """Each line has a file of tests, or says that it cannot."""
    assert all(len(row) == 4 for row in ROWS), [row for row in ROWS if len(row) != 4]
    assert len(ROWS) > 15
    assert sum("`tests/" in row[-1] for row in ROWS) == len(ROWS) - 1


def test_what_is_named_is_there():
    """Files of tests, and rows of the drill."""
    assert [name for name in re.findall(r"`(tests/[\w/.]+)`", PAGE) if not (ROOT / name).is_file()] == []
    assert set(re.findall(r"drill (\w\d\d)", PAGE)) <= {row.id for row in EVERY_ROW}
