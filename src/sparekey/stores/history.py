"""What happened, and how many tokens were used, for people who look at it later: a SQLite file with bounded tables.

A chain's hook only takes note; a thread of its own writes, every second or so, and drops what is too old. Texts are masked and bounded,
keys never get in.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded
from sparekey.stores.base import StoreAwayError
from sparekey.stores.codec import secret_values
from sparekey.stores.database import connect, telling
from sparekey.stores.entries import LONGEST_NAME, DayUsage, Entry, entry_of
from sparekey.stores.worker import Worker

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path
    from typing import Any, Self

    from sparekey.core.events import Event
    from sparekey.types import Credential, Usage

logger = logging.getLogger("sparekey")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sparekey_events (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, chain TEXT NOT NULL,
  kind TEXT NOT NULL, who TEXT NOT NULL, other TEXT NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL, seconds REAL,
  message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sparekey_events_kind ON sparekey_events (kind = 'failed', number);
CREATE TABLE IF NOT EXISTS sparekey_usage (day TEXT NOT NULL, chain TEXT NOT NULL, credential TEXT NOT NULL, requests INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
  PRIMARY KEY (day, chain, credential)) WITHOUT ROWID;
"""
_ADD_EVENT: Final = "INSERT INTO sparekey_events (at, chain, kind, who, other, cause, reason, seconds, message) VALUES (?,?,?,?,?,?,?,?,?)"
_ADD_USAGE: Final = """
INSERT INTO sparekey_usage VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
  prompt_tokens = prompt_tokens + excluded.prompt_tokens, completion_tokens = completion_tokens + excluded.completion_tokens,
  cached_tokens = cached_tokens + excluded.cached_tokens, reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens
"""
_WAIT: Final = 2.0
_CLOSING: Final = 3.0
_TRIM: Final = 60.0
_WAITING: Final = 10_000
"""Events that wait to be written; while the file cannot be written the oldest are dropped."""


class History:
    """The history of the chains of a process; processes may share the file. Thread-safe; use it as a context manager, or close it."""

    def __init__(
        self,
        path: Path,
        *,
        keep_days: int = 30,
        keep_events: int = 10_000,
        every: float = 1.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open a history. If the file cannot be used, what happens is kept for a while, and a warning says so once.

        Args:
            path: the file; it may be that of a store.
            keep_days: days after which events are dropped; usage is kept for twelve times as long.
            keep_events: the most failed attempts that are kept, and the most other events.
            every: seconds between two writes.
            wall: returns the time of day.
        """
        self._path, self._keep_days, self._keep_events, self._wall = path, keep_days, keep_events, wall
        self._connection: sqlite3.Connection | None = None
        self._trimmed: float | None = None
        self._inherited: list[sqlite3.Connection] = []
        self._away = False
        self._begin()
        self._worker = Worker(f"sparekey history {path.name}", self._write, every, self._forked)
        self._worker.start()

    # ── taking note ──

    def hook(self, chain: str, credentials: Iterable[Credential] = ()) -> Callable[[Event], None]:
        """Return a hook for a chain: `chain.add_hook(history.hook("chat", chain.credentials))`. It only takes note.

        Args:
            chain: the chain's name in the history.
            credentials: whose keys are cut out of texts, whatever their shape.
        """
        secrets = secret_values(credentials)

        def take(event: Event) -> None:
            if (entry := entry_of(event, self._wall(), chain, secrets)) is not None:
                self.note(entry)
            if isinstance(event, (AttemptSucceeded, AttemptFailed, AttemptAbandoned)):
                usage = event.attempt.usage if event.attempt else None
                if usage or isinstance(event, AttemptSucceeded):
                    self.count(chain, event.credential_id, usage)

        return take

    def note(self, entry: Entry) -> None:
        """Append an entry, soon."""
        with self._lock:
            self._entries.append(entry)

    def count(self, chain: str, credential_id: str, usage: Usage | None, requests: int = 1) -> None:
        """Add requests and their tokens to a credential's day."""
        day = datetime.fromtimestamp(self._wall(), UTC).date().isoformat()
        tokens = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens) if usage else (0, 0, 0, 0)
        with self._lock:
            sums = self._usage.setdefault((day, chain[:LONGEST_NAME], credential_id[:LONGEST_NAME]), [0, 0, 0, 0, 0])
            for i, more in enumerate((requests, *tokens)):
                sums[i] += more

    # ── looking it up ──

    def events(self, *, chain: str | None = None, kinds: Collection[str] = (), before: int | None = None, limit: int = 100) -> list[Entry]:
        """Return events, the newest first: at most `limit`, those of a chain, of some kinds, with a number below `before`.

        It reads the file: a few milliseconds, so not on an event loop.

        Raises:
            StoreAwayError: the file cannot be read.
        """
        asked: list[tuple[str, list[Any]]] = [("chain = ?", [chain])] if chain is not None else []
        asked += [(f"kind IN ({','.join('?' * len(kinds))})", list(kinds))] if kinds else []
        asked += [("number < ?", [before])] if before is not None else []
        where = " AND ".join(["1", *(clause for clause, _ in asked)])
        values = [value for _, some in asked for value in some]
        query = f"SELECT at, chain, kind, who, other, cause, reason, seconds, message, number FROM sparekey_events WHERE {where}"  # noqa: S608 - clauses of our own
        return [Entry(*row) for row in self._query(f"{query} ORDER BY number DESC LIMIT ?", [*values, limit])]

    def usage(self, *, chain: str | None = None, days: int = 30) -> list[DayUsage]:
        """Return what was used, a row for each day, chain and credential, the newest day first; as for `events`.

        Raises:
            StoreAwayError: the file cannot be read.
        """
        query = "SELECT * FROM sparekey_usage WHERE day > ? AND (? IS NULL OR chain = ?) ORDER BY day DESC, chain, credential"
        return [DayUsage(*row) for row in self._query(query, [self._day(days), chain, chain])]

    def _query(self, query: str, values: list[Any]) -> list[Any]:
        with telling(), closing(connect(self._path, _SCHEMA, _WAIT)) as connection:
            return connection.execute(query, values).fetchall()

    def _day(self, ago: int) -> str:
        return (datetime.fromtimestamp(self._wall(), UTC) - timedelta(days=ago)).date().isoformat()

    # ── the writing thread ──

    def flush(self, patience: float = _CLOSING) -> None:
        """Write what was noted, and wait for that so many seconds.

        Raises:
            TimeoutError: it took longer.
        """
        self._worker.ask(patience, self._write)

    def close(self) -> None:
        """Write what was noted, and let go of the file."""
        if not self._worker.closed:
            self._worker.ask(_CLOSING, self._end)
            self._worker.close(_CLOSING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self) -> None:
        """Write what was noted; what could not be written is noted still."""
        with self._lock:
            entries, usage = list(self._entries), {key: list(sums) for key, sums in self._usage.items()}
        if not entries and not usage:
            return
        try:
            self._store(entries, [(*key, *sums) for key, sums in usage.items()])
        except StoreAwayError as exc:
            self._drop()
            if not self._away:
                logger.warning("the history %s cannot be written: %s; what happens is kept for a while", self._path, exc)
            self._away = True
        else:
            self._away = False
            self._written(entries, usage)

    def _store(self, entries: list[Entry], usage: list[tuple[Any, ...]]) -> None:
        with telling():
            if self._connection is None:
                self._connection = connect(self._path, _SCHEMA, _WAIT)
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(_ADD_EVENT, [astuple(entry)[:-1] for entry in entries])
                connection.executemany(_ADD_USAGE, usage)
                if self._trimmed is None or time.monotonic() - self._trimmed >= _TRIM:
                    self._forget_old(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _forget_old(self, connection: sqlite3.Connection) -> None:
        self._trimmed = time.monotonic()
        connection.execute("DELETE FROM sparekey_events WHERE at < ?", [self._wall() - self._keep_days * 86_400.0])
        for failed in (0, 1):
            newest = "SELECT number FROM sparekey_events WHERE (kind = 'failed') = ? ORDER BY number DESC LIMIT 1 OFFSET ?"
            row = connection.execute(newest, [failed, self._keep_events]).fetchone()
            if row is not None:
                connection.execute("DELETE FROM sparekey_events WHERE (kind = 'failed') = ? AND number <= ?", [failed, row[0]])
        connection.execute("DELETE FROM sparekey_usage WHERE day < ?", [self._day(12 * self._keep_days)])

    def _written(self, entries: list[Entry], usage: dict[tuple[str, str, str], list[int]]) -> None:
        """Take out of the notes what is in the file by now; more may have come meanwhile, and the oldest may have been dropped."""
        with self._lock:
            done = set(map(id, entries))
            while self._entries and id(self._entries[0]) in done:
                self._entries.popleft()
            for key, sums in usage.items():
                self._usage[key] = [now - was for now, was in zip(self._usage[key], sums, strict=True)]
                if not any(self._usage[key]):
                    del self._usage[key]

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _end(self) -> None:
        self._write()
        self._drop()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=_WAITING)
        self._usage: dict[tuple[str, str, str], list[int]] = {}

    def _forked(self) -> None:
        """A child process: what was noted is the parent's to write, and so is the connection's to close."""
        self._begin()
        if self._connection is not None:
            self._inherited.append(self._connection)
        self._connection = None
