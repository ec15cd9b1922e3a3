"""One call as a generator: it yields what to do next and is sent what became of it.

    yields  Ticket   make an attempt with this credential        is sent  Done | Failed
            Pause    sleep so many seconds                                Done
    returns          when the call was served
    raises           the provider's own exception (fail fast), AllCredentialsFailedError or DeadlineExceeded

The drivers in `sparekey.engine` are a few lines each, one sync and one async. Closing the generator (the call was cancelled)
takes the ticket back and blames nobody. Streams have a flow of their own: `sparekey.core.streams`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from sparekey.core.settlement import ObservedFailure
from sparekey.core.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Generator

    from sparekey.core.identity import Identity
    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, Ticket
    from sparekey.core.walk import SharedState
    from sparekey.types import Failure

S = TypeVar("S")
M = TypeVar("M")


class Done(NamedTuple):
    """The attempt succeeded, or the pause is over."""

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


Step: TypeAlias = "Ticket | Pause"
Message: TypeAlias = "Done | Failed"


def call(
    pool: Pool,
    cell: SharedState,
    now: float,
    eligible: frozenset[int] | None = None,
    policy: Policy | None = None,
    identity: Identity | None = None,
) -> Generator[Step, Message, None]:
    """Walk the ring for one request that starts at `now`; the arguments are those of `Walk`."""
    walk = Walk(pool, cell, now, eligible, policy, identity)
    rounds = 0
    try:
        while True:
            while (ticket := (yield from next_ticket(walk))) is not None:
                message = yield ticket
                walk.now = message.now
                if isinstance(message, Done):
                    walk.succeeded(ticket)
                    return
                if (yield from _again(walk, ticket, message)):
                    return
            seconds = walk.pause(rounds)
            if seconds is None:
                raise walk.exhausted()
            walk.now = (yield Pause(seconds)).now
            walk.begin_round()
            rounds += 1
    finally:
        walk.abandon()  # the call was cancelled, or the request is at fault


def next_ticket(walk: Walk) -> Generator[Pause, Any, Ticket | None]:
    """Return the next attempt, having waited for what other requests find out; None if the round has nobody left."""
    while isinstance(step := walk.next(), float):
        walk.now = (yield Pause(step)).now
    return step


def advance(steps: Generator[S, M, None], message: M) -> S | None:
    """Send what became of the last step; return the next one, or None if the call was served."""
    try:
        return steps.send(message)
    except StopIteration:
        return None


def _again(walk: Walk, ticket: Ticket, failed: Failed) -> Generator[Step, Message, bool]:
    """Try the same credential once more, where that is right, and settle the failure; return whether it served in the end."""
    if (wait := walk.same_again(failed.seen(ticket))) is not None:
        walk.now = (yield Pause(wait)).now
        if (again := walk.readmit(ticket.index)) is not None:
            ticket, message = again, (yield again)
            walk.now = message.now
            if isinstance(message, Done):
                walk.succeeded(ticket)
                return True
            failed = message
    if (fault := walk.failed(failed.seen(ticket))) is not None:
        raise fault
    return False
