"""docs/drill.md says what the drill does."""

from __future__ import annotations

import re
from pathlib import Path

from drill_verdicts import NOT_YET

from sparekey.drill import NOT_RUN, ROWS, Verdict, run
from sparekey.drill.runner import FAST

PAGE = (Path(__file__).parents[2] / "docs" / "drill.md").read_text("utf-8")
TABLE = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in re.findall(r"^\| [SKME]\d\d .*\|$", PAGE, re.MULTILINE)]


def test_the_table_holds_every_row_and_its_verdict():
    """Rows, what they ask for, and what comes of them today."""
    today = {row.id: NOT_YET.get(row.id, (Verdict.PASS,))[0].value for row in ROWS}
    assert [(row.id, row.fault, row.caller, row.provider, today[row.id]) for row in ROWS] == TABLE


def test_every_row_that_does_not_pass_has_its_reason():
    """The same reasons as in the tests."""
    assert re.findall(r"^- (\w\d\d) \((\w+)\): (.*)\.$", PAGE, re.MULTILINE) == [(i, v.value, why) for i, (v, why) in NOT_YET.items()]


def test_rows_that_are_not_played_are_named():
    """What the drill leaves out is no secret."""
    assert all(name in PAGE for name in NOT_RUN)


def test_the_example_runs(tmp_path, monkeypatch):
    """The test of the page is a test that passes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sparekey.toml").write_text('[vlm]\nprovider = "openai"\nmodel = "m"\n[[vlm.credentials]]\napi_key = "env:NOT_THERE"\n')
    found = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], found)
    found["run"] = lambda config, rows: run(config, rows, FAST)
    found["test_my_chain_survives_a_dead_key"]()
