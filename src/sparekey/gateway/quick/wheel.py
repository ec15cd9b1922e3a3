"""One timer for the time limits of all requests that are under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

TICK: Final = 0.25
"""Seconds between two looks. A limit is noticed up to so much early, never late: whoever waits it out has a precise timer."""


class Limited(Protocol):
    """Something with a time limit.

    Attributes:
        slot: where the wheel has it.
    """

    slot: int

    def due(self) -> float:
        """Return when its limit runs out, on the loop's clock."""

    def overdue(self) -> None:
        """Act on it."""


class Wheel:
    """Looks after limits. While there are none, no timer runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use the clock of this loop."""
        self._loop = loop
        self._slots: dict[int, set[Limited]] = {}
        self._runs = False

    def add(self, one: Limited, due: float) -> None:
        """Look after a limit that runs out at `due`."""
        slot = one.slot = int(due / TICK)
        found = self._slots.get(slot)
        if found is None:
            found = self._slots[slot] = set()
        found.add(one)
        if not self._runs:
            self._runs = True
            self._loop.call_at((int(self._loop.time() / TICK) + 1) * TICK, self._look)

    def discard(self, one: Limited) -> None:
        """Look after it no more."""
        found = self._slots.get(one.slot)
        if found is not None:
            found.discard(one)
            if not found:
                del self._slots[one.slot]

    def _look(self) -> None:
        """Act on all limits that run out before the next look; those that were put off are put into a later slot."""
        now = self._loop.time()
        until = int((now + TICK) / TICK)
        for slot in [slot for slot in self._slots if slot <= until]:
            for one in self._slots.pop(slot):
                due = one.due()
                if int(due / TICK) <= until:
                    one.overdue()
                else:
                    self.add(one, due)
        if self._slots:
            self._loop.call_at((int(now / TICK) + 1) * TICK, self._look)
        else:
            self._runs = False
