"""The traffic of one simulated provider: connections write it, and tests read it from any thread."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.lab.simulator.connection import ServerConnection

_LOOK_AGAIN_SECONDS = 0.05


class TrafficLog:
    """The requests, the abandoned ones among them, and the open connections. Thread-safe."""

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


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived.

    Attributes:
        method: the HTTP method.
        path: the path as the real provider would see it, without the simulated provider's name.
        query: the query; of several values of one name the last.
        headers: the headers, names in lower case. `repr` leaves them out, because they hold the
            key.
        body: the body.
        json: the parsed body; None if it is not JSON.
        at: when the last byte arrived, in seconds of `time.monotonic()`.
        client: the client's address and port. Equal ports mean the same connection.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    json: Any = field(default=None, repr=False)
    at: float = 0.0
    client: tuple[str, int] = ("", 0)


def parse_json(body: bytes) -> Any:
    """Return the JSON value of `body`; None if it is not JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None
