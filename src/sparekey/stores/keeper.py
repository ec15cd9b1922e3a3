"""Keeps this process's copies of a store's values fresh, in the only thread that uses the store.

    a request ──read──▶ Replica ◀──a look every 0.25 s── Keeper's thread ◀──▶ store
              ─change─▶ Replica ──waits for 0.25 s at most──▶

However slow the store is (a dead network, a full disk), a change waits for it for `patience`
seconds, once. After that the store counts as away: each process works on its own copy, the keeper
tries again, and merges what both sides did meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sparekey.stores.base import StoreAwayError
from sparekey.stores.replica import Replica
from sparekey.stores.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from sparekey.core.pool import Pool, PoolState
    from sparekey.stores.base import Store

logger = logging.getLogger("sparekey")

POLL: Final = 0.25
"""Seconds between two looks at the store."""
PATIENCE: Final = 0.25
"""The most seconds that a change waits for the store."""
COUNTS_EVERY: Final = 8
"""Polls between two writes of the count of served requests alone."""
_STARTING: Final = 2.0
"""The most seconds that a new chain waits for its state from the store."""
_CLOSING: Final = 2.0
_TIDY: Final = 60.0


class Keeper:
    """A store as chains use it: safe for threads, tasks and forks.

    Use it as a context manager, or call `close`.

    Attributes:
        _replicas: the copies of the chains' states; unused ones are garbage-collected.
        _lock: guards `_replicas` and `_away`, which several threads change.
        _away: why the store cannot be used now; None: it can.
        _looks: number of polls; every eighth writes the counts of served requests as well.
        _tidied: time of the store's last housekeeping.
        _worker: the thread.
    """

    def __init__(self, store: Store, *, poll: float = POLL, patience: float = PATIENCE) -> None:
        """Keep copies of the values of `store`.

        Args:
            store: opened by `open_store`.
            poll: seconds between two polls: how soon this process sees the others' changes.
            patience: the most seconds that a change waits for the store.
        """
        self._store, self._patience = store, patience
        self._replicas: weakref.WeakSet[Replica] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._away: str | None = None
        self._looks = 0
        self._tidied = time.monotonic()
        self._worker = Worker(f"sparekey {store.label}", self._poll, poll, self._forked)
        self._worker.start()

    @property
    def label(self) -> str:
        """The store's name in messages: its address without a password."""
        return self._store.label

    @property
    def away(self) -> str | None:
        """Why the store cannot be used now; None if it can."""
        return self._away

    def attach(self, name: str, pool: Pool, clock: Callable[[], float]) -> Replica:
        """Return this process's copy of a chain's state, with what the store holds.

        Args:
            name: the chain's name in the store; chains of the same name share their state, across
                processes too.
            pool: the chain's credentials.
            clock: the chain's clock, in seconds.

        Raises:
            ValueError: the name is empty, or the store is closed.
        """
        if not name or self._worker.closed:
            raise ValueError("a chain in a store needs a name" if not name else f"the store {self.label} was closed")
        replica = Replica(name, pool, clock, self._change)
        with self._lock:
            self._replicas.add(replica)
        if self._away is None:  # else the keeper reads it when the store is back
            self._ask(_STARTING, self._look, [replica])
        return replica

    def recall(self, name: str) -> bytes | None:
        """Return a value that is no chain's state; None: no value, or the store is away.

        It waits up to 2 s for the store.
        """
        found = None if self._away or self._worker.closed else self._ask(_STARTING, self._store.read, [name])
        return found.get(name) if found else None

    def note(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace the value `old` that `recall` returned with `new`.

        Returns False if the value has changed since, or the store is away.
        """
        done = None if self._away or self._worker.closed else self._ask(_STARTING, self._store.compare_and_set, name, old, new)
        return bool(done)

    def close(self) -> None:
        """Write what the store lacks and close it; chains continue with their own copies."""
        if not self._worker.closed:
            self._worker.close(_CLOSING, self._part)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── threads that change a state ──

    def _change(self, replica: Replica, old: PoolState, new: PoolState) -> bool:
        """Change a state through the keeper's thread; only here if the store is away."""
        if self._away is None and not self._worker.closed:
            done = self._ask(self._patience, replica.put, self._store, old, new)
            if done is not None:
                return bool(done)
        return replica.swap(old, new)

    def _ask(self, patience: float, work: Callable[..., Any], *args: Any) -> Any:
        """Return the result of `work` in the keeper's thread; None if the store is away."""
        try:
            return self._worker.ask(patience, work, *args)
        except StoreAwayError as exc:
            self._leave(str(exc))
        except TimeoutError:
            self._leave(f"no answer within {patience:g} s")
        return None

    def _leave(self, reason: str) -> None:
        with self._lock:
            known, self._away = self._away, reason
        if known is None and not self._worker.closed:
            logger.warning("the store %s is away: %s; this process goes on with its own copy and tries again", self.label, reason)

    # ── the keeper's thread ──

    def _poll(self) -> None:
        with self._lock:
            replicas = list(self._replicas)
        self._looks += 1
        try:
            if self._store.changed() or self._away is not None:
                self._look(replicas)
            for replica in replicas:
                replica.push(self._store, counts=self._looks % COUNTS_EVERY == 0)
            if time.monotonic() - self._tidied >= _TIDY:
                self._tidied = time.monotonic()
                self._store.tidy()
        except StoreAwayError as exc:
            self._leave(str(exc))
        except Exception:  # without this thread the process would never see the others' changes
            logger.exception("the store %s: a look at it broke off", self.label)
        else:
            self._return()

    def _look(self, replicas: list[Replica]) -> None:
        for replica in replicas:
            replica.look()
        found = self._store.read({replica.name for replica in replicas})
        for replica in replicas:
            replica.take(found.get(replica.name), self._store)

    def _return(self) -> None:
        with self._lock:
            known, self._away = self._away, None
        if known is not None:
            logger.info("the store %s is back; what was done meanwhile, here and by others, is merged", self.label)

    def _part(self) -> None:
        try:
            for replica in list(self._replicas):
                replica.push(self._store, counts=True)
        except StoreAwayError as exc:
            if self._away is None:
                logger.warning("the store %s is away: %s; what only this process knew at its end is lost", self.label, exc)
        except Exception:  # the connections have to be closed, whatever it was
            logger.exception("the store %s: what was to be written at the end was not", self.label)
        finally:
            with suppress(StoreAwayError):
                self._store.close()

    def _forked(self) -> None:
        """Reset in a child process: the lock may stay held, the connections are the parent's."""
        self._lock = threading.Lock()
        self._store.forget()
        for replica in list(self._replicas):
            replica.forked()
