"""Virtual time: an event loop whose clock jumps to the next timer when there is nothing else to do.

The callers, the chain, a gateway and the simulated providers of one case share this loop and talk
over real sockets. Hours pass in a moment, and results do not depend on the speed of the machine.

How a jump is decided: asyncio asks the selector to wait until the next timer. The selector first
looks whether a socket has something to read. If none has, nothing can happen before the timer, so
it adds the wait to the clock and returns. Blocking calls run in threads, which the loop counts
(`working`). While one works, the selector watches the sockets in real time, because the thread may
still send. A thread that only waits for a provider would stop time for ever; so after `_QUIET`
seconds without a sign the loop takes it to be waiting, and jumps.
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
_real: Final = time.monotonic
"""Real seconds: a play of `tools/quality` puts the loop's clock in the place of Python's own."""
_LOOKS: Final = 3
"""How often the sockets are looked at before a jump: loopback delivers before `send` returns."""
_BREATH: Final = 0.001
"""Real seconds for which the sockets are watched at a time while a thread works."""
_QUIET: Final = 2.0
"""Real seconds without a sign after which a working thread is taken to be waiting.

Signs are traffic on a socket, and processor time of threads other than the loop's: on a busy
machine a thread may have to wait for a core.
"""
_BUSY: Final = 5
"""The most times that the wait is extended for threads that get a core: they may be another loop's."""
_SLICE: Final = 0.001
"""Seconds of processor time that count as work; less is only the end of a wait."""
_STUCK: Final = 20.0
"""Real seconds without a sign after which a loop without a timer is taken to hang."""
_HUNG: Final = 120.0
"""The same while threads work for the loop: they may be waiting for a core."""
_THREADS: Final = 80


class StuckError(RuntimeError):
    """The case hangs: everybody waits, and no timer is set."""


class _Selector(selectors.DefaultSelector):
    """Waits for sockets only while one may still have something to read; then the clock jumps."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if (found := super().select(0)) or (timeout is not None and timeout <= 0):
            return found
        begun, patience = _real(), _QUIET if timeout is not None else _STUCK if self.loop.working <= 0 else _HUNG
        end, worked = begun + patience, _worked()
        while timeout is None or self.loop.working > 0:
            if found := super().select(_BREATH):
                return found
            if (now := _real()) > end:
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
    """Return the seconds of processor time that threads other than this one have had."""
    return time.process_time() - time.thread_time()


_TURNS = 5


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop.

    Attributes:
        passed: seconds since its start, in virtual time.
        working: how many threads work for the loop; while there is one, time waits for it.
        pool: the threads.
    """

    def __init__(self) -> None:
        """Start at zero."""
        selector = _Selector()
        self.passed, self.working = 0.0, 0
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 1e-6
        self._lock = threading.Lock()
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sparekey drill")

    def time(self) -> float:
        """Return the seconds since the start, in virtual time."""
        return self.passed

    def count(self, threads: int) -> None:
        """Count a thread that begins to work for the loop (1), or that stops (-1)."""
        with self._lock:
            self.working += threads

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]  # not of every type
        """As asyncio's; time stands still until the thread is done."""
        self.count(1)
        future = super().run_in_executor(executor or self.pool, func, *args)
        future.add_done_callback(lambda _: self.count(-1))
        return future


class VirtualTime:
    """The clock of a loop for the engine: seconds, and pauses on the loop or in one of its threads."""

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
