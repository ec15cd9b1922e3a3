"""One stream as a generator: a race to the first content, the relay of the winner, and what follows when that breaks.

    yields  Start, KeepWaiting, Beside, Pause   as `sparekey.core.race` describes them, for first contents
            Deliver                             pass the winner's items on     is sent  Done | Failed | Differs
    returns                                     when the stream came to its end
    raises                                      as a call; once the caller has seen a part, the fault that broke it first

     ┌───────────── Lost: the next credential ───────────────┐
     ▼                                                       │
    Start ──Slow──▶ Start beside (or wait) ──Begun──▶ Deliver ──Failed (recovery)──▶ Start …
                                                       └──Done──▶ returns

Closing the generator takes every ticket back and blames no credential; `flow.leave` says that the caller has gone, and when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sparekey.core import outcomes, rounds
from sparekey.core.expectations import Kind
from sparekey.core.next_attempt import at_once, begin_round
from sparekey.core.race import Begun, Beside, Done, Failed, KeepWaiting, Left, Lost, Pause, Race, Slow, Start
from sparekey.core.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sparekey.core.identity import Identity
    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, Ticket
    from sparekey.core.shared_state import SharedState


class Deliver(NamedTuple):
    """Pass the items of this credential's stream on; give up the others."""

    ticket: Ticket


class Differs(NamedTuple):
    """The new answer does not begin with what the caller has seen of the old one."""

    now: float


Step: TypeAlias = "Start | KeepWaiting | Beside | Pause | Deliver"
Message: TypeAlias = "Begun | Lost | Slow | Done | Failed | Differs"
Steps: TypeAlias = "Generator[Step, Message, None]"


def stream(
    pool: Pool,
    chain_state: SharedState,
    now: float,
    eligible: frozenset[int] | None = None,
    policy: Policy | None = None,
    identify: Callable[[], Identity] | None = None,
    *,
    hedge: Callable[[], bool],
    recoverable: Callable[[], bool],
    made: Ticket | None = None,
    begun: bool = False,
) -> Steps:
    """Walk the ring for one stream that starts at `now`.

    Args:
        pool: the chain.
        chain_state: its state.
        now: the time.
        eligible: restricts the walk to some indices.
        policy: replaces the chain's own policy in what concerns this request alone.
        identify: returns what tells this request from others.
        hedge: takes a second stream beside a slow one out of the budget, or returns False if there is none.
        recoverable: returns whether another stream may take over from one that broke after its first content.
        made: the ticket of an attempt that was made before, at `now`: it is the first of this stream.
        begun: that attempt has brought its first content, which is settled, and which the caller has seen.
    """
    walk = Walk(pool, chain_state, now, eligible, policy, identify, Kind.FIRST, made=made)
    try:
        yield from _Stream(walk, hedge, recoverable, _begun(walk) if begun else None).steps()
    except Left as left:
        outcomes.left(walk, left.now)
    finally:
        outcomes.abandon(walk)  # the caller went away, or one of several found fault with the request while the others ran


class _Stream:
    """The rounds of one stream.

    Attributes:
        fault: what broke the stream first after the caller had seen a part; None if nothing did.
        rounds: how many rounds are done, from 0.
        winner: whoever has begun to answer; None: nobody has yet.
    """

    def __init__(self, walk: Walk, hedge: Callable[[], bool], recoverable: Callable[[], bool], winner: Ticket | None) -> None:
        self.walk, self.hedge, self.recoverable, self.winner = walk, hedge, recoverable, winner
        self.fault: BaseException | None = None
        self.rounds = 0

    def steps(self) -> Steps:
        while True:
            winner, self.winner = self.winner, None
            winner = winner or (yield from Race(self.walk, self.hedge, self.fault).steps())
            if winner is None:
                self.walk.now = (yield self._pause()).now
                begin_round(self.walk)
            elif (yield from self._relayed(winner)):
                return

    def _pause(self) -> Pause:
        seconds = rounds.pause(self.walk, self.rounds)
        if seconds is None:
            raise _first(self.fault, outcomes.exhausted(self.walk))
        self.rounds += 1
        return Pause(seconds)

    def _relayed(self, winner: Ticket) -> Generator[Step, Message, bool]:
        """Whether the stream came to its end. From here on the caller sees content; a fault may be recovered by the next credential."""
        message = yield Deliver(winner)
        self.walk.now = message.now
        if isinstance(message, Failed):
            outcomes.cut(self.walk, message.seen(winner))
            self.fault = self.fault or message.exception
            if not self.recoverable():
                raise self.fault
        elif isinstance(message, Differs):
            assert self.fault is not None
            raise self.fault
        return isinstance(message, Done)


def _begun(walk: Walk) -> Ticket:
    """Take in that the attempt that was made before has begun to answer."""
    ticket = at_once(walk)
    walk.take_back(ticket)
    return ticket


def _first(fault: BaseException | None, other: BaseException) -> BaseException:
    """The exception to raise: what broke a stream that the caller reads says more than the failed attempts to recover it."""
    return fault or other
