"""Threads for attempts that may have to be left behind.

A thread that is done waits a while for the next attempt. The thread that was used last is used first, so that SDK clients which belong
to a thread are used again, with their connections.
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
    """As many threads as there are attempts at once. They are daemons: one that is stuck in a read does not keep the program alive.

    Attributes:
        _lock: guards `_idle`.
        _idle: the threads that wait for work, the one that was used last at the end.
    """

    def __init__(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        """Start without threads; a thread that gets no work for `idle_seconds` ends."""
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def run(self, work: Callable[[], object]) -> None:
        """Let a thread do `work`, in a copy of the caller's context; it must not raise."""
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
            del job  # a thread that waits keeps nothing of the last call alive
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
            return worker.inbox.get()  # `run` has picked this thread just now: work is on its way


class _Worker:
    """The inbox of one thread."""

    def __init__(self) -> None:
        self.inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
