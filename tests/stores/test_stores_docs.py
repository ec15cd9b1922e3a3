"""docs/stores.md, run as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

PAGE = Path(__file__).parents[2] / "docs" / "stores.md"


@pytest.mark.parametrize("example", find_examples(PAGE), ids=str)
def test_examples_run(example: CodeExample, eval_example: EvalExample, tmp_path, monkeypatch):
    """Every example runs by itself, and prints what the page says."""
    monkeypatch.chdir(tmp_path)
    eval_example.run_print_check(example)
