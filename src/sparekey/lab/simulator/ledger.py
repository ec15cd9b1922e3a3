"""The traffic of one simulated provider: connections write it, tests read it from any thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.lab.simulator.connection import ServerConnection
    from sparekey.lab.simulator.seen import ReceivedRequest

_LOOK_AGAIN_SECONDS = 0.05


class TrafficLog:
    """The requests, those that clients abandoned, and the open connections."""

    def __init__(self) -> None:
        """Create an empty log."""
        self._changed = threading.Condition()
        self._requests: list[ReceivedRequest] = []
        self._abandoned: list[ReceivedRequest] = []
        self._connections: set[ServerConnection] = set()

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """All requests that arrived completely."""
        with self._changed:
            return tuple(self._requests)

    @property
    def abandoned(self) -> tuple[ReceivedRequest, ...]:
        """The requests whose client left before the end of the answer."""
        with self._changed:
            return tuple(self._abandoned)

    @property
    def connections(self) -> tuple[ServerConnection, ...]:
        """The open connections."""
        with self._changed:
            return tuple(self._connections)

    def opened(self, connection: ServerConnection) -> None:
        """Note that a client connected."""
        with self._changed:
            self._connections.add(connection)
            self._changed.notify_all()

    def closed(self, connection: ServerConnection) -> None:
        """Note that a connection is gone."""
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def arrived(self, seen: ReceivedRequest) -> int:
        """Note a request; return its number, from 1."""
        with self._changed:
            self._requests.append(seen)
            self._changed.notify_all()
            return len(self._requests)

    def left(self, seen: ReceivedRequest) -> None:
        """Note that the client did not wait for the end of the answer."""
        with self._changed:
            self._abandoned.append(seen)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until `condition()` is true, at most `timeout` seconds; return whether it is."""
        deadline = time.monotonic() + timeout
        while not condition():
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            with self._changed:
                # the condition is checked without the lock, so a change since then may wake nobody
                self._changed.wait(min(rest, _LOOK_AGAIN_SECONDS))
        return True
