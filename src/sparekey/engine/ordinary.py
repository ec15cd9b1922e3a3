"""A chain as whoever serves many ordinary requests sees it: what becomes of each is decided once for a state, not once for a request.

`OrdinaryCalls` does for such a request what a driver does through `LogicalCall` and the core's flow; what that is says
`core.ordinary`. A request that turns out not to be ordinary goes on as the first attempt of a call (`engine.made`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import local, settlement
from sparekey.core.events import AttemptStarted, AttemptSucceeded, ContentStarted
from sparekey.core.expectations import Kind, Sample
from sparekey.core.ordinary import Ordinary, counted, crosses, ordinary
from sparekey.core.policy import Recovery
from sparekey.engine.call import NUMBERS
from sparekey.types import Attempt, Outcome

if TYPE_CHECKING:
    from sparekey.core.pool import PoolState, Ticket
    from sparekey.engine.chain import Chain
    from sparekey.types import Usage


_ASK_AGAIN: Final = 0.05
"""Seconds of the chain's clock after which a chain without ordinary requests is asked again whether it has some."""


class _Seen(NamedTuple):
    """What was found for a state of the chain: until its clock says `until`."""

    state: PoolState
    found: Ordinary | None
    until: float


class _Uncounted:
    """Successes of one chain that count towards a failback and are not in its state yet.

    Attributes:
        number: how many.
        plan: what was said of the last of them.
        kinds: all who count here.
    """

    __slots__ = ("kinds", "number", "plan")

    def __init__(self) -> None:
        """Begin with none."""
        self.number = 0
        self.plan: Ordinary | None = None
        self.kinds: list[OrdinaryCalls] = []


class OrdinaryCalls:
    """The ordinary requests of one chain, all that wait for answers of one kind. For one event loop.

    Attributes:
        clock: the chain's.
        owed: the last request that `now` was asked for has to be told of by `begin`, since a budget is not full.
    """

    def __init__(self, chain: Chain, kind: Kind = Kind.WHOLE, beside: OrdinaryCalls | None = None) -> None:
        """Serve a chain's requests for whole answers, or for streams.

        Args:
            chain: the chain.
            kind: what they wait for.
            beside: those of another kind, served in the same event loop.
        """
        self.chain, self._kind = chain, kind
        self.clock = chain.clock
        self._seen: _Seen | None = None
        self.owed = True
        self._several = len(chain.credentials) > 1
        self._uncounted: _Uncounted = _Uncounted() if beside is None else beside._uncounted  # noqa: SLF001 - of this class
        self._uncounted.kinds.append(self)

    @property
    def uncounted(self) -> int:
        """How many successes count towards a failback and are not in the state yet; `flush` puts them there."""
        return self._uncounted.number

    def now(self, now: float) -> Ordinary | None:
        """Return what becomes of an ordinary request that starts at `now`; None: there are no ordinary requests at the moment."""
        chain, seen = self.chain, self._seen
        state, budgets = chain._store.value, chain._local.value  # noqa: SLF001 - for every request: properties cost as much as the rest
        if (
            seen is None
            or seen.state is not state
            or now >= seen.until
            or (self._uncounted.number and crosses(chain.pool, state, self._uncounted.number))
        ):
            return self._anew(now)
        policy, found = chain.pool.policy, seen.found
        self.owed = budgets.hedges < policy.hedge_burst or (found is not None and found.earns and budgets.retries < policy.retry_burst)
        return found if budgets.egress_at is None else None

    def begin(self, plan: Ordinary) -> None:
        """Take in that an ordinary request begins: it earns its shares of a second attempt and of a retry, where these are not full."""
        chain, policy = self.chain, self.chain.pool.policy
        budgets = chain.local
        if budgets.hedges < policy.hedge_burst:
            chain.transact_local(local.earn_hedge)
        if plan.earns and budgets.retries < policy.retry_burst:
            chain.transact_local(local.earn_retry)

    def succeeded(self, plan: Ordinary, began: float, size: int) -> tuple[float, Ticket]:
        """Take in an ordinary success of an attempt, or the first content of a stream.

        Args:
            plan: what `now` said when the request started.
            began: when that was, in seconds of the chain's clock.
            size: of the answer or the request, as `core.race.Begun` has it.

        Returns:
            The seconds that it took, and the ticket for the rest of a stream.
        """
        chain = self.chain
        now, ticket = self.clock(), plan.ticket
        seen = self._seen
        if chain._local.value.egress_at is not None:  # noqa: SLF001 - as above
            chain.transact_local(local.reached)
        if not self._several:
            chain.dead = None
        if seen is None or seen.found is not plan or chain._store.value is not seen.state or now >= plan.until:  # noqa: SLF001 - as above
            ticket = chain.transact(settlement.succeed, ticket, (), "", True, now)
        elif plan.counts:
            uncounted = self._uncounted
            uncounted.number, uncounted.plan = uncounted.number + 1, plan
        chain.learn(Sample(chain.pool.names[ticket.index], self._kind, now - began, size), now)
        return now - began, ticket

    def tell_begun(self, plan: Ordinary, number: int, seconds: float) -> None:
        """Tell the chain's hooks that the first content of a stream has come, so many seconds after the request."""
        self.chain.tell(ContentStarted(self.chain.pool.credentials[plan.ticket.index].id, number, 1, seconds))

    def tell(self, plan: Ordinary, seconds: float, usage: Usage | None, number: int = 0, first: float | None = None) -> Attempt:
        """Tell the chain's hooks of a success; return its entry in the ledger.

        Args:
            plan: what `now` said when the request started.
            seconds: how long it took.
            usage: the tokens that were counted.
            number: the call's, if hooks were told of it before.
            first: the seconds to the first content of a stream.
        """
        who = self.chain.pool.credentials[plan.ticket.index].id
        attempt = Attempt(who, Outcome.SUCCEEDED, None, seconds, first, usage)
        self.chain.tell(AttemptSucceeded(who, number or next(NUMBERS), 1, attempt))
        return attempt

    def flush(self) -> None:
        """Put the successes into the state that count towards a failback."""
        uncounted, chain = self._uncounted, self.chain
        count, plan = uncounted.number, uncounted.plan
        uncounted.number, uncounted.plan = 0, None
        if not count or plan is None:
            return
        before = chain.transact(counted, plan.ticket, count)
        after = chain.state
        if after.epoch == before.epoch and not crosses(chain.pool, before, count):
            alike = after == replace(before, served=after.served)
            for one in uncounted.kinds:
                one._counted(before, after if alike else None)  # noqa: SLF001 - of this class

    def _counted(self, before: PoolState, after: PoolState | None) -> None:
        """Take in that a state differs from the one before in what counts towards a failback alone; None: it does not."""
        if (seen := self._seen) is not None and seen.state is before:
            self._seen = None if after is None else seen._replace(state=after)

    def _anew(self, now: float) -> Ordinary | None:
        chain = self.chain
        self.flush()
        self.owed = True
        state, found = chain.state, None
        policy = chain.pool.policy
        shown = self._kind is Kind.WHOLE or policy.stream_recovery != Recovery.BUFFER
        if shown and not chain.listeners(AttemptStarted) and policy.deadline is None and policy.attempt_limit is None:
            found = ordinary(chain.pool, state, chain.local, now, self._kind)
        self._seen = _Seen(state, found, now + _ASK_AGAIN if found is None else found.until)
        return found
