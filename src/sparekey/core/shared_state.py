"""Where the state of a chain lives, as the core sees it: a value to read, and one step that replaces it.

The engine implements it (`sparekey.engine.chain_state`): compare-and-set in memory, and behind that a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sparekey.core.expectations import Sample
    from sparekey.core.local import LocalState
    from sparekey.core.pool import PoolState
    from sparekey.core.settlement import ObservedFailure


class SharedState(Protocol):
    """The state of one chain: read it, or let a pure function change it in one step."""

    dead: ObservedFailure | None
    """The last refusal of a chain's only credential, if it was neither a passing fault nor a merely possible one."""

    @property
    def state(self) -> PoolState:
        """The state now."""

    @property
    def local(self) -> LocalState:
        """What only this process knows, now."""

    def transact(self, decide: Callable[..., tuple[PoolState, Any]], *args: object) -> Any:
        """Replace the state by `decide(pool, state, *args)[0]`, atomically; return the second element of its result."""

    def learn(self, sample: Sample, now: float) -> None:
        """Take in how long an answer took, at once or a little later."""

    def transact_local(self, decide: Callable[..., tuple[LocalState, Any]], *args: object) -> Any:
        """Replace what this process knows by `decide(local, policy, *args)[0]`, atomically; return the second element of its result."""
