"""Every row without the quick path, and once more where even the first request of a row takes it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from drill_kit import Played, expected, params

pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")

from sparekey.config.gateway import GatewayConfig
from sparekey.gateway.quick import path
from sparekey.lab.drill.runner import completed

FAMILIES = "SKMECX"
OTHERS = "HP"
"""Rows in virtual time, which processes of their own play."""
pytestmark = [pytest.mark.slow, pytest.mark.quick]


def without():
    """The built-in chains behind a gateway whose engine serves all."""
    return completed(None).model_copy(update={"gateway": GatewayConfig(quick=False)})


@pytest.fixture(scope="module")
def engine():
    """Every result without the quick path."""
    return Played(FAMILIES + OTHERS, gateway=True, config=without())


@pytest.fixture(scope="module")
def warm():
    """Every result with a connection to each host that waits already: the quick path takes no request without one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "opened", _warmed(path.opened))
        yield Played(FAMILIES, gateway=True)


def _warmed(opened):
    def quick(gateway):
        found = opened(gateway)
        if found is not None:
            gateway.warming = asyncio.get_running_loop().create_task(_connected(gateway))
        return found

    return quick


async def _connected(gateway):
    urls = {one.base_url for served in gateway.chains.values() for one in served.targets.values()}
    for origin in {"/".join(url.split("/")[:3]) for url in urls}:
        with suppress(Exception):  # nobody is there
            gateway.client.released(await gateway.client._connect(origin))


@pytest.mark.parametrize("row", params(FAMILIES + OTHERS, gateway=True))
def test_row_has_its_verdict_without_the_quick_path(engine, row):
    """What the quick path does, the engine does: none of its rows is served quickly."""
    result = engine[row]
    assert result.verdict is expected(row, gateway=True), [(r.broken, r.caller, r.provider) for r in result.runs]
    assert not any(run.quick for run in result.runs)


@pytest.mark.parametrize("row", params(FAMILIES, gateway=True))
def test_row_has_its_verdict_on_the_quick_path(warm, row):
    """The fault meets the quick path, which hands the request over to the engine with the attempt that was made."""
    result = warm[row]
    assert result.verdict is expected(row, gateway=True), [(r.broken, r.caller, r.provider) for r in result.runs]


def test_faults_met_the_quick_path(warm):
    """Answers that are none, other statuses, silences and surplus bytes: each was handed over, and healthy ones were served."""
    met = {why for result in warm.values() for run in result.runs for why in run.quick}
    assert {"taken", "status", "no answer", "slow", "surplus"} <= met
