"""The ordered switcher: a chain's active credential under OpenViking's name, and a switcher for code with a loop of its own.

It decides nothing itself: order, term, park and probe live in `sparekey.core`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sparekey.core import choose, policy, pool, settlement
from sparekey.engine.chain_state import ChainState
from sparekey.types import Credential

if TYPE_CHECKING:
    from collections.abc import Callable


def monotonic() -> float:
    """Return the time in seconds by `time.monotonic`, looked up anew: OpenViking's own tests put another one in its place."""
    return time.monotonic()


class OrderedCredentialSwitcher:
    """Keeps which of N ordered credentials is active: it moves with successes, and steps back up by time or by count."""

    def __init__(
        self,
        n: int,
        failback_timeout_seconds: float = 600.0,
        failback_request_count: int = 50,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start at index 0.

        Args:
            n: how many credentials there are.
            failback_timeout_seconds: seconds since the last switch after which `maybe_failback` moves one step up.
            failback_request_count: successes since the last switch after which it does so, too.
            clock: returns seconds; for tests.

        Raises:
            ValueError: `n` is below 1.
        """
        if n < 1:
            raise ValueError("Number of credentials must be >= 1")
        knobs = policy.Policy(failback_timeout_seconds=failback_timeout_seconds, failback_request_count=failback_request_count)
        self._chain_state = ChainState(pool.Pool(tuple(Credential(str(i)) for i in range(n)), knobs), clock)

    @classmethod
    def over(cls, chain_state: ChainState) -> OrderedCredentialSwitcher:
        """Return a switcher that reads and moves the state of an existing chain."""
        self = cls.__new__(cls)
        self._chain_state = chain_state
        return self

    @property
    def n(self) -> int:
        """How many credentials there are."""
        return len(self._chain_state.pool)

    def get_active_index(self) -> int:
        """Return where the next request starts; reading it changes nothing."""
        return self._chain_state.state.active

    def maybe_failback(self) -> int:
        """Move one step up if a failback is due; call it once when a request is about to start. Return the active index."""
        self._chain_state.change(lambda state: choose.maybe_failback(self._chain_state.pool, state, self._chain_state.clock())[0])
        return self.get_active_index()

    def on_success(self, idx: int) -> None:
        """Count a success of the active credential towards the failback; at index 0 nothing is counted."""
        self._chain_state.change(lambda s: settlement.commit(s, idx, self._chain_state.clock()) if idx == s.active else s)

    def commit_success(self, idx: int) -> None:
        """Take in that credential `idx` served: it becomes active, or is counted if it already is.

        Raises:
            IndexError: there is no such credential.
        """
        if not 0 <= idx < self.n:
            raise IndexError(f"credential index {idx} is out of range: the chain has {self.n}")
        self._chain_state.change(lambda s: settlement.commit(s, idx, self._chain_state.clock()))

    @staticmethod
    def is_fail_fast(error_class: str) -> bool:
        """Return whether no other credential of the same model can help."""
        return policy.is_fail_fast(error_class)

    @property
    def _active_idx(self) -> int:
        return self._chain_state.state.active

    @_active_idx.setter
    def _active_idx(self, value: int) -> None:
        self._chain_state.change(lambda s: replace(s, active=value, term=s.term + 1))

    @property
    def _last_switch_time(self) -> float:
        return self._chain_state.state.switched_at

    @_last_switch_time.setter
    def _last_switch_time(self, value: float) -> None:
        self._chain_state.change(lambda s: replace(s, switched_at=value))

    @property
    def _active_request_count(self) -> int:
        return self._chain_state.state.served

    @_active_request_count.setter
    def _active_request_count(self, value: int) -> None:
        self._chain_state.change(lambda s: replace(s, served=value))
