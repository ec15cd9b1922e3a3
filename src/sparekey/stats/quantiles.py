"""Quantiles of the last minutes in constant memory: logarithmic buckets for each slice of time.

The buckets are those of DDSketch. A value costs one logarithm and one addition. A quantile is
within 5 % of the true one for any distribution, and slices can be added up. A P2 estimator would be
smaller, but it can neither slide nor be added up.
"""

from __future__ import annotations

from array import array
from math import log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Slices = dict[int, dict[int, int]]
"""The durations of a window as a value: counts by bucket, by slice of time."""
_SMALLEST: Final = 0.001
"""The shortest duration in seconds; shorter ones count as this."""
_GROWTH: Final = 1.1
_PER_LOG: Final = 1 / log(_GROWTH)
_LARGEST: Final = 600.0
"""The longest duration in seconds; longer ones count as this."""
_BUCKETS: Final = int(log(_LARGEST / _SMALLEST) * _PER_LOG) + 2


class Quantiles:
    """The durations of a sliding window. It is not thread-safe: its owner locks."""

    __slots__ = ("_counts", "_medians", "_over", "_slices", "_stamps", "_width")

    def __init__(self, seconds: float = 600.0, slices: int = 30) -> None:
        """Create a window of `seconds`, divided into `slices` that expire one by one."""
        self._width, self._slices = seconds / slices, slices
        self._counts = [array("L", bytes(8 * _BUCKETS)) for _ in range(slices)]
        self._stamps = [-1] * slices
        self._over: Slices = {}
        self._medians: list[float | None] = [None] * slices  # cached until a slice changes

    def add(self, value: float, now: float) -> None:
        """Add a duration in seconds at the time `now`."""
        stamp = int(now / self._width)
        place = stamp % self._slices
        if self._stamps[place] != stamp:
            self._counts[place] = array("L", bytes(8 * _BUCKETS))
            self._stamps[place] = stamp
        bucket = 0 if value <= _SMALLEST else int(log(min(value, _LARGEST) / _SMALLEST) * _PER_LOG) + 1
        self._counts[place][bucket] += 1
        self._medians[place] = None

    def quantiles(self, now: float, shares: Iterable[float]) -> list[float | None]:
        """Return the quantile of each share (0.5: the median); None without durations."""
        live = [counts for counts in self._live(now) if counts is not None]
        total = [sum(column) for column in zip(*live, strict=True)] if live else []
        return [_quantile(total, share) for share in shares]

    def latest(self, now: float, least: int = 5) -> float | None:
        """Return the median of the newest slices that hold at least `least` durations together.

        If all slices hold fewer, all count. None without durations.
        """
        total: list[int] = []
        for counts in reversed(self._live(now)):
            if counts is not None:
                total = [a + b for a, b in zip(total, counts, strict=True)] if total else list(counts)
                if sum(total) >= least:
                    break
        return _quantile(total, 0.5)

    def medians(self, now: float) -> list[float | None]:
        """Return the median of each slice, the oldest first; None for a slice without values."""
        return [None if place is None else self._median(place) for place in self._places(now)]

    def slices(self, now: float) -> Slices:
        """Return the durations as a value for another window to `load`.

        Finished slices are cached.
        """
        newest = int(now / self._width)
        live = zip(range(newest - self._slices + 1, newest + 1), self._live(now), strict=True)
        found = {stamp: self._over.get(stamp) or _filled(counts) for stamp, counts in live if counts is not None}
        self._over = {stamp: counts for stamp, counts in found.items() if stamp < newest}
        return found

    def load(self, slices: Mapping[int, Mapping[int, int]]) -> None:
        """Add the durations of another window of the same width, except expired slices."""
        self._over = {}
        for stamp, counts in slices.items():
            place = stamp % self._slices
            if self._stamps[place] < stamp:
                self._counts[place] = array("L", bytes(8 * _BUCKETS))
                self._stamps[place] = stamp
            if self._stamps[place] == stamp:
                self._medians[place] = None
                for bucket, n in counts.items():
                    self._counts[place][min(max(bucket, 0), _BUCKETS - 1)] += n

    def _median(self, place: int) -> float | None:
        found = self._medians[place]
        if found is None:
            found = self._medians[place] = _quantile(self._counts[place], 0.5)
        return found

    def _live(self, now: float) -> list[array[int] | None]:
        return [None if place is None else self._counts[place] for place in self._places(now)]

    def _places(self, now: float) -> list[int | None]:
        """Return the positions of the window's slices, the oldest first; None: an empty slice."""
        newest = int(now / self._width)
        stamps = range(newest - self._slices + 1, newest + 1)
        return [s % self._slices if self._stamps[s % self._slices] == s else None for s in stamps]


def _filled(counts: Iterable[int]) -> dict[int, int]:
    return {bucket: n for bucket, n in enumerate(counts) if n}


def _quantile(counts: Sequence[int], share: float) -> float | None:
    rank, seen = share * (sum(counts) - 1), 0
    for bucket, count in enumerate(counts):
        seen += count
        if seen > rank and count:
            return _SMALLEST * _GROWTH ** (bucket - 0.5) if bucket else _SMALLEST
    return None
