"""The attempts of one call as a loop, for code that does not fit into a function of a credential.

for attempt in chain.attempts():
    with attempt:
        answer = ask(attempt.credential)
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from sparekey.core import flow
from sparekey.core.flow import Done, Lost, Pause, Start
from sparekey.engine.call import Ledger, LogicalCall, RunningAttempt
from sparekey.engine.task_race import pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from types import TracebackType

    from sparekey.engine.chain import Chain
    from sparekey.types import Attempt, Credential, Usage


class Attempts:
    """The attempts of one call. Loop over them with `for` or `async for`, and use each one in a `with`.

    What a `with` block raises is classified. If another credential can help, the loop goes on; else the exception comes out of the
    block: the provider's own where no other credential can help, `AllCredentialsFailedError` where none is left (it comes out of the loop
    itself, if no attempt can be made at all). A block that raises nothing ends the loop. Leaving the loop ends the call.
    """

    def __init__(
        self,
        chain: Chain,
        eligible: Callable[[Credential], bool] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        asleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Begin a call now, with the policy that `sparekey.limits` sets here.

        Args:
            chain: whose credentials are tried.
            eligible: restricts the call to some of them.
            sleep: waits so many seconds, for tests.
            asleep: as `sleep`, on an event loop.
        """
        self._call, self._sleep, self._asleep = LogicalCall(chain), sleep, asleep or pause
        self._steps = self._call.steps(eligible, races=False)
        self._step: flow.Step | None = None
        self._begun = False
        self._open: OpenAttempt | None = None

    @property
    def ledger(self) -> Sequence[Attempt]:
        """Every attempt so far."""
        return Ledger(self._call.entries)

    def __iter__(self) -> Iterator[OpenAttempt]:
        return _Loop(self)

    def __aiter__(self) -> AsyncIterator[OpenAttempt]:
        return _Loop(self)

    def next(self) -> flow.Step | None:
        """Return what to do next: make an attempt, or sleep; None: the call is over.

        Raises:
            Exception: what ends the call without an answer.
        """
        if self._open is not None:
            raise RuntimeError("use each attempt in a `with`: what became of the last one is not known")
        if not self._begun:
            self._begun = True
            self._move(lambda: next(self._steps, None))
        return self._step

    def begin(self, step: flow.Step) -> OpenAttempt:
        """Begin the attempt of a step, and return it."""
        assert isinstance(step, Start)  # attempts are made one after the other here
        self._open = OpenAttempt(self, self._call, self._call.start(step.ticket))
        return self._open

    def sleep(self, pause: Pause) -> None:
        """Sleep for a pause, and report that it is over."""
        self._sleep(pause.seconds)
        self.settle(Done(self._call.chain.clock()))

    async def asleep(self, pause: Pause) -> None:
        """As `sleep`, on an event loop."""
        await self._asleep(pause.seconds)
        self.settle(Done(self._call.chain.clock()))

    def settle(self, message: flow.Message) -> None:
        """Send what became of the last step to the core's flow.

        Raises:
            Exception: what ends the call without an answer.
        """
        self._open = None
        self._move(lambda: flow.advance(self._steps, message))

    def give_up(self) -> None:
        """End the call, if it is not over; the attempt that runs is abandoned."""
        if self._open is not None:
            self._call.abandoned(self._open.entry)
        self._step = self._open = None
        self._call.leave(self._steps)

    def _move(self, move: Callable[[], flow.Step | None]) -> None:
        try:
            self._step = move()
        except BaseException as exc:
            self._step = None
            self._call.broken(exc)
            raise


class _Loop:
    """One loop over the attempts of a call: when it breaks off or is garbage-collected, the call is over.

    It is no generator, since event loops close their generators late, and with a warning.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OpenAttempt:
        attempts = self._attempts
        try:
            while isinstance(step := attempts.next(), Pause):
                attempts.sleep(step)
        except BaseException:
            attempts.give_up()
            raise
        if step is None:
            raise StopIteration
        return attempts.begin(step)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OpenAttempt:
        attempts = self._attempts
        try:
            while isinstance(step := attempts.next(), Pause):
                await attempts.asleep(step)
        except BaseException:
            attempts.give_up()
            raise
        if step is None:
            raise StopAsyncIteration
        return attempts.begin(step)

    def __del__(self) -> None:
        self._attempts.give_up()


class OpenAttempt:
    """One attempt, to be used in a `with`.

    Attributes:
        credential: with which to make it.
        usage: the tokens of its answer, for the ledger; set it if you know them.
        entry: the attempt in the ledger.
    """

    def __init__(self, attempts: Attempts, call: LogicalCall, entry: RunningAttempt) -> None:
        """Take an attempt that has begun."""
        self.credential, self.usage = entry.credential, None
        self.entry = entry
        self._attempts, self._call = attempts, call

    usage: Usage | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> bool:
        if exc is None:
            self._attempts.settle(self._call.answered(self.entry, self.usage))
            return False
        if not isinstance(exc, Exception):
            self._attempts.give_up()
            return False
        return self._failed(exc)

    def _failed(self, exc: Exception) -> bool:
        """Return whether the loop goes on."""
        try:
            self._attempts.settle(Lost(self.entry.ticket, self._call.failed(self.entry, exc)))
        except Exception as fault:
            if fault is exc:
                return False
            raise fault from None  # a traceback would print the provider's words unmasked
        return True
