"""State in this process's memory: the default of a library."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

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
