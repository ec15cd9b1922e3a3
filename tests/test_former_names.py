"""Modules under their former names: the very same ones, with a word about the new name and until when."""

import importlib
import sys

import pytest

MOVED = [
    ("sparekey.failover", "sparekey.engine", "Failover"),
    ("sparekey.simulator", "sparekey.lab.simulator", "Simulator"),
    ("sparekey.simulator.faults", "sparekey.lab.simulator.faults", "quota"),
    ("sparekey.simulator.wires", "sparekey.lab.simulator.wires", "WIRES"),
    ("sparekey.simulator.pytest_plugin", "sparekey.lab.simulator.pytest_plugin", "simulator"),
    ("sparekey.drill", "sparekey.lab.drill", "ROWS"),
    ("sparekey.drill.wordings", "sparekey.lab.drill.wordings", "wordings"),
    ("sparekey.stores.history", "sparekey.stats.history", "History"),
    ("sparekey.switching", "sparekey.compat.switching", "CircuitBreaker"),
]


@pytest.mark.filterwarnings("ignore:sparekey:DeprecationWarning")
@pytest.mark.parametrize(("old", "new", "name"), MOVED, ids=[old for old, _, _ in MOVED])
def test_a_former_home_is_the_new_one(old, new, name, monkeypatch):
    """The same module with the same names: what is an instance here is one there, and its description is its own."""
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=f"{old} is {new} now; the old name goes after 1 June 2027"):
        module = importlib.import_module(old)
    assert module is importlib.import_module(new)
    assert hasattr(module, name)
    assert (module.__name__, module.__spec__.name) == (new, new)


def test_what_never_was_is_not_there():
    """A wrong name is a wrong name."""
    with pytest.raises(ModuleNotFoundError, match=r"sparekey\.simulator\.nothing|sparekey\.lab\.simulator\.nothing"):
        importlib.import_module("sparekey.simulator.nothing")
    with pytest.raises(ModuleNotFoundError, match=r"sparekey\.nothing"):
        importlib.import_module("sparekey.nothing")


def test_programs_that_embed_the_gateway_find_it(monkeypatch):
    """`from sparekey.gateway import server` gives the server, with its settings under both names."""
    pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed")
    for old in ("sparekey.gateway.server", "sparekey.gateway.draining"):
        monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match="is sparekey.gateway.process"):
        server, draining = importlib.import_module("sparekey.gateway.server"), importlib.import_module("sparekey.gateway.draining")
    assert server.Settings is server.ServeSettings
    assert draining.Server.__module__ == "sparekey.gateway.process.draining"
