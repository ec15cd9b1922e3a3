"""This process's copy of one chain's state: reads are local, changes go through to the store.

A replica holds three versions of the state: `value` is this process's, `_base` is the last one on
which process and store agreed, and `_raw` is the store's bytes for `_base`. A change is computed on
`value` and sent as "replace `_raw` with these bytes". There are three outcomes:

    yes                 both agree on the new state
    somebody was faster their bytes are read, and what each side changed since `_base` is merged (`core.rejoin`)
    nothing             the answer was lost: nobody knows whether the bytes arrived. `_sent` remembers them, so that a later look which
                        finds them there knows them for its own, instead of merging them a second time

Only the keeper's thread touches the store. Reading the state and counting a served request never
wait for it.
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
    """The last value sent to the store, which may not have arrived.

    `origin` is the state from which this process derived it.
    """

    raw: bytes
    state: PoolState
    origin: PoolState


class Replica:
    """The state of one chain in this process, and what it knows of the store's.

    Attributes:
        name: the chain's name in the store.
        value: this process's state; read without a lock, because it is replaced as a whole.
        _base: the state on which process and store last agreed; differences from it are local.
        _sent: the last value sent, until it is known whether it arrived.
        _raw: the store's bytes for `_base`; None: no value. Only the keeper's thread uses this and
            the next two.
        _looking: when the current read of the store began, on the chain's clock.
        _looked: when the last finished read began: a value that is new since cannot be older.
    """

    def __init__(self, name: str, pool: Pool, clock: Callable[[], float], change: Callable[[Replica, PoolState, PoolState], bool]) -> None:
        """Create a copy with nothing parked.

        Args:
            name: the chain's name in the store.
            pool: the chain's credentials.
            clock: the chain's clock in seconds.
            change: makes a change in the store, or only here if the store is away.
        """
        self.name = name
        self._clock, self._change = clock, change
        self._codec = Codec(pool, secrets.token_hex(4))
        self._lock = threading.Lock()
        self.value = self._base = PoolState(switched_at=clock())
        self._sent: Sent | None = None
        # only the keeper's thread uses the following
        self._raw: bytes | None = None
        self._looking = self._looked = -math.inf

    # ── for all threads ──

    def compare_and_set(self, old: PoolState, new: PoolState) -> bool:
        """Replace `old` with `new`, in the store too; return False if the state is no longer `old`.

        A change of the count of served requests stays here and goes to the store later.
        """
        if self.value is not old:
            return False
        return self.swap(old, new) if counts_only(old, new) else self._change(self, old, new)

    def swap(self, old: PoolState, new: PoolState) -> bool:
        """Replace `old` with `new` in this process only."""
        with self._lock:
            if self.value is not old:
                return False
            self.value = new
            if self._sent is not None and self._sent.state is new:
                self._sent = self._sent._replace(origin=new)
            return True

    def forked(self) -> None:
        """Reset in a child process: the thread that held the lock does not exist there."""
        self._lock = threading.Lock()
        self._codec.writer = secrets.token_hex(4)

    # ── for the keeper's thread ──

    def put(self, store: Store, old: PoolState, new: PoolState) -> bool:
        """Change the state in the store, then here.

        Returns False if another process was faster; its change has then been merged.
        """
        with self._lock:
            origin = self.value
        if origin is not old:
            if not counts_only(old, origin):
                return False
            new = _counted(old, origin, new)
        return self._send(store, new, origin) or self._conflict(store)

    def look(self) -> None:
        """Note that a read of the store begins."""
        self._looking = self._clock()

    def take(self, raw: bytes | None, store: Store) -> None:
        """Merge the store's value into this process's state.

        Raises:
            StoreAwayError: a later version of sparekey wrote the value, which must not be
                overwritten.
        """
        if raw != self._raw:
            origin, theirs = self._read(raw, store)
            self._agree(raw, theirs, origin)
        self._looked = self._looking

    def push(self, store: Store, *, counts: bool) -> None:
        """Write local changes to the store.

        With `counts`, even if only the count of requests changed. What changes while the store is
        written is written, too.
        """
        for _ in range(_TRIES):
            value, base = self.value, self._base
            if value is base or (counts_only(base, value) and not counts):
                return
            if not self._send(store, value, value):
                self._conflict(store)

    def _send(self, store: Store, state: PoolState, origin: PoolState) -> bool:
        raw = self._codec.encode(state, self._clock(), store.stamp())
        with self._lock:
            self._sent = Sent(raw, state, state if self.value is state else origin)
        if not store.compare_and_set(self.name, self._raw, raw):
            return False
        self._agree(raw, state, origin)
        return True

    def _conflict(self, store: Store) -> bool:
        """Read the store's value; return whether it is the one sent (only the answer was lost)."""
        self.look()
        self.take(store.read([self.name]).get(self.name), store)
        return self._sent is not None and self._raw == self._sent.raw

    def _read(self, raw: bytes | None, store: Store) -> tuple[PoolState, PoolState]:
        """Return the state in the store's bytes, and the last state on which both sides agreed."""
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
                origin = self._sent.origin  # it may have changed a moment ago
            self.value = merged(origin, self.value, completed(theirs, self.value))
            self._base, self._raw = theirs, raw


def _counted(old: PoolState, value: PoolState, new: PoolState) -> PoolState:
    """Return `new` with what was served and learned while it was on its way.

    A state of a new term starts the count anew, so nothing is added to its count.
    """
    new = replace(new, expectations=value.expectations)
    if (new.term, new.switched_at) != (old.term, old.switched_at):
        return new
    return replace(new, served=new.served + value.served - old.served)
