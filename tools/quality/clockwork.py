"""Virtual time for a whole process: the event loop jumps to its next timer when nobody has anything to do.

Providers, system and callers share one loop and talk over loopback. Parks, cooldowns and time-outs keep their true lengths, a week takes
minutes, and the load of the machine changes nothing. `wind` puts the loop's clock in the place of Python's own: call it before whatever
is to be measured is imported.
"""

from __future__ import annotations

import asyncio
import queue  # noqa: F401 - they bind the clocks of threads before `wind`: a thread that works takes real time
import selectors
import threading  # noqa: F401
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
_real = time.monotonic
_EPOCH = 1_900_000_000.0
_LOOKS = 3
_BREATH = 0.001
_QUIET = 5.0
_passed = [0.0]


def now() -> float:
    """Return the seconds since the start."""
    return _passed[0]


def wind() -> None:
    """Let Python's clocks show virtual time."""
    seconds: dict[str, Callable[[], float]] = {
        "monotonic": lambda: 1000.0 + now(),
        "perf_counter": lambda: 1000.0 + now(),
        "time": lambda: _EPOCH + now(),
    }
    for name, clock in seconds.items():
        setattr(time, name, clock)
        setattr(time, f"{name}_ns", lambda clock=clock: int(clock() * 1e9))


class _Selector(selectors.DefaultSelector):
    """Looks at the sockets; waits for threads in real time, for timers not at all."""

    working = 0

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        patience = _real() + _QUIET
        while (self.working or timeout is None) and _real() < patience:
            if found := super().select(_BREATH):
                return found
        for _ in range(_LOOKS):
            if found := super().select(0):
                return found
        _passed[0] += timeout or 0.0
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._sockets = _Selector()
        super().__init__(self._sockets)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return 1000.0 + now()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """As asyncio's: time stands still until the thread is done."""
        self._sockets.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(lambda _: self._over())
        return future

    def _over(self) -> None:
        self._sockets.working -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    loop = _Loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(main)
