"""One race as its driver sees it: what both drivers decide in the same way, between their tasks or threads and the core's flow.

**Theory.** `running` holds the attempts that are out. The driver waits for the first report of one of them, or for the limit that
`patience` names: either the race's own, after which the slow attempts may be joined by another one (`Slow`), or one of a single attempt
(`attempt_limit`, `deadline`), after which that attempt has failed (`Lost`). The attempts that have outrun the race's limit are remembered
with the failure that they will have had if another one wins; if the call ends otherwise they are merely abandoned (`forgive`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sparekey.core.expectations import Kind
from sparekey.core.race import Begun, Lost, Slow
from sparekey.engine.call import Limit, LogicalCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.pool import Ticket
    from sparekey.core.race import Failed, KeepWaiting, Message, Start
    from sparekey.engine.call import RunningAttempt
    from sparekey.types import Usage

T_co = TypeVar("T_co", covariant=True)


class Sourced(Protocol):
    """What one attempt brings: a stream up to its first content, or a whole answer.

    Attributes:
        entry: the attempt in the ledger.
        fault: what went wrong; None if nothing did.
    """

    entry: RunningAttempt
    fault: BaseException | None


S = TypeVar("S", bound=Sourced)


class Racing(Generic[S]):
    """The books of a race.

    Attributes:
        call: the call that it is for.
        kind: what is waited for.
        running: the attempts that are out, by ticket.
        won: the one that has brought what is waited for; None before that.
        _slow: how the attempts that have outrun the race's limit will have failed, by ticket.
        _slow_at: when the race's limit runs out, in seconds of the chain's clock; None: it has none.
        _waited: how long that limit is as a whole.
    """

    def __init__(self, call: LogicalCall, kind: Kind) -> None:
        """Begin without an attempt."""
        self.call, self.kind = call, kind
        self.running: dict[Ticket, S] = {}
        self.won: S | None = None
        self._slow: dict[Ticket, Failed] = {}
        self._slow_at: float | None = None
        self._waited = 0.0

    def start(self, step: Start) -> RunningAttempt:
        """Begin an attempt and enter it into the ledger; the race's limit starts anew."""
        entry, seconds = self.call.start(step.ticket), step.limit
        self._slow_at, self._waited = None if seconds is None else entry.started + seconds, seconds or 0.0
        return entry

    def keep(self, step: KeepWaiting) -> None:
        """Go on waiting; the step may give the race another limit."""
        if step.patient:
            seconds = step.limit
            self._slow_at, self._waited = None if seconds is None else self.call.chain.clock() + seconds, seconds or 0.0

    def patience(self) -> tuple[Limit | None, Ticket | None]:
        """Return the limit that runs out next, and the ticket of the attempt that it limits; None: it is that of the race."""
        call, found = self.call, None
        if self._slow_at is not None:
            found = Limit(self._slow_at - call.chain.clock(), _REASONS[self.kind], self._waited)
        if not call.bounded:
            return found, None
        own = [(limit, ticket) for ticket, one in self.running.items() if (limit := call.limit(one.entry)) is not None]
        first = min(own, key=lambda pair: pair[0].seconds, default=(None, None))
        return first if found is None or (first[0] is not None and first[0].seconds < found.seconds) else (found, None)

    def overdue(self, limit: Limit, ticket: Ticket | None) -> tuple[Message, S | None]:
        """Return what to send when a limit has run out, and the attempt that is over with it, if one is."""
        failed = self.call.read(limit.exceeded())
        if ticket is None:
            self._slow_at = None
            self._slow.update(dict.fromkeys(self.running, failed))
            return Slow(failed), None
        source = self.running.pop(ticket)
        return Lost(ticket, self.call.noted(source.entry, failed)), source

    def reported(self, source: S) -> Message:
        """Return what to send for an attempt that has brought what is waited for, or failed.

        Raises:
            BaseException: what the attempt raised, if it is no `Exception`.
        """
        entry, fault = source.entry, source.fault
        if fault is None:
            self.won = source
            return self._brought(source)
        del self.running[entry.ticket]
        if not isinstance(fault, Exception):
            self.call.abandoned(entry)
            raise fault
        return Lost(entry.ticket, self.call.failed(entry, fault))

    def given_up(self, source: S) -> None:
        """Note that an attempt is broken off: a slow one has failed, another one is abandoned."""
        failed = self._slow.get(source.entry.ticket)
        if failed is not None and source.entry.first is None:
            self.call.noted(source.entry, failed._replace(now=self.call.chain.clock()))
        else:
            self.call.abandoned(source.entry)

    def over(self) -> None:
        """End a probe: it has succeeded if it has brought anything; the rest is not read."""
        if self.won is not None and self.won.entry.outcome is None:
            self.call.succeeded(self.won.entry)
        self.won = None

    def forgive(self) -> None:
        """Forget who is slow: the call ends, and no other attempt has won."""
        self._slow.clear()

    def losers(self) -> list[S]:
        """Return the attempts that are out and have not won."""
        return [source for source in self.running.values() if source is not self.won]

    def _brought(self, source: S) -> Begun:
        return Begun(self.call.begun(source.entry), source.entry.ticket, self.call.size)


class Asked(Sourced, Protocol[T_co]):
    """A whole answer of one attempt."""

    @property
    def answer(self) -> T_co:
        """The answer, once there is one."""


A = TypeVar("A", bound=Asked[Any])


class Asking(Racing[A]):
    """The books of a race to a whole answer."""

    def __init__(self, call: LogicalCall, usage: Callable[[Any], Usage | None] | None = None) -> None:
        """Begin without an attempt; `usage` reads the tokens of an answer."""
        super().__init__(call, Kind.WHOLE)
        self._usage = usage

    def _brought(self, source: A) -> Begun:
        return self.call.answered(source.entry, self._usage(source.answer) if self._usage else None)


_REASONS = {Kind.FIRST: "slow_start", Kind.WHOLE: "slow_answer"}
