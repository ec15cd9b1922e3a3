"""One stream as its driver sees it: what both drivers decide in the same way, between their threads or tasks and the core's flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from sparekey.core import streams
from sparekey.core.expectations import Kind
from sparekey.core.flow import Done
from sparekey.core.policy import Recovery
from sparekey.core.splice import DiffersError, Reading
from sparekey.core.streams import Differs
from sparekey.engine.call import Limit, LogicalCall
from sparekey.engine.outlet import TAIL_SECONDS, Outlet
from sparekey.engine.racing import Racing, Sourced

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.streams import Message, Steps
    from sparekey.engine.call import RunningAttempt
    from sparekey.engine.chain import Chain
    from sparekey.types import Credential

T = TypeVar("T")


class Begins(Sourced, Protocol[T]):
    """The stream of one attempt: what was read up to its first content."""

    resumed: bool
    held: list[T]


S = TypeVar("S", bound=Begins[Any])


class Out(NamedTuple, Generic[T]):
    """What goes out to the caller, and what to report to the core if the stream is over with it."""

    items: list[T]
    message: Message | None = None


class Streaming(Racing[S], Generic[T, S]):
    """The books of one stream."""

    def __init__(self, chain: Chain, eligible: Callable[[Credential], bool] | None, reading: Reading[T], body: bytes = b"") -> None:
        """Begin a stream now, with the limits that hold here."""
        super().__init__(LogicalCall(chain, body), Kind.FIRST)
        self.reading = reading
        chain, policy = self.call.chain, self.call.policy
        self.outlet = Outlet(reading, policy.stream_recovery)
        self.limited = not policy.first_content_limit is policy.idle_limit is policy.attempt_limit is policy.deadline is None
        self._idle_at = 0.0
        self._relayed = 0
        if self.call.made is None:
            self.call.earn_hedge()
        self.steps: Steps = streams.stream(
            chain.pool,
            chain,
            self.call.began,
            chain.indices(eligible),
            policy,
            self.call.identity,
            hedge=self.call.take_hedge,
            recoverable=lambda: self.outlet.recoverable,
            made=self.call.first,
        )

    def given_up(self, source: S) -> None:
        """As `Racing.given_up`; the caller may have gone because he has the whole answer."""
        if source is self.won and self.outlet.complete:
            self.call.succeeded(source.entry)
        else:
            super().given_up(source)

    def leave(self) -> None:
        """End the call where it stands."""
        self.call.leave(self.steps)
        self.forgive()

    # ── the relay ──

    def opening(self) -> tuple[S, Out[T]]:
        """Return the stream that has won, and what goes out of its beginning."""
        won = self.won
        assert won is not None
        if self._relayed:
            self.outlet.restart(resumed=won.resumed)
        self._relayed += 1
        self._idle_at = self.call.chain.clock()
        items: list[T] = []
        for item in won.held:
            out = self.take(won, item)
            items += out.items
            if out.message is not None:
                return won, Out(items, out.message)
        won.held.clear()
        return won, Out(items)

    def limit(self, source: S) -> Limit | None:
        """Return how long to wait for the next item."""
        idle = self.call.policy.idle_limit
        if idle is None and not self.outlet.complete:
            return self.call.limit(source.entry)
        left = None if idle is None else self._idle_at + idle - self.call.chain.clock()
        if self.outlet.complete:
            return Limit(min(TAIL_SECONDS, TAIL_SECONDS if left is None else left), "stalled", TAIL_SECONDS)
        found = self.call.limit(source.entry, left)
        return found._replace(whole=idle) if found is not None and found.reason == "stalled" and idle is not None else found

    def take(self, source: S, item: T) -> Out[T]:
        """Return what goes out for an item."""
        entry = source.entry
        if self.reading.alive(item):
            self._idle_at = self.call.chain.clock()
        entry.usage = self.reading.usage(item) or entry.usage
        try:
            return Out(self.outlet.take(item))
        except DiffersError:
            return self._differs(entry)

    def ended(self, source: S, exc: Exception | None = None) -> Out[T]:
        """Return what goes out at the end of a stream: it has ended by itself, or broken off with `exc`."""
        entry = source.entry
        if exc is not None and not self.outlet.complete:
            return self._over([], self.call.failed(entry, exc))
        # Behind a complete answer nothing is a fault that matters: its host merely keeps the line, or lets go of it badly.
        try:
            rest = self.outlet.end()
        except DiffersError:
            return self._differs(entry)
        return self._over(rest, Done(self.call.succeeded(entry)))

    def _differs(self, entry: RunningAttempt) -> Out[T]:
        self.call.abandoned(entry)
        return self._over([], Differs(self.call.chain.clock()))

    def _over(self, items: list[T], message: Message) -> Out[T]:
        self.running.clear()
        self.won = None
        return Out(items, message)

    # ── recovery ──

    def opener(
        self, fn: Callable[[Credential], Any], resume: Callable[[Credential, str], Any] | None, credential: Credential
    ) -> Callable[[], tuple[Any, bool]]:
        """Return what opens a stream with a credential, and tells whether that goes on behind what was shown."""
        go_on = resume is not None and self._relayed and self.call.policy.stream_recovery == Recovery.CONTINUE
        text = self.outlet.spoken if go_on else ""

        def opened() -> tuple[Any, bool]:
            if text and resume is not None and (stream := resume(credential, text)) is not None:
                return stream, True
            return fn(credential), False

        return opened
