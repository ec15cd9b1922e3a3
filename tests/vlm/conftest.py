"""The simulator, for tests that send real requests through real SDKs."""

import pytest

from sparekey.simulator import Simulator


@pytest.fixture(scope="module")
def simulator():
    """One simulator a module: providers are cheap, servers are not."""
    with Simulator() as sim:
        yield sim
