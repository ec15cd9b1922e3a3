"""How the caller learns that a stream broke off: what the formats share.

No event looks broken to every SDK of its wire (measured with those in tests/gateway/clients).
OpenAI's raise for whatever has a field `error`; of an event of the type `error` without that field
the Python SDK and npm's 6.x take no notice. @google/genai 1.x knows an error only as bare JSON in a
piece of its own, the other SDKs of that wire as an event. Vercel's `ai` reports an event to whoever
listens, and then ends as if the answer were whole. So an event says why, in the shape that SDKs
raise for, and behind it the connection ends without the end of the answer (no last chunk): nobody
takes that for a whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.wire.format import has_words
from sparekey.wire.json_body import dumped, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.wire import sse

BROKEN: Final = "stream_broken"
"""The code of a stream that cannot go on."""
_UNAVAILABLE: Final = 503


class Break(NamedTuple):
    """A stream that cannot go on.

    Attributes:
        text: why, for people.
        about: what goes beside the error, under the key `sparekey`.
        event: the provider's own error event, if it sent one.
        number: the number of the next event, on the wire that counts them.
    """

    text: str
    about: Mapping[str, Any]
    event: sse.Event | None = None
    number: int = 0

    @property
    def value(self) -> Any:
        """The JSON of the provider's event; None if there is none."""
        try:
            return loads(self.event.data) if self.event else None
        except (ValueError, RecursionError):
            return None

    def ours(self, error_body: Callable[[int, str, str], dict[str, Any]]) -> dict[str, Any]:
        """Return the error in our own words, in a format's shape."""
        return {**error_body(_UNAVAILABLE, BROKEN, self.text), "sparekey": dict(self.about)}


def error_of(value: Any) -> Any:
    """Return the JSON of an error event in the shape that SDKs expect in the body of an error."""
    if not isinstance(value, dict) or isinstance(value.get("error"), dict):
        return value
    inner = value.get("response")
    found = inner.get("error") if isinstance(inner, dict) else None
    return {"error": found or value.get("error") or value}


def shaped(value: Any) -> dict[str, Any]:
    """Return the JSON of an error event with an object under `error`, wherever its host put the words."""
    found = error_of(value)
    error = found.get("error") if isinstance(found, dict) else value
    return {**(found if isinstance(found, dict) else {}), "error": error if isinstance(error, dict) else {"message": str(error)}}


def error_for_sdks(cut: Break, error_body: Callable[[int, str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return a provider's error with every field that SDKs read in it, each of its kind; in our words if it has none of its own."""
    value, ours = cut.value, cut.ours(error_body)
    if not has_words(value):
        return ours
    found, wanted = shaped(value), ours["error"]
    given = found["error"]
    if isinstance(wanted.get("code"), int) and isinstance(code := given.get("code"), int):
        wanted = error_body(code, BROKEN, cut.text)["error"]
    fitting = {name: one for name, one in given.items() if name not in wanted or _fits(one, wanted[name], name)}
    return {**found, "error": {**wanted, **fitting}}


def _fits(one: Any, wanted: Any, name: str) -> bool:
    """Tell whether a provider's value is one that SDKs can read in a field: of the kind that we write there, for numbers and the text."""
    if name == "message" or isinstance(wanted, int):
        return isinstance(one, type(wanted)) and bool(one)
    return one is not None


def has_a_message(cut: Break) -> bool:
    """Tell whether the provider's event is JSON with an object `error` that has a text in its `message`."""
    value = cut.value
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(text := error.get("message"), str) and bool(text)


def event_bytes(value: Any, name: str = "") -> bytes:
    """Return an event: its name, if it has one, and its JSON."""
    head = b"event: %b\n" % name.encode() if name else b""
    return b"%bdata: %b\n\n" % (head, dumped(value))


def own_bytes(event: sse.Event | None) -> bytes:
    """Return an event's own bytes, with the empty line that some hosts leave out at the end of a stream."""
    raw = event.raw if event else b""
    return raw if raw.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else raw + b"\n\n"
