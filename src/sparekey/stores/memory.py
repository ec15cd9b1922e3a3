"""State in this process's memory: the library's default."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from sparekey.stores.shared_time import machine_stamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sparekey.stores.base import Stamp

S = TypeVar("S")


class MemoryStore(Generic[S]):
    """One value shared by threads and tasks, changed by compare-and-set.

    Attributes:
        value: the current one; read it without a lock. A plain attribute: each call reads it
            several times.
    """

    def __init__(self, value: S) -> None:
        """Start with `value`."""
        self.value = value
        self._lock = threading.Lock()

    def compare_and_set(self, old: S, new: S) -> bool:
        """Replace `old` with `new`.

        Return False, without a change, if the value is no longer `old`.
        """
        with self._lock:
            if self.value is not old:
                return False
            self.value = new
            return True


class MemoryValues:
    """A `Store` in this process's memory: a chain that replaces another one gets its state."""

    label = "memory"

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of `names`; a name without a value is left out."""
        return {name: self._values[name] for name in names if name in self._values}

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace `old` with `new`.

        Return False, without a change, if the value is no longer `old`.
        """
        with self._lock:
            if self._values.get(name) != old:
                return False
            self._values[name] = new
            return True

    def changed(self) -> bool:
        """Return True: reading is as cheap as checking."""
        return True

    def stamp(self) -> Stamp:
        """Return the current moment on this machine's clock."""
        return machine_stamp()

    def tidy(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def forget(self) -> None:
        """Keep the values in a child process as its own copy, with a new lock."""
        self._lock = threading.Lock()
