"""What happened, and how many tokens were used, for people who look at it later: a SQLite file with bounded tables.

Whoever tells the history something only appends to lists and adds to numbers (`_Unwritten`); a thread of its own writes them, every
second or so, and drops what is too old. If the file is locked, full or gone, what happened waits, bounded, until it can be written.

Its rows are read and written by `history_rows`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import closing, suppress
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
"""The kind of a row: before December 2026 a hold was written as a park without a cause."""
_OUTCOMES: Final = {AttemptSucceeded: "succeeded", AttemptFailed: "failed", AttemptAbandoned: "abandoned"}
_WAIT: Final = 2.0
_CLOSING: Final = 3.0
_TRIM: Final = 60.0
_USAGE_AGE: Final = 12
"""Numbers by day are kept for so many times as long as events."""
MOST_RECORDS: Final = 10_000
"""Records that wait to be written; while the file cannot be written the oldest are dropped."""
MOST_SUMS: Final = 10_000
"""Rows of numbers that wait; what comes to a further row is dropped."""

Key = tuple[str, ...]
"""The name of a table, and the row in it."""


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
            keep_events: the most failed attempts that are kept, and the most other records.
            every: seconds between two writes.
            wall: returns the time of day.
        """
        self._path, self._keep_days, self._keep_events, self._wall = path, keep_days, keep_events, wall
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._trimmed: float | None = None
        self._inherited: list[sqlite3.Connection] = []
        self._away: str | None = None
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

    # ── taking note ──

    def hook(self, chain: str, credentials: Iterable[Credential] = (), *, words: bool = True) -> Callable[[Event], None]:
        """Return a hook for a chain: `chain.add_hook(history.hook("chat", chain.credentials))`. It only takes note.

        Args:
            chain: the chain's name in the history.
            credentials: whose keys are cut out of texts, whatever their shape.
            words: whether the providers' own words are kept: they may repeat those of the caller.
        """
        return _Hook(self, chain, Masker(credentials), words=words)

    def now(self) -> float:
        """Return the time of day, as this history has it."""
        return self._wall()

    def note(self, record: Record, *, words: bool = True) -> None:
        """Write a record, soon; `words`: whether the provider's own words are kept: they may repeat those of the caller."""
        self._unwritten.note(record if words or not record.message else replace(record, message=""))

    def count(self, chain: str, credential_id: str, usage: Usage | None, requests: int = 1, day: str | None = None) -> None:
        """Add requests and their tokens to a credential's day: today, if none is given."""
        tokens = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens) if usage else (0, 0, 0, 0)
        self._unwritten.add(("usage", day or self._day(0), chain[:LONGEST_NAME], credential_id[:LONGEST_NAME]), (requests, *tokens))

    def ended(self, chain: str, credential_id: str, outcome: str, cause: str = "", reason: str = "", *, by: int = 1, day: str = "") -> None:
        """Add attempts that ended so (`succeeded`, `failed`, `abandoned`) to a credential's day: today, if none is given."""
        row = (chain, credential_id, outcome, cause, reason)
        self._unwritten.add(("attempts", day or self._day(0), *(value[:LONGEST_NAME] for value in row)), (by,))

    # ── looking it up ──

    def events(self, *, chain: str | None = None, kinds: Collection[str] = (), before: int | None = None, limit: int = 100) -> list[Record]:
        """Return records, the newest first: at most `limit`, those of a chain, of some kinds, with a number below `before`.

        It reads the file: a few milliseconds, so not on an event loop.

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
        """Return what was used, a row for each day, chain and credential, the newest day first; as for `events`.

        Raises:
            StoreAwayError: the file cannot be read.
        """
        query = "SELECT * FROM sparekey_usage WHERE day > ? AND (? IS NULL OR chain = ?) ORDER BY day DESC, chain, credential"
        return [DayUsage(*row) for row in self._query(query, [self._day(days), chain, chain])]

    def attempts(self, *, chain: str | None = None, days: int = 30) -> list[DayAttempts]:
        """Return how attempts ended, a row for each day, chain, credential and cause, the newest day first; as for `events`.

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
        """Write what was noted, and wait for that so many seconds.

        Raises:
            TimeoutError: it took longer.
        """
        self._worker.ask(patience, self._write)

    def close(self) -> None:
        """Write what was noted, and let go of the file; it takes a few seconds at most."""
        if not self._worker.closed:
            with suppress(TimeoutError):
                self._worker.ask(_CLOSING, self._end)
            self._worker.close(_CLOSING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self) -> None:
        """Write what was noted; what could not be written is noted still."""
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
        """Let the sources bring what they have added up."""
        for source in self.sources:
            try:
                source()
            except Exception:  # this thread must not end of it
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
        """The open file; a new one, if somebody has taken it away."""
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
        self._write()
        self._drop()

    def _forked(self) -> None:
        """A child process: what was noted is the parent's to write, and so is the connection's to close."""
        self._unwritten = _Unwritten()
        if self._connection is not None:
            self._inherited.append(self._connection)
        self._connection = None


class _Hook:
    """Takes note of one chain for a history."""

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
    """What a history was told and has not written yet. Filled by any thread, emptied by the one that writes; bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[Record] = deque(maxlen=MOST_RECORDS)
        self._sums: dict[Key, list[int]] = {}

    def note(self, record: Record) -> None:
        with self._lock:
            self._records.append(record)

    def add(self, key: Key, more: Sequence[int]) -> None:
        """Add to the numbers of a row."""
        with self._lock:
            sums = self._sums.get(key)
            if sums is not None:
                self._sums[key] = [was + by for was, by in zip(sums, more, strict=True)]
            elif len(self._sums) < MOST_SUMS:
                self._sums[key] = list(more)

    def waiting(self) -> tuple[list[Record], dict[Key, list[int]]]:
        """Return what waits; it stays here until `written` says that it is in the file."""
        with self._lock:
            return list(self._records), dict(self._sums)

    def written(self, records: Sequence[Record], sums: Mapping[Key, Sequence[int]]) -> None:
        """Take out what is in the file by now; more may have come meanwhile, and the oldest may have been dropped."""
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
