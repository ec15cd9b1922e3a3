"""A race driven from a thread: each attempt that something limits runs in a thread of its own (`sparekey.engine.attempt_threads`).

The core (`sparekey.core.race`) says what to do, `Racing` keeps the books; here time passes. `raced` is called where a step has to be done
that may take time, and returns as soon as an attempt has won or the call is over. The attempts report into a queue, and the race waits
for the first report or for the limit that runs out next. A loser is broken off without waiting for its thread.
"""

from __future__ import annotations

import logging
import time
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from sparekey.core import flow
from sparekey.core.expectations import Kind
from sparekey.core.race import Begun, Beside, Done, Pause, Start
from sparekey.engine.racing import Asking, Racing
from sparekey.engine.stream import Stopped
from sparekey.engine.sync_pump import Pump, StreamSource, ThreadedAnswer
from sparekey.errors import describe_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from sparekey.engine.call import LogicalCall, RunningAttempt
    from sparekey.engine.streaming import Streaming
    from sparekey.types import Credential, Usage

T = TypeVar("T")
S = TypeVar("S", bound=Any)
logger = logging.getLogger("sparekey")
pause: Final = time.sleep
"""Waits so many seconds."""


class ThreadRace(Generic[S]):
    """One race, driven.

    Attributes:
        racing: the books of the race.
        _sleep: waits so many seconds.
        _make: makes an attempt, not running yet.
        _again: makes a race of its own for a probe beside this one.
        _reports: the attempts that have brought something or failed, in that order; None wakes a race that was stopped.
        _stopped: another thread has ended the race.
    """

    def __init__(
        self,
        racing: Racing[S],
        sleep: Callable[[float], None],
        make: Callable[[RunningAttempt], S],
        again: Callable[[LogicalCall], ThreadRace[S]],
    ) -> None:
        """Begin without an attempt; the arguments are the attributes of these names."""
        self.racing, self._sleep, self._make, self._again = racing, sleep, make, again
        self._reports: SimpleQueue[S | None] = SimpleQueue()
        self._stopped = False

    def raced(self, steps: Generator[Any, Any, None], step: Any) -> Any:
        """Do what the steps say until an attempt has won or the call is over; return the next step, None if there is none.

        Raises:
            Exception: what ends the call without an answer.
            Stopped: another thread has called `stop`.
        """
        racing, message = self.racing, None
        try:
            while step is not None and not isinstance(message, Begun):
                message = self._moved(step)
                step = flow.advance(steps, message)
        except BaseException:
            racing.forgive()
            raise
        finally:
            if racing.won is None or len(racing.running) > 1:
                self._give_up(racing.losers())
        return step

    def stop(self) -> None:
        """End the race and whatever it waits for, from another thread: at once, or with the next item where nothing limits it."""
        self._stopped = True
        self._reports.put(None)
        for source in list(self.racing.running.values()):
            source.stop()

    def leave(self) -> None:
        """Give up all attempts that are out, the winner as well: the call is over."""
        self.racing.forgive()
        self._give_up(list(self.racing.running.values()))

    def probe(self, beside: Beside) -> None:
        """Make a probe to its end."""
        chain = self.racing.call.chain
        steps = flow.probe(chain.pool, chain, beside, chain.clock())
        try:
            self.raced(steps, next(steps))
        except Exception as exc:  # noqa: BLE001 - no caller waits for it
            logger.debug("a probe beside a request: %s", describe_exception(exc))
        finally:
            self.racing.over()
            self.leave()

    def _moved(self, step: flow.Step) -> flow.Message:
        """Do what a step says; return what has come of it."""
        racing = self.racing
        if isinstance(step, Start):
            if step.alone and racing.running:
                self._give_up(racing.losers())
            source = racing.running[step.ticket] = self._make(racing.start(step))
            source.start(self._reports.put)
        elif isinstance(step, (Pause, Beside)):
            self._sleep(step.seconds) if isinstance(step, Pause) else self._probe(step)
            return Done(racing.call.chain.clock())
        else:
            racing.keep(step)
        return self._first()

    def _first(self) -> flow.Message:
        """Wait for what happens first: an attempt brings something or fails, or a limit runs out."""
        racing = self.racing
        while not self._stopped:
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
        """Probe a credential with the same request, in threads of its own, for which the request does not wait."""
        race = self._again(self.racing.call.apart())
        Context().run(race.racing.call.chain.workers.run, lambda: race.probe(beside))

    def _give_up(self, sources: list[S]) -> None:
        """Break attempts off."""
        for source in sources:
            del self.racing.running[source.entry.ticket]
            self.racing.given_up(source)
            source.close()


def answer_race(
    call: LogicalCall, fn: Callable[[Credential], T], usage: Callable[[T], Usage | None] | None, sleep: Callable[[float], None]
) -> ThreadRace[ThreadedAnswer[T]]:
    """Return a race to a whole answer of `fn(credential)`; `usage` reads its tokens, `sleep` waits so many seconds."""
    run = call.chain.workers.run
    return ThreadRace(
        Asking(call, usage), sleep, lambda entry: ThreadedAnswer(entry, fn, run=run), lambda probe: answer_race(probe, fn, usage, sleep)
    )


def stream_race(
    streaming: Streaming[T, StreamSource[T]],
    fn: Callable[[Credential], Iterable[T]],
    resume: Callable[[Credential, str], Iterable[T] | None] | None,
    sleep: Callable[[float], None],
) -> ThreadRace[StreamSource[T]]:
    """Return a race to the first content of `fn(credential)`, or of what `resume` opens where an answer has to go on."""
    content, run = streaming.reading.content, streaming.call.chain.workers.run

    def made(entry: RunningAttempt) -> StreamSource[T]:
        opener = streaming.opener(fn, resume, entry.credential)
        return Pump(entry, opener, content, run=run) if streaming.limited else StreamSource(entry, opener, content)

    def probing(call: LogicalCall) -> ThreadRace[StreamSource[T]]:
        return ThreadRace(
            Racing(call, Kind.FIRST), sleep, lambda entry: Pump(entry, lambda: (fn(entry.credential), False), content, run=run), probing
        )

    return ThreadRace(streaming, sleep, made, probing)
