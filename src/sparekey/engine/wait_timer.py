"""A limit on each of many waits, one after the other. On asyncio one timer serves them all: a timer a wait costs more than the wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class OverdueError(Exception):
    """A wait took too long. No `TimeoutError`: what is waited for may raise such a one by itself."""


class WaitTimer:
    """Watches the waits of one task after the other, one wait at a time."""

    def __init__(self) -> None:
        """Start with no wait to watch."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._due = 0.0
        self._fired = False

    async def wait(self, what: Awaitable[T], seconds: float) -> T:
        """Wait for something.

        Raises:
            OverdueError: it took longer than `seconds`, and was cancelled.
        """
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop of asyncio runs here
            with anyio.move_on_after(seconds):
                return await what
            raise OverdueError from None
        if task is None:
            return await what
        loop = self._loop = self._loop or task.get_loop()
        self._due = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._due:
            self.close()
            self._timer = loop.call_at(self._due, self._ring)
        cancelling, self._task, self._fired = task.cancelling(), task, False
        try:
            return await what
        except asyncio.CancelledError as exc:
            if self._fired and task.uncancel() <= cancelling:  # it was this watch that cancelled, and nobody else
                raise OverdueError from exc
            raise
        finally:
            self._task = None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._timer = None
        if self._task is None or self._loop is None:
            return  # nobody waits: the next wait sets the timer anew
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._ring)
            return
        self._fired = True
        self._task.cancel()
