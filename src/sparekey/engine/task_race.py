"""A race driven on an event loop: each attempt is a task, and the tasks of one race live in one task group.

The core (`sparekey.core.race`) says what to do, `Racing` keeps the books; here time passes. `raced` is called where a step has to be done
that may take time, and returns as soon as an attempt has won or the call is over; by then every task of the losers has ended. The tasks
report into a queue, and the race waits for the first report or for the limit that runs out next.

anyio is imported where it is used: `import sparekey` shall not load it.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sparekey.core import flow
from sparekey.core.expectations import Kind
from sparekey.core.race import Begun, Beside, Done, Pause, Start
from sparekey.engine.background import spawn
from sparekey.engine.racing import Asking, Racing
from sparekey.errors import describe_exception

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Generator

    from anyio import Event
    from anyio.abc import TaskGroup

    from sparekey.engine.async_pump import AsyncAnswer, AsyncSource
    from sparekey.engine.call import LogicalCall, RunningAttempt
    from sparekey.engine.streaming import Streaming
    from sparekey.types import Credential, Usage

T = TypeVar("T")
S = TypeVar("S", bound=Any)
logger = logging.getLogger("sparekey")


class TaskRace(Generic[S]):
    """One race, driven.

    Attributes:
        racing: the books of the race.
        _sleep: waits so many seconds.
        _make: makes an attempt, not running yet.
        _again: makes a race of its own for a probe beside this one.
        _apart: attempts run in tasks of their own; False: in the caller's, where nothing limits them.
        _reports: the attempts that have brought something or failed, in that order.
        _ready: set when a report comes, while the race waits for one.
        _left: the attempts that were given up and are not closed yet.
    """

    def __init__(
        self,
        racing: Racing[S],
        sleep: Callable[[float], Awaitable[None]],
        make: Callable[[RunningAttempt], S],
        again: Callable[[LogicalCall], TaskRace[S]],
        *,
        apart: bool = True,
    ) -> None:
        """Begin without an attempt; the arguments are the attributes of these names."""
        self.racing, self._sleep, self._make, self._again, self._apart = racing, sleep, make, again, apart
        self._reports: deque[S] = deque()
        self._ready: Event | None = None
        self._left: list[S] = []

    async def raced(self, steps: Generator[Any, Any, None], step: Any) -> Any:
        """Do what the steps say until an attempt has won or the call is over; return the next step, None if there is none.

        Raises:
            Exception: what ends the call without an answer.
        """
        import anyio  # noqa: PLC0415 - see the module

        racing, fault = self.racing, None
        try:
            async with anyio.create_task_group() as group:
                try:
                    message = None
                    while step is not None and not isinstance(message, Begun):
                        message = await self._moved(group, step)
                        step = flow.advance(steps, message)
                except Exception as exc:  # noqa: BLE001 - raised below: a task group would wrap it
                    fault = exc
                    racing.forgive()
                except BaseException:
                    racing.forgive()
                    raise
                finally:
                    if racing.won is None or len(racing.running) > 1:
                        self._give_up(racing.losers())
        finally:
            if self._left:
                await self._close_left()
        if fault is not None:
            raise fault
        return step

    async def leave(self) -> None:
        """Give up all attempts that are out, the winner as well: the call is over."""
        self.racing.forgive()
        self._give_up(list(self.racing.running.values()))
        await self._close_left()

    async def probe(self, beside: Beside) -> None:
        """Make a probe to its end."""
        chain = self.racing.call.chain
        steps = flow.probe(chain.pool, chain, beside, chain.clock())
        try:
            await self.raced(steps, next(steps))
        except Exception as exc:  # noqa: BLE001 - no caller waits for it
            logger.debug("a probe beside a request: %s", describe_exception(exc))
        finally:
            self.racing.over()
            await self.leave()

    async def _moved(self, group: TaskGroup, step: flow.Step) -> flow.Message:
        """Do what a step says; return what has come of it."""
        racing = self.racing
        if isinstance(step, Start):
            if step.alone and racing.running:
                self._give_up(racing.losers())
            source = racing.running[step.ticket] = self._make(racing.start(step))
            if self._apart:
                group.start_soon(source.run, self._report)
            else:
                await source.start()
                self._report(source)
        elif isinstance(step, (Pause, Beside)):
            await self._sleep(step.seconds) if isinstance(step, Pause) else self._probe(step)
            return Done(racing.call.chain.clock())
        else:
            racing.keep(step)
        return await self._first()

    async def _first(self) -> flow.Message:
        """Wait for what happens first: an attempt brings something or fails, or a limit runs out."""
        import anyio  # noqa: PLC0415 - see the module

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

    def _report(self, source: S) -> None:
        self._reports.append(source)
        if self._ready is not None:
            self._ready.set()

    def _probe(self, beside: Beside) -> None:
        """Probe a credential with the same request, in a task of its own, for which the request does not wait."""
        race = self._again(self.racing.call.apart())
        spawn(lambda: race.probe(beside))

    def _give_up(self, sources: list[S]) -> None:
        """Break attempts off."""
        for source in sources:
            del self.racing.running[source.entry.ticket]
            self.racing.given_up(source)
            source.cancel()
            self._left.append(source)

    async def _close_left(self) -> None:
        """Close what was given up when it had begun already, so that there was no task to cancel any more."""
        while self._left:
            await self._left.pop().close()


def answer_race(
    call: LogicalCall,
    fn: Callable[[Credential], Awaitable[T]],
    usage: Callable[[T], Usage | None] | None,
    sleep: Callable[[float], Awaitable[None]],
) -> TaskRace[AsyncAnswer[T]]:
    """Return a race to a whole answer of `fn(credential)`; `usage` reads its tokens, `sleep` waits so many seconds."""
    from sparekey.engine.async_pump import AsyncAnswer  # noqa: PLC0415 - it needs anyio

    return TaskRace(Asking(call, usage), sleep, lambda entry: AsyncAnswer(entry, fn), lambda probe: answer_race(probe, fn, usage, sleep))


def stream_race(
    streaming: Streaming[T, AsyncSource[T]],
    fn: Callable[[Credential], AsyncIterable[T]],
    resume: Callable[[Credential, str], AsyncIterable[T] | None] | None,
    sleep: Callable[[float], Awaitable[None]],
) -> TaskRace[AsyncSource[T]]:
    """Return a race to the first content of `fn(credential)`, or of what `resume` opens where an answer has to go on."""
    from sparekey.engine.async_pump import AsyncSource  # noqa: PLC0415 - it needs anyio

    content = streaming.reading.content

    def made(entry: RunningAttempt) -> AsyncSource[T]:
        return AsyncSource(entry, streaming.opener(fn, resume, entry.credential), content)

    def probing(call: LogicalCall) -> TaskRace[AsyncSource[T]]:
        return TaskRace(
            Racing(call, Kind.FIRST), sleep, lambda entry: AsyncSource(entry, lambda: (fn(entry.credential), False), content), probing
        )

    return TaskRace(streaming, sleep, made, probing, apart=streaming.limited)


async def pause(seconds: float) -> None:
    """Wait so many seconds."""
    import anyio  # noqa: PLC0415 - see the module

    await anyio.sleep(seconds)
