"""What a history was told and has not written yet: events, and numbers that add up. Bounded, whatever becomes of the file."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.stats.records import HistoryEntry

MOST_ENTRIES: Final = 10_000
"""Events that wait to be written; while the file cannot be written the oldest are dropped."""
MOST_SUMS: Final = 10_000
"""Rows of numbers that wait; what comes to a further row is dropped."""

Key = tuple[str, ...]
"""The name of a table, and the row in it."""


class Notes:
    """Filled by any thread, emptied by the one that writes."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._entries: deque[HistoryEntry] = deque(maxlen=MOST_ENTRIES)
        self._sums: dict[Key, list[int]] = {}

    def note(self, entry: HistoryEntry) -> None:
        """Append an event."""
        with self._lock:
            self._entries.append(entry)

    def add(self, key: Key, more: Sequence[int]) -> None:
        """Add to the numbers of a row."""
        with self._lock:
            sums = self._sums.get(key)
            if sums is not None:
                self._sums[key] = [was + by for was, by in zip(sums, more, strict=True)]
            elif len(self._sums) < MOST_SUMS:
                self._sums[key] = list(more)

    def waiting(self) -> tuple[list[HistoryEntry], dict[Key, list[int]]]:
        """Return what waits; it stays here until `written` says that it is in the file."""
        with self._lock:
            return list(self._entries), dict(self._sums)

    def written(self, entries: Sequence[HistoryEntry], sums: Mapping[Key, Sequence[int]]) -> None:
        """Take out what is in the file by now; more may have come meanwhile, and the oldest may have been dropped."""
        done = set(map(id, entries))
        with self._lock:
            while self._entries and id(self._entries[0]) in done:
                self._entries.popleft()
            for key, were in sums.items():
                left = [now - was for now, was in zip(self._sums[key], were, strict=True)]
                if any(left):
                    self._sums[key] = left
                else:
                    del self._sums[key]
