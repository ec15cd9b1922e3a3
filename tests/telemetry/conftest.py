"""The libraries that hooks tell, each test with its own."""

import pytest
from prometheus_client import CollectorRegistry
from telemetry_kit import Observed


@pytest.fixture
def observe():
    made = []

    def make(**options):
        made.append(Observed(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def registry():
    return CollectorRegistry()
