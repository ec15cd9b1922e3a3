"""A module of the drill in a process of its own: one JSON value a line, in both directions.

The process reads orders from its standard input, and answers each with one line on its standard
output. `Player` and `SecondProcess` are the two kinds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any, Final

_LONGEST: Final = 90.0
"""Seconds after which a process with a limit that does not answer is killed."""
_ENDING: Final = 10.0
"""Seconds that a process has to end by itself."""


class LineProcess:
    """A running process. Not thread-safe: one thread sends and receives."""

    def __init__(self, module: str, first: object) -> None:
        """Run `python -m MODULE`, and send it its first line."""
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self.send(first)

    def send(self, order: object) -> None:
        """Send an order without waiting for the answer.

        Raises:
            OSError: the process has ended.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def receive(self, *, limited: bool = False) -> dict[str, Any]:
        """Wait for the next answer and return it.

        Args:
            limited: kill a process that does not answer within 90 s.

        Raises:
            ValueError: the process has ended.
        """
        assert self._process.stdout is not None
        limit = threading.Timer(_LONGEST, self._process.kill)
        if limited:
            limit.start()
        try:
            line = self._process.stdout.readline()
        finally:
            limit.cancel()
        if not line:
            raise ValueError("no answer came")
        found: dict[str, Any] = json.loads(line)
        return found

    def kill(self) -> None:
        """End the process with SIGKILL, for which no program can prepare."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """End the process: close its standard input, and kill it if it is still there after 10 s."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
