"""How sparekey opens SQLite: WAL, short waits, errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sparekey.stores.base import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPENING: Final = 1.0
"""Seconds to wait for other processes that open a new file at the same time: SQLite does not."""
_REMEDIES: Final = (
    ("locked", "another process holds its lock"),
    ("busy", "another process holds its lock"),
    ("readonly", "the file or its folder is read-only"),
    ("full", "the disk is full"),
    ("not a database", "the file is no SQLite database; move it away, and a new one is made"),
    ("malformed", "the file is damaged; move it away, and a new one is made"),
    ("unable to open", "the file cannot be opened; look at its folder and at its permissions"),
    ("disk i/o", "the disk cannot be read or written"),
)


def connect(path: Path, schema: str, wait: float) -> sqlite3.Connection:
    """Open a database in autocommit mode; create it, readable for its owner only, if need be.

    Args:
        path: the file.
        schema: `CREATE ... IF NOT EXISTS` statements.
        wait: seconds for which a statement waits for a lock.

    Raises:
        StoreAwayError: it cannot be opened.
    """
    with telling():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600) if not path.exists() else os.open(path, os.O_RDONLY))
        connection = sqlite3.connect(path, timeout=wait, isolation_level=None)
    try:
        with telling():
            _prepare(connection, schema)
    except StoreAwayError:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a path's file, to notice a replaced one; None: no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def telling() -> Iterator[None]:
    """Turn errors of SQLite and the system into a `StoreAwayError` with a remedy."""
    try:
        yield
    except (sqlite3.Error, OSError) as exc:
        said = str(exc).lower()
        what = next((remedy for word, remedy in _REMEDIES if word in said), "")
        raise StoreAwayError(f"{what} ({exc})" if what else str(exc)) from None


def _prepare(connection: sqlite3.Connection, schema: str) -> None:
    give_up = time.monotonic() + _OPENING
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # only a power cut loses something
            connection.executescript(schema)
        except sqlite3.OperationalError as exc:
            if "readonly" in str(exc):  # reading what other processes write still works
                return
            if "locked" not in str(exc) or time.monotonic() >= give_up:
                raise
            time.sleep(0.02)
        else:
            return
