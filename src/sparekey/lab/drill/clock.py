"""The time of a drill: real seconds, scaled, and jumps over spans in which nothing happens.

The clock reads `(now - start) / scale + jumps`. A provider's silence flows in scaled real seconds,
because sockets and SDK timeouts are real. A park or a pause of the engine has nothing in flight, so
`skip` adds it to the jumps and returns at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Final

_LONG: Final = 0.05
"""Real seconds: the longest pause that is really slept in virtual time, so that other threads run."""


class Clock:
    """Seconds as the chain sees them. Thread-safe.

    In virtual time a silence of the provider takes `scale` real seconds for each second, and so do
    the client's limits; a span in which nothing is in flight takes no real time. In real time every
    span is waited for.

    Attributes:
        scale: real seconds in one second of this clock.
        virtual: whether spans without traffic are jumped over.
    """

    def __init__(self, scale: float, *, virtual: bool) -> None:
        """Start the clock at zero."""
        self.scale, self.virtual = scale, virtual
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._jumps: list[tuple[float, float]] = [(self._start, 0.0)]
        self._frozen: float | None = None

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return self.at(time.monotonic())

    def at(self, real: float) -> float:
        """Return the seconds since the start at a moment that `time.monotonic()` gave."""
        with self._lock:
            jumped = next((total for moment, total in reversed(self._jumps) if moment <= real), 0.0)
            flowing = real if self._frozen is None else min(real, self._frozen)
            return (flowing - self._start) / self.scale + jumped

    def skip(self, seconds: float) -> None:
        """Pass a span in which nothing happens: jump over it in virtual time, sleep in real time."""
        if not self.virtual:
            time.sleep(max(0.0, seconds))
            return
        with self._lock:
            self._jumps.append((time.monotonic(), self._jumps[-1][1] + max(0.0, seconds)))

    def skip_to(self, moment: float) -> None:
        """Pass the time until a moment of this clock; return at once if the moment is over."""
        self.skip(moment - self())

    def freeze(self) -> None:
        """Stop the flow of virtual time, so that only jumps move the clock.

        Rows use it where many calls must happen within one moment.
        """
        if self.virtual:
            with self._lock:
                self._frozen = time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause a thread, as the engine asks for it."""
        self.skip(seconds)
        if self.virtual:
            time.sleep(min(seconds * self.scale, _LONG))

    async def asleep(self, seconds: float) -> None:
        """Pause a task, as the engine asks for it."""
        if self.virtual:
            self.skip(seconds)
        await asyncio.sleep(min(seconds * self.scale, _LONG) if self.virtual else seconds)
