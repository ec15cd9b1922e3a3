"""A chain: its credentials and policy, its state, and what its drivers share."""

from __future__ import annotations

import random as _random
import time
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from sparekey.classify import classify as _classify
from sparekey.core import status
from sparekey.core.policy import Policy
from sparekey.core.pool import Pool
from sparekey.engine.attempt_threads import AttemptThreads
from sparekey.engine.chain_state import ChainState
from sparekey.engine.switcher import OrderedCredentialSwitcher
from sparekey.masking import secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sparekey.core.events import Event
    from sparekey.engine.attempts import Attempts
    from sparekey.stores.keeper import Keeper
    from sparekey.types import Credential, Failure


class Chain(ChainState):
    """The credentials of one model in order, with their shared state. Thread-safe and task-safe; share one, do not copy it."""

    def __init__(
        self,
        credentials: Iterable[Credential],
        policy: Policy | None = None,
        *,
        classify: Callable[[BaseException], Failure] = _classify,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
        pace: float = 1.0,
        hooks: Iterable[Callable[[Event], None]] = (),
        store: Keeper | None = None,
        name: str = "",
    ) -> None:
        """Start with the first credential active and nothing parked, or as the store remembers it.

        Args:
            credentials: in order, the first has the highest priority; their ids are unique.
            policy: the knobs; the defaults of `Policy` if None.
            classify: reads why a call failed.
            clock: returns seconds that only go forwards; for tests.
            random: returns a number in [0, 1); for tests.
            pace: real seconds in a second of `clock`, for limits that are waited for; for tests.
            hooks: called with each event after the state was changed, outside any lock; one that raises is logged.
            store: where the state lives, from `sparekey.stores.open_store`; None: in this object.
            name: the chain's name in the store; chains of one name share their state.

        Raises:
            ValueError: no credential, two with one id, or a store and no name.
        """
        super().__init__(Pool(tuple(credentials), policy or Policy()), clock, hooks, store, name)
        self.classify, self.random, self.pace = classify, random, pace
        self.secrets = secrets_of(self.credentials)
        self.switcher = OrderedCredentialSwitcher.over(self)
        self.workers = AttemptThreads()

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The credentials in order."""
        return self.pool.credentials

    @property
    def active_index(self) -> int:
        """Where the next request starts; reading it changes nothing."""
        return self.state.active

    @property
    def active_id(self) -> str:
        """The id of the active credential; reading it changes nothing."""
        return self.credentials[self.active_index].id

    def status(self) -> status.ChainStatus:
        """Return who is active, who is parked, why and for how long; reading it changes nothing."""
        return status.describe(self.pool, self.state, self.clock())

    def failure(self, exc: BaseException) -> Failure:
        """Return why a call failed; the message has no key of this chain in it."""
        failure = self.classify(exc)
        message = self.secrets.cut_known(failure.message)
        return failure if message == failure.message else replace(failure, message=message)

    def reading(self, classify: Callable[[BaseException], Failure]) -> Chain:
        """Return this chain with another classifier: the same state, clock and hooks."""
        view = copy(self)
        view.classify = classify
        return view

    def under(self, policy: Policy) -> Chain:
        """Return this chain with another policy for what one call decides: the same state, clock and hooks."""
        view = copy(self)
        view.pool = self.pool.under(policy)
        return view

    def attempts(self, *, eligible: Callable[[Credential], bool] | None = None) -> Attempts:
        """Return the attempts of one call, for a loop of your own (see `Attempts`); `eligible` restricts it to some credentials."""
        from sparekey.engine.attempts import Attempts  # noqa: PLC0415 - it needs this module

        return Attempts(self, eligible)

    def indices(self, eligible: Callable[[Credential], bool] | None) -> frozenset[int] | None:
        """Return the indices of the credentials for which `eligible` returns True; None if these are all."""
        if eligible is None:
            return None
        indices = frozenset(i for i, credential in enumerate(self.credentials) if eligible(credential))
        return None if len(indices) == len(self.credentials) else indices


def chain_of(chain: Chain | Iterable[Credential], policy: Policy | None) -> Chain:
    """Return a chain, or make one of credentials and a policy."""
    if isinstance(chain, Chain):
        if policy is not None:
            raise ValueError("give the policy to the Chain: the drivers of one chain share it")
        return chain
    return Chain(chain, policy)
