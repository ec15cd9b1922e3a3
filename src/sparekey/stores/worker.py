"""A thread for slow work: other threads wait for it for a limited time; it also ticks by itself.

A forked child process gets a thread of its own: threads do not survive a fork.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import weakref
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class Worker:
    """A daemon thread with a queue.

    A job whose caller stops waiting is dropped unless it has begun.
    """

    def __init__(self, name: str, tick: Callable[[], None], every: float, forked: Callable[[], None]) -> None:
        """Create the worker; `start` starts its thread.

        Args:
            name: the thread's name.
            tick: called every `every` seconds; it must not raise.
            every: seconds between two ticks.
            forked: called in a child process before its thread starts, to drop the parent's
                resources.
        """
        self._name, self._tick, self._every, self._forked = name, tick, every, forked
        self.closed = False
        self._last: Callable[[], None] = _nothing
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the thread; all that `tick` needs must exist by now."""
        _workers.add(self)
        self._start()

    def ask(self, patience: float, work: Callable[..., Any], *args: Any) -> Any:
        """Run `work(*args)` in the thread; return its result.

        Raises:
            TimeoutError: it did not finish within `patience` seconds.
            Exception: the exception that `work` raised.
        """
        future: Future[Any] = Future()
        self._jobs.put(partial(_settle, future, work, args))
        try:
            return future.result(patience)
        finally:
            future.cancel()

    def close(self, patience: float, last: Callable[[], None] | None = None) -> None:
        """End the thread after its queued jobs; wait at most `patience` seconds for that.

        Args:
            patience: seconds.
            last: run by the thread as the last thing that it does, however late that is. No tick
                comes after it, which would open again what it closes.
        """
        self.closed, self._last = True, last or _nothing
        _workers.discard(self)
        self._jobs.put(None)
        self._thread.join(patience)

    def forked(self) -> None:
        """Start a new thread with an empty queue in a child process."""
        self._forked()
        self._jobs = queue.SimpleQueue()
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic() + self._every
        while (job := self._next(due)) is not None:
            job()
            if time.monotonic() >= due:
                self._tick()
                due = time.monotonic() + self._every
        self._last()

    def _next(self, due: float) -> Callable[[], None] | None:
        """Return the next job, or an empty one if none comes until `due`; None at the end."""
        try:
            return self._jobs.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            return _nothing


def _settle(future: Future[Any], work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work(*args))
        except Exception as exc:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(exc)


def _nothing() -> None:
    """The job that does nothing: the tick is due."""


def _forked() -> None:
    for worker in list(_workers):
        worker.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
