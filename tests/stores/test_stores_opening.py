"""From an address to a store, and what is said of an address that is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from stores_kit import AUTH, ask, chain

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.stores import open_store
from sparekey.stores.opening import sqlite_path


def test_memory_is_a_store_like_others():
    """With or without slashes."""
    for url in ("memory", "memory://"):
        with open_store(url) as store:
            assert ask(chain(store), k0=AUTH) == "k1"
            assert store.label == "memory"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///here.db", Path("here.db")),
        ("sqlite:////tmp/there.db", Path("/tmp/there.db")),
        ("sqlite:///with%20space.db", Path("with space.db")),
        ("sqlite:///~/home.db", Path.home() / "home.db"),
    ],
)
def test_the_file_of_an_address(url, expected):
    """Three slashes: from here; four: from the root."""
    assert sqlite_path(url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "write one of memory, sqlite:///"),
        ("postgres://x", "is no store"),
        ("redis", "is no store"),
        ("sqlite", "is no store"),
        ("sqlite://here.db", "write sqlite:///relative"),
        ("sqlite:///", "write sqlite:///relative"),
        ("sqlite:///:memory:", "write memory"),
        ("sqlite:////no/such/folder/state.db", "/no/such/folder is no folder"),
        ("sqlite:////tmp", "/tmp is no file"),
        ("redis://host:notaport/0", "is no address of a Redis"),
        ("redis://host/0?socket_timeout=soon", "is no address of a Redis"),
        ("redis://:hunter2hunter2@host:notaport", "is no address"),
        ("rediss://user:hunter2@pa@host:1/x?password=hunter2&socket_timeout=soon", "is no address"),
        ("postgres://:hunter2hunter2@host/0?password=hunter2", "is no store"),
    ],
)
def test_an_address_that_is_none(url, said):
    """What was given, without a password, and what to write instead."""
    with pytest.raises(ConfigError) as raised:
        open_store(url)
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_password_is_in_no_message(caplog):
    """Neither in the label nor in what is logged when the server is not there."""
    with open_store("redis://user:hunter2hunter2@127.0.0.1:1/0") as store:
        chain(store)
        assert store.away
        assert "hunter2" not in store.label + store.away + caplog.text
        assert "127.0.0.1" in store.label


def test_a_missing_extra_is_named(monkeypatch):
    """The message has the command that brings it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    for name in ("redis", "redis_clients"):
        monkeypatch.delitem(sys.modules, f"sparekey.stores.{name}", raising=False)
    with pytest.raises(MissingExtraError, match=r"sparekey\[redis\]"):
        open_store("redis://host/0")


def test_nothing_is_loaded_that_is_not_asked_for():
    """A chain without a store needs neither SQLite nor redis-py."""
    code = "import sys, sparekey; sparekey.Chain; import sparekey.stores; sys.exit(bool({'sqlite3', 'redis'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
