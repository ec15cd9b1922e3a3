"""Keeps the copies of a store's values in this process fresh: one thread, the only one that talks to the store.

    a request ──read──▶ Replica ◀──look, every 0.25 s── Keeper's thread ◀──▶ store
              ──change─▶ Replica ──put, waited for 0.25 s at most──▶

However long the store takes (a dead network, a name server, a full disk), whoever changes something waits for `patience` once. Then the
store counts as away: each process goes on with its own copy, the keeper tries again, and what both sides did meanwhile is merged.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import weakref
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sparekey.stores.base import StoreAwayError
from sparekey.stores.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from sparekey.core.pool import Pool, PoolState
    from sparekey.stores.base import Store

logger = logging.getLogger("sparekey")

POLL: Final = 0.25
"""Seconds between two looks at the store."""
PATIENCE: Final = 0.25
"""The most seconds for which a change waits for the store."""
_STARTING: Final = 2.0
"""The most seconds for which a chain waits for what the store remembers of it, when it is made."""
_CLOSING: Final = 2.0
_TIDY: Final = 60.0

_keepers: weakref.WeakSet[Keeper] = weakref.WeakSet()


class Keeper:
    """A store as chains use it. Thread-safe, task-safe and fork-safe; use it as a context manager, or close it."""

    def __init__(self, store: Store, *, poll: float = POLL, patience: float = PATIENCE) -> None:
        """Keep copies of the values of `store`.

        Args:
            store: opened by `open_store`.
            poll: seconds between two looks at it: how soon this process sees what others did.
            patience: the most seconds for which a change waits for it.
        """
        self._store, self._every, self._patience = store, poll, patience
        self._replicas: weakref.WeakSet[Replica] = weakref.WeakSet()
        self.away: str | None = None
        self._closed = False
        self._start()
        _keepers.add(self)

    @property
    def label(self) -> str:
        """What the store is called in messages: its address without a password."""
        return self._store.label

    def attach(self, name: str, pool: Pool, clock: Callable[[], float]) -> Replica:
        """Return the state of one chain, as the store remembers it.

        Args:
            name: the chain's name in the store: chains of one name, here and in other processes, share their state.
            pool: the chain's credentials.
            clock: the chain's clock, in seconds.

        Raises:
            ValueError: there is no name, or the store was closed.
        """
        if not name or self._closed:
            raise ValueError(f"the store {self.label} was closed" if name else "a chain in a store needs a name")
        replica = Replica(name, pool, clock, self._change)
        with self._lock:
            self._replicas.add(replica)
        self._ask(_STARTING, self._look, [replica])
        return replica

    def close(self) -> None:
        """Bring to the store what it does not know yet, and let go of it; chains go on with their own copies."""
        if not self._closed:
            self._closed = True
            self._ask(_CLOSING, self._part)
            self._jobs.put(None)
            self._thread.join(_CLOSING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── whoever changes something ──

    def _change(self, replica: Replica, old: PoolState, new: PoolState) -> bool:
        """Let the keeper's thread change a state; here alone, if the store is away."""
        if self.away is None and not self._closed and (done := self._ask(self._patience, replica.put, self._store, old, new)) is not None:
            return bool(done)
        return replica.swap(old, new)

    def _ask(self, patience: float, work: Callable[..., Any], *args: Any) -> Any:
        """What the keeper's thread finds out; None if the store is away."""
        future: Future[Any] = Future()
        self._jobs.put(partial(_settle, future, work, args))
        try:
            return future.result(patience)
        except StoreAwayError as exc:
            self._leave(str(exc))
        except TimeoutError:
            future.cancel()
            self._leave(f"no answer within {patience:g} s")
        return None

    def _leave(self, reason: str) -> None:
        with self._lock:
            known, self.away = self.away, reason
        if known is None and not self._closed:
            logger.warning("the store %s is away: %s; this process goes on with its own copy and tries again", self.label, reason)

    # ── the keeper's thread ──

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"sparekey {self.label}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due, tidy = time.monotonic() + self._every, time.monotonic() + _TIDY
        while (job := self._next(due)) is not None:
            job()
            if (now := time.monotonic()) >= due:
                self._poll(tidy=now >= tidy)
                due, tidy = time.monotonic() + self._every, now + _TIDY if now >= tidy else tidy
        with suppress(StoreAwayError):
            self._store.close()

    def _next(self, due: float) -> Callable[[], None] | None:
        """What somebody wants done, nothing if nobody does until `due`; None at the end."""
        try:
            return self._jobs.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            return _nothing

    def _poll(self, *, tidy: bool) -> None:
        with self._lock:
            replicas = list(self._replicas)
        try:
            if self._store.changed() or self.away is not None:
                self._look(replicas)
            for replica in replicas:
                replica.push(self._store)
            if tidy:
                self._store.tidy()
        except StoreAwayError as exc:
            self._leave(str(exc))
        except Exception:  # whatever it is: without this thread the process would never hear of the others again
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
            known, self.away = self.away, None
        if known is not None:
            logger.info("the store %s is back; what was done meanwhile, here and by others, is merged", self.label)

    def _part(self) -> None:
        for replica in list(self._replicas):
            replica.push(self._store, counts=True)

    def forked(self) -> None:
        """Begin anew in a child process: neither the thread nor the connections came along."""
        self._store.forget()
        for replica in list(self._replicas):
            replica.forked()
        if not self._closed:
            self._start()


def _settle(future: Future[Any], work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Do what somebody waits for, unless they have given it up."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work(*args))
        except Exception as exc:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(exc)


def _nothing() -> None:
    """Nobody wants anything."""


def _forked() -> None:
    for keeper in list(_keepers):
        keeper.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
