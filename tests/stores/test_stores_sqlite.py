"""What can happen to a file: locked, read-only, full, damaged, taken away. Requests go on, one line says so, and the state comes back."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from stores_kit import AUTH, ask, chain, parked, wait_until

from sparekey.stores import open_store
from sparekey.stores.database import connect


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "state.db"


@pytest.fixture
def opened(path):
    """A function that opens a store on the file."""
    keepers = []

    def opened(**options):
        keepers.append(open_store(f"sqlite:///{path}", **{"poll": 0.02, "patience": 10.0, **options}))
        return keepers[-1]

    yield opened
    for keeper in keepers:
        keeper.close()


def away_lines(caplog):
    return [record.getMessage() for record in caplog.records if " is away: " in record.getMessage()]


def test_the_file_is_its_owners_alone(path, opened):
    """It holds no key, and still is nobody else's business."""
    chain(opened())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_a_log_that_readers_do_not_wait_for(path, opened):
    """WAL mode, kept in the file."""
    ask(chain(opened()), k0=AUTH)
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert json.loads(file.execute("SELECT state FROM sparekey_state").fetchone()[0])["active"] == "k1"


def test_a_lock_that_is_held_holds_nobody_up(path, opened, caplog):
    """Another program has the file: calls go on with one line, and what they parked is written when it lets go."""
    store = opened()
    of = chain(store, credentials=4)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ask(of, k0=AUTH) == "k1"
        assert ask(of, k1=AUTH) == "k2"
        assert "another process holds its lock" in store.away
        assert len(away_lines(caplog)) == 1
        other.execute("COMMIT")
    assert wait_until(lambda: not store.away)
    assert set(parked(chain(opened(), credentials=4))) == {"k0", "k1"}


def test_the_folder_goes_away_and_returns(path, opened, caplog):
    """M10 with a file: what was parked meanwhile, here and there, is known to both."""
    here, there = opened(), opened()
    one, two = chain(here, credentials=4), chain(there, credentials=4)
    ask(one, k0=AUTH)
    assert wait_until(lambda: two.active_id == "k1")
    path.parent.rename(path.parent.with_name("gone"))
    assert wait_until(lambda: here.away and there.away)
    ask(one, k1=AUTH)
    ask(two, k1=AUTH, k2=AUTH)
    path.parent.with_name("gone").rename(path.parent)
    assert wait_until(lambda: set(parked(one)) == set(parked(two)) == {"k0", "k1", "k2"})
    assert wait_until(lambda: not here.away and not there.away)
    assert len(away_lines(caplog)) == 2
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_was_removed_is_made_anew(path, opened):
    """The processes bring back what they know."""
    of = chain(opened())
    ask(of, k0=AUTH)
    for leftover in path.parent.iterdir():
        leftover.unlink()
    assert wait_until(path.exists)
    assert wait_until(lambda: set(parked(chain(opened()))) == {"k0"})


@pytest.mark.parametrize("content", [b"this is no database, " * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_left_alone(path, opened, caplog, content):
    """The line says what to do; the process works on."""
    path.write_bytes(content)
    store = opened()
    assert ask(chain(store), k0=AUTH) == "k1"
    assert "move it away" in store.away
    assert len(away_lines(caplog)) == 1
    assert path.read_bytes() == content


def test_garbage_in_the_place_of_a_state_is_replaced(path, opened, caplog):
    """One line, and the process's own state takes its place."""
    of = chain(opened())
    ask(of, k0=AUTH)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("UPDATE sparekey_state SET state = 'garbage'")
    assert wait_until(lambda: any("takes its place" in record.getMessage() for record in caplog.records))
    assert set(parked(of)) == {"k0"}
    assert wait_until(lambda: set(parked(chain(opened()))) == {"k0"})


def test_a_state_of_a_later_version_is_left_alone(path, opened, caplog):
    """A roll-out: the older process keeps its own state and says so; it joins again when it can read what is there."""
    store = opened()
    of = chain(store)
    ask(of, k0=AUTH)
    later = b'{"v": 99, "all": "new"}'
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        old = file.execute("SELECT state FROM sparekey_state").fetchone()[0]
        file.execute("UPDATE sparekey_state SET state = ?", [later])
        assert wait_until(lambda: store.away)
        assert ask(of, k1=AUTH) == "k2"
        assert "update it" in away_lines(caplog)[0]
        assert file.execute("SELECT state FROM sparekey_state").fetchone()[0] == later
        file.execute("UPDATE sparekey_state SET state = ?", [old])
    assert wait_until(lambda: not store.away)
    assert set(parked(chain(opened()))) == {"k0", "k1"}


def test_a_file_that_may_only_be_read(opened, monkeypatch):
    """What others write there is heeded; what is parked here stays here."""
    of = chain(opened(), credentials=4)
    ask(of, k0=AUTH)

    def connect_to_read(*arguments):
        connection = connect(*arguments)
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr("sparekey.stores.sqlite.connect", connect_to_read)
    store = opened()
    reader = chain(store, credentials=4)
    assert ask(reader, k1=AUTH) == "k2"
    assert "read-only" in store.away
    ask(of, k2=AUTH, k1=AUTH)
    assert wait_until(lambda: set(parked(reader)) == {"k0", "k1", "k2"})
    assert "read-only" in store.away


FULL = """
import resource, signal, sys
from stores_kit import AUTH, ask, chain, parked, wait_until
from sparekey.stores import open_store
with open_store(sys.argv[1], poll=0.02, patience=10.0) as store:
    of = chain(store, credentials=4)
    ask(of, k0=AUTH)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, unlimited[1]))
    assert ask(of, k1=AUTH) == "k2"
    assert store.away, "it could be written"
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert wait_until(lambda: not store.away), store.away
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ") or not hasattr(resource, "RLIMIT_FSIZE"), reason="this system has no limit for files")
def test_a_file_that_cannot_grow(path, opened):
    """As on a full disk: calls go on, and what they parked is written when there is room."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", FULL, f"sqlite:///{path}"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(" is away: ") == 1
    assert set(parked(chain(opened(), credentials=4))) == {"k0", "k1"}
