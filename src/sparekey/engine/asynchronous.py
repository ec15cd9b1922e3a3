"""The async driver of a chain, on asyncio or trio. All decisions are made in `sparekey.core`; here attempts are made, and time passes."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sparekey.core import flow
from sparekey.core.expectations import Kind
from sparekey.core.race import Begun, Beside, Done, Lost, Pause, Start
from sparekey.core.splice import Reading
from sparekey.engine.attempts import Attempts
from sparekey.engine.background import spawn
from sparekey.engine.call import Answer, Ledger, LogicalCall
from sparekey.engine.chain import chain_of
from sparekey.engine.racing import Asking, Racing
from sparekey.engine.stream import AsyncStream
from sparekey.engine.streaming import Streaming
from sparekey.errors import describe_exception

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable

    from anyio import Event
    from anyio.abc import TaskGroup

    from sparekey.core.policy import Policy
    from sparekey.engine.async_pump import AsyncAnswer, AsyncSource
    from sparekey.engine.call import RunningAttempt
    from sparekey.engine.chain import Chain
    from sparekey.engine.streaming import Out
    from sparekey.types import Credential, Usage

T = TypeVar("T")
S = TypeVar("S", bound=Any)
logger = logging.getLogger("sparekey")


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
        races: bool = True,
    ) -> Answer[T]:
        """As `call`, with who answered and the ledger of all attempts; see `Failover.run`."""
        call = LogicalCall(self.chain, body)
        race: _Race[T, AsyncAnswer[T]] | None = None
        steps = call.steps(eligible, races=races)
        step: flow.Step | None = None
        try:
            step = next(steps)
            while step is not None:
                message: flow.Message
                if isinstance(step, Start) and step.limit is None and step.alone and not call.bounded:
                    entry = call.start(step.ticket)
                    try:
                        result = await fn(entry.credential)
                    except Exception as exc:  # noqa: BLE001 - every failure is classified
                        message = Lost(step.ticket, call.failed(entry, exc))
                    except BaseException:
                        call.abandoned(entry)
                        raise
                    else:
                        message = call.answered(entry, usage(result) if usage else None)
                    step = flow.advance(steps, message)
                else:
                    race = race or self._asking(call, fn, usage)
                    step = await race.raced(steps, step)
                    if (won := race.racing.won) is not None:
                        result, entry = won.answer, won.entry
        except BaseException as exc:
            call.broken(exc)
            raise
        finally:
            if step is not None:
                call.leave(steps)
            if race is not None:
                await race.leave()
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

    def _asking(
        self, call: LogicalCall, fn: Callable[[Credential], Awaitable[T]], usage: Callable[[T], Usage | None] | None
    ) -> _Race[T, AsyncAnswer[T]]:
        from sparekey.engine.async_pump import AsyncAnswer  # noqa: PLC0415 - it needs anyio

        return _Race(
            Asking(call, usage),
            self._sleep,
            lambda entry: AsyncAnswer(entry, fn),
            lambda probe: self._asking(probe, fn, usage),
        )


class _Race(Generic[T, S]):
    """One race, driven: `make` makes an attempt, `again` another race, for a probe. `apart`: attempts run in tasks of their own."""

    def __init__(
        self,
        racing: Racing[S],
        sleep: Callable[[float], Awaitable[None]],
        make: Callable[[RunningAttempt], S],
        again: Callable[[LogicalCall], _Race[T, S]],
        *,
        apart: bool = True,
    ) -> None:
        self.racing, self._sleep, self._make, self._again, self._apart = racing, sleep, make, again, apart
        self._reports: deque[S] = deque()
        self._ready: Event | None = None
        self._left: list[S] = []

    async def raced(self, steps: Generator[Any, Any, None], step: Any) -> Any:
        """Do what the steps say until an attempt has won or the call is over; return the next step. No task outlives this."""
        import anyio  # noqa: PLC0415 - `import sparekey` shall not load it

        fault = None
        async with anyio.create_task_group() as group:
            try:
                won = False
                while step is not None and not won:
                    message = await self._moved(group, step)
                    won = isinstance(message, Begun)
                    step = flow.advance(steps, message)
            except Exception as exc:  # noqa: BLE001 - raised below: a task group would wrap it
                fault = exc
            self.give_up(self.racing.losers())
        await self.close_left()
        if fault is not None:
            raise fault
        return step

    async def leave(self) -> None:
        """The race is over: give up those that are out."""
        self.racing.forgive()
        self.give_up(self.racing.losers())
        await self.close_left()

    def give_up(self, sources: list[S]) -> None:
        """Break attempts off."""
        for source in sources:
            del self.racing.running[source.entry.ticket]
            self.racing.given_up(source)
            source.cancel()
            self._left.append(source)

    async def close_left(self) -> None:
        """Close what was given up when it had begun already, so that there was no task to cancel any more."""
        while self._left:
            await self._left.pop().close()

    async def _moved(self, group: TaskGroup, step: flow.Step) -> flow.Message:
        racing = self.racing
        if isinstance(step, (Pause, Beside)):
            await self._sleep(step.seconds) if isinstance(step, Pause) else self._probe(step)
            return Done(racing.call.chain.clock())
        if isinstance(step, Start):
            if step.alone:
                self.give_up(racing.losers())
            source = racing.running[step.ticket] = self._make(racing.start(step))
            if self._apart:
                group.start_soon(source.run, self._report)
            else:
                await source.start()
                self._report(source)
        else:
            racing.keep(step)
        return await self._first()

    def _report(self, source: S) -> None:
        self._reports.append(source)
        if self._ready is not None:
            self._ready.set()

    async def _first(self) -> flow.Message:
        """Wait for what happens first: an attempt brings something or fails, or a limit runs out."""
        import anyio  # noqa: PLC0415 - as above

        racing = self.racing
        while True:
            while self._reports:
                source = self._reports.popleft()
                if racing.running.get(source.entry.ticket) is source:
                    return racing.reported(source)
            limit, ticket = racing.patience()
            self._ready = anyio.Event()
            with anyio.move_on_after(None if limit is None else racing.call.real(limit.seconds)):
                await self._ready.wait()
            if limit is not None and not self._reports:
                message, over = racing.overdue(limit, ticket)
                if over is not None:
                    over.cancel()
                return message

    def _probe(self, beside: Beside) -> None:
        """Probe a credential with the same request, in a task that nobody waits for."""
        race = self._again(self.racing.call.apart())
        spawn(lambda: race.probe(beside))

    async def probe(self, beside: Beside) -> None:
        """Make a probe to its end."""
        chain = self.racing.call.chain
        steps = flow.probe(chain.pool, chain, beside, chain.clock())
        try:
            step: flow.Step | None = next(steps)
            while step is not None:
                step = await self.raced(steps, step)
        except Exception as exc:  # noqa: BLE001 - there is nobody to tell
            logger.debug("a probe beside a request: %s", describe_exception(exc))
        finally:
            self.racing.over()
            await self.leave()


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
        self._race: _Race[T, AsyncSource[T]] = _Race(streaming, sleep, self._source, self._probing, apart=streaming.limited)

    async def items(self) -> AsyncGenerator[T]:
        streaming, race = self._streaming, self._race
        try:
            step = await race.raced(streaming.steps, next(streaming.steps))
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
                step = flow.advance(streaming.steps, out.message)
                step = step if step is None else await race.raced(streaming.steps, step)
        except BaseException as exc:
            streaming.call.broken(exc)
            raise
        finally:
            streaming.leave()
            race.give_up(list(streaming.running.values()))
            await race.close_left()

    # the race

    def _source(self, entry: RunningAttempt) -> AsyncSource[T]:
        from sparekey.engine.async_pump import AsyncSource  # noqa: PLC0415 - it needs anyio

        streaming = self._streaming
        return AsyncSource(entry, streaming.opener(self._fn, self._resume, entry.credential), streaming.reading.content)

    def _probing(self, call: LogicalCall) -> _Race[T, AsyncSource[T]]:
        from sparekey.engine.async_pump import AsyncSource  # noqa: PLC0415 - as above

        def made(entry: RunningAttempt) -> AsyncSource[T]:
            return AsyncSource(entry, lambda: (self._fn(entry.credential), False), self._streaming.reading.content)

        return _Race(Racing(call, Kind.FIRST), self._sleep, made, self._probing)

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


async def _sleep(seconds: float) -> None:
    import anyio  # noqa: PLC0415 - as above

    await anyio.sleep(seconds)
