"""The calls of a scenario: each runs in a thread or as a task, and is waited for through a future."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.client import SdkAnswer
from sparekey.lab.drill.outcome import CallOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sparekey.lab.drill.clock import Clock

_CLOSING: Final = 5.0
"""Real seconds for closing the clients, and for ending the event loop."""


class Calls:
    """Runs the calls of one scenario. The event loop starts with the first task, in its own thread."""

    def __init__(self, clock: Clock, mode: str) -> None:
        """Prepare to run calls; nothing starts yet.

        Args:
            clock: the clock that times the calls.
            mode: `sync` runs calls in threads; every other mode runs them as tasks.
        """
        self.mode, self._clock = mode, clock
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, call: Callable[[], Any], acall: Callable[[], Any], mode: str | None = None) -> Future[Any]:
        """Start `call` in a thread or `acall` as a task; the future's result is a `CallOutcome`.

        `mode` overrides the mode of the scenario.
        """
        if (mode or self.mode) != "sync":
            return self.in_loop(self._collect_async(acall))
        future: Future[Any] = Future()
        threading.Thread(target=lambda: _settle(future, self._collect, call), daemon=True).start()
        return future

    def begin_and_cancel(self, acall: Callable[[], Any], turns: int) -> Future[Any]:
        """Start a call as a task, and cancel it after `turns` turns of the event loop."""
        return self.in_loop(_cancelled(self._collect_async(acall), turns))

    def in_loop(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the event loop; start the loop if there is none yet."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(self._loop,), daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, model: Any) -> None:
        """Close the model's clients, then the event loop."""
        with suppress(Exception):  # errors on closing are not what rows look at
            if self._loop is not None:
                self.in_loop(model.aclose()).result(_CLOSING)
            model.close()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSING)
            self._loop = None

    def _collect(self, call: Callable[[], Any]) -> CallOutcome:
        collector = _Collector(self._clock)
        try:
            answer = call()
            if hasattr(answer, "__next__"):
                for chunk in answer:
                    collector.take(chunk)
            else:
                collector.take_all(answer)
        except Exception as exc:  # noqa: BLE001 - whatever the caller would get
            collector.error = exc
        return collector.outcome()

    async def _collect_async(self, call: Callable[[], Any]) -> CallOutcome:
        collector = _Collector(self._clock)
        try:
            answer = call()
            if hasattr(answer, "__anext__"):
                async with aclosing(answer) as chunks:
                    async for chunk in chunks:
                        collector.take(chunk)
            else:
                collector.take_all(await answer)
        except Exception as exc:  # noqa: BLE001 - as above
            collector.error = exc
        return collector.outcome()


class _Collector:
    """Collects what a caller gets from one call."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._since = clock, clock()
        self._text: list[str] = []
        self._more: dict[str, Any] = {}
        self.error: BaseException | None = None

    def take(self, chunk: Any) -> None:
        self._text.append(str(chunk))
        if chunk.usage is not None:
            self._more["tokens"] = chunk.usage.completion_tokens
        if chunk.model:
            self._more["model"] = chunk.model

    def take_all(self, answer: Any) -> None:
        if isinstance(answer, SdkAnswer):
            self.take(answer)
            return
        if isinstance(answer, list):
            self._more["vectors"] = tuple(r.dense_vector or sorted((r.sparse_vector or {}).items()) for r in answer)
            return
        self._text.append(str(answer))
        self._more |= {"tokens": answer.usage.get("completion_tokens", 0), "model": answer.model}

    def outcome(self) -> CallOutcome:
        return CallOutcome(text="".join(self._text), error=self.error, seconds=self._clock() - self._since, **self._more)


async def _cancelled(work: Coroutine[Any, Any, Any], turns: int) -> None:
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _settle(future: Future[Any], work: Callable[..., Any], *args: Any) -> None:
    result = work(*args)
    with suppress(Exception):  # the future was cancelled
        future.set_result(result)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.set_exception_handler(lambda *_: None)  # SDKs report calls that are broken off here
        loop.run_until_complete(_all_ended())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _all_ended() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
