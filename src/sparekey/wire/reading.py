"""Answers as they come back: is this body an error in disguise, how far is this stream?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.decoding import loads
from sparekey.wire.model import NOTHING, Signs
from sparekey.wire.table import EVENTS, REOPENING
from sparekey.wire.think import ThinkFilter

if TYPE_CHECKING:
    from sparekey.wire.model import WireRequest
    from sparekey.wire.sse import Event

_MOST_OPENING: Final = 16


class NoAnswerError(ValueError):
    """A success that is no answer: empty, thoughts alone, or nothing that this API could send. Another credential may do better."""


class MalformedEventError(NoAnswerError):
    """An event whose data is no JSON."""


class InnerError(Exception):
    """A success that holds an error in the place of an answer.

    Attributes:
        data: the JSON of the error, or its text, as it came.
        event: the bytes of the event that brought it; b"" where it was no stream.
    """

    def __init__(self, data: bytes, event: bytes = b"") -> None:
        """Take its bytes."""
        self.data, self.event = data, event
        super().__init__("an error in the place of an answer")


def error_of(value: Any) -> Any:
    """Return the JSON of an error event in the shape that SDKs expect in the body of an error."""
    if not isinstance(value, dict) or isinstance(value.get("error"), dict):
        return value
    inner = value.get("response")
    found = inner.get("error") if isinstance(inner, dict) else None
    return {"error": found or value.get("error") or value}


def wanted(call: WireRequest) -> int:
    """Return how many answers a request asks for."""
    config = call.get("generationConfig")
    found = config.get("candidateCount") if isinstance(config, dict) else call.get("n")
    return found if isinstance(found, int) else 1


def wants_events(call: WireRequest) -> bool:
    """Return whether a request asks for events; Gemini streams a list where it is not asked for them."""
    return call.stream and (call.dialect != "gemini" or "alt=sse" in call.query)


class CutOffError(MalformedEventError):
    """A stream that says it is done before its answer is."""


class VisibleText:
    """Whether the texts of an answer are one: thoughts between tags and white space are none."""

    def __init__(self) -> None:
        """Start before the first text."""
        self.heard = False
        self._filters: dict[int, ThinkFilter] = {}

    def feed(self, signs: Signs) -> bool:
        """Take what an event tells; return whether the answer has said something by now."""
        if not self.heard:
            self.heard = signs.said or (bool(signs.text) and self._visible(signs.begun[0] if signs.begun else 0, signs.text))
        return self.heard

    def end(self) -> bool:
        """Return whether it said something, with what waited for the rest of a tag."""
        return self.heard or any(taker.finish().content for taker in self._filters.values())

    def _visible(self, lane: int, text: str) -> bool:
        return bool(self._filters.setdefault(lane, ThinkFilter()).feed(text).content)


class StreamReader:
    """Follows one stream of events: was there content, was it an answer, has every answer come to its end?

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
        self._speech = VisibleText()
        self.content = False
        self.value: Any = None
        """The JSON of the last event; None if it has none."""
        self.opening: list[Any] = []
        """The JSON of the events up to the first content."""

    def feed(self, event: Event) -> Signs:
        """Read one event.

        Raises:
            MalformedEventError: its data is no JSON, or none that the dialect knows; or it ends a stream whose answer is not complete.
            NoAnswerError: it says that the provider has broken off.
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
            self._speech.feed(signs)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise MalformedEventError("an event that is not JSON, or none of this API") from None
        if signs.fault:
            raise NoAnswerError(f"the provider broke off its answer (finish reason: {signs.fault})")
        self.content = self.content or signs.content
        return self._last(signs) if signs.last else signs

    def _last(self, signs: Signs) -> Signs:
        self._done = True
        if lack := self.lack:
            raise CutOffError(lack)
        return signs

    @property
    def said(self) -> bool:
        """Whether what has come is an answer: a text, a tool call, a refusal, a picture, or an end that is the caller's doing."""
        return self._speech.heard

    @property
    def over(self) -> bool:
        """Whether the host says that nothing more comes, in one way or the other."""
        return self._done or bool(self._begun and self._begun <= self._ended)

    def end(self) -> bool:
        """Return whether the whole stream was an answer."""
        return self._speech.end()

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
