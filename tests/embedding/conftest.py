"""One simulator for a test."""

import pytest

from sparekey.lab.simulator import Simulator


@pytest.fixture
def simulator():
    """Run a simulator for one test."""
    with Simulator() as running:
        yield running
