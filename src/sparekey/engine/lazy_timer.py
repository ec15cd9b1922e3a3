"""A timer for a time that is moved on often: for each request of a connection, for each event of a stream.

Setting a timer costs more than what is waited for. So the one that is set stays, as long as it does not ring too late; when it rings
early, because the time was moved on meanwhile, it is set anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class LazyTimer:
    """Calls a function when a time comes.

    Attributes:
        due: the time, on the loop's clock; None: nothing is waited for.
        _rings: when the timer rings. uvloop's handles of times that are here do not tell.
    """

    __slots__ = ("_loop", "_rings", "_timer", "_when_due", "due")

    def __init__(self, loop: asyncio.AbstractEventLoop, when_due: Callable[[], None]) -> None:
        """Wait for nothing; `when_due` is the function."""
        self._loop, self._when_due = loop, when_due
        self._timer: asyncio.TimerHandle | None = None
        self.due: float | None = None
        self._rings = 0.0

    def within(self, seconds: float) -> None:
        """Call the function after so many seconds."""
        self.due = due = self._loop.time() + seconds
        if self._timer is None or self._rings > due:
            self._arm(due)

    def close(self) -> None:
        """Wait for nothing any more."""
        self.due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = due
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.due is None:
            return
        if self._loop.time() < self.due:
            self._arm(self.due)
        else:
            self._when_due()
