"""Server-sent events out of bytes, piece by piece (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Every event keeps its own bytes, so that it can be passed on as it came.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_END: Final = re.compile(rb"\n\r?\n|\r\r")
_USUAL: Final = re.compile(rb"(?:event: ?([^\r\n]*)\n)?data:([^\r\n]*)\n\n").fullmatch
"""An event of one line of data, perhaps with a name before it, as most are: it is read without a call."""
_LOOK_BACK: Final = 2
"""The end of an event may have begun this many bytes before the bytes that came last."""
MAX_EVENT: Final = 64 * 1024 * 1024
"""No provider sends a longer event; images come in tens of megabytes at most."""


class Event(NamedTuple):
    """One event: its bytes with the empty line at its end, its name, its data (b"" for a comment)."""

    raw: bytes
    name: str
    data: bytes


class EventTooLongError(ValueError):
    """An event that does not end."""


class Splitter:
    """Cuts a stream of bytes into events. What comes after the last empty line waits for the rest."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that are complete now.

        Raises:
            EventTooLongError: one event is longer than `MAX_EVENT`.
        """
        rest = self._rest
        looked = max(0, len(rest) - _LOOK_BACK)
        rest += chunk
        events, start = [], 0
        while found := _END.search(rest, max(start, looked)):
            end = found.end()
            raw = bytes(rest[start:end])
            usual = _USUAL(raw)
            events.append(Event(raw, (usual[1] or b"").decode("utf-8", "replace"), usual[2].strip()) if usual else event(raw))
            start = end
        del rest[:start]
        if len(rest) > MAX_EVENT:
            raise EventTooLongError(f"an event of more than {MAX_EVENT} bytes")
        return events

    def end(self) -> list[Event]:
        """Return what is left at the end of the stream: some hosts leave the last empty line out."""
        left, self._rest = bytes(self._rest), bytearray()
        return [event(left)] if left.strip() else []


def event(raw: bytes) -> Event:
    """Read the bytes of one event. Bare JSON counts as one, too: Google reports an error amid a stream in that way."""
    if raw.startswith(b"data:") and raw.find(b"\n", 0, len(raw.rstrip())) < 0 and b"\r" not in raw.rstrip():
        return Event(raw, "", raw[5:].strip())
    name, data = "", []
    for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines():
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value.decode("utf-8", "replace")
    if not data and raw.lstrip().startswith(b"{"):
        return Event(raw, name, raw.strip())
    return Event(raw, name, b"\n".join(data))
