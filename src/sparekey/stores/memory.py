"""State in this process's memory: the default of a library."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from sparekey.stores.shared_time import machine_stamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sparekey.stores.base import Stamp

S = TypeVar("S")


class MemoryStore(Generic[S]):
    """One value that threads and tasks share: read without a lock, changed by compare-and-set."""

    def __init__(self, value: S) -> None:
        """Start with `value`."""
        self._value = value
        self._lock = threading.Lock()

    def read(self) -> S:
        """Return the value now."""
        return self._value

    def compare_and_set(self, old: S, new: S) -> bool:
        """Put `new` in the place of `old`; return False, changing nothing, if the value is another one by now."""
        with self._lock:
            if self._value is not old:
                return False
            self._value = new
            return True


class MemoryValues:
    """A `Store` in this process: it lives as long as the process, and lets chains that come after each other share a state."""

    label = "memory"

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of those of `names` that have one."""
        return {name: self._values[name] for name in names if name in self._values}

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Put `new` in the place of `old`; return False, changing nothing, if the value is another one by now."""
        with self._lock:
            if self._values.get(name) != old:
                return False
            self._values[name] = new
            return True

    def changed(self) -> bool:
        """Return True: a look costs no more than the question."""
        return True

    def stamp(self) -> Stamp:
        """Return this moment."""
        return machine_stamp()

    def tidy(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def forget(self) -> None:
        """A child process goes on with values of its own."""
        self._lock = threading.Lock()
