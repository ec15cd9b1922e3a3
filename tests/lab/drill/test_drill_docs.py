"""docs/drill.md says what the drill does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from drill_verdicts import NOT_YET, NOT_YET_THROUGH

from sparekey.lab.drill import GATEWAY_ROWS, NOT_RUN, ROWS, Verdict, run
from sparekey.lab.drill.runner import FAST

PAGE = (Path(__file__).parents[3] / "docs" / "drill.md").read_text("utf-8")
LIBRARY, _, GATEWAY = PAGE.partition("## Through the gateway")


def table(text):
    """The rows of a table, as tuples of cells."""
    return [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in re.findall(r"^\| [SKHPMECX]\d\d \|.*\|.*\|.*\|.*\|$", text, re.MULTILINE)
    ]


def today(row, not_yet):
    """What comes of a row today."""
    return not_yet.get(row.id, (Verdict.PASS,))[0].value


def test_the_table_holds_every_row_and_its_verdict():
    """Rows, what they ask for, and what comes of them today, in this process and through the gateway."""
    told = [(r.id, r.fault, r.caller, r.provider, today(r, NOT_YET), today(r, NOT_YET_THROUGH)) for r in ROWS]
    assert told == table(LIBRARY)


def test_the_gateways_table_holds_what_is_different_there():
    """Rows that have no other mode, and those of which a client must see something else."""
    other = {(row.id, row.caller) for row in ROWS}
    rows = [row for row in GATEWAY_ROWS if (row.id, row.caller) not in other]
    assert [(r.id, r.fault, r.caller, r.provider, today(r, NOT_YET_THROUGH)) for r in rows] == table(GATEWAY)


def test_every_row_that_does_not_pass_has_its_reason():
    """The same reasons as in the tests."""
    told = [(i, v.value, why) for i, (v, why) in (*NOT_YET.items(), *NOT_YET_THROUGH.items())]
    assert re.findall(r"^- (\w\d\d) \((\w+)\): (.*)\.$", PAGE, re.MULTILINE) == told


def test_rows_that_are_not_played_are_named():
    """What the drill leaves out is no secret."""
    assert all(name in PAGE for name in NOT_RUN)


def test_the_example_runs(tmp_path, monkeypatch):
    """The test of the page is a test that passes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sparekey.toml").write_text('[vlm]\nprovider = "openai"\nmodel = "m"\n[[vlm.credentials]]\napi_key = "env:NOT_THERE"\n')
    found = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], found)
    found["run"] = lambda config, rows: run(config, [replace(row, modes=row.modes[:1]) for row in rows[-1:]], FAST)
    found["test_my_chain_survives_a_dead_key"]()
