"""One stream as a generator: a race to the first content, the relay of the winner, and what follows when that breaks.

    yields  Start    begin a stream, beside those that run       is sent  Begun | Failed | Slow
            Wait     go on waiting for those that run                     Begun | Failed | Slow
            Pause    sleep so many seconds                                Done
            Relay    pass the winner's items on                           Done | Failed | Differs
    returns          when the stream came to its end
    raises           as a call; once the caller has seen a part, the fault that broke it first

     ┌───────────── Failed: the next credential ─────────────┐
     ▼                                                       │
    Start ──Slow──▶ Start beside (or Wait) ──Begun──▶ Relay ──Failed (recovery)──▶ Start …
                                                       └──Done──▶ returns

Closing the generator (the caller went away) takes every ticket back and blames nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sparekey.core.flow import Done, Failed, Pause, next_ticket
from sparekey.core.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sparekey.core.identity import Identity
    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, Ticket
    from sparekey.core.settlement import ObservedFailure
    from sparekey.core.walk import SharedState


class Start(NamedTuple):
    """Begin a stream with this credential; tell `Slow` after `limit` seconds. `alone`: give up those that still run."""

    ticket: Ticket
    limit: float | None = None
    alone: bool = True


class KeepWaiting(NamedTuple):
    """Go on waiting for those that run. `patient`: with no limit on the first content any more, since nobody else is left."""

    patient: bool = False


class Deliver(NamedTuple):
    """Pass the items of this credential's stream on; give up the others."""

    ticket: Ticket


class Begun(NamedTuple):
    """The first content of a stream has come."""

    now: float
    ticket: Ticket


class Lost(NamedTuple):
    """The stream of a ticket failed before its first content."""

    ticket: Ticket
    failed: Failed

    @property
    def now(self) -> float:
        """When it failed."""
        return self.failed.now


class Slow(NamedTuple):
    """The limit has run out, and nobody has brought content. `failed` says how the slow ones failed, should another be faster."""

    failed: Failed

    @property
    def now(self) -> float:
        """When it ran out."""
        return self.failed.now


class Differs(NamedTuple):
    """The new answer does not begin with what the caller has seen of the old one."""

    now: float


Step: TypeAlias = "Start | KeepWaiting | Pause | Deliver"
Message: TypeAlias = "Begun | Lost | Slow | Done | Failed | Differs"
Steps: TypeAlias = "Generator[Step, Message, None]"


def stream(
    pool: Pool,
    cell: SharedState,
    now: float,
    eligible: frozenset[int] | None = None,
    policy: Policy | None = None,
    identity: Identity | None = None,
    *,
    hedge: Callable[[], bool],
    recoverable: Callable[[], bool],
) -> Steps:
    """Walk the ring for one stream that starts at `now`.

    Args:
        pool: the chain.
        cell: its state.
        now: the time.
        eligible: restricts the walk to some indices.
        policy: stands in for the chain's own in what concerns this request alone.
        identity: tells this request from others.
        hedge: says whether the budget allows a second stream beside a slow one, and takes it out.
        recoverable: says of a stream that broke after its first content whether another one may take over.
    """
    walk = Walk(pool, cell, now, eligible, policy, identity)
    try:
        yield from _Stream(walk, hedge, recoverable).steps()
    finally:
        walk.abandon()  # the caller went away, or one of several found fault with the request while the others ran


class _Stream:
    """The rounds of one stream. `fault` is what broke it first after the caller had seen a part."""

    def __init__(self, walk: Walk, hedge: Callable[[], bool], recoverable: Callable[[], bool]) -> None:
        self.walk, self.hedge, self.recoverable = walk, hedge, recoverable
        self.fault: BaseException | None = None
        self.rounds = 0

    def steps(self) -> Steps:
        while True:
            winner = yield from _Race(self.walk, self.hedge, self.fault).steps()
            if winner is None:
                self.walk.now = (yield self._pause()).now
                self.walk.begin_round()
            elif (yield from self._relayed(winner)):
                return

    def _pause(self) -> Pause:
        seconds = self.walk.pause(self.rounds)
        if seconds is None:
            raise _first(self.fault, self.walk.exhausted())
        self.rounds += 1
        return Pause(seconds)

    def _relayed(self, winner: Ticket) -> Generator[Step, Message, bool]:
        """The caller sees content from here on: what fails now is blamed on the credential, and may be recovered by the next one."""
        rest = self.walk.succeeded(winner)
        message = yield Deliver(rest)
        self.walk.now = message.now
        if isinstance(message, Failed):
            self.walk.cut(message.seen(rest))
            self.fault = self.fault or message.exception
            if not self.recoverable():
                raise self.fault
        elif isinstance(message, Differs):
            assert self.fault is not None
            raise self.fault
        return isinstance(message, Done)


class _Race:
    """The attempts of one round up to the first content. `fault` takes the place of whatever ends it badly."""

    def __init__(self, walk: Walk, hedge: Callable[[], bool], fault: BaseException | None) -> None:
        self.walk, self.hedge, self.fault = walk, hedge, fault
        self.running: list[Ticket] = []
        self.slow: dict[int, ObservedFailure] = {}
        self.again: set[int] = set()

    def steps(self) -> Generator[Step, Message, Ticket | None]:
        """Return the winner's ticket, or None if this round has nobody left."""
        step = self._started((yield from next_ticket(self.walk)))
        while step is not None:
            message = yield step
            self.walk.now = message.now
            if isinstance(message, Begun):
                self._won(message.ticket)
                return message.ticket
            step = self._overtaken(message) if isinstance(message, Slow) else (yield from self._lost(message))
        return None

    def _started(self, ticket: Ticket | None, *, alone: bool = True) -> Step | None:
        if ticket is None:
            return None
        self.running.append(ticket)
        return Start(ticket, self.walk.policy.first_content_limit, alone)

    def _overtaken(self, slow: Slow) -> Step | None:
        """Start the next one beside the slow, or in their place where the budget does not allow it."""
        self.slow.update((ticket.index, slow.failed.seen(ticket)) for ticket in self.running)
        other = self.walk.beside()
        if other is None:
            return KeepWaiting(patient=True)
        hedged = self.hedge()
        if not hedged:
            for ticket in self.running:
                self.walk.failed(self.slow[ticket.index])
            self.running.clear()
        return self._started(other, alone=not hedged)

    def _lost(self, message: Message) -> Generator[Step, Message, Step | None]:
        assert isinstance(message, Lost)
        seen = message.failed.seen(message.ticket)
        self.running.remove(seen.ticket)
        if not self.running and (again := (yield from self._again(seen))) is not None:
            return self._started(again)
        if (fault := self.walk.failed(seen)) is not None:
            raise _first(self.fault, fault)
        return self._among_slow() if self.running else self._started((yield from next_ticket(self.walk)))

    def _among_slow(self) -> Step | None:
        """One of several is out: its place beside those that are slow is for the next one."""
        if any(ticket.index not in self.slow for ticket in self.running):
            return KeepWaiting()
        other = self.walk.beside()
        return self._started(other, alone=False) if other else KeepWaiting(patient=True)

    def _again(self, seen: ObservedFailure) -> Generator[Step, Message, Ticket | None]:
        """The same credential once more, where that is right."""
        index = seen.ticket.index
        wait = None if index in self.again else self.walk.same_again(seen)
        if wait is None:
            return None
        self.again.add(index)
        self.walk.now = (yield Pause(wait)).now
        return self.walk.readmit(index)

    def _won(self, winner: Ticket) -> None:
        """Whoever kept the caller waiting beyond the limit while another one answered has failed; the rest blames nobody."""
        for ticket in self.running:
            if ticket != winner:
                if seen := self.slow.get(ticket.index):
                    self.walk.failed(seen)
                else:
                    self.walk.lost(ticket)


def _first(fault: BaseException | None, other: BaseException) -> BaseException:
    """What broke an answer that the caller has begun to read tells more than what became of the attempts to mend it."""
    return fault or other
