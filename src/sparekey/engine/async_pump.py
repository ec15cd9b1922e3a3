"""What one attempt brings on an event loop: a whole answer, or a stream.

A stream is read up to its first content in a task of its own, and from there on by the task that passes its items on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import anyio

from sparekey.engine.closing import aclose
from sparekey.engine.wait_timer import OverdueError, WaitTimer
from sparekey.errors import IncompleteAnswerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable

    from sparekey.engine.call import Limit, RunningAttempt
    from sparekey.types import Credential

T = TypeVar("T")
_CLOSE_SECONDS: Final = 2.0
"""Seconds that a stream may take to close when it was broken off."""


class AsyncAnswer(Generic[T]):
    """A whole answer, asked for in a task of its own.

    Attributes:
        entry: the attempt in the ledger.
        answer: the answer, once there is one.
        fault: what went wrong; None if nothing did.
    """

    answer: T

    def __init__(self, entry: RunningAttempt, ask: Callable[[Credential], Awaitable[T]]) -> None:
        """`ask(credential)` asks for it."""
        self.entry, self._ask = entry, ask
        self.fault: BaseException | None = None
        self._scope: anyio.CancelScope | None = None

    async def run(self, report: Callable[[Self], None]) -> None:
        """Ask, set `answer` or `fault`, and call `report` with this; `cancel` ends it early."""
        with anyio.CancelScope() as self._scope:
            try:
                self.answer = await self._ask(self.entry.credential)
            except Exception as exc:  # noqa: BLE001 - it is raised where the call is
                self.fault = exc
            report(self)

    def cancel(self) -> None:
        """Break `run` off."""
        if self._scope is not None:
            self._scope.cancel()

    async def close(self) -> None:
        """Do nothing: with its task it has ended."""


class AsyncSource(Generic[T]):
    """A stream.

    Attributes:
        entry: the attempt in the ledger.
        resumed: it goes on behind what another stream has shown.
        held: the items up to its first content.
        fault: what went wrong before that; None if nothing did.
    """

    def __init__(self, entry: RunningAttempt, open_: Callable[[], tuple[AsyncIterable[T], bool]], content: Callable[[T], bool]) -> None:
        """Begin without a stream.

        Args:
            entry: the attempt in the ledger.
            open_: opens the stream; the second value is whether it goes on behind what another one has shown.
            content: returns whether an item has content.
        """
        self.entry, self.resumed, self.held = entry, False, list[T]()
        self.fault: BaseException | None = None
        self._open, self._content = open_, content
        self._stream: object = None
        self._items: AsyncIterator[T] | None = None
        self._scope: anyio.CancelScope | None = None
        self._watch = WaitTimer()
        self._closed = False

    async def start(self) -> None:
        """Read up to the first content; set `held`, and `fault` if something goes wrong."""
        try:
            self.open()
            await self._read_on()
        except Exception as exc:  # noqa: BLE001 - it is raised where the call is
            self.fault = exc
            await self.close()
        except BaseException:
            await self.close()
            raise

    def open(self) -> Self:
        """Open the stream; return this."""
        self._stream, self.resumed = self._open()
        self._items = aiter(self._stream)
        return self

    async def run(self, report: Callable[[AsyncSource[T]], None]) -> None:
        """As `start`, then call `report` with this; `cancel` ends it early."""
        with anyio.CancelScope() as self._scope:
            await self.start()
            report(self)

    def cancel(self) -> None:
        """Break off what `run` does."""
        if self._scope is not None:
            self._scope.cancel()

    async def pull(self, limit: Limit | None, pace: float) -> T:
        """Return the next item, waited for until a limit runs out; `pace` are real seconds in one of the chain's clock.

        Raises:
            StopAsyncIteration: there is none.
            LimitExceeded: it did not come in time.
        """
        assert self._items is not None
        if limit is None:
            return await anext(self._items)
        try:
            return await self._watch.wait(anext(self._items), max(0.0, limit.seconds * pace))
        except OverdueError:
            raise limit.exceeded() from None

    async def close(self) -> None:
        """Close the stream, once; a caller that is cancelled waits for this, too."""
        self._watch.close()
        if not self._closed:
            self._closed = True
            with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
                await aclose(self._items, self._stream)

    async def _read_on(self) -> None:
        assert self._items is not None
        async for item in self._items:
            self.held.append(item)
            if self._content(item):
                return
        raise IncompleteAnswerError("the stream ended before any content")
