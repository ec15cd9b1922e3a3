"""Both drivers play the same scenes."""

import pytest

from driver_play import Stage


@pytest.fixture(params=["sync", "async"])
def kind(request):
    """Every scene is played by both drivers."""
    return request.param


@pytest.fixture
def stage(kind, clock):
    """Three credentials that all answer."""
    return Stage(kind, 3, clock)
