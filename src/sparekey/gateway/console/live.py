"""Server-sent events: the whole state when somebody begins to listen, then whenever it has changed, at most once a second.

Each listener looks whether there is news when it can take some, so a slow one delays nobody and nothing piles up.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from sparekey.gateway.console.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sparekey.gateway.console.host import Host

MOST_LISTENERS: Final = 32
_LOOK: Final = 0.1
_BEAT: Final = 10.0
"""Seconds after which the state is sent although nothing changed: whoever hears nothing for longer knows that he is cut off."""


class Live:
    """The listeners of one process."""

    def __init__(self, host: Host, *, wall: Callable[[], float] = time.time, every: float = 1.0) -> None:
        """Tell about a host; two events are at least `every` seconds apart."""
        self._host, self._wall, self._every = host, wall, every
        self._print: object = None
        self._version = 0
        self._looked = -1.0
        self._closed = False
        self.listeners = 0

    def close(self) -> None:
        """Send everybody away: the gateway stops."""
        self._closed = True

    async def listen(self) -> AsyncIterator[bytes]:
        """Return the events for one listener.

        Raises:
            HTTPException: there are too many.
        """
        if self.listeners >= MOST_LISTENERS:
            raise HTTPException(503, f"{MOST_LISTENERS} pages listen already; close some, or poll /admin/api/state")
        self.listeners += 1
        return self._events()

    async def _events(self) -> AsyncIterator[bytes]:
        sent, at = -1, 0.0
        try:
            yield b"retry: 2000\n\n"
            while not (self._closed or self._host.stopping):
                now, version = time.monotonic(), self._news()
                if sent < 0 or (version != sent and now - at >= self._every) or now - at >= _BEAT:
                    yield event(snapshot(self._host, self._wall()))
                    sent, at = version, now
                await asyncio.sleep(_LOOK)
        finally:
            self.listeners -= 1

    def _news(self) -> int:
        """Return a number that grows whenever there is something new; looked up once for all listeners."""
        now = time.monotonic()
        if now - self._looked >= _LOOK / 2:
            self._looked, found = now, fingerprint(self._host)
            if found != self._print:
                self._print, self._version = found, self._version + 1
        return self._version


def fingerprint(host: Host) -> object:
    """Return a value that changes with whatever the page shows, countdowns aside: those it counts itself."""
    chains = host.chains
    rows = [(name, w.book.revision, w.chain.state.epoch, w.chain.state.term, _standings(w)) for name, w in chains.items()]
    return rows, dict(host.config()), dict(host.store())


def _standings(watched: Any) -> list[str]:
    return [row.standing for row in watched.chain.status().credentials]


def event(value: Any) -> bytes:
    """Return one event whose data is a JSON value."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
