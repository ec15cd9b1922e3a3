"""One stream as its driver sees it: what both drivers decide in the same way, between their threads or tasks and the core's flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from sparekey.core import local, streams
from sparekey.core.flow import Done
from sparekey.core.policy import Recovery
from sparekey.core.splice import DiffersError, Reading
from sparekey.core.streams import Begun, Differs, Lost, Slow
from sparekey.engine.call import Limit, LogicalCall
from sparekey.engine.outlet import TAIL_SECONDS, Outlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.flow import Failed
    from sparekey.core.pool import Ticket
    from sparekey.core.streams import KeepWaiting, Message, Start, Steps
    from sparekey.engine.call import RunningAttempt
    from sparekey.engine.chain import Chain
    from sparekey.types import Credential

T = TypeVar("T")


class Sourced(Protocol[T]):
    """The stream of one attempt: what was read up to its first content, or what went wrong before."""

    entry: RunningAttempt
    resumed: bool
    held: list[T]
    fault: BaseException | None


S = TypeVar("S", bound=Sourced[Any])


class Out(NamedTuple, Generic[T]):
    """What goes out to the caller, and what to report to the core if the stream is over with it."""

    items: list[T]
    message: Message | None = None


class Streaming(Generic[T, S]):
    """The books of one stream. `running` are the streams that are out, by ticket."""

    def __init__(self, chain: Chain, eligible: Callable[[Credential], bool] | None, reading: Reading[T], body: bytes = b"") -> None:
        """Begin a stream now, with the limits that hold here."""
        self.call, self.reading = LogicalCall(chain, body), reading
        chain, policy = self.call.chain, self.call.policy
        self.outlet = Outlet(reading, policy.stream_recovery)
        self.limited = not policy.first_content_limit is policy.idle_limit is policy.attempt_limit is policy.deadline is None
        self.running: dict[Ticket, S] = {}
        self.slow: dict[Ticket, Failed] = {}
        self._slow_at: float | None = None
        self._won: S | None = None
        self._idle_at = 0.0
        self._relayed = 0
        chain.transact_local(local.earn_hedge)
        self.steps: Steps = streams.stream(
            chain.pool,
            chain,
            self.call.began,
            chain.indices(eligible),
            policy,
            self.call.identity,
            hedge=lambda: chain.transact_local(local.take_hedge),
            recoverable=self._recoverable,
        )

    # ── the race to the first content ──

    def start(self, step: Start) -> RunningAttempt:
        """Begin an attempt: from now on its limit runs."""
        self._slow_at = None if step.limit is None else self.call.chain.clock() + step.limit
        return self.call.start(step.ticket)

    def keep(self, step: KeepWaiting) -> None:
        """Go on waiting; without a limit on the first content if nobody else is left."""
        if step.patient:
            self._slow_at = None

    def patience(self) -> tuple[Limit | None, Ticket | None]:
        """Return the limit that runs out next, and whose it is: nobody's in particular if it is that of the first content."""
        found: list[tuple[Limit, Ticket | None]] = []
        if self._slow_at is not None:
            found.append((Limit(self._slow_at - self.call.chain.clock(), "slow_start", self.call.policy.first_content_limit or 0.0), None))
        found += [(limit, ticket) for ticket, one in self.running.items() if (limit := self.call.limit(one.entry)) is not None]
        return min(found, key=lambda pair: pair[0].seconds, default=(None, None))

    def overdue(self, limit: Limit, ticket: Ticket | None) -> tuple[Message, S | None]:
        """Return what to report when a limit has run out, and which stream is over with it."""
        failed = self.call.read(limit.exceeded())
        if ticket is None:
            self._slow_at = None
            self.slow.update(dict.fromkeys(self.running, failed))
            return Slow(failed), None
        source = self.running.pop(ticket)
        return Lost(ticket, self.call.noted(source.entry, failed)), source

    def reported(self, source: S) -> Message:
        """Return what to report of a stream that has begun, or failed before.

        Raises:
            BaseException: what is no failure of the provider's.
        """
        entry, fault = source.entry, source.fault
        if fault is None:
            self._won = source
            return Begun(self.call.begun(entry), entry.ticket)
        del self.running[entry.ticket]
        if not isinstance(fault, Exception):
            self.call.abandoned(entry)
            raise fault
        return Lost(entry.ticket, self.call.failed(entry, fault))

    def given_up(self, source: S) -> None:
        """Note that a stream is broken off: another one was faster, or the caller has gone, maybe because he has the whole answer."""
        if source is self._won and self.outlet.complete:
            self.call.succeeded(source.entry)
            return
        failed = self.slow.get(source.entry.ticket)
        if failed is not None and source.entry.first is None:
            self.call.noted(source.entry, failed)
        else:
            self.call.abandoned(source.entry)

    def leave(self) -> None:
        """End the call where it stands: whoever is slow now has kept nobody waiting but a caller who left."""
        self.steps.close()
        self.slow.clear()

    # ── the relay ──

    def losers(self) -> list[S]:
        """Return the streams that are out and have not won: they are given up when another one has, or when the call is over."""
        return [source for source in self.running.values() if source is not self._won]

    def opening(self) -> tuple[S, Out[T]]:
        """Return the stream that has won, and what goes out of its beginning."""
        won = self._won
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
        self._won = None
        return Out(items, message)

    # ── recovery ──

    def _recoverable(self) -> bool:
        return self.outlet.recoverable

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
