"""One call for a whole answer as a generator: it yields what to do next and is sent what became of it.

    yields  Start, KeepWaiting, Beside, Pause   as `sparekey.core.race` describes them
    returns                                     when the call was served
    raises                                      the provider's own exception (fail fast), AllCredentialsFailedError or DeadlineExceeded

The drivers in `sparekey.engine` do what it yields. Closing the generator (the call was cancelled) takes the tickets back and blames
no credential; `leave` says that the caller has gone, and when. Streams have a flow of their own: `sparekey.core.streams`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sparekey.core import beside, expectations, outcomes, rounds, settlement
from sparekey.core.expectations import Sample
from sparekey.core.next_attempt import at_once, begin_round
from sparekey.core.race import Begun, Beside, Done, Failed, Left, Lost, Message, Pause, Race, Start, Step
from sparekey.core.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sparekey.core.identity import Identity
    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, Ticket
    from sparekey.core.shared_state import SharedState

__all__ = ["Begun", "Done", "Failed", "Lost", "Message", "Pause", "Start", "Step", "advance", "call", "leave", "probe"]

S = TypeVar("S")
M = TypeVar("M")


def call(
    pool: Pool,
    chain_state: SharedState,
    now: float,
    eligible: frozenset[int] | None = None,
    policy: Policy | None = None,
    identify: Callable[[], Identity] | None = None,
    *,
    hedge: Callable[[], bool] | None = None,
    made: Ticket | None = None,
) -> Generator[Step, Message, None]:
    """Walk the ring for one request that starts at `now`; the arguments are those of `Walk`.

    `hedge` takes a second attempt beside a slow one out of the budget, or returns False if there is none; None: no attempt runs beside
    another one. `made` is the ticket of an attempt that was made before, at `now`: it is the first of this request.
    """
    walk = Walk(pool, chain_state, now, eligible, policy, identify, races=hedge is not None, made=made)
    rounds_done, message, ticket = 0, None, None
    try:
        if walk.well:  # nothing is due: there is no race unless this attempt is slow or fails
            ticket = at_once(walk)
            message = yield Start(ticket, beside.limit(walk, ticket))
            walk.now = message.now
            if isinstance(message, Begun):
                outcomes.succeeded(walk, ticket, message.size)
                return
        while (yield from Race(walk, hedge or _never, running=ticket).steps(message)) is None:
            message = ticket = None
            seconds = rounds.pause(walk, rounds_done)
            if seconds is None:
                raise outcomes.exhausted(walk)
            walk.now = (yield Pause(seconds)).now
            begin_round(walk)
            rounds_done += 1
    except Left as left:
        outcomes.left(walk, left.now)
    finally:
        outcomes.abandon(walk)  # the call was cancelled, or the request is at fault


def probe(pool: Pool, chain_state: SharedState, what: Beside, now: float) -> Generator[Step, Message, None]:
    """Probe a credential that was silent or slow, with a request that another credential answers.

    The probe counts as failed when it begins (`choose.beside`): only an answer in time that is not slow ends the park. `what` says
    which credential, `now` is the time.
    """
    ticket = what.ticket
    message = yield Start(ticket, what.limit)
    if isinstance(message, Lost):
        chain_state.transact(settlement.fail, message.failed.seen(ticket), message.now)
    elif isinstance(message, Begun):
        who = pool.credentials[pool.first_of[ticket.index]].id
        sample = Sample(who, what.kind, message.now - now, message.size, probe=True)
        if not expectations.is_slow(expectations.usual(chain_state.state, who), sample):
            chain_state.transact(settlement.succeed, ticket, (), "", True, message.now)
        chain_state.learn(sample, message.now)


def advance(steps: Generator[S, M, None], message: M) -> S | None:
    """Send what became of the last step; return the next step, or None if the call was served."""
    try:
        return steps.send(message)
    except StopIteration:
        return None


def leave(steps: Generator[Any, Any, None], now: float) -> None:
    """End a flow at `now`: its caller has gone. One that is over already is left as it is."""
    with suppress(Left, StopIteration):
        steps.throw(Left(now))


def _never() -> bool:
    return False
