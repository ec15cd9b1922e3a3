"""The state of one chain with its clock: each decision of the core becomes one atomic change.

Nothing is locked while a decision is computed or a call is out. A decision is made on the state that was read, and made again if
another thread or process has changed that state meanwhile (compare-and-set). After a change, hooks hear what happened.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sparekey.core import expectations
from sparekey.core.events import Event, Parked, Probed, Recovered, Switched, between
from sparekey.core.local import LocalState
from sparekey.core.manual import HELD
from sparekey.core.pool import Pool, PoolState
from sparekey.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from sparekey.core.expectations import Sample
    from sparekey.core.settlement import ObservedFailure
    from sparekey.stores.keeper import Keeper

LEARN_EVERY: Final = 10.0
"""Seconds between two times at which ordinary answers are learned from: that is in no hurry."""
MOST_SAMPLES: Final = 64
"""How many answers are kept for that, the last ones."""
logger = logging.getLogger("sparekey")


class ChainState:
    """Holds a `PoolState`, changes it by compare-and-set, and tells hooks what changed.

    Attributes:
        pool: the credentials.
        clock: returns seconds.
        hooks: what is called with each event.
        _store: the chain's state, in memory or in a store.
        _local: what only this process knows of the chain.
        _dead: one element: see `dead`; a list, since views of a chain (`Chain.under`) share it.
        _samples: how long the last answers took; they are not learned yet.
        _learns_at: one element: when they are learned at the latest.
        _listeners: the hooks for each type of event, and how many hooks there were when that was worked out.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], float] = time.monotonic,
        hooks: Iterable[Callable[[Event], None]] = (),
        store: Keeper | None = None,
        name: str = "",
    ) -> None:
        """Start with what the store remembers of `name`, else with nothing parked and the first credential active.

        Args:
            pool: the credentials.
            clock: returns seconds.
            hooks: called after each change of this process, outside any lock.
            store: where the state lives; None: in this object.
            name: the chain's name in the store.

        Raises:
            ValueError: there is a store and no name.
        """
        self.pool = pool
        self.clock = clock
        self._dead: list[ObservedFailure | None] = [None]
        self._local = MemoryStore(LocalState.of(pool.policy))
        self._samples: deque[Sample] = deque(maxlen=MOST_SAMPLES)
        self._learns_at = [0.0]
        self.hooks: list[Callable[[Event], None]] = []
        self._listeners: dict[type, tuple[int, tuple[Callable[[Event], None], ...]]] = {}
        fresh: MemoryStore[PoolState] = MemoryStore(PoolState(switched_at=clock()))
        self._store = fresh if store is None else store.attach(name, pool, clock)
        for hook in hooks:
            self.add_hook(hook)

    @property
    def state(self) -> PoolState:
        """The state now; reading it changes nothing."""
        return self._store.value

    @property
    def dead(self) -> ObservedFailure | None:
        """The last refusal of the chain's only credential, if it is out of order for certain; else None."""
        return self._dead[0]

    @dead.setter
    def dead(self, error: ObservedFailure | None) -> None:
        self._dead[0] = error

    @property
    def local(self) -> LocalState:
        """What only this process knows of the chain; reading it changes nothing."""
        return self._local.value

    def transact_local(self, decide: Callable[..., tuple[LocalState, Any]], *args: object) -> Any:
        """Replace what this process knows by `decide(local, policy, *args)[0]`, atomically; return the second element of its result."""
        while True:
            old = self._local.value
            new, answer = decide(old, self.pool.policy, *args)
            if new is old or self._local.compare_and_set(old, new):
                return answer

    def transact(self, decide: Callable[..., tuple[PoolState, Any]], *args: object) -> Any:
        """Replace the state by `decide(pool, state, *args)[0]`, atomically; return the second element of its result."""
        store = self._store
        while True:
            old = store.value
            new, answer = decide(self.pool, old, *args)
            if new is old:
                return answer
            if store.compare_and_set(old, new):
                self._announce(old, new)
                return answer

    def learn(self, sample: Sample, now: float) -> None:
        """Take in how long an answer took: an ordinary one within `LEARN_EVERY` seconds, any other at once."""
        samples = self._samples
        samples.append(sample)
        known = self._store.value.expectations.get(sample.who)
        if known is not None and now < self._learns_at[0] and expectations.may_wait(known, sample, len(samples)):
            return
        self._learns_at[0] = now + LEARN_EVERY
        taken: list[Sample] = []
        with suppress(IndexError):
            while True:
                taken.append(samples.popleft())
        if taken:
            self.transact(expectations.learn, taken, now)

    def change(self, edit: Callable[[PoolState], PoolState]) -> None:
        """Replace the state by `edit(state)`, atomically."""
        self.transact(lambda _pool, state: (edit(state), None))

    def add_hook(self, hook: Callable[[Event], None]) -> None:
        """Call `hook` with each event from now on, after the change and outside any lock. If it raises, that is logged.

        A hook may have three attributes:

        - `attach(chain)` is called first: events name credentials, and a hook may have to know more of them;
        - `logs`, if true, says that the hook writes the log of this chain, which then writes none itself;
        - `hears`, a collection of types of events, restricts the hook to those.
        """
        if (attach := getattr(hook, "attach", None)) is not None:
            attach(self)
        self.hooks.append(hook)

    def listeners(self, kind: type) -> tuple[Callable[[Event], None], ...]:
        """Return the hooks for a type of event; where there are none, the event need not be made."""
        known, found = self._listeners.get(kind, (0, ()))
        if known != (now := len(self.hooks)):
            found = tuple(hook for hook in self.hooks if kind in getattr(hook, "hears", (kind,)))
            self._listeners[kind] = (now, found)
        return found

    def tell(self, event: Event) -> None:
        """Call every hook for this type of event with it."""
        for hook in self.listeners(type(event)):
            try:
                hook(event)
            except Exception:
                logger.exception("a hook raised on %r; the call goes on", event)

    def _announce(self, old: PoolState, new: PoolState) -> None:
        if old.breakers is new.breakers and old.active == new.active:
            return
        logged_elsewhere = any(getattr(hook, "logs", False) is True for hook in self.hooks)
        for event in between(self.pool, old, new, self.clock()):
            if not logged_elsewhere:
                _log(event)
            self.tell(event)


def _log(event: Event) -> None:
    match event:
        case Switched(old, new, failback=True):
            logger.info("failback: active credential %s -> %s", old, new)
        case Switched(old, new):
            logger.warning("failover: active credential %s -> %s", old, new)
        case Parked(what, None):
            logger.warning("%s held until a person releases it", what)
        case Parked(what, seconds, None, reason) if reason == HELD:
            logger.warning("%s held for %.1f s", what, seconds)
        case Parked(what, seconds, cause, reason, soft):
            logger.warning("%s parked%s for %.1f s: %s (%s)", what, " softly" if soft else "", seconds, cause, reason)
        case Probed(what):
            logger.info("%s: park has run out, one request probes it", what)
        case Recovered(what):
            logger.info("%s is well again", what)
