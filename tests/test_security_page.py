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


def test_each_named_test_is_there():
    """In the file before it; and each file that is named says which of its tests is meant."""
    missing = []
    for row in ROWS:
        for file, names in re.findall(r"`(tests/[\w/.]+)`((?: \([^)]*\))?)", row[-1]):
            text = (ROOT / file).read_text("utf-8")
            meant = re.findall(r"`(test_\w+)`", names)
            missing += [(file, name) for name in meant if f"def {name}(" not in text] or ([] if meant else [(file, "none is named")])
    assert missing == []
