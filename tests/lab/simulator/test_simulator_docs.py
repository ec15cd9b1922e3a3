"""The page about the simulator names what there is."""

from __future__ import annotations

from pathlib import Path

from sparekey.lab.simulator import faults

PAGE = Path(__file__).parents[3] / "docs" / "simulator.md"


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
