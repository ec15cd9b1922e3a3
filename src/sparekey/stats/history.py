"""Records and token counts for later reading, in a SQLite file with bounded tables.

Noting something only appends to lists and adds to numbers (`_Unwritten`). A thread writes them
about every second, and drops what is too old. If the file is locked, full or gone, notes wait,
bounded, until it can be written. `history_rows` reads and writes the rows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded
from sparekey.core.manual import HELD
from sparekey.stats.history_rows import COLUMNS, DayAttempts, DayUsage, record_of_row, row_of
from sparekey.stats.record import LONGEST_NAME, RECORDED, Masker, Record, record_of
from sparekey.stores.base import StoreAwayError
from sparekey.stores.database import connect, identity, telling
from sparekey.stores.worker import Worker

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Self

    from sparekey.core.events import Event
    from sparekey.types import Credential, Usage

logger = logging.getLogger("sparekey")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sparekey_events (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, chain TEXT NOT NULL,
  kind TEXT NOT NULL, who TEXT NOT NULL, other TEXT NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL, seconds REAL,
  message TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sparekey_events_kind ON sparekey_events (kind = 'failed', number);
CREATE TABLE IF NOT EXISTS sparekey_usage (day TEXT NOT NULL, chain TEXT NOT NULL, credential TEXT NOT NULL, requests INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
  PRIMARY KEY (day, chain, credential)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sparekey_attempts (day TEXT NOT NULL, chain TEXT NOT NULL, credential TEXT NOT NULL, outcome TEXT NOT NULL,
  cause TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
  PRIMARY KEY (day, chain, credential, outcome, cause, reason)) WITHOUT ROWID;
"""
_ADD_EVENT: Final = f"INSERT INTO sparekey_events ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - names of our own
_ADD: Final = {
    "usage": """
INSERT INTO sparekey_usage VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
  prompt_tokens = prompt_tokens + excluded.prompt_tokens, completion_tokens = completion_tokens + excluded.completion_tokens,
  cached_tokens = cached_tokens + excluded.cached_tokens, reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens
""",
    "attempts": "INSERT INTO sparekey_attempts VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts",
}
_KIND: Final = f"CASE WHEN kind = 'parked' AND cause = '' AND reason = '{HELD}' THEN 'held' ELSE kind END"
"""The kind of a row. Rows from before December 2026 hold a hold as a park without a cause."""
_OUTCOMES: Final = {AttemptSucceeded: "succeeded", AttemptFailed: "failed", AttemptAbandoned: "abandoned"}
_WAIT: Final = 2.0
_CLOSING: Final = 3.0
_TRIM: Final = 60.0
_USAGE_AGE: Final = 12
"""Counts by day are kept this many times as long as events."""
MOST_RECORDS: Final = 10_000
"""The most records that wait to be written; beyond it the oldest are dropped."""
MOST_SUMS: Final = 10_000
"""The most rows of counts that wait to be written; counts for further rows are dropped."""

Key = tuple[str, ...]
"""The name of a table, and the key of a row in it."""


class History:
    """The history of a process's chains. Processes may share the file. Thread-safe.

    Use it as a context manager, or call `close`.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_days: int = 30,
        keep_events: int = 10_000,
        every: float = 1.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open a history.

        If the file cannot be used, records wait in memory, and one warning says so.

        Args:
            path: the file; it may be the file of a store.
            keep_days: days after which events are dropped; usage is kept for twelve times as long.
            keep_events: the most failed attempts to keep, and the most other records.
            every: seconds between two writes.
            wall: returns the time of day in seconds since 1970.
        """
        self._path, self._keep_days, self._keep_events, self._wall = path, keep_days, keep_events, wall
        self._connection: sqlite3.Connection | None = None  # None: the next write opens it
        self._file: tuple[int, int] | None = None  # device and inode of the open file
        self._trimmed: float | None = None  # when old rows were last deleted, monotonic
        self._inherited: list[sqlite3.Connection] = []  # the parent's, after a fork; never closed
        self._away: str | None = None  # why the file cannot be written
        self._unwritten = _Unwritten()
        self.sources: list[Callable[[], None]] = []
        self._worker = Worker(f"sparekey history {path.name}", self._write, every, self._forked)
        self._worker.start()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def away(self) -> str | None:
        """Why the file cannot be written now; None if it can."""
        return self._away

    # ── noting ──

    def hook(self, chain: str, credentials: Iterable[Credential] = (), *, words: bool = True) -> Callable[[Event], None]:
        """Return a hook that notes a chain's events.

        Add it with `chain.add_hook(history.hook("chat", chain.credentials))`.

        Args:
            chain: the chain's name in the history.
            credentials: the chain's credentials, whose keys are masked in texts.
            words: whether to keep the providers' messages, which may repeat a caller's words.
        """
        return _Hook(self, chain, Masker(credentials), words=words)

    def now(self) -> float:
        """Return the time of day on this history's clock, in seconds since 1970."""
        return self._wall()

    def note(self, record: Record, *, words: bool = True) -> None:
        """Queue a record.

        Without `words` the provider's message, which may repeat a prompt, is cut.
        """
        self._unwritten.note(record if words or not record.message else replace(record, message=""))

    def count(self, chain: str, credential_id: str, usage: Usage | None, requests: int = 1, day: str | None = None) -> None:
        """Add requests and their tokens to a credential's `day` (ISO date; None: today)."""
        tokens = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens) if usage else (0, 0, 0, 0)
        self._unwritten.add(("usage", day or self._day(0), chain[:LONGEST_NAME], credential_id[:LONGEST_NAME]), (requests, *tokens))

    def ended(self, chain: str, credential_id: str, outcome: str, cause: str = "", reason: str = "", *, by: int = 1, day: str = "") -> None:
        """Add attempts with an outcome (`succeeded`, `failed`, `abandoned`) to a credential's day.

        `day` is an ISO date; "" means today.
        """
        row = (chain, credential_id, outcome, cause, reason)
        self._unwritten.add(("attempts", day or self._day(0), *(value[:LONGEST_NAME] for value in row)), (by,))

    # ── reading ──

    def events(self, *, chain: str | None = None, kinds: Collection[str] = (), before: int | None = None, limit: int = 100) -> list[Record]:
        """Return at most `limit` records, the newest first.

        It reads the file, which takes a few milliseconds: do not call it on an event loop.

        Args:
            chain: only this chain's records; None: all.
            kinds: only these kinds; empty: all.
            before: only records with a number below this one, for paging.
            limit: the most records.

        Raises:
            StoreAwayError: the file cannot be read.
        """
        asked: list[tuple[str, list[Any]]] = [("chain = ?", [chain])] if chain is not None else []
        asked += [(f"{_KIND} IN ({','.join('?' * len(kinds))})", list(kinds))] if kinds else []
        asked += [("number < ?", [before])] if before is not None else []
        where = " AND ".join(["1", *(clause for clause, _ in asked)])
        values = [value for _, some in asked for value in some]
        query = f"SELECT {COLUMNS}, number FROM sparekey_events WHERE {where}"  # noqa: S608 - clauses of our own
        return [record_of_row(row) for row in self._query(f"{query} ORDER BY number DESC LIMIT ?", [*values, limit])]

    def usage(self, *, chain: str | None = None, days: int = 30) -> list[DayUsage]:
        """Return token counts by day, chain and credential, the newest day first.

        It reads the file, like `events`.

        Raises:
            StoreAwayError: the file cannot be read.
        """
        query = "SELECT * FROM sparekey_usage WHERE day > ? AND (? IS NULL OR chain = ?) ORDER BY day DESC, chain, credential"
        return [DayUsage(*row) for row in self._query(query, [self._day(days), chain, chain])]

    def attempts(self, *, chain: str | None = None, days: int = 30) -> list[DayAttempts]:
        """Return counts of attempts by day, chain, credential and cause, the newest day first.

        Raises:
            StoreAwayError: the file cannot be read.
        """
        query = "SELECT * FROM sparekey_attempts WHERE day > ? AND (? IS NULL OR chain = ?) ORDER BY day DESC, chain, credential"
        return [DayAttempts(*row) for row in self._query(query, [self._day(days), chain, chain])]

    def _query(self, query: str, values: list[Any]) -> list[Any]:
        with telling(), closing(connect(self._path, _SCHEMA, _WAIT)) as connection:
            return connection.execute(query, values).fetchall()

    def _day(self, ago: int) -> str:
        return (datetime.fromtimestamp(self._wall(), UTC) - timedelta(days=ago)).date().isoformat()

    # ── the writing thread ──

    def flush(self, patience: float = _CLOSING) -> None:
        """Write what was noted; wait at most `patience` seconds.

        Raises:
            TimeoutError: it took longer.
        """
        self._worker.ask(patience, self._write)

    def close(self) -> None:
        """Write what was noted and close the file; it takes a few seconds at most."""
        if not self._worker.closed:
            self._worker.close(_CLOSING, self._end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self) -> None:
        """Write what was noted; keep what could not be written."""
        self._gather()
        records, sums = self._unwritten.waiting()
        if not records and not sums:
            return
        try:
            self._store(records, sums)
        except StoreAwayError as exc:
            self._drop()
            if self._away is None:
                logger.warning("the history %s cannot be written: %s; what happens is kept for a while", self._path, exc)
            self._away = str(exc)
        else:
            self._away = None
            self._unwritten.written(records, sums)

    def _gather(self) -> None:
        """Call the sources, which add the numbers that they have counted."""
        for source in self.sources:
            try:
                source()
            except Exception:  # the thread must survive a faulty source
                logger.exception("the history %s: a source of numbers failed", self._path)

    def _store(self, records: list[Record], sums: dict[Key, list[int]]) -> None:
        with telling():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(_ADD_EVENT, [row_of(record) for record in records])
                for (table, *row), numbers in sums.items():
                    connection.execute(_ADD[table], [*row, *numbers])
                if self._trimmed is None or time.monotonic() - self._trimmed >= _TRIM:
                    self._forget_old(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        """Return the connection; open the file again if it was removed or replaced."""
        if self._connection is not None and identity(self._path) != self._file:
            self._drop()
        if self._connection is None:
            self._connection = connect(self._path, _SCHEMA, _WAIT)
            self._file = identity(self._path)
        return self._connection

    def _forget_old(self, connection: sqlite3.Connection) -> None:
        self._trimmed = time.monotonic()
        connection.execute("DELETE FROM sparekey_events WHERE at < ?", [self._wall() - self._keep_days * 86_400.0])
        for failed in (0, 1):
            newest = "SELECT number FROM sparekey_events WHERE (kind = 'failed') = ? ORDER BY number DESC LIMIT 1 OFFSET ?"
            row = connection.execute(newest, [failed, self._keep_events]).fetchone()
            if row is not None:
                connection.execute("DELETE FROM sparekey_events WHERE (kind = 'failed') = ? AND number <= ?", [failed, row[0]])
        for table in ("sparekey_usage", "sparekey_attempts"):
            connection.execute(f"DELETE FROM {table} WHERE day < ?", [self._day(_USAGE_AGE * self._keep_days)])  # noqa: S608 - names of our own

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _end(self) -> None:
        try:
            self._write()
        finally:
            self._drop()

    def _forked(self) -> None:
        """Reset in a child process: the parent writes what was noted and closes the connection."""
        self._unwritten = _Unwritten()
        if self._connection is not None:
            self._inherited.append(self._connection)
        self._connection = None


class _Hook:
    """A hook that notes one chain's events in a history."""

    hears: Final = RECORDED | _OUTCOMES.keys()

    def __init__(self, history: History, chain: str, mask: Masker, *, words: bool) -> None:
        self._history, self._chain, self._mask, self._words = history, chain, mask, words

    def __call__(self, event: Event) -> None:
        if type(event) in RECORDED and (record := record_of(event, self._history.now(), self._chain, self._mask)) is not None:
            self._history.note(record, words=self._words)
        if (outcome := _OUTCOMES.get(type(event))) is not None:
            self._count(outcome, event)

    def _count(self, outcome: str, event: Any) -> None:
        usage = event.attempt.usage if event.attempt else None
        if usage or isinstance(event, AttemptSucceeded):
            self._history.count(self._chain, event.credential_id, usage)
        cause = (str(event.failure.error_class), event.failure.reason) if isinstance(event, AttemptFailed) else ("", "")
        self._history.ended(self._chain, event.credential_id, outcome, *cause)


class _Unwritten:
    """Notes that are not written yet, bounded. Any thread adds, the writing thread removes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[Record] = deque(maxlen=MOST_RECORDS)
        self._sums: dict[Key, list[int]] = {}

    def note(self, record: Record) -> None:
        with self._lock:
            self._records.append(record)

    def add(self, key: Key, more: Sequence[int]) -> None:
        """Add numbers to a row."""
        with self._lock:
            sums = self._sums.get(key)
            if sums is not None:
                self._sums[key] = [was + by for was, by in zip(sums, more, strict=True)]
            elif len(self._sums) < MOST_SUMS:
                self._sums[key] = list(more)

    def waiting(self) -> tuple[list[Record], dict[Key, list[int]]]:
        """Return what waits; it stays here until `written` removes it."""
        with self._lock:
            return list(self._records), dict(self._sums)

    def written(self, records: Sequence[Record], sums: Mapping[Key, Sequence[int]]) -> None:
        """Remove what is in the file now; notes may have come, or been dropped, meanwhile."""
        done = set(map(id, records))
        with self._lock:
            while self._records and id(self._records[0]) in done:
                self._records.popleft()
            for key, were in sums.items():
                left = [now - was for now, was in zip(self._sums[key], were, strict=True)]
                if any(left):
                    self._sums[key] = left
                else:
                    del self._sums[key]
