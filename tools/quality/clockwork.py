"""Virtual time for a whole process: `sparekey.lab.virtual_time`, with Python's own clocks in step with the loop's.

`wind` puts the loop's clock in the place of Python's: call it before whatever is to be measured is imported.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from sparekey.lab.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
_BEGUN = 1000.0
_EPOCH = 1_900_000_000.0
_loop = VirtualLoop()


def now() -> float:
    """Return the seconds since the start."""
    return _loop.passed


def wind() -> None:
    """Let Python's clocks show virtual time."""
    seconds: dict[str, Callable[[], float]] = {
        "monotonic": lambda: _BEGUN + now(),
        "perf_counter": lambda: _BEGUN + now(),
        "time": lambda: _EPOCH + now(),
    }
    for name, clock in seconds.items():
        setattr(time, name, clock)
        setattr(time, f"{name}_ns", lambda clock=clock: int(clock() * 1e9))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    asyncio.set_event_loop(_loop)
    return _loop.run_until_complete(main)
