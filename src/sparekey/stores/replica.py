"""This process's copy of one chain's state: it reads like a `MemoryStore`, and a change goes through to the store behind it.

A replica holds three versions of the state: `_value`, as this process knows it; `_base`, as both sides last agreed on it; and `_raw`, the
store's bytes for that. A change is computed on `_value` and sent as "`_raw` becomes these bytes". Three things may come back:

    yes                 both agree on the new state
    somebody was faster their bytes are read, and what each side changed since `_base` is merged (`core.rejoin`)
    nothing             the answer was lost: nobody knows whether the bytes arrived. `_sent` remembers them, so that a later look which
                        finds them there knows them for its own, instead of merging them a second time

Whatever touches the store runs on the keeper's thread; whoever reads or counts a served request never waits for it.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core.pool import PoolState
from sparekey.core.rejoin import counts_only, merged
from sparekey.stores.base import StoreAwayError
from sparekey.stores.codec import Codec, NewerStateError, UnreadableStateError
from sparekey.stores.old_states import completed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.pool import Pool
    from sparekey.stores.base import Store

logger = logging.getLogger("sparekey")

_TRIES: Final = 5


class Sent(NamedTuple):
    """What was last sent to the store: whether it arrived is not always known. `origin` is what this process's state comes from."""

    raw: bytes
    state: PoolState
    origin: PoolState


class Replica:
    """The state of one chain in this process, and what is known of the store's.

    Attributes:
        name: the chain's name in the store.
        _value: the state as this process knows it; read without a lock, since it is replaced as a whole.
        _base: the state on which this process and the store last agreed; what differs from it is this process's own.
        _sent: what was last sent, until it is known whether it arrived.
        _raw: the store's bytes for `_base`; None: it holds nothing. Of the keeper's thread alone, as the next two.
        _looking: when the present look at the store began, on the chain's clock.
        _looked: when the last one did that has ended: what is new since then cannot be older than that.
    """

    def __init__(self, name: str, pool: Pool, clock: Callable[[], float], change: Callable[[Replica, PoolState, PoolState], bool]) -> None:
        """Start with nothing parked; `change` brings a change through to the store, or makes it here if the store is away."""
        self.name = name
        self._clock, self._change = clock, change
        self._codec = Codec(pool, secrets.token_hex(4))
        self._lock = threading.Lock()
        self._value = self._base = PoolState(switched_at=clock())
        self._sent: Sent | None = None
        # what follows belongs to the keeper's thread
        self._raw: bytes | None = None
        self._looking = self._looked = -math.inf

    # ── for everybody ──

    def read(self) -> PoolState:
        """Return the state as this process knows it."""
        return self._value

    def compare_and_set(self, old: PoolState, new: PoolState) -> bool:
        """Put `new` in the place of `old`, in the store too; return False if the state is another one by now.

        A count of served requests stays here; it goes to the store with the next change, or after a while.
        """
        if self._value is not old:
            return False
        return self.swap(old, new) if counts_only(old, new) else self._change(self, old, new)

    def swap(self, old: PoolState, new: PoolState) -> bool:
        """Put `new` in the place of `old` in this process only; if it was sent to the store as well, what follows comes behind it."""
        with self._lock:
            if self._value is not old:
                return False
            self._value = new
            if self._sent is not None and self._sent.state is new:
                self._sent = self._sent._replace(origin=new)
            return True

    def forked(self) -> None:
        """Begin anew in a child process: whoever held the lock is not there."""
        self._lock = threading.Lock()
        self._codec.writer = secrets.token_hex(4)

    # ── for the keeper's thread ──

    def put(self, store: Store, old: PoolState, new: PoolState) -> bool:
        """Change the state in the store, then here; return False if somebody was faster, having taken over what they did."""
        with self._lock:
            origin = self._value
        if origin is not old:
            if not counts_only(old, origin):
                return False
            new = _counted(old, origin, new)
        return self._send(store, new, origin) or self._conflict(store)

    def look(self) -> None:
        """The store is about to be read."""
        self._looking = self._clock()

    def take(self, raw: bytes | None, store: Store) -> None:
        """Take over what the store holds.

        Raises:
            StoreAwayError: a later version of sparekey has written it, which nobody may overwrite.
        """
        if raw != self._raw:
            origin, theirs = self._read(raw, store)
            self._agree(raw, theirs, origin)
        self._looked = self._looking

    def push(self, store: Store, *, counts: bool) -> None:
        """Bring to the store what only this process knows; the count of served requests alone only if `counts`."""
        for _ in range(_TRIES):
            value, base = self._value, self._base
            if value is base or (counts_only(base, value) and not counts):
                return
            if self._send(store, value, value):
                return
            self._conflict(store)

    def _send(self, store: Store, state: PoolState, origin: PoolState) -> bool:
        raw = self._codec.encode(state, self._clock(), store.stamp())
        with self._lock:
            self._sent = Sent(raw, state, state if self._value is state else origin)
        if not store.compare_and_set(self.name, self._raw, raw):
            return False
        self._agree(raw, state, origin)
        return True

    def _conflict(self, store: Store) -> bool:
        """Read what is there; return whether it is what was sent, after all (the answer was lost and the question asked again)."""
        self.look()
        self.take(store.read([self.name]).get(self.name), store)
        return self._sent is not None and self._raw == self._sent.raw

    def _read(self, raw: bytes | None, store: Store) -> tuple[PoolState, PoolState]:
        """What the store's bytes mean, and the last state on which both sides agreed."""
        if raw is None:
            return PoolState(), PoolState()
        if self._sent is not None and raw == self._sent.raw:
            return self._sent.origin, self._sent.state
        now = self._clock()
        try:
            return self._base, self._codec.decode(raw, now, store.stamp(), now - self._looked)
        except NewerStateError as exc:
            raise StoreAwayError(f"chain {self.name!r}: {exc}") from None
        except UnreadableStateError as exc:
            logger.warning("%s holds for chain %r %s; the state of this process takes its place", store.label, self.name, exc)
            return PoolState(), PoolState()

    def _agree(self, raw: bytes | None, theirs: PoolState, origin: PoolState) -> None:
        with self._lock:
            if self._sent is not None and raw == self._sent.raw:
                origin = self._sent.origin  # it may be another one than a moment ago
            self._value = merged(origin, self._value, completed(theirs, self._value))
            self._base, self._raw = theirs, raw


def _counted(old: PoolState, value: PoolState, new: PoolState) -> PoolState:
    """Return `new` with what was served and learned while it was on its way, unless it starts the count anew."""
    new = replace(new, expectations=value.expectations)
    if (new.term, new.switched_at) != (old.term, old.switched_at):
        return new
    return replace(new, served=new.served + value.served - old.served)
