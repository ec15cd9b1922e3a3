"""SDK clients, made when they are needed: one for all threads or one each, and one for each event loop, which owns its connections.

And what they are made from: a backend's plain configuration, which shows names and no keys when it is printed, and the SDK itself, if
it is installed.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, overload
from weakref import WeakKeyDictionary

from sparekey.errors import MissingExtraError
from sparekey.types import Secret

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from types import ModuleType

NO_KEY: Final = "none"
"""What an SDK gets where a server of one's own asks for no key: without any it would take one from the environment, or refuse."""
_KEYS: Final = ("api_key", "ak", "sk")
_NESTED: Final = ("extra_headers", "extra_request_body", "extra_body")
"""What operators add to requests: it may hold keys, too."""


class Guarded(dict[str, Any]):
    """A dictionary that shows its names only."""

    def __repr__(self) -> str:
        return f"<values of {', '.join(map(str, self))}>"


def guarded(config: Mapping[str, Any]) -> Guarded:
    """Return a copy of a configuration: its keys are `Secret`s, and neither it nor the headers and fields in it show values."""
    copy = Guarded(config)
    copy.update({name: Secret(copy[name]) for name in _KEYS if isinstance(copy.get(name), str)})
    copy.update({name: Guarded(copy[name]) for name in _NESTED if isinstance(copy.get(name), Mapping)})
    return copy


@overload
def reveal(key: str | Secret) -> str: ...
@overload
def reveal(key: str | Secret | None) -> str | None: ...
def reveal(key: str | Secret | None) -> str | None:
    """Return a key's value, to put a client together."""
    return key.reveal() if isinstance(key, Secret) else key


def installed(module: str) -> bool:
    """Tell whether a module could be imported, without importing it (its parent packages are)."""
    with suppress(ModuleNotFoundError):
        return find_spec(module) is not None
    return False


def sdk(module: str, feature: str, extra: str) -> ModuleType:
    """Import an SDK.

    Raises:
        MissingExtraError: it is not installed.
    """
    if not installed(module):
        raise MissingExtraError(feature, extra)
    return import_module(module)


_CLOSE_SECONDS: Final = 5.0
"""How long closing waits for another thread's event loop."""


def end(client: Any) -> None:
    """Close a client or a stream, if it can be closed."""
    if callable(close := getattr(client, "close", None)):
        close()


async def end_async(client: Any) -> None:
    """As `end`; SDKs disagree on the name."""
    close = getattr(client, "aclose", None) or getattr(client, "close", None)
    if callable(close) and inspect.isawaitable(done := close()):
        await done


def interrupt(response: Any) -> None:
    """Wake a thread that is blocked in reading a response by shutting down its socket, if that can be found."""
    network = (getattr(response, "extensions", None) or {}).get("network_stream")
    found = network.get_extra_info("socket") if network is not None else None
    if found is not None:
        found.shutdown(socket.SHUT_RDWR)


class Clients:
    """The clients of one backend instance. Thread-safe; a closed one makes new clients when it is asked again."""

    def __init__(
        self,
        make: Callable[[], Any],
        make_async: Callable[[], Any],
        close: Callable[[Any], object] = end,
        close_async: Callable[[Any], Awaitable[object]] = end_async,
        *,
        per_thread: bool = False,
    ) -> None:
        """Take how clients are made and closed; `per_thread`: the SDK's client must not be shared by threads."""
        self._make, self._make_async, self._close, self._close_async = make, make_async, close, close_async
        self._lock = threading.Lock()
        self._per_thread = per_thread
        self._by_thread: WeakKeyDictionary[object, Any] = WeakKeyDictionary()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._closing: set[asyncio.Task[None]] = set()  # an event loop itself holds its tasks only weakly

    @property
    def sync(self) -> Any:
        """The client for blocking calls."""
        owner: object = threading.current_thread() if self._per_thread else self
        with self._lock:
            if owner not in self._by_thread:
                self._by_thread[owner] = self._make()
            return self._by_thread[owner]

    @property
    def asynchronous(self) -> Any:
        """The client of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._by_loop:
                _forget_closed(self._by_loop)
                self._by_loop[loop] = self._make_async()
            return self._by_loop[loop]

    def close(self) -> None:
        """Close all clients, those of other event loops inside their loop."""
        for loop, client in self._taken():
            self._close_in(loop, client)

    async def aclose(self) -> None:
        """Close all clients; this loop's own is awaited."""
        here = asyncio.get_running_loop()
        for loop, client in self._taken():
            if loop is here:
                await self._close_async(client)
            else:
                await asyncio.to_thread(self._close_in, loop, client)

    def _taken(self) -> list[tuple[asyncio.AbstractEventLoop, Any]]:
        """Close the clients of threads; return those of event loops, which the caller closes."""
        with self._lock:
            clients, pairs = list(self._by_thread.values()), list(self._by_loop.items())
            self._by_thread.clear()
            self._by_loop.clear()
        for client in clients:
            self._close(client)
        return pairs

    def _close_in(self, loop: asyncio.AbstractEventLoop, client: Any) -> None:
        if loop.is_closed():
            return  # its sockets went with it
        if _running() is loop:
            self._closing.add(task := loop.create_task(_as_coroutine(self._close_async, client)))
            task.add_done_callback(self._closing.discard)
        elif loop.is_running():
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(_as_coroutine(self._close_async, client), loop).result(_CLOSE_SECONDS)
        elif _running() is None:
            loop.run_until_complete(_as_coroutine(self._close_async, client))


class Gate:
    """Limits how many calls run at the same time. Threads share one count, the tasks of each event loop another."""

    def __init__(self, limit: int | None) -> None:
        """Open with `limit` places, at least one; None: as many as come."""
        self._limit = None if limit is None else max(1, limit)
        self._sync = None if self._limit is None else threading.BoundedSemaphore(self._limit)
        self._lock = threading.Lock()
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def __enter__(self) -> None:
        if self._sync is not None:
            self._sync.acquire()

    def __exit__(self, *_: object) -> None:
        if self._sync is not None:
            self._sync.release()

    async def __aenter__(self) -> None:
        if self._limit is not None:
            await self._places(self._limit).acquire()

    async def __aexit__(self, *_: object) -> None:
        if self._limit is not None:
            self._places(self._limit).release()

    def _places(self, limit: int) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._by_loop:
                _forget_closed(self._by_loop)
                self._by_loop[loop] = asyncio.Semaphore(limit)
            return self._by_loop[loop]


class Held:
    """An SDK's client and the HTTP client under it, which the SDK does not close."""

    def __init__(self, sdk: Any, http: Any) -> None:
        """Hold both; closing ends the HTTP client."""
        self.sdk = sdk
        self.close = getattr(http, "close", None)
        self.aclose = getattr(http, "aclose", None)


def http_client(kind: Any, timeout: float, **options: Any) -> Any:
    """Return an HTTP client that is safe to send a key with.

    It follows no redirect: that could carry a key in a header of its own to a host that nobody configured.

    Args:
        kind: the class: a client of `httpx` or `httpx2`, or an SDK's subclass of one.
        timeout: seconds.
        **options: whatever else that class takes.
    """
    return kind(timeout=timeout, follow_redirects=False, verify=certificates(kind), **options)


def certificates(kind: Any) -> ssl.SSLContext:
    """Return the trusted certificates of an HTTP library. Reading them takes longer than many requests, so it is done once."""
    return _certificates(next(c.__module__.partition(".")[0] for c in kind.__mro__ if c.__module__.startswith("httpx")))


@cache
def _certificates(library: str) -> ssl.SSLContext:
    context: ssl.SSLContext = import_module(library).create_ssl_context()
    return context


def _forget_closed(by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Any]) -> None:
    """Drop the clients of closed event loops. They refer to their loop, so nothing would ever free them."""
    for loop in [loop for loop in by_loop if loop.is_closed()]:
        del by_loop[loop]


async def _as_coroutine(close: Callable[[Any], Awaitable[object]], client: Any) -> None:
    await close(client)


def _running() -> asyncio.AbstractEventLoop | None:
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None
