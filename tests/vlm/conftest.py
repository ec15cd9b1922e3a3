"""The simulator, for tests that send real requests through real SDKs."""

import pytest
from vlm_backends import config_of, provider_of

from sparekey.lab.simulator import Simulator
from sparekey.vlm.factory import VLMFactory


@pytest.fixture(scope="module")
def simulator():
    """One simulator a module: providers are cheap, servers are not."""
    with Simulator() as sim:
        yield sim


@pytest.fixture
def provider(simulator, backend):
    """A healthy provider of this backend's wire."""
    return provider_of(simulator, backend)


@pytest.fixture
def make(backend, provider):
    """Make instances for this backend; they are closed at the end."""
    made = []

    def make(**more):
        made.append(VLMFactory.create(config_of(backend, provider, **more)))
        return made[-1]

    yield make
    for vlm in made:
        vlm.close()
