"""A thread that writes log lines, so that a request never waits for a log that nobody reads."""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_LINES: Final = 10_000
"""The most lines that wait: a few megabytes."""
GATHER_SECONDS: Final = 0.05
"""Seconds for which lines are collected: one write for many costs less than one for each."""
_AT_ONCE: Final = 4096
"""The most bytes of one write: a pipe takes these in one piece, so workers' lines do not mix."""


class Writer:
    """Writes lines to a stream, in order, without making the caller wait.

    If nobody reads the stream, the queue fills up and further lines are dropped.

    Attributes:
        dropped: number of lost lines: the queue was full, or the stream is broken.
        on_drop: called with the number of lines whenever lines are lost.
    """

    def __init__(self, stream: IO[str] | None = None, *, most: int = MOST_LINES) -> None:
        """Create a writer to `stream` (None: standard error) with a queue of `most` lines."""
        self._stream, self._most = stream, most
        self._lines: deque[str] = deque()
        self._told = self.dropped = 0
        self.on_drop: Callable[[int], object] | None = None
        self._news, self._end = Event(), Event()
        self._thread: Thread | None = None

    def put(self, line: str) -> None:
        """Queue a line; drop it if the queue is full."""
        if len(self._lines) >= self._most:
            self._lost(1)
            return
        self._lines.append(line)
        if not self._news.is_set():
            self._news.set()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="sparekey-log", daemon=True)
                self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """Write the waiting lines, within `seconds`, and end the thread."""
        self._end.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while not (self._end.is_set() and not self._lines):
            self._news.wait()
            self._end.wait(GATHER_SECONDS)
            self._news.clear()
            while self._lines:
                self._write(self._gathered())
            if (dropped := self.dropped) > self._told:
                self._write([json.dumps({"at": moment(), "log_lines_dropped": dropped - self._told})])
                self._told = dropped

    def _gathered(self) -> list[str]:
        """Take as many waiting lines as fit into one write."""
        found: list[str] = []
        size = 0
        while self._lines and (not found or size + len(self._lines[0]) < _AT_ONCE):
            found.append(self._lines.popleft())
            size += len(found[-1]) + 1
        return found

    def _write(self, lines: list[str]) -> None:
        """Write lines; if that fails, count them as lost."""
        stream = self._stream or sys.stderr
        text = "\n".join(lines) + "\n"
        try:
            if (target := _descriptor(stream)) is None:
                stream.write(text)
            else:
                _write_all(target, text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError, AttributeError):  # AttributeError: there is no standard error
            self._lost(len(lines))

    def _lost(self, count: int) -> None:
        self.dropped += count
        if self.on_drop is not None:
            self.on_drop(count)


_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
"""Characters that start a new line or control a terminal, and their escaped forms."""


class _OneLine(logging.Formatter):
    """Formats a message as one line, so that a provider's words in it cannot pose as a log line.

    A traceback keeps its lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return super().formatMessage(record).rstrip().translate(_CONTROLS)


class LogHandler(logging.Handler):
    """A `logging` handler that passes records to a writer."""

    def __init__(self, writer: Writer) -> None:
        """Create a handler in the format of the command's log."""
        super().__init__()
        self._writer = writer
        self.setFormatter(_OneLine("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and queue it."""
        try:
            self._writer.put(self.format(record))
        except Exception:  # noqa: BLE001 - as in every handler: what cannot be formatted is told and does no harm
            self.handleError(record)


@contextmanager
def logging_through(writer: Writer) -> Iterator[None]:
    """Let a writer write all of `logging` while the `with` block runs.

    The root logger's own handlers for standard error are removed meanwhile.
    """
    root, handler = logging.getLogger(), LogHandler(writer)
    aside = [one for one in root.handlers if isinstance(one, logging.StreamHandler) and one.stream is sys.stderr]
    level = root.level
    for one in aside:
        root.removeHandler(one)
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO) if level else logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for one in aside:
            root.addHandler(one)


def moment() -> str:
    """Return the time of day as logs show it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _descriptor(stream: IO[str]) -> int | None:
    """Return the file descriptor of a stream; None if it has none.

    A thread that hangs while writing to the descriptor holds no lock of the stream, so the process
    can still exit.
    """
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _write_all(target: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:  # the parent process made the descriptor non-blocking
            select.select([], [target], [], 1.0)
