"""The sync driver of a chain. All decisions are made in `sparekey.core`; here attempts are made, and time passes."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sparekey.core import flow
from sparekey.core.expectations import Kind
from sparekey.core.race import Beside, Done, Lost, Pause, Start
from sparekey.core.splice import Reading
from sparekey.core.streams import Deliver
from sparekey.engine.attempts import Attempts
from sparekey.engine.call import Answer, Ledger, LogicalCall
from sparekey.engine.chain import chain_of
from sparekey.engine.racing import Asking, Racing
from sparekey.engine.stream import Stopped, Stream
from sparekey.engine.streaming import Streaming
from sparekey.engine.sync_pump import Pump, StreamSource, ThreadedAnswer
from sparekey.errors import describe_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from sparekey.core.policy import Policy
    from sparekey.core.streams import Message, Step
    from sparekey.engine.call import RunningAttempt
    from sparekey.engine.chain import Chain
    from sparekey.engine.streaming import Out
    from sparekey.types import Credential, Usage

T = TypeVar("T")
S = TypeVar("S", bound=Any)
logger = logging.getLogger("sparekey")


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
            fn: makes one attempt; an exception it raises is classified. It runs in a thread of its own, since another attempt may be
                started beside it, or a limit may run out: then its thread is left behind. With a single credential and neither a
                `deadline` nor an `attempt_limit`, it runs in the caller's thread; so does one that is known to answer within a millisecond.
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
        race: _Race[T, ThreadedAnswer[T]] | None = None
        steps = call.steps(eligible, races=races)
        step: flow.Step | None = None
        try:
            step = next(steps)
            while step is not None:
                message: flow.Message
                if isinstance(step, Start) and step.limit is None and step.alone and not call.bounded:
                    entry = call.start(step.ticket)
                    try:
                        result = fn(entry.credential)
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
                    step = flow.advance(steps, race.moved(step))
                    if (won := race.racing.won) is not None:
                        result, entry = won.answer, won.entry
        except BaseException as exc:
            call.broken(exc)
            raise
        finally:
            if step is not None:
                call.leave(steps)
            if race is not None:
                race.leave()
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

    def _asking(
        self, call: LogicalCall, fn: Callable[[Credential], T], usage: Callable[[T], Usage | None] | None
    ) -> _Race[T, ThreadedAnswer[T]]:
        run = call.chain.workers.run
        return _Race(
            Asking(call, usage),
            self._sleep,
            lambda entry: ThreadedAnswer(entry, fn, run=run),
            lambda probe: self._asking(probe, fn, usage),
        )


class _Race(Generic[T, S]):
    """One race, driven: `make` makes an attempt, `again` another race, for a probe."""

    def __init__(
        self,
        racing: Racing[S],
        sleep: Callable[[float], None],
        make: Callable[[RunningAttempt], S],
        again: Callable[[LogicalCall], _Race[T, S]],
    ) -> None:
        self.racing, self._sleep, self._make, self._again = racing, sleep, make, again
        self._reports: SimpleQueue[S | None] = SimpleQueue()
        self.stopped = False

    def stop(self) -> None:
        """End the wait, from another thread."""
        self.stopped = True
        self._reports.put(None)

    def moved(self, step: flow.Step) -> flow.Message:
        """Do what a step says; return what has come of it."""
        racing = self.racing
        if isinstance(step, (Pause, Beside)):
            self._sleep(step.seconds) if isinstance(step, Pause) else self._probe(step)
            return Done(racing.call.chain.clock())
        if isinstance(step, Start):
            if step.alone:
                self.give_up(list(racing.running.values()))
            source = racing.running[step.ticket] = self._make(racing.start(step))
            source.start(self._reports.put)
        else:
            racing.keep(step)
        return self._first()

    def leave(self) -> None:
        """The race is over: give up those that are out."""
        self.racing.forgive()
        self.give_up(self.racing.losers())

    def give_up(self, sources: list[S]) -> None:
        """Break attempts off."""
        for source in sources:
            del self.racing.running[source.entry.ticket]
            self.racing.given_up(source)
            source.close()

    def _first(self) -> flow.Message:
        """Wait for what happens first: an attempt brings something or fails, or a limit runs out."""
        racing = self.racing
        while not self.stopped:
            limit, ticket = racing.patience()
            try:
                source = self._reports.get(timeout=None if limit is None else racing.call.real(limit.seconds))
            except Empty:
                assert limit is not None
                message, over = racing.overdue(limit, ticket)
                if over is not None:
                    over.close()
                return message
            if source is not None and racing.running.get(source.entry.ticket) is source:
                return racing.reported(source)
        raise Stopped

    def _probe(self, beside: Beside) -> None:
        """Probe a credential with the same request, in threads that nobody waits for."""
        race = self._again(self.racing.call.apart())
        Context().run(race.racing.call.chain.workers.run, lambda: race.probe(beside))

    def probe(self, beside: Beside) -> None:
        """Make a probe to its end."""
        chain = self.racing.call.chain
        steps = flow.probe(chain.pool, chain, beside, chain.clock())
        try:
            step: flow.Step | None = next(steps)
            while step is not None:
                step = flow.advance(steps, self.moved(step))
        except Exception as exc:  # noqa: BLE001 - there is nobody to tell
            logger.debug("a probe beside a request: %s", describe_exception(exc))
        finally:
            self.racing.over()
            self.leave()


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
        self._race: _Race[T, StreamSource[T]] = _Race(streaming, sleep, self._source, self._probing)

    def stop(self) -> None:
        """Let whoever reads the stream find its end, from another thread: at once, or with the next item where nothing limits it."""
        self._race.stop()
        for source in list(self._streaming.running.values()):
            source.stop()

    def items(self) -> Generator[T]:
        steps = self._streaming.steps
        try:
            step: Step | None = next(steps)
            while step is not None:
                message = (yield from self._relayed()) if isinstance(step, Deliver) else self._race.moved(step)
                step = flow.advance(steps, message)
        except Stopped:
            return
        except BaseException as exc:
            self._streaming.call.broken(exc)
            raise
        finally:
            self._streaming.leave()
            self._race.give_up(list(self._streaming.running.values()))

    # the race

    def _source(self, entry: RunningAttempt) -> StreamSource[T]:
        streaming = self._streaming
        opener, content = streaming.opener(self._fn, self._resume, entry.credential), streaming.reading.content
        run = streaming.call.chain.workers.run
        return Pump(entry, opener, content, run=run) if streaming.limited else StreamSource(entry, opener, content)

    def _probing(self, call: LogicalCall) -> _Race[T, StreamSource[T]]:
        def made(entry: RunningAttempt) -> StreamSource[T]:
            return Pump(entry, lambda: (self._fn(entry.credential), False), self._streaming.reading.content, run=call.chain.workers.run)

        return _Race(Racing(call, Kind.FIRST), self._sleep, made, self._probing)

    # the relay

    def _relayed(self) -> Generator[T, None, Message]:
        self._race.give_up(self._streaming.losers())
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
        if self._race.stopped:
            raise Stopped
        try:
            item = source.pull(streaming.limit(source), streaming.call.real)
        except StopIteration:
            return streaming.ended(source)
        except Exception as exc:  # noqa: BLE001 - every failure is classified
            return streaming.ended(source, exc)
        return streaming.take(source, item)
