"""The race of one round to a first content or a whole answer: attempts one after the other, and beside those that are slow.

    yields  Start        make an attempt, beside those that run        is sent  Begun | Lost | Slow
            KeepWaiting  go on waiting for those that run                       Begun | Lost | Slow
            Beside       probe somebody beside all that, for the chain          Done
            Pause        sleep so many seconds                                  Done
    returns              the winner's ticket, or None if this round has nobody left

Whoever is slow runs on until another one has won: only then has it failed. Where the budget allows no second attempt, it is waited for, and
the budget is asked again every second, since those that were started beside others may show that this is worth it. Whoever is found to be
parked meanwhile is left without asking the budget: to move on is no hedge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sparekey.core import beside, outcomes, rounds
from sparekey.core.next_attempt import next_attempt
from sparekey.core.settlement import ObservedFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sparekey.core.expectations import Kind
    from sparekey.core.pool import Ticket
    from sparekey.core.walk import Walk
    from sparekey.types import Failure

ASK_AGAIN: Final = 1.0
"""Seconds after which a slow attempt without budget asks for a second one again."""


class Done(NamedTuple):
    """The pause is over, the probe is on its way, or a stream has come to its end."""

    now: float


class Failed(NamedTuple):
    """The attempt failed. `dice` is a random number in [0, 1), `writes` says how often the request was written for it."""

    now: float
    failure: Failure
    exception: BaseException
    dice: float
    writes: int = 1

    def seen(self, ticket: Ticket) -> ObservedFailure:
        """Return it as what a walk has seen of a ticket."""
        return ObservedFailure(ticket, self.failure, self.exception, self.dice, self.now, writes=self.writes)


class Pause(NamedTuple):
    """Sleep so many seconds."""

    seconds: float


class Start(NamedTuple):
    """Make an attempt with this credential; tell `Slow` after `limit` seconds. `alone`: nobody else runs."""

    ticket: Ticket
    limit: float | None = None
    alone: bool = True


class KeepWaiting(NamedTuple):
    """Go on waiting for those that run. `patient`: no longer by the limit of the last one, but for `limit` seconds; None: however long."""

    patient: bool = False
    limit: float | None = None


class Beside(NamedTuple):
    """Probe this credential with the same request, for `limit` seconds; nobody waits for it."""

    ticket: Ticket
    kind: Kind
    limit: float


class Begun(NamedTuple):
    """The first content of a stream has come, or a whole answer; `size`: its tokens, or the bytes of the request (0: not known)."""

    now: float
    ticket: Ticket
    size: int = 0


class Lost(NamedTuple):
    """The attempt of a ticket failed before that."""

    ticket: Ticket
    failed: Failed

    @property
    def now(self) -> float:
        """When it failed."""
        return self.failed.now


class Slow(NamedTuple):
    """The limit has run out, and nobody has brought anything. `failed` says how the slow ones failed, should another be faster."""

    failed: Failed

    @property
    def now(self) -> float:
        """When it ran out."""
        return self.failed.now


class Left(BaseException):
    """The caller has gone."""

    def __init__(self, now: float) -> None:
        """`now` is when the caller left, in seconds of the chain's clock."""
        super().__init__(now)
        self.now = now


Step: TypeAlias = "Start | KeepWaiting | Beside | Pause"
Message: TypeAlias = "Begun | Lost | Slow | Done"


class Race:
    """The attempts of one round. `fault` takes the place of whatever ends it badly."""

    def __init__(self, walk: Walk, hedge: Callable[[], bool], fault: BaseException | None = None) -> None:
        """Begin a round of a walk; `hedge` takes a second attempt out of the budget, or says that there is none."""
        self.walk, self.hedge, self.fault = walk, hedge, fault
        self.running: list[Ticket] = []
        self.slow: dict[int, ObservedFailure] = {}
        self.again: set[int] = set()
        self.hedged: set[int] = set()

    def steps(self) -> Generator[Step, Message, Ticket | None]:
        """Return the ticket for the rest of the winner's answer, or None if this round has nobody left."""
        walk = self.walk
        if beside.may_probe(walk) and (probe := beside.probe(walk)) is not None:
            ticket, seconds = probe
            walk.now = (yield Beside(ticket, walk.kind, seconds)).now
        first = next_attempt(walk)
        step = (yield from self._next(first)) if isinstance(first, float) else self._started(first)
        while step is not None:
            message = yield step
            walk.now = message.now
            if isinstance(message, Begun):
                return self._won(message)
            step = self._overtaken(message) if isinstance(message, Slow) else (yield from self._lost(message))
        return None

    def _next(self, wait: float | None = None) -> Generator[Pause, Any, Step | None]:
        """The next attempt, after what has to be waited for that other requests find out; None if the round has nobody left."""
        step: Ticket | float | None = next_attempt(self.walk) if wait is None else wait
        while isinstance(step, float):
            self.walk.now = (yield Pause(step)).now
            step = next_attempt(self.walk)
        return self._started(step)

    def _started(self, ticket: Ticket | None, *, alone: bool = True) -> Step | None:
        if ticket is None:
            return None
        self.running.append(ticket)
        return Start(ticket, beside.limit(self.walk, ticket), alone)

    def _overtaken(self, slow: Slow) -> Step:
        """Start the next one beside the slow, where the budget allows it; else go on waiting for them."""
        self.slow.update((ticket.index, slow.failed.seen(ticket)) for ticket in self.running)
        if not beside.is_somebody_left(self.walk):
            return KeepWaiting(patient=True)
        if self._must_pay() and not self.hedge():
            return KeepWaiting(patient=True, limit=ASK_AGAIN)
        return self._beside()

    def _must_pay(self) -> bool:
        """Whether a second attempt is a hedge: not beside a probe, nor beside those that are known to be out of order by now."""
        return not all(ticket.probe or beside.is_parked(self.walk, ticket.index) for ticket in self.running)

    def _beside(self) -> Step:
        other = beside.second_attempt(self.walk)
        if other is None:
            return KeepWaiting(patient=True)
        self.hedged.add(other.index)
        step = self._started(other, alone=False)
        assert step is not None
        return step

    def _lost(self, message: Message) -> Generator[Step, Message, Step | None]:
        assert isinstance(message, Lost)
        seen = message.failed.seen(message.ticket)
        self.running.remove(seen.ticket)
        if not self.running and (again := (yield from self._again(seen))) is not None:
            return self._started(again)
        if (fault := outcomes.failed(self.walk, seen)) is not None:
            raise self.fault or fault
        return self._among_slow() if self.running else (yield from self._next())

    def _among_slow(self) -> Step:
        """One of several is out: its place beside those that are slow is for the next one."""
        return KeepWaiting() if any(ticket.index not in self.slow for ticket in self.running) else self._beside()

    def _again(self, seen: ObservedFailure) -> Generator[Step, Message, Ticket | None]:
        """The same credential once more, where that is right."""
        index = seen.ticket.index
        wait = None if index in self.again else rounds.same_again(self.walk, seen)
        if wait is None:
            return None
        self.again.add(index)
        self.walk.now = (yield Pause(wait)).now
        return rounds.readmit(self.walk, index)

    def _won(self, begun: Begun) -> Ticket:
        """Settle a race that one attempt has won, and return that attempt's ticket.

        An attempt that was slower than its limit while another one answered has failed. The others blame nobody.
        """
        winner = begun.ticket
        if len(self.running) == 1:
            return outcomes.succeeded(self.walk, winner, begun.size)
        for ticket in self.running:
            if ticket != winner:
                if seen := self.slow.get(ticket.index):
                    outcomes.failed(self.walk, seen._replace(at=begun.now))
                else:
                    outcomes.lost(self.walk, ticket)
        return outcomes.succeeded(self.walk, winner, begun.size, hedged=winner.index in self.hedged)
