"""The driver of a chain on an event loop, of asyncio or trio: it makes attempts with credentials until one answers.

All decisions are made in `sparekey.core`; here attempts are made, and time passes. What needs tasks is in `sparekey.engine.task_race`.
The driver for threads, `sparekey.engine.synchronous`, is generated from this file by tools/sync.py (`make sync`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from sparekey.core import flow, streams
from sparekey.core.race import Lost, Start
from sparekey.core.splice import Reading
from sparekey.engine.attempts import Attempts
from sparekey.engine.call import Answer, Ledger, LogicalCall
from sparekey.engine.chain import chain_of
from sparekey.engine.stream import AsyncStream
from sparekey.engine.streaming import Streaming
from sparekey.engine.task_race import answer_race, pause, stream_race

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable

    from sparekey.core.policy import Policy
    from sparekey.engine.async_pump import AsyncSource
    from sparekey.engine.chain import Chain
    from sparekey.types import Credential, Usage

T = TypeVar("T")


class AsyncFailover:
    """Calls anything with a credential that works: the async driver of a chain.

    A chain may have a driver for event loops and one for threads at the same time.
    """

    def __init__(
        self,
        chain: Chain | Iterable[Credential],
        policy: Policy | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = pause,
    ) -> None:
        """Drive a chain.

        Args:
            chain: a `Chain`, or the credentials to make one of.
            policy: the knobs of a chain that is made here.
            sleep: waits so many seconds; for tests.

        Raises:
            ValueError: `chain` is a `Chain` and there is a policy; or as `Chain` raises it.
        """
        self.chain = chain_of(chain, policy)
        self._sleep = sleep

    async def call(self, fn: Callable[[Credential], Awaitable[T]], *, eligible: Callable[[Credential], bool] | None = None) -> T:
        """Return what `fn` gives for the first credential for which it succeeds.

        Args:
            fn: makes one attempt; an exception that it raises is classified. It runs in a task of its own, since another attempt may be
                started beside it or a limit may run out: then its task is left behind. With a single credential and neither a
                `deadline` nor an `attempt_limit` it runs in the caller's task; so does one that is known to answer within a millisecond.
            eligible: restricts the call to some credentials (routing by capability). If the active one is not among them, the active
                index stays where it is, whichever credential serves.

        Raises:
            Exception: the provider's own, unchanged, where no other credential can help.
            AllCredentialsFailedError: every credential was tried or is parked.
            DeadlineExceeded: the deadline was spent before anybody answered.
        """
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
        """As `call`, with who answered and the ledger of all attempts. What is raised has the ledger as `sparekey_attempts`.

        Args:
            fn: as in `call`.
            eligible: as in `call`.
            usage: reads the tokens of an answer, for the ledger.
            body: what is asked, as bytes: it tells different requests apart where several of them are to prove what a refusal blames.
                Without it each call counts as another request.
            races: whether a second attempt may be started beside a slow one; not where what is asked for must not happen twice.
        """
        call = LogicalCall(self.chain, body)
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
                    race = answer_race(call, fn, usage, self._sleep)
                    step = await race.raced(steps, step)
                    if (won := race.racing.won) is not None:
                        result, entry = won.answer, won.entry
        except BaseException as exc:
            call.broken(exc)
            raise
        finally:
            if step is not None:
                call.leave(steps)
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
        """Return the items of `fn(credential)` as a stream that survives slow, silent and broken ones.

        The first attempt is made with the first item. Limits and recovery are those of the chain's `Policy` where this is called. With
        limits, streams are read in tasks of their own up to their first content.

        Args:
            fn: opens one stream.
            eligible: as in `call`.
            is_content: tells content from preamble (a role, an empty chunk). Items are held back until the first content, and a stream
                that ends without any counts as failed. None: every item is content.
            reading: reads items of another kind than text, so that a stream that breaks can be recovered; in place of `is_content`.
            resume: opens a stream that goes on behind the text that was delivered, or returns None where the provider takes no such
                request; for the recovery `continue`.
            body: as in `run`.

        Raises:
            Exception: as in `call`; of a stream that broke after its first content and could not be recovered, what broke it.
        """
        streaming: Streaming[T, AsyncSource[T]] = Streaming(self.chain, eligible, reading or Reading(is_content), body)
        return AsyncStream(AsyncStreamDriver(streaming, fn, resume, self._sleep))

    def attempts(self, *, eligible: Callable[[Credential], bool] | None = None) -> Attempts:
        """Return the attempts of one call, for a loop of one's own (see `Attempts`); `eligible` as in `call`."""
        return Attempts(self.chain, eligible, asleep=self._sleep)


class AsyncStreamDriver(Generic[T]):
    """One stream, driven.

    Attributes:
        streaming: the books of the stream.
        race: the race to its first content, and to the first content of those that recover it.
        ledger: the attempts so far.
    """

    def __init__(
        self,
        streaming: Streaming[T, AsyncSource[T]],
        fn: Callable[[Credential], AsyncIterable[T]],
        resume: Callable[[Credential, str], AsyncIterable[T] | None] | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """Begin before the first attempt; the arguments are those of `AsyncFailover.stream`."""
        self.streaming, self.race = streaming, stream_race(streaming, fn, resume, sleep)
        self.ledger = Ledger(streaming.call.entries)

    async def items(self) -> AsyncGenerator[T]:
        """Yield what goes out to the caller."""
        streaming, race = self.streaming, self.race
        steps = streaming.steps
        try:
            step: streams.Step | None = next(steps)
            if streaming.won is None:
                step = await race.raced(steps, step)
            while step is not None:
                source, out = streaming.opening()
                try:
                    while True:
                        for item in out.items:
                            yield item
                        if out.message is not None:
                            break
                        # what goes wrong here is the provider's; what goes wrong while the caller holds an item is not
                        try:
                            got = await source.pull(streaming.limit(source), streaming.pace)
                        except StopAsyncIteration:
                            out = streaming.ended(source)
                        except Exception as exc:  # noqa: BLE001 - every failure is classified
                            out = streaming.ended(source, exc)
                        else:
                            out = streaming.take(source, got)
                finally:
                    await source.close()
                step = flow.advance(steps, out.message)
                step = step if step is None else await race.raced(steps, step)
        except BaseException as exc:
            streaming.call.broken(exc)
            raise
        finally:
            streaming.leave()
            await race.leave()
