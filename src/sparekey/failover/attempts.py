"""The attempts of one call as a loop, for code that does not fit into a function of a credential.

for attempt in chain.attempts():
    with attempt:
        answer = ask(attempt.credential)
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from sparekey.core import flow
from sparekey.core.flow import Done, Pause
from sparekey.failover.call import Call, Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
    from types import TracebackType

    from sparekey.core.pool import Ticket
    from sparekey.failover.chain import Chain
    from sparekey.types import Attempt, Credential, Usage


class Attempts:
    """The attempts of one call: `for` them, or `async for` them, each in a `with`.

    What a `with` block raises is classified. If another credential can help, the loop goes on; else the exception comes out of the block:
    the provider's own where nobody can help, `AllCredentialsFailedError` where nobody is left. A block that ends without one ends the loop.
    """

    def __init__(
        self,
        chain: Chain,
        eligible: Callable[[Credential], bool] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        asleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Begin a call now, with the limits that hold here.

        Args:
            chain: whose credentials are tried.
            eligible: restricts the call to some of them.
            sleep: waits so many seconds, for tests.
            asleep: as `sleep`, on an event loop.
        """
        self._call, self._sleep, self._asleep = Call(chain), sleep, asleep or _asleep
        self._steps = flow.call(chain.pool, chain, self._call.began, chain.indices(eligible), self._call.policy)
        self._step = next(self._steps, None)
        self._trial: Trial | None = None

    @property
    def ledger(self) -> Sequence[Attempt]:
        """Every attempt so far."""
        return Ledger(self._call.entries)

    def __iter__(self) -> Iterator[Trial]:
        while (step := self._next()) is not None:
            if isinstance(step, Pause):
                self._sleep(step.seconds)
                self.settle(Done(self._call.chain.clock()))
            else:
                yield self._begin(step)

    async def __aiter__(self) -> AsyncIterator[Trial]:
        while (step := self._next()) is not None:
            if isinstance(step, Pause):
                await self._asleep(step.seconds)
                self.settle(Done(self._call.chain.clock()))
            else:
                yield self._begin(step)

    def settle(self, message: flow.Message) -> None:
        """Report what became of the last step.

        Raises:
            Exception: what ends the call without an answer.
        """
        self._trial = None
        try:
            self._step = flow.advance(self._steps, message)
        except BaseException as exc:
            self._step = None
            self._call.broken(exc)
            raise

    def give_up(self) -> None:
        """End the call without a verdict on the attempt that runs."""
        self._step = self._trial = None
        self._steps.close()

    def _next(self) -> flow.Step | None:
        if self._trial is not None:
            self.give_up()
            raise RuntimeError("use each attempt in a `with`: what became of the last one is not known")
        return self._step

    def _begin(self, ticket: Ticket) -> Trial:
        self._trial = Trial(self, self._call, self._call.start(ticket))
        return self._trial


class Trial:
    """One attempt, to be used in a `with`.

    Attributes:
        credential: with which to make it.
        usage: the tokens of its answer, for the ledger; set it where you know them.
    """

    def __init__(self, attempts: Attempts, call: Call, entry: Entry) -> None:
        """Stand for an attempt that has begun."""
        self.credential, self.usage = entry.credential, None
        self._attempts, self._call, self._entry = attempts, call, entry

    usage: Usage | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> bool:
        if exc is None:
            self._attempts.settle(Done(self._call.succeeded(self._entry, self.usage)))
            return False
        if not isinstance(exc, Exception):
            self._call.abandoned(self._entry)
            self._attempts.give_up()
            return False
        return self._failed(exc)

    def _failed(self, exc: Exception) -> bool:
        """Return whether the loop goes on."""
        try:
            self._attempts.settle(self._call.failed(self._entry, exc))
        except Exception as fault:
            if fault is exc:
                return False
            raise fault from None  # a traceback would print the provider's words unmasked
        return True


async def _asleep(seconds: float) -> None:
    import anyio  # noqa: PLC0415 - `import sparekey` shall not load it

    await anyio.sleep(seconds)
