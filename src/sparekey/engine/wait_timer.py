"""A limit on each of many waits, one after the other.

On asyncio one timer serves them all, since a timer for each wait costs more than the wait. It is set to the time at which the present
wait is due. When it fires early, because the wait for which it was set is long over, it is set anew; only when the present wait is due
does it cancel the task.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class OverdueError(Exception):
    """A wait took too long. It is no `TimeoutError`, since what is waited for may raise one itself."""


class WaitTimer:
    """Limits waits, one at a time; they may be of different tasks.

    Attributes:
        _loop: the loop of the waits; None before the first one, and on trio.
        _timer: the timer; None if it is not set.
        _rings: when it rings; uvloop's handles of times that are here do not tell.
        _task: the task that waits; None if none does.
        _due: when its wait is due, in seconds of the loop's clock.
        _fired: the timer has cancelled the task.
    """

    def __init__(self) -> None:
        """Begin without a wait."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings = 0.0
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
        if self._timer is None or self._rings > self._due:
            self.close()
            self._set(loop)
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
            self._timer.cancel()

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        self._rings = self._due
        self._timer = loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None or self._loop is None:
            return  # the next wait sets the timer anew
        if self._loop.time() < self._due:
            self._set(self._loop)
            return
        self._fired = True
        self._task.cancel()
