"""Notifications to systemd (`Type=notify`): ready, reloading, alive, stopping.

Without systemd nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(state: str) -> None:
    """Send `READY=1`, `STOPPING=1`, `WATCHDOG=1` or the like to the socket that systemd names."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.setblocking(False)
        one.connect("\0" + where[1:] if where.startswith("@") else where)
        one.send(state.encode())


def reloading() -> str:
    """Return the message that a reload has begun; `READY=1` says that it is over."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
