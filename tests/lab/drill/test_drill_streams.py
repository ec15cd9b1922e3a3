"""The rows of streams and embeddings, played against the built-in chains."""

from __future__ import annotations

import pytest
from drill_kit import Played, expected, params

FAMILIES = "SE"


@pytest.fixture(scope="module")
def results():
    """Every result, each row played once."""
    return Played(FAMILIES)


@pytest.mark.parametrize("row", params(FAMILIES))
def test_row_has_its_verdict(results, row):
    """A row that passes goes on passing; one that does not yet has the verdict that is written down, with its reason."""
    result = results[row]
    assert result.verdict is expected(row), [(r.mode, r.broken, r.caller, r.provider) for r in result.runs]


def test_both_sides_of_a_row_are_told(results):
    """What the caller saw and what the provider saw stand beside the verdict."""
    told = next(result for name, result in results.items() if name.startswith("S04")).telling
    assert told.caller.startswith("the whole answer after")
    assert told.provider.startswith("first ")


def test_no_short_answer_passes_for_a_whole_one(results):
    """No row of streams delivers anything wrong today: what does not pass is a clean error, or late."""
    assert {r.verdict.value for i, r in results.items() if i.startswith("S")} <= {"pass", "partial", "safe"}
