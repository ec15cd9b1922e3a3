"""A limit on each of many waits, one after the other.

On asyncio one `LazyTimer` serves them all. When the present wait is due, it cancels the task.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import anyio

from sparekey.engine.lazy_timer import LazyTimer

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class OverdueError(Exception):
    """A wait took too long. It is no `TimeoutError`, since what is waited for may raise one itself."""


class WaitTimer:
    """Limits waits, one at a time; they may be of different tasks.

    Attributes:
        _timer: the timer; None before the first wait, and on trio.
        _task: the task that waits; None if none does.
        _fired: the timer has cancelled the task.
    """

    def __init__(self) -> None:
        """Begin without a wait."""
        self._timer: LazyTimer | None = None
        self._task: asyncio.Task[object] | None = None
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
        timer = self._timer = self._timer or LazyTimer(task.get_loop(), self._cancel)
        timer.within(seconds)
        cancelling, self._task, self._fired = task.cancelling(), task, False
        try:
            return await what
        except asyncio.CancelledError as exc:
            if self._fired and task.uncancel() <= cancelling:  # this timer has cancelled, and nothing else has
                raise OverdueError from exc
            raise
        finally:
            self._task = None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.close()

    def _cancel(self) -> None:
        if self._task is not None:
            self._fired = True
            self._task.cancel()
