"""The race of one round to a first content or a whole answer: attempts one after the other, and beside those that are slow.

    yields  Start        make an attempt, beside those that run        is sent  Begun | Lost | Slow
            KeepWaiting  go on waiting for those that run                       Begun | Lost | Slow
            Beside       probe a credential beside all that, for the chain          Done
            Pause        sleep so many seconds                                  Done
    returns              the winner's ticket, or None if this round has no credential left

**Theory.** A slow attempt runs on until another one has won; only then has it failed. A second attempt beside it (a hedge) is paid from a
budget. Without budget the slow one is waited for, and the budget is asked again every second, since hedges of other requests that win
fill it up. If a credential is found to be parked while a request waits for it, the next one is started without asking the budget: moving
on from a parked credential is no hedge.
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
    """The attempt failed at `now`. `dice` is a random number in [0, 1), `writes` how often the request was written for it."""

    now: float
    failure: Failure
    exception: BaseException
    dice: float
    writes: int = 1

    def seen(self, ticket: Ticket) -> ObservedFailure:
        """Return it as the failure of the attempt that has this ticket."""
        return ObservedFailure(ticket, self.failure, self.exception, self.dice, self.now, writes=self.writes)


class Pause(NamedTuple):
    """Sleep so many seconds."""

    seconds: float


class Start(NamedTuple):
    """Make an attempt with this credential; send `Slow` after `limit` seconds. `alone`: no other attempt runs beside it."""

    ticket: Ticket
    limit: float | None = None
    alone: bool = True


class KeepWaiting(NamedTuple):
    """Go on waiting for the attempts that run.

    `patient`: the limit of the last start no longer holds, but `limit` seconds from now; None: no limit.
    """

    patient: bool = False
    limit: float | None = None


class Beside(NamedTuple):
    """Probe this credential with the same request, for `limit` seconds; no caller waits for it."""

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
    """The limit has run out, and no attempt has brought anything. `failed` says how the slow ones failed, should another be faster."""

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
    """The attempts of one round.

    Attributes:
        running: the tickets of the attempts that are out.
        slow: what each slow attempt has failed by, should another one be faster, by index.
        again: the indices that were given a second try.
        hedged: the indices that were started beside a slow one.
    """

    def __init__(self, walk: Walk, hedge: Callable[[], bool], fault: BaseException | None = None, running: Ticket | None = None) -> None:
        """Begin a round of a walk.

        Args:
            walk: the request.
            hedge: takes a second attempt out of the budget, or returns False if there is none.
            fault: is raised in place of whatever ends the round badly.
            running: an attempt of this round that is out already.
        """
        self.walk, self.hedge, self.fault = walk, hedge, fault
        self.running: list[Ticket] = [] if running is None else [running]
        self.slow: dict[int, ObservedFailure] = {}
        self.again: set[int] = set()
        self.hedged: set[int] = set()

    def steps(self, message: Message | None = None) -> Generator[Step, Message, Ticket | None]:
        """Return the ticket for the rest of the winner's answer, or None if this round has no credential left.

        `message` is what has become of the attempt that was out already.
        """
        walk = self.walk
        step = (yield from self._first()) if message is None else (yield from self._after(message))
        while step is not None:
            message = yield step
            walk.now = message.now
            if isinstance(message, Begun):
                return self._won(message)
            step = yield from self._after(message)
        return None

    def _first(self) -> Generator[Step, Message, Step | None]:
        """The first attempt, and a probe beside it where one is due."""
        walk = self.walk
        if beside.may_probe(walk) and (probe := beside.probe(walk)) is not None:
            ticket, seconds = probe
            walk.now = (yield Beside(ticket, walk.kind, seconds)).now
        return (yield from self._next())

    def _after(self, message: Message) -> Generator[Step, Message, Step | None]:
        """What follows when an attempt is slow or has failed; None if the round has no credential left."""
        return self._overtaken(message) if isinstance(message, Slow) else (yield from self._lost(message))

    def _next(self) -> Generator[Pause, Any, Step | None]:
        """The next attempt, after what has to be waited for that other requests find out; None if the round has no credential left."""
        step = next_attempt(self.walk)
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
        """Start the next credential beside the slow ones, where the budget allows it; else go on waiting for them."""
        self.slow.update((ticket.index, slow.failed.seen(ticket)) for ticket in self.running)
        if not beside.is_another_left(self.walk):
            return KeepWaiting(patient=True)
        if self._must_pay() and not self.hedge():
            return KeepWaiting(patient=True, limit=ASK_AGAIN)
        return self._beside()

    def _must_pay(self) -> bool:
        """Whether a second attempt is a hedge: it is none beside a probe, nor beside credentials that are parked by now."""
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
        """One of several attempts has failed: the next credential takes its place beside those that are slow."""
        return KeepWaiting() if any(ticket.index not in self.slow for ticket in self.running) else self._beside()

    def _again(self, seen: ObservedFailure) -> Generator[Step, Message, Ticket | None]:
        """A ticket for the same credential once more, after a pause; None where the request moves on."""
        index = seen.ticket.index
        wait = None if index in self.again else rounds.same_again(self.walk, seen)
        if wait is None:
            return None
        self.again.add(index)
        self.walk.now = (yield Pause(wait)).now
        return rounds.readmit(self.walk, index)

    def _won(self, begun: Begun) -> Ticket:
        """Settle a race that one attempt has won, and return that attempt's ticket.

        An attempt has failed that is beyond its limit and has run for at least as long as the winner took. The others are not blamed.
        """
        winner = begun.ticket
        if len(self.running) == 1:
            return outcomes.succeeded(self.walk, winner, begun.size)
        for ticket in self.running:
            if ticket == winner:
                continue
            if (seen := self.slow.get(ticket.index)) and self.walk.took(ticket.index) >= self.walk.took(winner.index):
                outcomes.overtaken(self.walk, seen._replace(at=begun.now), begun.size)
            else:
                outcomes.lost(self.walk, ticket)
        return outcomes.succeeded(self.walk, winner, begun.size, hedged=winner.index in self.hedged)
