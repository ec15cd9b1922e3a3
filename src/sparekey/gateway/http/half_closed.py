"""Clients that have ended their side of a connection, as `nc` does: each has left, or still waits for its answer.

The gateway sends such a client a `100 Continue`, which every client of HTTP/1.1 ignores. If the client has left, its system resets the
connection.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FIRST_LOOK: Final = 0.01
_LAST_LOOK: Final = 1.0
"""Seconds between the first two looks for a reset, and between later ones."""


def watch(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, answered: bool) -> None:
    """Close a half-closed connection as soon as the client's system has reset it.

    Args:
        transport: the connection.
        loop: its event loop.
        answered: the answer has begun, so that a `100 Continue` would stand in its midst.
    """
    if not answered:
        transport.write(_CONTINUE)
    _look(transport, loop, _FIRST_LOOK)


def _look(transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Close the connection if it was reset; else look again after so many seconds."""
    if transport.is_closing():
        return
    line = transport.get_extra_info("socket")
    if line is None or _is_reset(line.fileno()):
        transport.abort()
    else:
        loop.call_later(seconds, _look, transport, loop, min(2 * seconds, _LAST_LOOK))


def _is_reset(number: int) -> bool:
    """Return whether the connection of a file descriptor is no more; one that only the other side has ended is still there."""
    if number < 0:
        return True
    looking = select.poll()
    looking.register(number, 0)  # errors and hang-ups are told unasked
    return bool(looking.poll(0))
