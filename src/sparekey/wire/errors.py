"""Errors as each format tells them: the body of a refusal, and how a stream is told to be broken.

No event looks broken to every SDK of its wire (measured with those in tests/gateway/clients).
OpenAI's raise for whatever has a field `error`; of an event of the type `error` without that field
the Python SDK and npm's 6.x take no notice. @google/genai 1.x knows an error only as bare JSON in a
piece of its own, the other SDKs of that wire as an event. Vercel's `ai` reports an event to whoever
listens, and then ends as if the answer were whole. So an event says why, in the shape that SDKs
raise for, and behind it the connection ends without the end of the answer (no last chunk): nobody
takes that for a whole one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.wire.decoding import loads
from sparekey.wire.reading import error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.wire import sse

BROKEN: Final = "stream_broken"
"""The code of a stream that cannot go on."""
_UNAVAILABLE: Final = 503
_ANTHROPIC: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_OPENAI: Final = {429: "rate_limit_error", 500: "server_error", 502: "server_error", 503: "server_error", 504: "server_error"}
_GEMINI: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def body(dialect: str, status: int, code: str, text: str) -> dict[str, Any]:
    """Return the JSON of an error in the shape that the SDKs of a dialect read.

    Args:
        dialect: `openai`, `anthropic` or `gemini`.
        status: the HTTP status that goes with it.
        code: the cause in one word, where the dialect has a place for it.
        text: the message for people.
    """
    return _SHAPES[dialect](status, code, text)


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

    def ours(self, dialect: str) -> dict[str, Any]:
        """Return the error in our own words."""
        return {**body(dialect, _UNAVAILABLE, BROKEN, self.text), "sparekey": dict(self.about)}


def broken(dialect: str, resource: str, cut: Break) -> tuple[bytes, ...]:
    """Return the last pieces of a stream that cannot go on, in the order in which they are sent, each by itself.

    The connection has to end behind them, without the end of the answer. What a provider said is passed on as it is where SDKs raise
    for it.

    Args:
        dialect: `openai`, `anthropic` or `gemini`.
        resource: what was asked for (`responses`, `chat/completions`).
        cut: what is to be told.
    """
    return _ENDS["responses" if dialect == "openai" and resource == "responses" else dialect](cut)


def _chat_end(cut: Break) -> tuple[bytes, ...]:
    value = cut.value
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        return (_ended(cut.event),)
    return (_event("", _shaped(value) if value is not None else cut.ours("openai")),)


def _responses_end(cut: Break) -> tuple[bytes, ...]:
    """An event `error` with its fields where the API puts them, and once more in the object for which the SDKs raise.

    An event of another type (`response.failed`) is passed on, and followed by such a one: no SDK raises for it.
    """
    own = cut.value if isinstance(cut.value, dict) else {}
    if own.get("type") not in {None, "error"}:
        number = own.get("sequence_number", cut.number)
        failed = _shaped(own).get("error")
        return (_ended(cut.event), _response_error(failed if isinstance(failed, dict) else {}, cut, number + 1, {}))
    shaped = _shaped(own).get("error") if own else None
    return (_response_error(shaped if isinstance(shaped, dict) else {}, cut, own.get("sequence_number", cut.number), own),)


def _response_error(error: Mapping[str, Any], cut: Break, number: int, own: Mapping[str, Any]) -> bytes:
    code, text, param = error.get("code"), error.get("message"), error.get("param")
    told = {"code": code or (None if text else BROKEN), "message": text or cut.text, "param": param}
    kind = error.get("type")
    inner = {"type": kind if kind and kind != "error" else "server_error", **told}
    return _event("error", {**own, "type": "error", **told, "sequence_number": number, "error": inner, "sparekey": dict(cut.about)})


def _anthropic_end(cut: Break) -> tuple[bytes, ...]:
    value = cut.value
    if cut.event and cut.event.name == "error" and isinstance(value, dict) and isinstance(value.get("error"), dict):
        return (_ended(cut.event),)
    return (_event("error", {**_shaped(value), "type": "error"} if value is not None else cut.ours("anthropic")),)


def _gemini_end(cut: Break) -> tuple[bytes, ...]:
    value = _shaped(cut.value) if cut.value is not None else cut.ours("gemini")
    return (json.dumps(value).encode() + b"\n\n", _event("", value))


def _shaped(value: Any) -> dict[str, Any]:
    """Return the JSON of an error event with an object under `error`, wherever its host put the words."""
    found = error_of(value)
    error = found.get("error") if isinstance(found, dict) else value
    return {**(found if isinstance(found, dict) else {}), "error": error if isinstance(error, dict) else {"message": str(error)}}


def _event(name: str, value: Any) -> bytes:
    return b"%bdata: %b\n\n" % (f"event: {name}\n".encode() if name else b"", json.dumps(value).encode())


def _ended(event: sse.Event | None) -> bytes:
    """Return an event's own bytes, with the empty line that some hosts leave out at the end of a stream."""
    raw = event.raw if event else b""
    return raw if raw.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) else raw + b"\n\n"


def _openai(status: int, code: str, text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": _OPENAI.get(status, "invalid_request_error"), "param": None, "code": code}}


def _anthropic(status: int, code: str, text: str) -> dict[str, Any]:
    del code
    return {"type": "error", "error": {"type": _ANTHROPIC.get(status, "api_error"), "message": text}}


def _gemini(status: int, code: str, text: str) -> dict[str, Any]:
    del code
    return {"error": {"code": status, "message": text, "status": _GEMINI.get(status, "INTERNAL")}}


_SHAPES: Final[dict[str, Callable[[int, str, str], dict[str, Any]]]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
_ENDS: Final[dict[str, Callable[[Break], tuple[bytes, ...]]]] = {
    "openai": _chat_end,
    "responses": _responses_end,
    "anthropic": _anthropic_end,
    "gemini": _gemini_end,
}
