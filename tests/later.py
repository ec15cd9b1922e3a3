"""Modules that are imported by the first test that uses them: every process of a parallel run collects all tests, and runs some."""

from importlib import import_module
from importlib.util import find_spec

import pytest


class Later:
    """Stands for a module, and imports it at the first look into it."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        if attribute.startswith("_"):
            raise AttributeError(attribute)  # pytest asks everything in a test's module whether it is a fixture or a test
        return getattr(import_module(self._name), attribute)


def later(name, *, reason=None):
    """Return a module that is not imported yet; where it is not installed, the tests of the calling module are skipped."""
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(reason or f"{name} is not installed", allow_module_level=True)
    return Later(name)
