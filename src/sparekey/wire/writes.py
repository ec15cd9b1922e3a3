"""Counts how often one attempt writes its request to its provider, and decides whether it may write it again.

Once, usually; not at all where no connection came about; twice where the first write met a connection that was closed. Whoever drives
attempts puts the one that begins into `RUNNING`, with one write; whoever connects and writes corrects that. Each HTTP client finds out
by its own means whether a connection had been used before and whether anything was heard on it; what follows from that is `was_stale`'s
to say, for all of them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, Protocol

STALE_SECONDS: Final = 1.0
"""A connection that was closed while it was idle shows it within a round trip; one that was lost later had the request."""


class CountsWrites(Protocol):
    """An attempt that counts the writes of its request; it starts with one."""

    writes: int


RUNNING: Final[ContextVar[CountsWrites | None]] = ContextVar("sparekey_running", default=None)
"""The attempt that runs in this context; None outside of one."""


def was_stale(*, reused: bool, heard: bool, seconds: float) -> bool:
    """Return whether a connection that was lost had been closed while it was idle.

    Such a loss blames nobody: the request is written once more, on a new connection, and on no third.

    Args:
        reused: the connection had carried a request before this one.
        heard: a byte of an answer to this request came.
        seconds: from the write to the loss. A host that is silent for a while has seen the request.
    """
    return reused and not heard and seconds <= STALE_SECONDS


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
