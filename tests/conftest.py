"""Shared by every test: a clock that only moves when it is told to, and a home for states that is nobody's."""

import pytest
from hypothesis import settings

from fake_clock import FakeClock

settings.register_profile("sparekey", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("sparekey")


@pytest.fixture
def clock():
    """A fresh clock that stands still."""
    return FakeClock()


@pytest.fixture(autouse=True, scope="session")
def state_home(tmp_path_factory):
    """Keep what commands remember out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STATE_DIRECTORY", raising=False)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
