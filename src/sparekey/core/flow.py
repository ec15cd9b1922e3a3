"""One call as a generator: it yields what to do next and is sent what became of it.

    yields  Ticket   make an attempt with this credential        is sent  Done | Begun | Failed
            Relay    the stream has begun: pass the rest on               Done | Failed
            Pause    sleep so many seconds                                Done
    returns          when the call was served
    raises           the provider's own exception (fail fast), AllCredentialsFailedError or DeadlineExceeded

The drivers in `sparekey.failover` are a few lines each, one sync and one async. Closing the generator (the call was cancelled)
takes the ticket back and blames nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sparekey.core.walk import Seen, Walk

if TYPE_CHECKING:
    from collections.abc import Generator

    from sparekey.core.pool import Pool, Ticket
    from sparekey.core.walk import Cell
    from sparekey.types import Failure


class Done(NamedTuple):
    """The attempt succeeded, the stream came to its end, or the pause is over."""

    now: float


class Begun(NamedTuple):
    """The first content of a stream has come: the caller is about to see it."""

    now: float


class Failed(NamedTuple):
    """The attempt failed. `dice` is a random number in [0, 1)."""

    now: float
    failure: Failure
    exception: BaseException
    dice: float


class Pause(NamedTuple):
    """Sleep so many seconds."""

    seconds: float


class Relay(NamedTuple):
    """Pass the rest of the stream on, then report."""


Step: TypeAlias = "Ticket | Relay | Pause"
Message: TypeAlias = "Done | Begun | Failed"


def call(pool: Pool, cell: Cell, now: float, eligible: frozenset[int] | None = None) -> Generator[Step, Message, None]:
    """Walk the ring for one request that starts at `now`, restricted to the indices in `eligible` if they are given."""
    deadline = None if pool.policy.deadline is None else now + pool.policy.deadline
    walk = Walk(pool, cell, now, eligible, deadline)
    rounds = 0
    try:
        while True:
            for ticket in walk.tickets():
                if (yield from _attempt(walk, ticket)):
                    return
            seconds = walk.pause(rounds)
            if seconds is None:
                raise walk.exhausted()
            walk.now = (yield Pause(seconds)).now
            rounds += 1
    except GeneratorExit:
        walk.abandon()
        raise


def advance(steps: Generator[Step, Message, None], message: Message) -> Step | None:
    """Send what became of the last step; return the next one, or None if the call was served."""
    try:
        return steps.send(message)
    except StopIteration:
        return None


def _attempt(walk: Walk, ticket: Ticket) -> Generator[Step, Message, bool]:
    """Make one attempt, and a second one with the same credential where that is right; return whether it served."""
    message = yield ticket
    walk.now = message.now
    if isinstance(message, Failed) and (wait := walk.same_again(_seen(ticket, message))) is not None:
        walk.now = (yield Pause(wait)).now
        if (again := walk.readmit(ticket.index)) is not None:
            ticket = again
            message = yield ticket
            walk.now = message.now
    if isinstance(message, Failed):
        if (fault := walk.failed(_seen(ticket, message))) is not None:
            raise fault
        return False
    rest = walk.succeeded(ticket)
    if isinstance(message, Begun):
        yield from _relay(walk, rest)
    return True


def _relay(walk: Walk, ticket: Ticket) -> Generator[Step, Message, None]:
    """The caller has seen content: what fails now is blamed on the credential, but belongs to the caller."""
    message = yield Relay()
    walk.now = message.now
    if isinstance(message, Failed):
        walk.cut(_seen(ticket, message))
        raise message.exception


def _seen(ticket: Ticket, message: Failed) -> Seen:
    return Seen(ticket, message.failure, message.exception, message.dice)
