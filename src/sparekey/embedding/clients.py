"""An SDK's clients, made when they are first needed and closed once: one for threads, one for each event loop.

An async client is bound to the loop it was first used on (its connections are), so each loop gets its own.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable


class Gate:
    """Lets at most `limit` calls through at the same time: threads by one count, the tasks of each event loop by another."""

    def __init__(self, limit: int) -> None:
        """Open with `limit` places, at least one."""
        self._limit = max(1, limit)
        self.sync = threading.BoundedSemaphore(self._limit)
        self._lock = threading.Lock()
        self._async: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @property
    def asynchronous(self) -> asyncio.Semaphore:
        """The places of the running event loop."""
        loop = asyncio.get_running_loop()
        places = self._async.get(loop)
        if places is None:
            with self._lock:
                _forget_closed(self._async)
                places = self._async[loop] = asyncio.Semaphore(self._limit)
        return places


class Clients:
    """The sync and async clients of one backend; safe to use from threads and tasks."""

    def __init__(self, make_sync: Callable[[], Any], make_async: Callable[[], Any]) -> None:
        """Remember how each kind is made; nothing is made yet."""
        self._make_sync, self._make_async = make_sync, make_async
        self._lock = threading.Lock()
        self._sync: Any = None
        self._async: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    @property
    def sync(self) -> Any:
        """The client for threads."""
        if self._sync is None:
            with self._lock:
                self._sync = self._sync or self._make_sync()
        return self._sync

    @property
    def asynchronous(self) -> Any:
        """The client for the running event loop."""
        loop = asyncio.get_running_loop()
        client = self._async.get(loop)
        if client is None:
            with self._lock:
                _forget_closed(self._async)
                client = self._async[loop] = self._make_async()
        return client

    def close(self) -> None:
        """Close the client for threads and ask each running loop to close its own; a later call makes new ones."""
        sync, loops = self._take()
        _close(sync)
        for loop, client in loops:
            if loop.is_running():
                with suppress(RuntimeError):  # it stopped in between
                    asyncio.run_coroutine_threadsafe(_aclose(client), loop)

    async def aclose(self) -> None:
        """Do as `close` does, and wait until the running loop's client is closed."""
        here = asyncio.get_running_loop()
        with self._lock:
            client = self._async.pop(here, None)
        self.close()
        await _aclose(client)

    def _take(self) -> tuple[Any, list[tuple[asyncio.AbstractEventLoop, Any]]]:
        with self._lock:
            taken = self._sync, list(self._async.items())
            self._sync = None
            self._async.clear()
        return taken


class Held:
    """An SDK's client and the HTTP client under it, which the SDK does not close."""

    def __init__(self, sdk: Any, http: Any) -> None:
        """Hold both; closing ends the HTTP client."""
        self.sdk = sdk
        self.close = getattr(http, "close", None)
        self.aclose = getattr(http, "aclose", None)


def _forget_closed(by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Any]) -> None:
    """Let go of what belongs to closed event loops.

    It refers to its loop, so that nothing here would ever go by itself. It is dropped, not closed: closing needs its loop, and a
    socket without owner is closed as it is collected.
    """
    for loop in [loop for loop in by_loop if loop.is_closed()]:
        del by_loop[loop]


def _close(client: Any) -> None:
    closer = getattr(client, "close", None)
    if callable(closer):
        closer()


async def _aclose(client: Any) -> None:
    """Close an async client by whichever name its SDK gave the method."""
    closer = getattr(client, "aclose", None) or getattr(client, "close", None)
    if callable(closer):
        done = closer()
        if inspect.isawaitable(done):
            await done
