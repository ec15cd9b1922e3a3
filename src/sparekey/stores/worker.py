"""One thread that does what may take long: asked from any thread, for a bounded time, and by itself now and then.

A child process made by `fork` gets a thread of its own; the parent's did not come along.
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
    """A daemon thread with a queue. Whoever asks and gives up waiting takes the work back, unless it has begun."""

    def __init__(self, name: str, tick: Callable[[], None], every: float, forked: Callable[[], None]) -> None:
        """Make it ready for `start`.

        Args:
            name: what the thread is called.
            tick: done each time `every` seconds have passed; it does not raise.
            every: seconds.
            forked: called in a child process before its thread starts, to let go of what is the parent's.
        """
        self._name, self._tick, self._every, self._forked = name, tick, every, forked
        self.closed = False
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the thread: from now on it ticks, so whatever `tick` needs must be there."""
        _workers.add(self)
        self._start()

    def ask(self, patience: float, work: Callable[..., Any], *args: Any) -> Any:
        """Return `work(*args)`, done by the thread.

        Raises:
            TimeoutError: it was not done within `patience` seconds.
            Exception: what `work` raised.
        """
        future: Future[Any] = Future()
        self._jobs.put(partial(_settle, future, work, args))
        try:
            return future.result(patience)
        finally:
            future.cancel()

    def close(self, patience: float) -> None:
        """Let the thread end when its queue is empty, and wait so many seconds for that."""
        self.closed = True
        _workers.discard(self)
        self._jobs.put(None)
        self._thread.join(patience)

    def forked(self) -> None:
        """Begin anew in a child process."""
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

    def _next(self, due: float) -> Callable[[], None] | None:
        """What somebody asks for, nothing if nobody does until `due`; None at the end."""
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
    """Nobody asks for anything."""


def _forked() -> None:
    for worker in list(_workers):
        worker.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
