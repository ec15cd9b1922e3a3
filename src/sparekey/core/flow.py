"""One call as a generator: it yields what to do next and is sent what became of it.

    yields  Start, KeepWaiting, Beside, Pause   as `sparekey.core.race` says, of whole answers
    returns                                     when the call was served
    raises                                      the provider's own exception (fail fast), AllCredentialsFailedError or DeadlineExceeded

The drivers in `sparekey.engine` are a few lines each, one sync and one async. Closing the generator (the call was cancelled) takes the
tickets back and blames nobody; `leave` tells it that the caller has gone, and when. Streams have a flow of their own:
`sparekey.core.streams`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sparekey.core import expectations, outcomes, rounds, settlement
from sparekey.core.expectations import Sample
from sparekey.core.next_attempt import begin_round
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
    identity: Identity | None = None,
    *,
    hedge: Callable[[], bool] | None = None,
    made: Ticket | None = None,
) -> Generator[Step, Message, None]:
    """Walk the ring for one request that starts at `now`; the arguments are those of `Walk`.

    `hedge` takes a second attempt beside a slow one out of the budget, or says that there is none; None: one attempt after the other.
    `made` is the ticket of an attempt that was made before, at `now`: it is the first of this request.
    """
    walk = Walk(pool, chain_state, now, eligible, policy, identity, races=hedge is not None, made=made)
    rounds_done = 0
    try:
        while (yield from Race(walk, hedge or _never).steps()) is None:
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


def probe(pool: Pool, chain_state: SharedState, beside: Beside, now: float) -> Generator[Step, Message, None]:
    """Let a request that another credential answers probe one that was silent or slow.

    It counts as failed when it begins (`choose.beside`): only an answer in its time, and not a slow one, ends the park.
    """
    ticket = beside.ticket
    message = yield Start(ticket, beside.limit)
    if isinstance(message, Lost):
        chain_state.transact(settlement.fail, message.failed.seen(ticket), message.now)
    elif isinstance(message, Begun):
        who = pool.credentials[pool.first_of[ticket.index]].id
        sample = Sample(who, beside.kind, message.now - now, message.size, probe=True)
        if not expectations.is_slow(expectations.usual(chain_state.state, who), sample):
            chain_state.transact(settlement.succeed, ticket, (), "", True, message.now)
        chain_state.learn(sample, message.now)


def advance(steps: Generator[S, M, None], message: M) -> S | None:
    """Send what became of the last step; return the next one, or None if the call was served."""
    try:
        return steps.send(message)
    except StopIteration:
        return None


def leave(steps: Generator[Any, Any, None], now: float) -> None:
    """End a call whose caller has gone, or which is over."""
    with suppress(Left, StopIteration):
        steps.throw(Left(now))


def _never() -> bool:
    return False
