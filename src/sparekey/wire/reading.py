"""Answers as they come back: is this body an error in disguise, how far is this stream?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.decoding import loads
from sparekey.wire.model import NOTHING, Signs
from sparekey.wire.table import EVENTS, REOPENING

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


class CutOffError(MalformedEventError):
    """A stream that says it is done before its answer is."""


class Reader:
    """Follows one stream of events: was there content, has every answer come to its end?

    An answer has its end when it has its finish reason, whatever else says that the stream is done: hosts send `[DONE]` and `message_stop`
    behind answers that they broke off, too (vLLM issues 52852 and 57082, LiteLLM issue 40260, Vercel's ai issue 19165). A few never send
    a finish reason (opencode issue 43882): with those, nobody can tell a whole answer from half of one.
    """

    def __init__(self, dialect: str, answers: int = 1) -> None:
        """Start before the first event; so many `answers` were asked for."""
        self._read, self._answers, self._reopens = EVENTS[dialect], answers, dialect in REOPENING
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
            MalformedEventError: its data is no JSON, or none that the dialect knows; or it ends a stream whose answer is not complete.
        """
        self.value = None
        if not event.data:
            return NOTHING
        if event.data == b"[DONE]":
            return self._last(NOTHING)
        try:
            self.value = self._json(event.data)
            signs = self._read(event.name, self.value)
            self._begun.update(signs.begun)
            if signs.content and self._reopens:
                self._ended.difference_update(signs.begun)
            self._ended.update(signs.ended)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise MalformedEventError("an event that is not JSON, or none of this API") from None
        self.content = self.content or signs.content
        return self._last(signs) if signs.last else signs

    def _last(self, signs: Signs) -> Signs:
        self._done = True
        if lack := self.lack:
            raise CutOffError(lack)
        return signs

    @property
    def complete(self) -> bool:
        """Whether the stream may end here: there was content, and each answer that began has its finish reason."""
        return self.content and self._begun <= self._ended

    @property
    def lack(self) -> str:
        """What is missing if the stream ends here, in words; "" if nothing is."""
        if not self.content:
            return "the stream ended before any content"
        return "" if self.complete else "the stream ended without a finish reason: the answer is cut off"

    @property
    def whole(self) -> bool:
        """Whether nothing more is to come: it may end here, and no answer that was asked for has yet to begin."""
        return self.complete and (self._done or len(self._ended) >= self._answers)

    def _json(self, data: bytes) -> Any:
        value = loads(data)
        if not self.content and len(self.opening) < _MOST_OPENING:
            self.opening.append(value)
        return value
