"""The async driver of a chain, on asyncio or trio. All decisions are made in `sparekey.core`; here attempts are made, and time passes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from sparekey.core import flow
from sparekey.core.flow import Done, Pause
from sparekey.core.splice import Reading
from sparekey.core.streams import Deliver, Start
from sparekey.engine.attempts import Attempts
from sparekey.engine.call import Answer, Ledger, LogicalCall
from sparekey.engine.chain import chain_of
from sparekey.engine.stream import AsyncStream
from sparekey.engine.streaming import Streaming

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable

    from anyio import Event
    from anyio.abc import TaskGroup

    from sparekey.core.policy import Policy
    from sparekey.core.streams import KeepWaiting, Message, Step
    from sparekey.engine.async_pump import AsyncSource
    from sparekey.engine.call import Limit
    from sparekey.engine.chain import Chain
    from sparekey.engine.streaming import Out
    from sparekey.types import Credential, Usage

T = TypeVar("T")


class AsyncFailover:
    """Calls anything with a credential that works: the async driver of a chain. A chain may have both drivers at once."""

    def __init__(
        self,
        chain: Chain | Iterable[Credential],
        policy: Policy | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Drive a `Chain`, or make one of credentials and a policy; `sleep` waits so many seconds, for tests."""
        self.chain = chain_of(chain, policy)
        self._sleep = sleep or _sleep

    async def call(self, fn: Callable[[Credential], Awaitable[T]], *, eligible: Callable[[Credential], bool] | None = None) -> T:
        """Return `await fn(credential)` of the first credential for which it succeeds; see `Failover.call`."""
        return (await self.run(fn, eligible=eligible)).value

    async def run(
        self,
        fn: Callable[[Credential], Awaitable[T]],
        *,
        eligible: Callable[[Credential], bool] | None = None,
        usage: Callable[[T], Usage | None] | None = None,
        body: bytes = b"",
    ) -> Answer[T]:
        """As `call`, with who answered and the ledger of all attempts; see `Failover.run`."""
        call = LogicalCall(self.chain, body)
        chain = call.chain
        steps = flow.call(chain.pool, chain, call.began, chain.indices(eligible), call.policy, call.identity)
        try:
            step: flow.Step | None = next(steps)
            while step is not None:
                message: flow.Message
                if isinstance(step, Pause):
                    await self._sleep(step.seconds)
                    message = Done(chain.clock())
                else:
                    entry = call.start(step)
                    try:
                        limit = call.limit(entry)
                        attempt = fn(entry.credential)
                        result = await attempt if limit is None else await _bounded(attempt, limit, call.real(limit.seconds))
                    except Exception as exc:  # noqa: BLE001 - every failure is classified
                        message = call.failed(entry, exc)
                    except BaseException:
                        call.abandoned(entry)
                        raise
                    else:
                        message = Done(call.succeeded(entry, usage(result) if usage else None))
                step = flow.advance(steps, message)
        except BaseException as exc:
            call.broken(exc)
            raise
        finally:
            steps.close()
        return Answer(result, entry.credential, Ledger(call.entries))

    def stream(
        self,
        fn: Callable[[Credential], AsyncIterable[T]],
        *,
        eligible: Callable[[Credential], bool] | None = None,
        is_content: Callable[[T], bool] | None = None,
        reading: Reading[T] | None = None,
        resume: Callable[[Credential, str], AsyncIterable[T] | None] | None = None,
        body: bytes = b"",
    ) -> AsyncStream[T]:
        """Return the items of `fn(credential)` as a stream that survives slow, silent and broken ones; see `Failover.stream`."""
        streaming: Streaming[T, AsyncSource[T]] = Streaming(self.chain, eligible, reading or Reading(is_content), body)
        return AsyncStream(_Streamed(streaming, self._sleep, fn, resume).items(), Ledger(streaming.call.entries))

    def attempts(self, *, eligible: Callable[[Credential], bool] | None = None) -> Attempts:
        """Return the attempts of one call, for an `async for` of one's own (see `Attempts`)."""
        return Attempts(self.chain, eligible, asleep=self._sleep)


class _Streamed(Generic[T]):
    """One stream, driven."""

    def __init__(
        self,
        streaming: Streaming[T, AsyncSource[T]],
        sleep: Callable[[float], Awaitable[None]],
        fn: Callable[[Credential], AsyncIterable[T]],
        resume: Callable[[Credential, str], AsyncIterable[T] | None] | None,
    ) -> None:
        self._streaming, self._sleep, self._fn, self._resume = streaming, sleep, fn, resume
        self._reports: deque[AsyncSource[T]] = deque()
        self._ready: Event | None = None
        self._left: list[AsyncSource[T]] = []

    async def items(self) -> AsyncGenerator[T]:
        streaming = self._streaming
        try:
            step = await self._raced(next(streaming.steps))
            while step is not None:
                source, out = streaming.opening()
                try:
                    while True:
                        for item in out.items:
                            yield item
                        if out.message is not None:
                            break
                        out = await self._pulled(source)
                finally:
                    await source.close()
                step = await self._raced(flow.advance(streaming.steps, out.message))
        except BaseException as exc:
            streaming.call.broken(exc)
            raise
        finally:
            streaming.leave()
            self._give_up(list(streaming.running.values()))
            await self._close_left()

    # the race

    async def _raced(self, step: Step | None) -> Step | None:
        """Make attempts until one of them has brought content (the step is a `Deliver`) or the call is over. No task outlives this."""
        import anyio  # noqa: PLC0415 - `import sparekey` shall not load it

        fault = None
        if step is None:
            return None
        async with anyio.create_task_group() as group:
            try:
                while step is not None and not isinstance(step, Deliver):
                    step = flow.advance(self._streaming.steps, await self._moved(group, step))
            except Exception as exc:  # noqa: BLE001 - raised below: a task group would wrap it
                fault = exc
            self._give_up(self._streaming.losers())
        await self._close_left()
        if fault is not None:
            raise fault
        return step

    async def _moved(self, group: TaskGroup, step: Start | KeepWaiting | Pause) -> Message:
        streaming = self._streaming
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return Done(streaming.call.chain.clock())
        if isinstance(step, Start):
            if step.alone:
                self._give_up(streaming.losers())
            await self._start(group, step)
        else:
            streaming.keep(step)
        return await self._first()

    async def _start(self, group: TaskGroup, step: Start) -> None:
        from sparekey.engine.async_pump import AsyncSource  # noqa: PLC0415 - it needs anyio

        streaming = self._streaming
        entry = streaming.start(step)
        opener = streaming.opener(self._fn, self._resume, entry.credential)
        source = streaming.running[step.ticket] = AsyncSource(entry, opener, streaming.reading.content)
        if streaming.limited:
            group.start_soon(source.run, self._report)
        else:
            await source.start()
            self._report(source)

    def _report(self, source: AsyncSource[T]) -> None:
        self._reports.append(source)
        if self._ready is not None:
            self._ready.set()

    async def _first(self) -> Message:
        """Wait for what happens first: a stream begins or fails, or a limit runs out."""
        import anyio  # noqa: PLC0415 - as above

        streaming = self._streaming
        while True:
            while self._reports:
                source = self._reports.popleft()
                if streaming.running.get(source.entry.ticket) is source:
                    return streaming.reported(source)
            limit, ticket = streaming.patience()
            self._ready = anyio.Event()
            with anyio.move_on_after(None if limit is None else streaming.call.real(limit.seconds)):
                await self._ready.wait()
            if limit is not None and not self._reports:
                message, over = streaming.overdue(limit, ticket)
                if over is not None:
                    over.cancel()
                return message

    def _give_up(self, sources: list[AsyncSource[T]]) -> None:
        for source in sources:
            del self._streaming.running[source.entry.ticket]
            self._streaming.given_up(source)
            source.cancel()
            self._left.append(source)

    async def _close_left(self) -> None:
        """Close what was given up when it had begun already, so that there was no task to cancel any more."""
        while self._left:
            await self._left.pop().close()

    # the relay

    async def _pulled(self, source: AsyncSource[T]) -> Out[T]:
        """What comes next; what goes wrong here is the provider's, what goes wrong while the caller holds an item is not."""
        streaming = self._streaming
        try:
            item = await source.pull(streaming.limit(source), streaming.call.real)
        except StopAsyncIteration:
            return streaming.ended(source)
        except Exception as exc:  # noqa: BLE001 - every failure is classified
            return streaming.ended(source, exc)
        return streaming.take(source, item)


async def _bounded(attempt: Awaitable[T], limit: Limit, seconds: float) -> T:
    """Wait for an attempt, and cancel it when its time is up."""
    import anyio  # noqa: PLC0415 - as above

    with anyio.move_on_after(seconds):
        return await attempt
    raise limit.exceeded()


async def _sleep(seconds: float) -> None:
    import anyio  # noqa: PLC0415 - as above

    await anyio.sleep(seconds)
