"""Threads for attempts that may have to be left behind.

A thread that is done waits a while for the next attempt, the last one first: SDK clients that belong to a thread are used again, with their
connections.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE_SECONDS: Final = 30.0


class AttemptThreads:
    """As many threads as there are attempts at once. They are daemons: one that is stuck in a read does not keep the program alive."""

    def __init__(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        """Start without threads; one that gets nothing to do for `idle_seconds` ends."""
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def run(self, work: Callable[[], object]) -> None:
        """Let a thread do some work, in the context of the caller; it must not raise."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = _Worker()
            threading.Thread(target=self._work, args=(worker,), name="sparekey attempt", daemon=True).start()
        context = copy_context()
        worker.inbox.put(lambda: context.run(work))

    def _work(self, worker: _Worker) -> None:
        while (job := self._next(worker)) is not None:
            job()
            del job  # whoever waits for more work holds on to nothing
            with self._lock:
                self._idle.append(worker)

    def _next(self, worker: _Worker) -> Callable[[], object] | None:
        try:
            return worker.inbox.get(timeout=self._idle_seconds)
        except Empty:
            with self._lock:
                if worker in self._idle:
                    self._idle.remove(worker)
                    return None
            return worker.inbox.get()  # it was picked just now: work is on its way


class _Worker:
    """One thread's inbox."""

    def __init__(self) -> None:
        self.inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
