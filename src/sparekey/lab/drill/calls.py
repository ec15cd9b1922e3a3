"""How calls of a drill run: in threads of their own, or as tasks of one event loop; either way they can be waited for from outside."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.client import Said
from sparekey.lab.drill.outcome import CallOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sparekey.lab.drill.clock import Clock

_CLOSING: Final = 5.0
"""Real seconds for closing what was opened."""


class Calls:
    """Runs the calls of one scenario. The event loop begins with the first task, in a thread of its own."""

    def __init__(self, clock: Clock, mode: str) -> None:
        """Run calls in the mode `sync`, `async` or `gateway` (tasks, too), and time them with `clock`."""
        self.mode, self._clock = mode, clock
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, call: Callable[[], Any], acall: Callable[[], Any], mode: str | None = None) -> Future[Any]:
        """Begin a call, whichever of the two the mode asks for; the future's result is what was `CallOutcome`."""
        if (mode or self.mode) != "sync":
            return self.in_loop(self._hear_async(acall))
        future: Future[Any] = Future()
        threading.Thread(target=lambda: _settle(future, self._hear, call), daemon=True).start()
        return future

    def begin_and_cancel(self, acall: Callable[[], Any], turns: int) -> Future[Any]:
        """Begin a call as a task, and cancel it after so many turns of the event loop."""
        return self.in_loop(_cancelled(self._hear_async(acall), turns))

    def in_loop(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the event loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(self._loop,), daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, model: Any) -> None:
        """Close the model's clients, then the event loop."""
        with suppress(Exception):  # what a row found is found; how an SDK parts from its sockets is looked at where a row says so
            if self._loop is not None:
                self.in_loop(model.aclose()).result(_CLOSING)
            model.close()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSING)
            self._loop = None

    def _hear(self, call: Callable[[], Any]) -> CallOutcome:
        hearing = _Hearing(self._clock)
        try:
            answer = call()
            if hasattr(answer, "__next__"):
                for chunk in answer:
                    hearing.take(chunk)
            else:
                hearing.take_all(answer)
        except Exception as exc:  # noqa: BLE001 - whatever the caller would get
            hearing.error = exc
        return hearing.outcome()

    async def _hear_async(self, call: Callable[[], Any]) -> CallOutcome:
        hearing = _Hearing(self._clock)
        try:
            answer = call()
            if hasattr(answer, "__anext__"):
                async with aclosing(answer) as chunks:
                    async for chunk in chunks:
                        hearing.take(chunk)
            else:
                hearing.take_all(await answer)
        except Exception as exc:  # noqa: BLE001 - as above
            hearing.error = exc
        return hearing.outcome()


class _Hearing:
    """Collects what a caller gets of one call."""

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
        if isinstance(answer, Said):
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
    with suppress(Exception):  # nobody waits for it any more
        future.set_result(result)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.set_exception_handler(lambda *_: None)  # calls that were given up are broken off here, and SDKs complain of it
        loop.run_until_complete(_all_ended())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _all_ended() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
