"""A chain with its statistics, whose credentials fail as they are told to, without network or sleep."""

from chain_play import Fault, read
from sparekey.core.policy import Policy
from sparekey.core.status import describe
from sparekey.engine import Chain, Failover
from sparekey.gateway.console.words import ahead, detail, headline, why
from sparekey.gateway.observe.chain_health import health
from sparekey.stats.chain_stats import ChainStats
from sparekey.types import Credential


class Watched:
    """A chain with its statistics, whose credentials fail as they are told to."""

    def __init__(self, clock, *ids):
        self.clock, self.ids, self.ill = clock, ids, {}
        self.chain = Chain([Credential(i, model="m") for i in ids], Policy(patience=0.0), classify=read, clock=clock, random=lambda: 0.5)
        self.stats = ChainStats(clock)
        self.chain.add_hook(self.stats)

    def ask(self, times=1, every=0.0, **ill):
        """Make calls, `every` so many seconds; return how many were served."""
        self.ill, served = ill or self.ill, 0
        for _ in range(times):
            self.clock.advance(every)
            try:
                Failover(self.chain).call(self._attempt)
                served += 1
            except Exception:
                continue
        return served

    def _attempt(self, credential):
        if credential.id in self.ill:
            raise Fault(self.ill[credential.id])
        return credential.id

    @property
    def health(self):
        return health(self.chain.pool, self.chain.state, self.clock(), self.stats.ends(), self.clock())

    @property
    def said(self):
        """The lines that are read first."""
        found, rows = self.health, describe(self.chain.pool, self.chain.state, self.clock()).credentials
        last = {row.id: self.stats.summary(row.id).last_failure for row in rows}
        whys = [why(self.chain.pool, self.chain.state, row, last[row.id] if row.index == found.trying else None) for row in rows]
        return headline(self.ids, found), detail(rows, whys, found, None, self.clock()), ahead(self.ids, found).before
