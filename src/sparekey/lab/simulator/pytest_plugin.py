"""A pytest fixture for the simulator. Installing sparekey does not register it.

To use it, write `pytest_plugins = ["sparekey.lab.simulator.pytest_plugin"]` in a `conftest.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sparekey.lab.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Run a simulator for one test: `first = simulator.provider("first", wire="openai")`."""
    with Simulator() as running:
        yield running
