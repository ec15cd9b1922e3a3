"""The rows of credentials and concurrency, played against the built-in chains."""

from __future__ import annotations

import pytest
from drill_kit import Played, expected, params

FAMILIES = "KM"


@pytest.fixture(scope="module")
def results():
    """Every result, each row played once."""
    return Played(FAMILIES)


@pytest.mark.parametrize("row", params(FAMILIES))
def test_row_has_its_verdict(results, row):
    """A row that passes goes on passing; one that does not yet has the verdict that is written down, with its reason."""
    result = results[row]
    assert result.verdict is expected(row), [(r.mode, r.broken, r.caller, r.provider) for r in result.runs]


def test_every_row_is_played_in_each_of_its_modes(results):
    """One run for each mode that the row names."""
    assert all(tuple(run.mode for run in r.runs) == r.row.modes for r in results.values())
