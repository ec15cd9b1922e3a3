"""One stream as its driver sees it: what both drivers decide in the same way, between their tasks or threads and the core's flow.

**Theory.** A stream has two phases that alternate. In the *race* (`Racing`, `core.streams`) attempts
read up to their first content and hold it; the first one that has any wins. In the *relay* the
driver pulls items of the winner and passes them to `take`, which returns what goes out; at the end
or at a fault it calls `ended`. Each of the two returns an `Out`: items for the caller and, when the
relay is over, the message for the core's flow. After a fault the flow may start another race, and
`Outlet` leaves out of the next winner's items what the caller has seen.

Limits: before the first content those of the race; in the relay the idle limit, which restarts with
each item that shows that the provider is at work; behind a complete answer `TAIL_SECONDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from sparekey.core import streams
from sparekey.core.expectations import Kind, idle_limit, usual
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
    from sparekey.engine.made import BegunStream
    from sparekey.types import Credential

T = TypeVar("T")


class Begins(Sourced, Protocol[T]):
    """The stream of one attempt.

    Attributes:
        resumed: it goes on behind what was shown; False: it is a new answer.
        held: the items up to its first content.
    """

    resumed: bool
    held: list[T]


S = TypeVar("S", bound=Begins[Any])


class Out(NamedTuple, Generic[T]):
    """What goes out to the caller.

    Attributes:
        items: the items, in order.
        message: what to send to the core's flow, if the relay is over with them.
    """

    items: list[T]
    message: Message | None = None


class Streaming(Racing[S], Generic[T, S]):
    """The books of one stream.

    Attributes:
        reading: how its items are read.
        outlet: what was shown, and what is held back.
        limited: something limits the stream, so that it is read in a task or thread of its own.
        pace: real seconds in one second of the chain's clock.
        steps: the core's flow of this stream.
        _idle_limit: the most seconds between two items that show a provider at work; None: no limit.
        _idle_at: when the last such item came, less the time for which the caller held items since then.
        _taken_at: when the last item of any kind was taken.
        _relayed: how many winners were relayed; from the second on, each recovers the one before.
    """

    def __init__(self, chain: Chain, eligible: Callable[[Credential], bool] | None, reading: Reading[T], body: bytes = b"") -> None:
        """Begin a stream now, with the limits that `sparekey.limits` sets here.

        Args:
            chain: whose credentials are asked.
            eligible: returns whether a credential may be asked; None: all may.
            reading: how items are read.
            body: the request, as bytes; empty if it is not known.
        """
        super().__init__(LogicalCall(chain, body), Kind.FIRST)
        self.reading = reading
        chain, policy = self.call.chain, self.call.policy
        begun = self.call.rest
        self.outlet = Outlet(reading, policy.stream_recovery) if begun is None else begun.outlet
        self.limited = not policy.first_content_limit is policy.idle_limit is policy.attempt_limit is policy.deadline is None
        self._idle_limit, self._idle_at, self._taken_at = policy.idle_limit, 0.0, 0.0
        self.pace = chain.pace
        self._relayed = 0
        if self.call.made is None:
            self.call.earn_hedge()
        self.steps: Steps = streams.stream(
            chain.pool,
            chain,
            self.call.began,
            chain.indices(eligible),
            policy,
            self.call.identify,
            hedge=self.call.take_hedge,
            recoverable=lambda: self.outlet.recoverable,
            made=self.call.first,
            begun=begun is not None,
        )
        if begun is not None:
            self._goes_on(begun)

    def _goes_on(self, begun: BegunStream) -> None:
        """Take over a stream whose beginning the caller has seen: its race is won."""
        ticket = self.call.first
        assert ticket is not None
        entry = self.call.start(ticket)
        entry.first, entry.usage = begun.first, begun.usage
        self.won = self.running[ticket] = begun.source(entry)

    def given_up(self, source: S) -> None:
        """As `Racing.given_up`, but a winner that the caller left behind a complete answer has succeeded."""
        if source is self.won and self.outlet.complete:
            self.call.succeeded(source.entry)
        else:
            super().given_up(source)

    def leave(self) -> None:
        """End the call where it stands: the core takes its tickets back, and a slow attempt is not noted as failed."""
        self.call.leave(self.steps)
        self.forgive()

    # ── the relay ──

    def opening(self) -> tuple[S, Out[T]]:
        """Return the stream that has won, and what goes out of the items that it held."""
        won = self.won
        assert won is not None
        if self._relayed:
            self.outlet.restart(resumed=won.resumed)
        self._relayed += 1
        begun = self.call.rest
        self._taken_at = self.call.chain.clock()
        self._idle_at = self._taken_at if begun is None or self._relayed > 1 else begun.heard
        if len(self.call.chain.pool) > 1:
            known = usual(self.call.chain.state, won.entry.credential.id)
            self._idle_limit = idle_limit(self.call.policy, known)
        items: list[T] = []
        for item in won.held:
            out = self.take(won, item)
            items += out.items
            if out.message is not None:
                return won, Out(items, out.message)
        won.held.clear()
        return won, Out(items)

    def limit(self, source: S) -> Limit | None:
        """Return how long to wait for the next item; None: without limit."""
        call, idle = self.call, self._idle_limit
        if idle is None and not self.outlet.complete:
            return call.limit(source.entry)
        left = None
        if idle is not None:
            now = call.chain.clock()
            self._idle_at += now - self._taken_at  # the caller had the last item in hand, and the provider waited
            left = self._idle_at + idle - now
        if self.outlet.complete:
            return Limit(min(TAIL_SECONDS, TAIL_SECONDS if left is None else left), "stalled", TAIL_SECONDS)
        if not call.bounded and left is not None and idle is not None:
            return Limit(left, "stalled", idle)
        found = call.limit(source.entry, left)
        return found._replace(whole=idle) if found is not None and found.reason == "stalled" and idle is not None else found

    def take(self, source: S, item: T) -> Out[T]:
        """Return what goes out for an item of the stream that is relayed."""
        entry = source.entry
        self._taken_at = self.call.chain.clock()
        if self.reading.alive(item):
            self._idle_at = self._taken_at
        entry.usage = self.reading.usage(item) or entry.usage
        try:
            return Out(self.outlet.take(item))
        except DiffersError:
            return self._differs(entry)

    def ended(self, source: S, exc: Exception | None = None) -> Out[T]:
        """Return what goes out at the end of a stream: it has ended by itself, or broken with `exc`."""
        entry = source.entry
        if exc is not None and not self.outlet.complete:
            return self._over([], self.call.failed(entry, exc))
        # a fault behind a complete answer does not matter: the host keeps the connection, or closes it badly
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
        """Return a function that opens a stream with a credential; it returns the stream, and whether it goes on behind what was shown.

        Args:
            fn: opens a new answer.
            resume: opens one that goes on behind a text, or returns None where the provider takes no such request.
            credential: whom to ask.
        """
        go_on = resume is not None and self._relayed and self.call.policy.stream_recovery == Recovery.CONTINUE
        text = self.outlet.spoken if go_on else ""

        def opened() -> tuple[Any, bool]:
            if text and resume is not None and (stream := resume(credential, text)) is not None:
                return stream, True
            return fn(credential), False

        return opened
