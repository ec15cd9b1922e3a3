"""How often one attempt wrote its request to its provider.

Once, usually; not at all where no connection came about; twice where the first write met a connection that was closed. Whoever drives
attempts puts the one that begins into `RUNNING`, with one write; whoever connects and writes corrects that.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, Protocol


class CountsWrites(Protocol):
    """An attempt that counts the writes of its request; it starts with one."""

    writes: int


RUNNING: Final[ContextVar[CountsWrites | None]] = ContextVar("sparekey_running", default=None)
"""The attempt that runs in this context; None outside of one."""


def written_again() -> None:
    """Count one more write for the attempt that runs here; outside of one this does nothing."""
    running = RUNNING.get()
    if running is not None:
        running.writes += 1


def unwritten() -> None:
    """Take back the one write that the attempt that runs here began with: there was no connection."""
    running = RUNNING.get()
    if running is not None:
        running.writes -= 1
