"""Answers as they come back: is this body an error in disguise, how far is this stream?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.decoding import loads
from sparekey.wire.model import NOTHING, Signs
from sparekey.wire.table import EVENTS

if TYPE_CHECKING:
    from sparekey.wire.model import Call
    from sparekey.wire.sse import Event

_ANSWERS: Final = frozenset(
    {"choices", "output", "content", "candidates", "data", "embeddings", "embedding", "usage", "promptFeedback", "object"}
)
"""Fields of which every healthy answer of a model has one."""
_MOST_OPENING: Final = 16


class MalformedEventError(ValueError):
    """An event whose data is no JSON."""


def is_error(call: Call, value: Any) -> bool:
    """Return whether the JSON of an answer with a status of success is an error all the same.

    Objects of the API that merely tell of an error (a failed batch, a response of yesterday) are none.
    """
    if not isinstance(value, dict):
        return False
    if call.kind == "other":
        return bool(value.get("error")) and not {"id", "object", "name"} & value.keys()
    if value.get("error") or value.get("object") == "error" or value.get("type") == "error":
        return True
    base = value.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return True
    return {"code", "message"} <= value.keys() and not _ANSWERS & value.keys()


def error_of(value: Any) -> Any:
    """Return the JSON of an error event in the shape that SDKs expect in the body of an error."""
    if not isinstance(value, dict) or isinstance(value.get("error"), dict):
        return value
    inner = value.get("response")
    found = inner.get("error") if isinstance(inner, dict) else None
    return {"error": found or value.get("error") or value}


def wanted(call: Call) -> int:
    """Return how many answers a request asks for."""
    config = call.get("generationConfig")
    found = config.get("candidateCount") if isinstance(config, dict) else call.get("n")
    return found if isinstance(found, int) else 1


class Reader:
    """Follows one stream of events: was there content, has every answer come to its end?"""

    def __init__(self, dialect: str, answers: int = 1) -> None:
        """Start before the first event; so many `answers` were asked for."""
        self._read, self._answers = EVENTS[dialect], answers
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._done = False
        self.content = False
        self.value: Any = None
        """The JSON of the last event; None if it has none."""
        self.opening: list[Any] = []
        """The JSON of the events up to the first content."""

    def feed(self, event: Event) -> Signs:
        """Read one event.

        Raises:
            MalformedEventError: its data is no JSON, or none that the dialect knows.
        """
        self.value = None
        if not event.data:
            return NOTHING
        if event.data == b"[DONE]":
            self._done = True
            return NOTHING
        try:
            self.value = self._json(event.data)
            signs = self._read(event.name, self.value)
            self._begun.update(signs.begun)
            self._ended.update(signs.ended)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise MalformedEventError("an event that is not JSON, or none of this API") from None
        self.content = self.content or signs.content
        return signs

    @property
    def complete(self) -> bool:
        """Whether the stream may end here: each answer that began has its finish reason, or the host said that it is done."""
        return self.content and (self._done or self._begun <= self._ended)

    @property
    def whole(self) -> bool:
        """Whether nothing more is to come: it may end here, and no answer that was asked for has yet to begin."""
        return self.complete and (self._done or len(self._ended) >= self._answers)

    def _json(self, data: bytes) -> Any:
        value = loads(data)
        if not self.content and len(self.opening) < _MOST_OPENING:
            self.opening.append(value)
        return value
