"""TCP connections that try a host's addresses side by side: a dead address costs 0.25 s.

This is RFC 8305 ("happy eyeballs"), which uvloop's own `create_connection` lacks.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any, Final

from sparekey.wire.network import in_turns

_DELAY: Final = 0.25
"""Seconds until the next address is tried as well."""
_Address = tuple[Any, ...]


async def dialed(host: str, port: int | None) -> socket.socket:
    """Return a connected, non-blocking socket. Cancelling this closes every socket that it opened.

    Raises:
        OSError: the name is unknown, or no address takes a connection (the last address's error).
    """
    loop = asyncio.get_running_loop()
    waiting = deque(in_turns(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    if len(waiting) == 1:
        return await _connected(loop, waiting[0])
    running: set[asyncio.Task[socket.socket]] = set()
    fault: BaseException = OSError(f"{host} has no address")
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_connected(loop, waiting.popleft())))
            done, running = await asyncio.wait(running, timeout=_DELAY if waiting else None, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                failed = task.exception()
                if failed is None:
                    running |= done - {task}
                    return task.result()
                fault = failed
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close)
    raise fault


async def _connected(loop: asyncio.AbstractEventLoop, address: _Address) -> socket.socket:
    family, kind, protocol, _, where = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close the socket of an address that connected after another one had won."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
