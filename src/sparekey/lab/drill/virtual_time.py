"""Time that passes only when nobody has anything to do: an event loop that jumps to its next timer.

Callers, the chain, a gateway and the simulated providers of one case share this loop and talk over real sockets. Hours pass in a moment,
a crowd waits side by side, and what is measured does not depend on how fast the machine is. Calls that block run in threads; while one
of them works, time stands still.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
_LOOKS: Final = 3
"""How often the sockets are looked at before time jumps: what is sent on loopback is there when `send` returns."""
_BREATH: Final = 0.001
"""Real seconds for which the sockets are watched while a thread works."""
_QUIET: Final = 2.0
"""Real seconds without a sign after which even a thread that works is taken to wait, for a provider that lets time pass.

Signs are what a socket says, and that threads other than the loop's got a core: on a busy machine they may have to wait for one.
"""
_BUSY: Final = 5
"""How many times as long threads are waited for that do get a core: they may be others', who work for another loop."""
_SLICE: Final = 0.001
"""Seconds of a core that are work, and not the end of a wait."""
_STUCK: Final = 20.0
"""Real seconds after which a loop without a timer, and without a sign from any socket, has nothing to come any more."""
_HUNG: Final = 120.0
"""As above, where threads work for it: they may wait for a core."""
_THREADS: Final = 80


class StuckError(RuntimeError):
    """Everybody waits and nobody will ever speak: what is played hangs."""


class _Selector(selectors.DefaultSelector):
    """Waits for sockets only as long as one may still speak; then time jumps."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (found := super().select(0)) or (timeout is not None and timeout <= 0):
            return found
        begun, patience = time.monotonic(), _QUIET if timeout is not None else _STUCK if self.loop.working <= 0 else _HUNG
        end, worked = begun + patience, _worked()
        while timeout is None or self.loop.working > 0:
            if found := super().select(_BREATH):
                return found
            if (now := time.monotonic()) > end:
                break
            if (more := _worked()) > worked + _SLICE:
                worked, end = more, min(now + patience, begun + _BUSY * patience)
        for _ in range(_LOOKS):
            if found := super().select(0):
                return found
        if timeout is None:
            raise StuckError("everybody waits, and nobody has a timer")
        self.loop.passed += timeout
        return found


def _worked() -> float:
    """Return the seconds of a core that other threads than this one have had."""
    return time.process_time() - time.thread_time()


_TURNS = 5


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop.

    Attributes:
        passed: seconds since its start, in its own time.
        working: how many threads work for it.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        selector = _Selector()
        self.passed, self.working = 0.0, 0
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-6
        self._lock = threading.Lock()
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sparekey drill")

    def time(self) -> float:
        """Return the seconds since the start, in the loop's own time."""
        return self.passed

    def count(self, threads: int) -> None:
        """Count threads that begin to work for the loop (1), or stop (-1)."""
        with self._lock:
            self.working += threads

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]  # not of every type
        """As asyncio's; time stands still until the thread is done."""
        self.count(1)
        future = super().run_in_executor(executor or self.pool, func, *args)
        future.add_done_callback(lambda _: self.count(-1))
        return future


class VirtualTime:
    """The clock of a loop, as the engine takes it: seconds, and pauses on the loop or in one of its threads."""

    scale = 1.0
    virtual = True

    def __init__(self, loop: VirtualLoop) -> None:
        """Take the loop."""
        self._loop = loop

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return self._loop.passed

    def sleep(self, seconds: float) -> None:
        """Pause a thread that works for the loop."""
        asyncio.run_coroutine_threadsafe(self._idle(seconds), self._loop).result()

    async def asleep(self, seconds: float) -> None:
        """Pause on the loop."""
        await asyncio.sleep(seconds)

    async def _idle(self, seconds: float) -> None:
        self._loop.count(-1)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._loop.count(1)


def run(main: Callable[[VirtualTime], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in virtual time, and end what it has left behind.

    Raises:
        StuckError: it hangs.
    """
    loop = VirtualLoop()
    loop.set_exception_handler(lambda *_: None)  # what is broken off at the end of a case complains of it
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main(VirtualTime(loop)))
    finally:
        _end(loop)
        asyncio.set_event_loop(None)


def _end(loop: VirtualLoop) -> None:
    try:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        for transport in list(getattr(loop, "_transports", {}).values()):  # connections that nobody has closed
            transport.abort()
        for _ in range(_TURNS):  # what was aborted closes its socket in one of the next turns
            loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.pool.shutdown(wait=False, cancel_futures=True)
        loop.close()
