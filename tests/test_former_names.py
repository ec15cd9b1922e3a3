"""Former homes of public names: they work, and say where the names live now and until when."""

import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("sparekey.failover", "sparekey.engine", "Failover"),
        ("sparekey.simulator", "sparekey.lab.simulator", "Simulator"),
        ("sparekey.drill", "sparekey.lab.drill", "ROWS"),
    ],
)
def test_a_former_home_gives_the_same_names_and_a_date(old, new, name):
    """The import warns with both addresses and the date, and hands out the very same objects."""
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is {new} now; the old name goes after 1 June 2027"):
        module = importlib.import_module(old)
    assert getattr(module, name) is getattr(importlib.import_module(new), name)
