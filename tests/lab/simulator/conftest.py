"""The simulator's own fixture, taken the way a user without a top-level conftest takes it."""

from sparekey.lab.simulator.pytest_plugin import simulator  # noqa: F401 - pytest finds the fixture by its name
