"""How long connecting may take, and when a lost connection may be made again. Clocks and numbers, no I/O.

Theory. A packet that nobody takes is sent again after 1 s and after 3 s, so a limit of 5 s allows for two lost ones and
two seconds for the answer; a host that is silent for so long is given up. Where the network itself swallows packets,
every host is silent, and fifteen credentials would wait 75 s. Therefore one silence of the full length raises a
suspicion against the network: as long as nothing has been heard since from anywhere, and for 30 s at most, each further
host gets 0.4 s, or three times what its slowest recent connection took. A host that is cut off by that gets 0.8 s the
next time and then 1.6 s, enough for a network whose answers take 0.8 s (a satellite's take 0.7 s) and for a lost
packet. Any answer, and any connection that comes about, ends the suspicion. The handshake behind it has 5 s of its own:
a host that begins one is there.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONNECT_SECONDS: Final = 5.0
"""How long a connection may take to come about, its name looked up, and how long its handshake may take then."""
SUSPICION_SECONDS: Final = 30.0
STEPS: Final = (0.4, 0.8, 1.6, 3.2, CONNECT_SECONDS)
"""The limits under suspicion, in seconds. Few different ones, since some clients keep their connections by limit."""
_MOST_CUT: Final = 2
"""The step up to which a host comes by being cut off: two seconds behind a patience of ten are what a caller waits at most."""
_MARGIN: Final = 3.0
_FADING: Final = 0.8
"""What is left of a slow connection's duration with each later one."""


class Address(NamedTuple):
    """Where a connection goes; port None: the usual one of its scheme."""

    host: str
    port: int | None


class Network:
    """What connecting has shown about the network. All connections of a client share one; thread-safe."""

    __slots__ = ("_clock", "_cut", "_usual", "suspected_until")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Suspect nothing; `clock` gives seconds, for tests."""
        self._clock = clock
        self._usual: dict[Address, float] = {}
        self._cut: dict[Address, int] = {}
        self.suspected_until = 0.0
        """Until when the network is suspected. Whoever hears anything from a host sets it to 0."""

    def limit(self, place: Address) -> float:
        """Return how many seconds a connection may take that begins now."""
        if self._clock() >= self.suspected_until:
            return CONNECT_SECONDS
        step = max(bisect_left(STEPS, _MARGIN * self._usual.get(place, 0.0)), min(self._cut.get(place, 0), _MOST_CUT))
        return STEPS[min(step, len(STEPS) - 1)]

    def reached(self, place: Address, seconds: float) -> None:
        """Note that a connection came about, and how long that took."""
        self.suspected_until = 0.0
        self._cut.pop(place, None)
        self._usual[place] = max(seconds, self._usual.get(place, 0.0) * _FADING)

    def silent(self, place: Address, seconds: float) -> None:
        """Note that no connection came about within so many seconds, and that nobody refused it."""
        if seconds >= CONNECT_SECONDS:
            self.suspected_until = self._clock() + SUSPICION_SECONDS
        else:
            self._cut[place] = self._cut.get(place, 0) + 1


def in_turns(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return what `getaddrinfo` gave so that the families take turns, the first one's first (RFC 8305): one of them may be dead."""
    first = [one for one in found if one[0] == found[0][0]]
    others = [one for one in found if one[0] != found[0][0]]
    return [one for one in chain.from_iterable(zip_longest(first, others)) if one is not None]
