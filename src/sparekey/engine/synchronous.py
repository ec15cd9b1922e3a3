"""The sync driver of a chain. All decisions are made in `sparekey.core`; here attempts are made, and time passes."""

from __future__ import annotations

import time
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from sparekey.core import flow
from sparekey.core.flow import Done, Pause
from sparekey.core.splice import Reading
from sparekey.core.streams import Deliver, Start
from sparekey.engine.attempts import Attempts
from sparekey.engine.call import Answer, Ledger, LogicalCall
from sparekey.engine.chain import chain_of
from sparekey.engine.closing import INTERRUPTS, interrupt
from sparekey.engine.stream import Stopped, Stream
from sparekey.engine.streaming import Streaming
from sparekey.engine.sync_pump import Pump, StreamSource

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from sparekey.core.policy import Policy
    from sparekey.core.streams import KeepWaiting, Message, Step
    from sparekey.engine.call import Limit
    from sparekey.engine.chain import Chain
    from sparekey.engine.streaming import Out
    from sparekey.types import Credential, Usage

T = TypeVar("T")


class Failover:
    """Calls anything with a credential that works: the sync driver of a chain."""

    def __init__(
        self, chain: Chain | Iterable[Credential], policy: Policy | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Drive a `Chain`, or make one of credentials and a policy; `sleep` waits so many seconds, for tests."""
        self.chain = chain_of(chain, policy)
        self._sleep = sleep

    def call(self, fn: Callable[[Credential], T], *, eligible: Callable[[Credential], bool] | None = None) -> T:
        """Return `fn(credential)` of the first credential for which it succeeds.

        Args:
            fn: makes one attempt; an exception it raises is classified. Where the chain has a `deadline` or an `attempt_limit`, it runs in
                a thread of its own, which is left behind when the limit runs out.
            eligible: restricts the call to some credentials (routing by capability). If the active one is not among them, the active
                index stays where it is, whoever serves.

        Raises:
            Exception: the provider's own, unchanged, where no other credential can help.
            AllCredentialsFailedError: every credential was tried or is parked.
            DeadlineExceeded: the deadline was spent before anybody answered.
        """
        return self.run(fn, eligible=eligible).value

    def run(
        self,
        fn: Callable[[Credential], T],
        *,
        eligible: Callable[[Credential], bool] | None = None,
        usage: Callable[[T], Usage | None] | None = None,
        body: bytes = b"",
    ) -> Answer[T]:
        """As `call`, with who answered and the ledger of all attempts. What is raised has the ledger as `sparekey_attempts`.

        Args:
            fn: as in `call`.
            eligible: as in `call`.
            usage: reads the tokens of an answer, for the ledger.
            body: what is asked, as bytes: it tells different requests apart where several of them are to prove what a refusal blames.
                Without it each call counts as another request.
        """
        call = LogicalCall(self.chain, body)
        chain = call.chain
        steps = flow.call(chain.pool, chain, call.began, chain.indices(eligible), call.policy, call.identity)
        try:
            step: flow.Step | None = next(steps)
            while step is not None:
                message: flow.Message
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    message = Done(chain.clock())
                else:
                    entry = call.start(step)
                    try:
                        limit = call.limit(entry)
                        result = fn(entry.credential) if limit is None else _bounded(fn, entry.credential, limit, call)
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
        fn: Callable[[Credential], Iterable[T]],
        *,
        eligible: Callable[[Credential], bool] | None = None,
        is_content: Callable[[T], bool] | None = None,
        reading: Reading[T] | None = None,
        resume: Callable[[Credential, str], Iterable[T] | None] | None = None,
        body: bytes = b"",
    ) -> Stream[T]:
        """Return the items of `fn(credential)` as a stream that survives slow, silent and broken ones.

        The first attempt is made with the first item. Limits and recovery are those of the chain's `Policy` where this is called. With
        limits, streams are read in threads of their own.

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
        streaming: Streaming[T, StreamSource[T]] = Streaming(self.chain, eligible, reading or Reading(is_content), body)
        streamed = _Streamed(streaming, self._sleep, fn, resume)
        return Stream(streamed.items(), Ledger(streaming.call.entries), streamed.stop)

    def attempts(self, *, eligible: Callable[[Credential], bool] | None = None) -> Attempts:
        """Return the attempts of one call, for a loop of one's own (see `Attempts`)."""
        return Attempts(self.chain, eligible, sleep=self._sleep)


class _Streamed(Generic[T]):
    """One stream, driven."""

    def __init__(
        self,
        streaming: Streaming[T, StreamSource[T]],
        sleep: Callable[[float], None],
        fn: Callable[[Credential], Iterable[T]],
        resume: Callable[[Credential, str], Iterable[T] | None] | None,
    ) -> None:
        self._streaming, self._sleep, self._fn, self._resume = streaming, sleep, fn, resume
        self._reports: SimpleQueue[StreamSource[T] | None] = SimpleQueue()
        self._stopped = False

    def stop(self) -> None:
        """Let whoever reads the stream find its end, from another thread: at once, or with the next item where nothing limits it."""
        self._stopped = True
        self._reports.put(None)
        for source in list(self._streaming.running.values()):
            source.stop()

    def items(self) -> Generator[T]:
        steps = self._streaming.steps
        try:
            step: Step | None = next(steps)
            while step is not None:
                message = (yield from self._relayed()) if isinstance(step, Deliver) else self._raced(step)
                step = flow.advance(steps, message)
        except Stopped:
            return
        except BaseException as exc:
            self._streaming.call.broken(exc)
            raise
        finally:
            self._streaming.leave()
            self._give_up(list(self._streaming.running.values()))

    # the race

    def _raced(self, step: Start | KeepWaiting | Pause) -> Message:
        streaming = self._streaming
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return Done(streaming.call.chain.clock())
        if isinstance(step, Start):
            if step.alone:
                self._give_up(list(streaming.running.values()))
            self._start(step)
        else:
            streaming.keep(step)
        return self._first()

    def _start(self, step: Start) -> None:
        streaming = self._streaming
        entry = streaming.start(step)
        opener = streaming.opener(self._fn, self._resume, entry.credential)
        content = streaming.reading.content
        source: StreamSource[T] = (
            Pump(entry, opener, content, run=streaming.call.chain.workers.run)
            if streaming.limited
            else StreamSource(entry, opener, content)
        )
        streaming.running[step.ticket] = source
        source.start(self._reports.put)

    def _first(self) -> Message:
        """Wait for what happens first: a stream begins or fails, or a limit runs out."""
        streaming = self._streaming
        while not self._stopped:
            limit, ticket = streaming.patience()
            try:
                source = self._reports.get(timeout=None if limit is None else streaming.call.real(limit.seconds))
            except Empty:
                assert limit is not None
                message, over = streaming.overdue(limit, ticket)
                if over is not None:
                    over.close()
                return message
            if source is not None and streaming.running.get(source.entry.ticket) is source:
                return streaming.reported(source)
        raise Stopped

    def _give_up(self, sources: list[StreamSource[T]]) -> None:
        for source in sources:
            del self._streaming.running[source.entry.ticket]
            self._streaming.given_up(source)
            source.close()

    # the relay

    def _relayed(self) -> Generator[T, None, Message]:
        self._give_up(self._streaming.losers())
        source, out = self._streaming.opening()
        with closing(source):
            while True:
                yield from out.items
                if out.message is not None:
                    return out.message
                out = self._pulled(source)

    def _pulled(self, source: StreamSource[T]) -> Out[T]:
        """What comes next; what goes wrong here is the provider's, what goes wrong while the caller holds an item is not."""
        streaming = self._streaming
        if self._stopped:
            raise Stopped
        try:
            item = source.pull(streaming.limit(source), streaming.call.real)
        except StopIteration:
            return streaming.ended(source)
        except Exception as exc:  # noqa: BLE001 - every failure is classified
            return streaming.ended(source, exc)
        return streaming.take(source, item)


def _bounded(fn: Callable[[Credential], T], credential: Credential, limit: Limit, call: LogicalCall) -> T:
    """Make an attempt in a thread of its own, and leave it there when its time is up."""
    done: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
    interrupts: list[Callable[[], object]] = []

    def work() -> None:
        INTERRUPTS.set(interrupts)
        try:
            done.put((fn(credential), None))
        except BaseException as exc:  # noqa: BLE001 - it is raised where the call is
            done.put((None, exc))

    call.chain.workers.run(work)
    try:
        result, fault = done.get(timeout=call.real(limit.seconds))
    except BaseException as exc:
        interrupt(interrupts)
        if isinstance(exc, Empty):
            raise limit.exceeded() from None
        raise
    if fault is not None:
        raise fault
    return result  # type: ignore[return-value]  # there is one where there is no fault
