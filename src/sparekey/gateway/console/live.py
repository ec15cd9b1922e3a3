"""Server-sent events for open pages: the whole state first, then changes, once a second at most.

Each listener asks for news when it is ready to send, so a slow one delays no other and nothing
piles up. A chain's timeline and failures, the bulk of the state, are sent only when they have
changed. Open pages must not slow requests down: listeners that know the same share one picture, and
    making pictures
takes a small share of the time at most.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from sparekey.gateway.console.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from sparekey.gateway.console.host import Host

MOST_LISTENERS: Final = 32
_LOOK: Final = 0.1
_SHARE: Final = 0.03
"""The largest share of the time for making pictures: a large one is made less often."""
_LONGEST_PAUSE: Final = 3.0
"""Seconds after which news is sent, whatever a picture costs."""
_FRESH: Final = 0.5
"""Seconds for which a picture may be sent to another listener."""
_BEAT: Final = 10.0
"""Seconds after which the state is sent without a change: a page that gets nothing for longer knows
that it is cut off."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One event, for all listeners that know the same.

    Attributes:
        version: the version of the state.
        known: `ChainStats.past` by chain as its reader knew it before.
        past: the same as its reader knows it afterwards.
        at: when it was made, in seconds on the monotonic clock.
        event: its bytes.
        cost: seconds of CPU time that it took.
    """

    version: int = -1
    known: Mapping[str, int] = field(default_factory=dict)
    past: dict[str, int] = field(default_factory=dict)
    at: float = 0.0
    event: bytes = b""
    cost: float = 0.0


class Live:
    """The listeners (open pages) of one process."""

    def __init__(self, host: Host, *, wall: Callable[[], float] = time.time, every: float = 1.0) -> None:
        """Create an empty set of listeners to `host`; events are at least `every` seconds apart."""
        self._host, self._wall, self._every = host, wall, every
        self._print: object = None
        self._version = 0
        self._looked = -1.0
        self._picture = Picture()
        self._closed = False
        self.listeners = 0

    def close(self) -> None:
        """End all connections: the gateway stops."""
        self._closed = True

    async def listen(self, admitted: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
        """Return the events for one listener; they end when `admitted` returns False.

        Raises:
            HTTPException: there are too many listeners.
        """
        if self.listeners >= MOST_LISTENERS:
            raise HTTPException(503, f"{MOST_LISTENERS} pages listen already; close some, or poll /admin/api/state")
        self.listeners += 1
        return self._events(admitted)

    async def _events(self, admitted: Callable[[], bool]) -> AsyncIterator[bytes]:
        sent, at, known = -1, 0.0, dict[str, int]()
        try:
            yield b"retry: 2000\n\n"
            while not (self._closed or self._host.stopping):
                now, version = time.monotonic(), self._news()
                pause = max(self._every, min(self._picture.cost / _SHARE, _LONGEST_PAUSE))
                if sent < 0 or (version != sent and now - at >= pause) or now - at >= _BEAT:
                    if not admitted():
                        return
                    picture = self._taken(version, known)
                    yield picture.event
                    sent, at, known = version, now, picture.past
                await asyncio.sleep(_LOOK)
        finally:
            self.listeners -= 1

    def _taken(self, version: int, known: dict[str, int]) -> Picture:
        """Return the picture of this version for a listener that knows the timelines `known`."""
        old, now, worked = self._picture, time.monotonic(), time.thread_time()
        if (old.version, old.known) != (version, known) or now - old.at > _FRESH:
            past = {name: watched.stats.past for name, watched in self._host.chains.items()}
            made = event(snapshot(self._host, self._wall(), known))
            self._picture = Picture(version, known, past, now, made, time.thread_time() - worked)
        return self._picture

    def _news(self) -> int:
        """Return a number that grows with each change; one look-up serves all listeners."""
        now = time.monotonic()
        if now - self._looked >= _LOOK / 2:
            self._looked, found = now, fingerprint(self._host)
            if found != self._print:
                self._print, self._version = found, self._version + 1
        return self._version


def fingerprint(host: Host) -> object:
    """Return a value that changes with all that a page shows, except countdowns: it runs those."""
    chains = host.chains
    rows = [(name, w.stats.revision, w.chain.state.epoch, w.chain.state.term, _standings(w)) for name, w in chains.items()]
    return rows, dict(host.config()), dict(host.store())


def _standings(watched: Any) -> list[str]:
    return [row.standing for row in watched.chain.status().credentials]


def event(value: Any) -> bytes:
    """Return a server-sent event whose data is `value` as JSON."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
