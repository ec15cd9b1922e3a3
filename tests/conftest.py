"""Shared by every test: a clock that only moves when it is told to."""

import pytest

from fake_clock import FakeClock


@pytest.fixture
def clock():
    """A fresh clock that stands still."""
    return FakeClock()
