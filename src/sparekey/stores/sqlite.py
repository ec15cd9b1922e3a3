"""State in a SQLite file, the gateway's default: it survives restarts, and processes share it.

One file holds the states of many chains. It must be on a local disk: WAL does not work over a
network.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sparekey.stores.database import connect, identity, telling
from sparekey.stores.shared_time import machine_stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from sparekey.stores.base import Stamp

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS sparekey_state (name TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID"
_SWAP: Final = "UPDATE sparekey_state SET state = ? WHERE name = ? AND CAST(state AS BLOB) = ?"
_WAIT: Final = 0.2
"""Seconds that a statement waits for a lock: less than a change waits for the store."""


class SQLiteStore:
    """A `Store` in a file, which it opens on first use, and again if the file is replaced."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        """Create the store of a file; `monotonic` and `wall` return seconds."""
        self.label = f"sqlite:///{path}"
        self._path, self._clocks = path, (monotonic, wall)
        self._connection: sqlite3.Connection | None = None  # None: the next call opens it
        self._file: tuple[int, int] | None = None  # device and inode of the open file
        self._version: int | None = None  # `data_version` at the last read; None: read again
        self._inherited: list[sqlite3.Connection] = []  # the parent's, after a fork; never closed

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of `names`; a name without a value is left out."""
        with telling():
            connection = self._open()
            self._version = self._data_version(connection)
            marks = ",".join("?" * len(names))
            rows = connection.execute(f"SELECT name, CAST(state AS BLOB) FROM sparekey_state WHERE name IN ({marks})", tuple(names))  # noqa: S608 - marks
            return dict(rows.fetchall())

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace `old` with `new`.

        Return False, without a change, if the value is no longer `old`.
        """
        with telling():
            connection = self._open()
            if old is None:
                done = connection.execute("INSERT INTO sparekey_state VALUES (?, ?) ON CONFLICT DO NOTHING", (name, new))
            else:
                done = connection.execute(_SWAP, (new, name, old))
            self._version = None  # SQLite's counter ignores our writes; another chain needs them
            return done.rowcount == 1

    def changed(self) -> bool:
        """Return whether another process has written to the file, or it was replaced."""
        with telling():
            return self._connection is None or self._moved() or self._data_version(self._connection) != self._version

    def stamp(self) -> Stamp:
        """Return the current moment on this machine's clock."""
        return machine_stamp(*self._clocks)

    def tidy(self) -> None:
        """Move the write-ahead log into the file, so that no change has to."""
        with telling():
            self._open().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._version = None

    def forget(self) -> None:
        """Keep the parent's connection, unused: SQLite forbids closing it in a child process."""
        if self._connection is not None:
            self._inherited.append(self._connection)
        self._connection = self._version = None

    def _open(self) -> sqlite3.Connection:
        """Return the connection; open the file again after a failure or if it was replaced."""
        if self._connection is not None and self._moved():
            self.close()
        if self._connection is None:
            self._connection = connect(self._path, _SCHEMA, _WAIT)
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._file = identity(self._path)
        return self._connection

    def _moved(self) -> bool:
        return identity(self._path) != self._file

    @staticmethod
    def _data_version(connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return version
