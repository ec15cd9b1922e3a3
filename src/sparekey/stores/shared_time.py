"""Time that several processes agree on.

A chain's clock is monotonic and known to its process only. So a value in a store holds *spans*, not
moments ("parked for 581 s more"), and a stamp of when it was written. A reader subtracts the time
that has passed since, which it finds so:

- **The same boot of one machine** (SQLite): all processes share the monotonic clock. The stamp
holds
  it with the boot's id, so the age is exact, whatever happens to the time of day.
- **Another boot**: by the time of day, and never negative. If the time of day was set back, a park
  gets longer, never shorter.
- **Many machines** (Redis): by the server's time, whose offset is measured at each read.
- **A process that has read before** knows more: a value that is new to it cannot be older than its
  last read. So a clock that jumps cannot change a park for a running process.
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
    """Return the id of this machine's current boot; "" if the system has none."""
    try:
        return _BOOT_ID.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def machine_stamp(monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> Stamp:
    """Return the current moment for the processes of this machine."""
    return Stamp(boot_id(), monotonic(), wall())


def age(written: Stamp, now: Stamp, at_most: float) -> float:
    """Return the seconds since `written`, between 0 and `at_most`."""
    exact = written.clock == now.clock and now.clock != ""
    return min(max(now.at - written.at if exact else now.wall - written.wall, 0.0), at_most)
