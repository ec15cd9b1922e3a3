"""A chain as whoever serves many ordinary requests sees it: what becomes of each is decided once for a state, not once for a request.

`OrdinaryCalls` does for such a request what a driver does through `LogicalCall` and the core's flow; what that is says
`core.ordinary`. A request that turns out not to be ordinary goes on as the first attempt of a call (`engine.made`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import local, settlement
from sparekey.core.events import AttemptStarted, AttemptSucceeded
from sparekey.core.expectations import Kind, Sample
from sparekey.core.ordinary import Ordinary, counted, crosses, ordinary
from sparekey.engine.call import NUMBERS
from sparekey.types import Attempt, Outcome

if TYPE_CHECKING:
    from sparekey.core.pool import PoolState
    from sparekey.engine.chain import Chain
    from sparekey.types import Usage


_ASK_AGAIN: Final = 0.05
"""Seconds of the chain's clock after which a chain without ordinary requests is asked again whether it has some."""


class _Seen(NamedTuple):
    """What was found for a state of the chain: until its clock says `until`."""

    state: PoolState
    found: Ordinary | None
    until: float


class OrdinaryCalls:
    """The ordinary requests of one chain, all that wait for answers of one kind. For one event loop.

    Attributes:
        clock: the chain's.
        owed: the last request that `now` was asked for has to be told of by `begin`, since a budget is not full.
        uncounted: successes that count towards a failback and are not in the state yet; `flush` puts them there.
    """

    def __init__(self, chain: Chain, kind: Kind = Kind.WHOLE) -> None:
        """Serve a chain's requests for whole answers, or for streams."""
        self.chain, self._kind = chain, kind
        self.clock = chain.clock
        self._seen: _Seen | None = None
        self.uncounted, self.owed = 0, True
        self._several = len(chain.credentials) > 1
        self._counted_for: Ordinary | None = None

    def now(self, now: float) -> Ordinary | None:
        """Return what becomes of an ordinary request that starts at `now`; None: there are no ordinary requests at the moment."""
        chain, seen = self.chain, self._seen
        state, budgets = chain._store.value, chain._local.value  # noqa: SLF001 - for every request: properties cost as much as the rest
        if seen is None or seen.state is not state or now >= seen.until or (self.uncounted and crosses(chain.pool, state, self.uncounted)):
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

    def succeeded(self, plan: Ordinary, began: float, size: int) -> float:
        """Take in an ordinary success of an attempt that began at `began`; return the seconds that it took.

        Args:
            plan: what `now` said when the request started.
            began: when that was, in seconds of the chain's clock.
            size: of the answer or the request, as `core.race.Begun` has it.
        """
        chain = self.chain
        now, index = self.clock(), plan.ticket.index
        seen = self._seen
        if chain._local.value.egress_at is not None:  # noqa: SLF001 - as above
            chain.transact_local(local.reached)
        if not self._several:
            chain.dead = None
        if seen is None or seen.found is not plan or chain._store.value is not seen.state or now >= plan.until:  # noqa: SLF001 - as above
            chain.transact(settlement.succeed, plan.ticket, (), "", True, now)
        elif plan.counts:
            self.uncounted, self._counted_for = self.uncounted + 1, plan
        chain.learn(Sample(chain.pool.names[index], self._kind, now - began, size), now)
        return now - began

    def tell(self, plan: Ordinary, seconds: float, usage: Usage | None) -> Attempt:
        """Tell the chain's hooks of a success; return its entry in the ledger."""
        who = self.chain.pool.credentials[plan.ticket.index].id
        attempt = Attempt(who, Outcome.SUCCEEDED, None, seconds, None, usage)
        self.chain.tell(AttemptSucceeded(who, next(NUMBERS), 1, attempt))
        return attempt

    def flush(self) -> None:
        """Put the successes into the state that count towards a failback."""
        count, plan, seen, chain = self.uncounted, self._counted_for, self._seen, self.chain
        self.uncounted, self._counted_for = 0, None
        if not count or plan is None:
            return
        before = chain.transact(counted, plan.ticket, count)
        after = chain.state
        if seen is not None and before is seen.state and after.epoch == before.epoch and not crosses(chain.pool, before, count):
            self._seen = seen._replace(state=after) if after == replace(before, served=after.served) else None

    def _anew(self, now: float) -> Ordinary | None:
        chain = self.chain
        self.flush()
        self.owed = True
        state, found = chain.state, None
        policy = chain.pool.policy
        if not chain.listeners(AttemptStarted) and policy.deadline is None and policy.attempt_limit is None:
            found = ordinary(chain.pool, state, chain.local, now, self._kind)
        self._seen = _Seen(state, found, now + _ASK_AGAIN if found is None else found.until)
        return found
