"""Work on an event loop that outlives the request that began it: a probe beside a request."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_TASKS: set[asyncio.Task[None]] = set()
"""The tasks that run; a loop holds only weak references to its tasks."""


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work()` as a task of its own on this loop, outside the context of the request that began it; it must not raise."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no loop of asyncio runs here
        import trio  # noqa: PLC0415 - without it nothing runs on it

        trio.lowlevel.spawn_system_task(work, context=Context())
        return
    task = loop.create_task(work(), context=Context())
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
