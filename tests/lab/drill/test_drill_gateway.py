"""Every row, played against a gateway that serves the built-in chains, as a client on an official SDK sees it."""

from __future__ import annotations

import pytest
from drill_kit import Played, expected, params

pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")
FAMILIES = "SKMECX"


@pytest.fixture(scope="module")
def results():
    """Every result, each row played once."""
    return Played(FAMILIES, gateway=True)


@pytest.mark.parametrize("row", params(FAMILIES, gateway=True))
def test_row_has_its_verdict(results, row):
    """A row that passes goes on passing through the gateway; one that does not yet has the verdict that is written down."""
    result = results[row]
    assert result.verdict is expected(row, gateway=True), [(r.broken, r.caller, r.provider) for r in result.runs]


def test_every_row_went_through_the_gateway(results):
    """One run each, in the mode `gateway`: none was played in this process behind its back."""
    assert [[run.mode for run in result.runs] for result in results.values()] == [["gateway"]] * len(results)


@pytest.mark.quick
def test_the_quick_path_serves_what_is_healthy(results):
    """Also while the first credential is parked (K05), and between faults (M07)."""
    for row in ("K02", "K05", "K19", "M01", "M07"):
        assert results[row].telling.quick["taken"] > 0, row


def test_the_client_never_sees_a_401_of_a_provider(results):
    """Fifteen dead keys are a bad gateway."""
    assert results["K07"].telling.caller.startswith("InternalServerError 502")
