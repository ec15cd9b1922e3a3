"""docs/comparison.md says what was measured, and the wall that measures it works. No other library is installed for this."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from peers import page
from peers.__main__ import RESULTS
from peers.remote import Worker
from peers.rows import ROWS
from peers.runner import rows_played
from peers.systems import HERE, SYSTEMS

RESULT = json.loads(RESULTS.read_text("utf-8"))


def test_the_page_holds_what_was_measured():
    """After a change of the rows or the results, `python -m peers --page` writes it anew."""
    text = page.PAGE.read_text("utf-8")
    assert page.rendered(text, RESULT) == text


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_every_row_was_played_in_every_mode(system):
    """No cell of the table is empty, and none is left of a row that is gone."""
    measured = RESULT["systems"][system.name]
    assert {name: [run["mode"] for run in runs] for name, runs in measured["rows"].items()} == {r.id: measured["modes"] for r in ROWS}


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_every_system_has_an_adapter(system):
    """It says which packages and which modes it has, and how a client is made."""
    tree = ast.parse((HERE / "adapters" / f"{system.adapter}.py").read_text("utf-8"))
    names = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets if isinstance(target, ast.Name)}
    assert {"PACKAGES", "MODES"} <= names
    assert any(isinstance(node, ast.ClassDef) and node.name == "Client" for node in tree.body)


@pytest.mark.parametrize("home", sorted({system.home for system in SYSTEMS if system.home}))
def test_versions_are_exact_and_are_those_that_were_measured(home):
    """`name==version` and nothing else."""
    lines = [line for line in (HERE / f"requirements-{home}.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    pinned = dict(line.lower().replace("_", "-").split("==") for line in lines)
    measured = [RESULT["systems"][system.name]["versions"] for system in SYSTEMS if system.home == home]
    assert all(pinned[name] == version for versions in measured for name, version in versions.items())


def test_a_row_is_judged_by_what_both_sides_saw():
    """The plain SDK of this environment: it gives the provider's own error after one try, and has nobody to turn to."""
    with (Path("/dev/null")).open("w", encoding="utf-8") as log, Worker(Path(sys.executable), "openai_sdk", log) as worker:
        found = rows_played(worker, "openai", [row for row in ROWS if row.id in {"S12", "S13"}], lambda _: None)
    assert {name: [run["verdict"] for run in runs] for name, runs in found.items()} == {"S12": ["safe", "safe"], "S13": ["pass", "pass"]}
    assert {run["provider_saw"] for runs in found.values() for run in runs} == {"first 1"}
