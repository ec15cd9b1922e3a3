"""The page about the simulator, run as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

from sparekey.lab.simulator import faults

PAGE = Path(__file__).parents[3] / "docs" / "simulator.md"


@pytest.mark.parametrize("example", find_examples(PAGE), ids=str)
def test_examples_run(example: CodeExample, eval_example: EvalExample):
    """Every example of the page runs by itself and its assertions hold."""
    eval_example.run(example)


def test_every_fault_is_on_the_page():
    """Whoever adds a fault writes it down."""
    page = PAGE.read_text(encoding="utf-8")
    made = {name for name, made in vars(faults).items() if callable(made) and name.islower() and made.__module__ == faults.__name__}
    assert {name for name in made if name not in page} == set()


def test_every_row_of_the_catalogue_has_one_line():
    """S01 to S16, and no row twice."""
    rows = [
        cell for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| S") for cell in line.split("|")[1].split(", ")
    ]
    assert sorted(row.strip() for row in rows) == [f"S{number:02}" for number in range(1, 17)]
