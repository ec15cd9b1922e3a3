"""Work on an event loop that nobody waits for: a probe beside a request outlives it."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_TASKS: set[asyncio.Task[None]] = set()
"""Those that run: a loop holds its tasks weakly."""


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let work run by itself on this loop, outside the context of the request that it was begun for; it must not raise."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no loop of asyncio runs here
        import trio  # noqa: PLC0415 - only who has it gets here

        trio.lowlevel.spawn_system_task(work, context=Context())
        return
    task = loop.create_task(work(), context=Context())
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
