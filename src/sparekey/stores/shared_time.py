"""Time that several processes agree on.

A chain's clock is monotonic and its own. So a value in a store holds *spans*, not moments ("parked for 581 s more"), with a stamp that says
when they were written, and a reader takes off what has passed since. How much that is:

- **One boot of one machine** (SQLite): the monotonic clock is one for all processes, until the machine starts anew. The stamp holds it
  with the boot's id, and the age of a value is exact, whatever happens to the time of day.
- **Another boot**: the time of day, never less than nothing. If somebody set it back meanwhile, a park gets longer by what had passed,
  never shorter.
- **Many machines** (Redis): the server's own time, its distance measured at every look.
- **A process that was looking already** knows better: what it sees now and did not see at its last look cannot be older than that look. So
  a clock that jumps, here or at the server, cannot make a park shorter or longer for whoever is running.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sparekey.stores.base import Stamp

if TYPE_CHECKING:
    from collections.abc import Callable

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """Return the name of this boot of this machine; empty where the system has none, and the time of day is used."""
    try:
        return _BOOT_ID.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def machine_stamp(monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> Stamp:
    """Return this moment for the processes of this machine."""
    return Stamp(boot_id(), monotonic(), wall())


def age(written: Stamp, now: Stamp, at_most: float) -> float:
    """Return how many seconds ago `written` was, between 0 and `at_most`."""
    exact = written.clock == now.clock and now.clock != ""
    return min(max(now.at - written.at if exact else now.wall - written.wall, 0.0), at_most)
