"""What the simulated provider saw of one request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived.

    Attributes:
        method: the HTTP method.
        path: the path as the real provider would see it: without the simulated provider's name in front.
        query: the query, the last value of each name.
        headers: the headers, names in lower case; never shown by `repr`, as they hold the key.
        body: the body.
        json: the parsed body, or None if it is no JSON.
        at: when its last byte arrived, on the clock of `time.monotonic()`, in seconds.
        client: the client's address and port: equal ports mean the same connection.
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
    """Return the JSON value of `body`, or None if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None
