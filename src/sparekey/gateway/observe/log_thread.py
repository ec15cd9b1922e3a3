"""Lines for people and collectors, written by a thread of their own: whoever serves requests never waits for a log that nobody reads."""

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
"""Lines that may wait: a few megabytes."""
GATHER_SECONDS: Final = 0.05
"""Seconds in which lines gather: one write for many costs less than one for each."""
_AT_ONCE: Final = 4096
"""Bytes of one write: a pipe takes so many in one piece, so the lines of several workers do not mix."""


class Writer:
    """Writes lines to a stream, in order, and never lets anybody wait: where nobody reads, its queue fills, and further lines are dropped.

    Attributes:
        dropped: how many lines were lost since it began, because too many waited or the stream is broken.
        on_drop: called with the number of lines whenever some are lost.
    """

    def __init__(self, stream: IO[str] | None = None, *, most: int = MOST_LINES) -> None:
        """Write to a stream (None: standard error), for which `most` lines may wait."""
        self._stream, self._most = stream, most
        self._lines: deque[str] = deque()
        self._told = self.dropped = 0
        self.on_drop: Callable[[int], object] | None = None
        self._news, self._end = Event(), Event()
        self._thread: Thread | None = None

    def put(self, line: str) -> None:
        """Have a line written."""
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
        """Write what waits, in so many seconds at most."""
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
        """Take as many lines as go into one write."""
        found: list[str] = []
        size = 0
        while self._lines and (not found or size + len(self._lines[0]) < _AT_ONCE):
            found.append(self._lines.popleft())
            size += len(found[-1]) + 1
        return found

    def _write(self, lines: list[str]) -> None:
        """Write lines. A log that cannot be written is no reason to fail."""
        stream = self._stream or sys.stderr
        text = "\n".join(lines) + "\n"
        try:
            if (target := _descriptor(stream)) is None:
                stream.write(text)
            else:
                _write_all(target, text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError, AttributeError):  # the last one: there is no standard error
            self._lost(len(lines))

    def _lost(self, count: int) -> None:
        self.dropped += count
        if self.on_drop is not None:
            self.on_drop(count)


_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
"""What would begin a new line, or speak to the terminal."""


class _OneLine(logging.Formatter):
    """Shows a message as one line: a provider's words in it must not look like lines of ours. A traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return super().formatMessage(record).rstrip().translate(_CONTROLS)


class LogHandler(logging.Handler):
    """Hands the records of `logging` to a writer."""

    def __init__(self, writer: Writer) -> None:
        """Write through `writer`, as the command's log looks."""
        super().__init__()
        self._writer = writer
        self.setFormatter(_OneLine("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Have a record written."""
        try:
            self._writer.put(self.format(record))
        except Exception:  # noqa: BLE001 - as in every handler: what cannot be formatted is told and does no harm
            self.handleError(record)


@contextmanager
def logging_through(writer: Writer) -> Iterator[None]:
    """Have all of `logging` written by a writer; the root logger's own handlers for standard error are set aside meanwhile."""
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
    """Return the time of day as logs show it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _descriptor(stream: IO[str]) -> int | None:
    """Return the file behind a stream. A thread that hangs in writing to it holds no lock for which the end of the process would wait."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _write_all(target: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(target, left) :]
        except BlockingIOError:  # whoever started us has made it so
            select.select([], [target], [], 1.0)
