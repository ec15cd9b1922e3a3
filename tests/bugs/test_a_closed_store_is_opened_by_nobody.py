"""A look at the store that was due when it was closed opened it again: its connection was collected, unclosed, in some later test."""

from __future__ import annotations

import threading
from dataclasses import replace

from real_servers import wait_until
from sparekey.core.pool import Pool
from sparekey.stats import history
from sparekey.stores import Keeper, StoreAwayError, keeper
from sparekey.stores.memory import MemoryValues
from sparekey.types import Credential


class Watched(MemoryValues):
    """A store that notes what is asked of it."""

    def __init__(self):
        super().__init__()
        self.calls, self.gate = [], threading.Event()
        self.gate.set()

    def read(self, names):
        self.calls.append("read")
        assert self.gate.wait(20)
        return super().read(names)

    def changed(self):
        self.calls.append("changed")
        return True

    def compare_and_set(self, name, old, new):
        self.calls.append("write")
        return super().compare_and_set(name, old, new)

    def close(self):
        self.calls.append("close")


def test_closing_is_the_last_that_is_done():
    """However often it looks."""
    for _ in range(20):
        store = Watched()
        with Keeper(store, poll=1e-9):
            pass
        assert store.calls.count("close") == 1
        assert store.calls[-1] == "close"


def test_a_store_that_answers_late_is_closed_late(monkeypatch):
    """Whoever closes it does not wait for it, and it is closed all the same."""
    monkeypatch.setattr(keeper, "_CLOSING", 0.01)
    monkeypatch.setattr(keeper, "_STARTING", 0.01)
    store = Watched()
    one = Keeper(store, poll=3600.0)
    store.gate.clear()
    one.attach("chat", Pool((Credential("a"),)), lambda: 0.0)
    one.close()
    assert "close" not in store.calls
    store.gate.set()
    assert wait_until(lambda: store.calls[-1] == "close")


def test_a_fault_at_the_end_is_told_and_closes_it(caplog, monkeypatch):
    """What only this process knew is lost, and its connections are not left open."""
    store = Watched()
    one = Keeper(store, poll=3600.0)
    replica = one.attach("chat", Pool((Credential("a"),)), lambda: 0.0)
    assert replica.compare_and_set(replica.value, replace(replica.value, served=1))

    def full(*_):
        raise StoreAwayError("the disk is full")

    monkeypatch.setattr(store, "compare_and_set", full)
    one.close()
    assert store.calls[-1] == "close"
    assert "the disk is full" in caplog.text


def test_a_history_is_closed_once(tmp_path):
    """A write that was due when it was closed opened its file again."""
    for number in range(20):
        with history.History(tmp_path / f"{number}.db", every=1e-9) as one:
            one.sources.append(lambda one=one: one.count("chat", "a", None))
        assert one._connection is None
