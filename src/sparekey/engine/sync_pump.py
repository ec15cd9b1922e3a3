"""What one attempt brings in threads: a whole answer, or a stream.

What a limit may end is read in a thread of its own, so that no read holds the caller longer than the limit. That thread reads an item
only when it is asked for one, so that a stream can be closed at once between two items. A thread that is stuck in a read when its
attempt is given up ends when that read does; `closing.on_abandon` lets the code that opened the stream hasten that.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from sparekey.engine.closing import INTERRUPTS, Interrupts, close
from sparekey.engine.stream import Stopped
from sparekey.errors import IncompleteAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sparekey.engine.call import Limit, RunningAttempt
    from sparekey.types import Credential

T = TypeVar("T")
_CLOSE_SECONDS: Final = 5.0
"""Seconds for which the caller waits for a stream to close."""


class StreamSource(Generic[T]):
    """A stream that is read in the caller's own thread, since nothing limits it.

    Attributes:
        entry: the attempt in the ledger.
        resumed: it goes on behind what another stream has shown.
        held: the items up to its first content.
        fault: what went wrong before that; None if nothing did.
        _left: it was given up: the read to the first content ends with the next item.
        _stopped: another thread has called `stop`.
    """

    def __init__(self, entry: RunningAttempt, open_: Callable[[], tuple[Iterable[T], bool]], content: Callable[[T], bool]) -> None:
        """Begin without a stream.

        Args:
            entry: the attempt in the ledger.
            open_: opens the stream; the second value is whether it goes on behind what another one has shown.
            content: returns whether an item has content.
        """
        self.entry, self.resumed, self.held = entry, False, list[T]()
        self.fault: BaseException | None = None
        self._left = self._stopped = False
        self._open, self._content = open_, content
        self._stream: object = None
        self._items: Iterator[T] | None = None

    def start(self, report: Callable[[StreamSource[T]], None]) -> None:
        """Read up to the first content, set `held` or `fault`, and call `report` with this."""
        try:
            self._stream, self.resumed = self._open()
            self._items = iter(self._stream)
            self._read_on()
        except BaseException as exc:  # noqa: BLE001 - it is raised where the call is
            self.fault = exc
        report(self)

    def pull(self, limit: Limit | None, pace: float) -> T:
        """Return the next item, waited for until a limit runs out; `pace` are real seconds in one of the chain's clock.

        Raises:
            StopIteration: there is none.
            LimitExceeded: it did not come in time.
            Stopped: another thread has called `stop`.
        """
        del limit, pace
        assert self._items is not None
        if self._stopped:
            raise Stopped
        return next(self._items)

    def stop(self) -> None:
        """End the wait of a thread in `pull`, or the next one: where nothing limits the stream, with the next item."""
        self._stopped = True

    def close(self) -> None:
        """Close the stream."""
        close(self._items, self._stream)

    def _read_on(self) -> None:
        assert self._items is not None
        for item in self._items:
            self.held.append(item)
            if self._left or self._content(item):
                return
        raise IncompleteAnswerError("the stream ended before any content")


class ThreadedAnswer(Generic[T]):
    """A whole answer, asked for in a thread of its own.

    Attributes:
        entry: the attempt in the ledger.
        answer: the answer, once there is one.
        fault: what went wrong; None if nothing did.
        _interrupts: what wakes the thread from a read.
    """

    answer: T

    def __init__(self, entry: RunningAttempt, ask: Callable[[Credential], T], *, run: Callable[[Callable[[], object]], None]) -> None:
        """`ask(credential)` asks for it; `run` lets a thread do some work."""
        self.entry, self._ask, self._let_run = entry, ask, run
        self.fault: BaseException | None = None
        self._interrupts = Interrupts()

    def start(self, report: Callable[[ThreadedAnswer[T]], None]) -> None:
        """Let the thread ask, set `answer` or `fault`, and call `report` with this; do not wait for it."""
        self._report = report
        self._let_run(self._run)

    def close(self) -> None:
        """Give it up: the thread ends as soon as its read does, and `on_abandon` may have said how to hasten that."""
        self._interrupts.give_up()

    def _run(self) -> None:
        INTERRUPTS.set(self._interrupts)
        try:
            self.answer = self._ask(self.entry.credential)
        except BaseException as exc:  # noqa: BLE001 - it is raised where the call is
            self.fault = exc
        self._report(self)


class Pump(StreamSource[T]):
    """A stream that is read in a thread of its own.

    Attributes:
        _over: set when the stream is closed.
        _busy: the thread is in a read.
        _interrupts: what wakes the thread from a read.
        _asked: True asks the thread for an item, False for the end.
        _given: an item, or the exception in its place.
    """

    def __init__(
        self,
        entry: RunningAttempt,
        open_: Callable[[], tuple[Iterable[T], bool]],
        content: Callable[[T], bool],
        *,
        run: Callable[[Callable[[], object]], None],
    ) -> None:
        """As `StreamSource`; `run` lets a thread do some work."""
        super().__init__(entry, open_, content)
        self._let_run, self._over, self._busy = run, threading.Event(), True
        self._interrupts = Interrupts()
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._given: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def start(self, report: Callable[[StreamSource[T]], None]) -> None:
        """As `StreamSource.start`, without waiting for it."""
        self._report = report
        self._let_run(self._run)

    def pull(self, limit: Limit | None, pace: float) -> T:
        """As `StreamSource.pull`."""
        self._busy = True
        self._asked.put(True)
        try:
            item, fault = self._given.get(timeout=None if limit is None else max(0.0, limit.seconds * pace))
        except Empty:
            assert limit is not None
            raise limit.exceeded() from None
        self._busy = isinstance(fault, Stopped)
        if fault is not None:
            raise fault
        return item  # type: ignore[return-value]  # there is one where there is no fault

    def stop(self) -> None:
        """End the wait of a thread in `pull`, or the next one."""
        self._given.put((None, Stopped()))

    def close(self) -> None:
        """Close the stream: at once between two reads, else as soon as the read is over."""
        self._left = True
        self._asked.put(False)
        if self._busy:
            self._interrupts.give_up()
        else:
            self._over.wait(_CLOSE_SECONDS)

    def _run(self) -> None:
        INTERRUPTS.set(self._interrupts)
        super().start(self._opened)
        try:
            while self.fault is None and self._asked.get():
                self._given.put(self._next())
        finally:
            super().close()
            self._over.set()

    def _opened(self, _: StreamSource[T]) -> None:
        self._busy = False
        self._report(self)

    def _next(self) -> tuple[T | None, BaseException | None]:
        assert self._items is not None
        try:
            return next(self._items), None
        except BaseException as exc:  # noqa: BLE001 - it is raised where the call is
            self.fault = exc
            return None, exc
