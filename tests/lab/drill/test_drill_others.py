"""The rows P, one case of each in each of two ways; the drill itself plays more, `sparekey drill --full` all of them."""

from __future__ import annotations

import pytest
from drill_kit import expected

from sparekey.config.files import Config
from sparekey.lab.drill import ROWS, Verdict
from sparekey.lab.drill.fixtures import BUILT_IN, built_in
from sparekey.lab.drill.row import FAST
from sparekey.lab.drill.runner import play

OTHERS = {row.id: row for row in ROWS if row.cases is not None}
ONE = (0, 1)
DEAR = {"P04", "P15", "H07", "H12"}
"""Rows of some hundred calls, which `make test` plays in the library only."""
IN_THE_LIBRARY = DEAR | {*[*OTHERS][::2]}
"""`make test` plays the others through a gateway only, `make test-slow` all of them in both ways."""


def turns(*, gateway):
    """The rows; those whose turn it is not in this way are slow."""
    return [pytest.param(row, marks=[pytest.mark.slow] if (row in IN_THE_LIBRARY) is gateway else []) for row in OTHERS]


@pytest.mark.parametrize("row", turns(gateway=False))
def test_row_holds_in_the_library(row):
    """Each row with the words, the keys and the way that are its turn."""
    ways = OTHERS[row].modes
    run = play(built_in(), OTHERS[row], ways[int(row[1:]) % len(ways)], FAST, ONE)
    assert run.verdict is expected(row), (run.mode, run.broken)


@pytest.mark.parametrize("row", turns(gateway=True))
def test_row_holds_through_the_gateway(row):
    """As above, over a gateway's HTTP interface."""
    pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed")
    run = play(built_in(), OTHERS[row], "gateway", FAST, ONE)
    assert run.verdict is expected(row, gateway=True), run.broken


def refused_by(rule, row, part=ONE):
    """What comes of a row where a person's own rule misreads what providers say."""
    config = Config.model_validate({**BUILT_IN, "vlm": {**BUILT_IN["vlm"], "rules": [rule]}})
    return play(config, OTHERS[row], "async", FAST, part)


def test_a_chain_that_blames_keys_for_a_request_fails():
    """Who takes every refusal for a dead key loses healthy callers, and the row says how many."""
    run = refused_by({"then": "auth", "regex": "."}, "P01", (0, 2))
    assert run.verdict is Verdict.FAIL
    assert any(what.startswith("healthy lost") for what in run.broken)


def test_a_chain_that_blames_a_request_for_keys_fails():
    """Who takes every refusal for the request's never reaches the key that is well."""
    run = refused_by({"then": "permanent", "regex": "."}, "P02")
    assert run.verdict is Verdict.FAIL
    assert any(what.startswith("callers lost 10 of 10") for what in run.broken)
