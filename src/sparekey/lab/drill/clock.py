"""The time of a drill: real seconds, scaled, and spans that are jumped over because nobody would do anything in them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Final

_LONG: Final = 0.05
"""Real seconds up to which a pause is slept in virtual time, too, so that others get their turn."""


class Clock:
    """Seconds as the chain sees them. Thread-safe.

    In virtual time a silence of the provider lasts `scale` times as long as it says, and so does the client's patience with it; a span in
    which nothing is in flight (a park, a pause of the engine) takes no time at all. In real time everything is waited for.
    """

    def __init__(self, scale: float, *, virtual: bool) -> None:
        """Start at zero; `scale` is the number of real seconds in one second."""
        self.scale, self.virtual = scale, virtual
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._jumps: list[tuple[float, float]] = [(self._start, 0.0)]
        self._frozen: float | None = None

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return self.at(time.monotonic())

    def at(self, real: float) -> float:
        """Return the seconds since the start at a moment of `time.monotonic()`."""
        with self._lock:
            jumped = next((total for moment, total in reversed(self._jumps) if moment <= real), 0.0)
            flowing = real if self._frozen is None else min(real, self._frozen)
            return (flowing - self._start) / self.scale + jumped

    def skip(self, seconds: float) -> None:
        """Let a span pass in which nobody does anything: jumped over in virtual time, slept in real time."""
        if not self.virtual:
            time.sleep(max(0.0, seconds))
            return
        with self._lock:
            self._jumps.append((time.monotonic(), self._jumps[-1][1] + max(0.0, seconds)))

    def skip_to(self, moment: float) -> None:
        """Let time pass until a moment of this clock; a moment that is over already is no reason to wait."""
        self.skip(moment - self())

    def freeze(self) -> None:
        """Stop the flow of virtual time, so that only jumps move it: for rows in which many things must happen within one moment."""
        if self.virtual:
            with self._lock:
                self._frozen = time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Pause as the engine asks for it."""
        self.skip(seconds)
        if self.virtual:
            time.sleep(min(seconds * self.scale, _LONG))

    async def asleep(self, seconds: float) -> None:
        """Pause as the engine asks for it, on an event loop."""
        if self.virtual:
            self.skip(seconds)
        await asyncio.sleep(min(seconds * self.scale, _LONG) if self.virtual else seconds)
