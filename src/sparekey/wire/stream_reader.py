"""Follows a stream of events: whether content came, whether it was an answer, whether every answer has ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.finish_reasons import judged
from sparekey.wire.format import ERROR, NOTHING, CutOffError, EventSummary, InnerError, MalformedEventError, NoAnswerError, has_words, shows
from sparekey.wire.formats import REOPENING
from sparekey.wire.json_body import UNDECODED, decode, loads
from sparekey.wire.large_json import MOST_VALUES, has_many_values
from sparekey.wire.think_tags import ThinkFilter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.wire.format import WireFormat
    from sparekey.wire.request import WireRequest
    from sparekey.wire.sse import Event

_MOST_OPENING: Final = 16
_value_at: Final = json.JSONDecoder().raw_decode
_ERROR_WORDS: Final = frozenset({"detail", "message", "msg", "errors", "error_msg", "error_message", "err_msg"})
"""Fields in which hosts say what is wrong, in an event that holds nothing else."""
_NAMES: Final = frozenset({"id", "object", "type", "choices", "candidates"})
"""Fields of events that belong to an answer."""


def wanted(call: WireRequest) -> int:
    """Return how many answers a request asks for."""
    config = call.get("generationConfig")
    found = config.get("candidateCount") if isinstance(config, dict) else call.get("n")
    return found if isinstance(found, int) else 1


def wants_events(call: WireRequest) -> bool:
    """Return whether a request asks for events; Gemini streams a list where it is not asked for them."""
    return call.stream and (call.dialect != "gemini" or "alt=sse" in call.query)


def calls_are_cut(finish: str, arguments: Iterable[str | dict[str, Any]]) -> bool:
    """Tell whether the arguments of a tool call are no JSON at the end of an answer: it calls nothing then.

    An answer that ends for its length or its content is the caller's doing. What stands behind a whole JSON is no fault: hosts repeat it.
    """
    if judged(finish)[0]:
        return False
    for text in arguments:
        if isinstance(text, str) and text.strip():
            try:
                _value_at(text.strip())
            except (ValueError, RecursionError):
                return True
    return False


class StreamReader:
    """Follows one stream of events: whether content came, whether it was an answer, whether every answer has ended.

    An answer has its end when it has its finish reason, whatever else says that the stream is done: hosts send `[DONE]` and `message_stop`
    behind answers that they broke off, too (vLLM issues 52852 and 57082, LiteLLM issue 40260, Vercel's ai issue 19165). A few never send
    a finish reason (opencode issue 43882): with those, nobody can tell a whole answer from half of one.
    """

    def __init__(self, form: WireFormat, answers: int = 1) -> None:
        """Start before the first event of a format; so many `answers` were asked for."""
        self._read, self._answers, self._reopens = form.read_event, answers, form in REOPENING
        self._arguments: dict[int, list[str]] | None = {} if answers == 1 else None
        self._called: dict[int, str] = {}
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._done = False
        self._think: dict[int, ThinkFilter] = {}
        self.whole = False
        """Whether nothing more is to come: it may end here, and no answer that was asked for has yet to begin."""
        self.content = False
        self.said = False
        """Whether what has come is an answer: a text, a tool call, a refusal, a picture, or an end that is the caller's doing."""
        self.value: Any = None
        """The JSON of the last event; None if it has none."""
        self.opening: list[Any] = []
        """The JSON of the events up to the first content."""

    def feed(self, event: Event) -> EventSummary:
        """Read one event.

        Raises:
            MalformedEventError: its data is no JSON, or none that the format knows; or it ends a stream whose answer is not complete.
            NoAnswerError: it says that the provider has broken off.
        """
        self.value = None
        data = event.data
        if not data or event.name == "error":
            return ERROR if data else NOTHING
        if data == b"[DONE]":
            return self._last(NOTHING)
        try:
            try:
                self.value = decode(data) if len(data) <= MOST_VALUES else _built(data)
            except UNDECODED:
                self.value = loads(data)  # nothing of very many values comes here
            summary = self._read(event.name, self.value)
            if summary.ended or self._ended or not self._begun.issuperset(summary.begun):
                self._count(summary)
            if not self.said or not self.content:
                self._open(summary)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise MalformedEventError("an event that is not JSON, or none of this API") from None
        if summary.fault:
            raise NoAnswerError(f"the provider broke off its answer (finish reason: {summary.fault})")
        if self._arguments is not None and (summary.tools or summary.finish):
            self._follow(self._arguments, summary)
        self.content = self.content or summary.content
        if self._ended:
            self.whole = self._is_whole()
        return self._last(summary) if summary.last else summary

    def _count(self, summary: EventSummary) -> None:
        """Count the answers that have begun, and those that have ended."""
        self._begun.update(summary.begun)
        if summary.content and self._reopens:
            self._ended.difference_update(summary.begun)
        self._ended.update(summary.ended)

    def _open(self, summary: EventSummary) -> None:
        """Keep what comes up to the first content; tell whether what has come is an answer."""
        if not self.content and len(self.opening) < _MOST_OPENING:
            self.opening.append(self.value)
        self.said = self.said or summary.said or (bool(summary.text) and self._is_visible(summary))

    def _follow(self, arguments: dict[int, list[str]], summary: EventSummary) -> None:
        """Collect the arguments of tool calls, and judge them where the answer ends; a call with another id is another one."""
        if len(self._begun) > 1:
            self._arguments = None  # answers beside each other, whose calls have the same numbers
            return
        for tool in summary.tools:
            if tool.id and self._called.setdefault(tool.number, tool.id) != tool.id:
                self._called[tool.number] = tool.id
                arguments[-len(arguments) - 2] = arguments.pop(tool.number, [])
            if isinstance(tool.arguments, str):
                arguments.setdefault(tool.number, []).append(tool.arguments)
        if summary.finish and calls_are_cut(summary.finish, map("".join, arguments.values())):
            raise MalformedEventError("the arguments of a tool call are cut off")

    def _last(self, summary: EventSummary) -> EventSummary:
        self._done = True
        if lack := self.lack:
            raise CutOffError(lack)
        self.whole = self._is_whole()
        return summary

    def _is_whole(self) -> bool:
        return self.content and (self._done or len(self._ended) >= self._answers) and self._begun <= self._ended

    def is_stray(self, event: Event) -> bool:
        """Tell whether the last event is JSON but no object, or an empty object. It is not passed on, as SDKs break on it.

        Raises:
            InnerError: it says something in the middle of an answer; what stands before the content is judged where the stream ends.
        """
        if not event.data or event.data == b"[DONE]":
            return False
        if self.value and isinstance(self.value, dict):
            words = [one for name, one in self.value.items() if name in _ERROR_WORDS]
            if self.content and has_words(words) and not _NAMES & self.value.keys():
                raise InnerError(event.data, event.raw)
            return False
        if self.content and has_words(self.value):
            raise InnerError(event.data, event.raw)
        return True

    def _is_visible(self, summary: EventSummary) -> bool:
        """Tell whether an event's text shows anything: thoughts between tags and white space are no answer."""
        lane = summary.begun[0] if summary.begun else 0
        return shows(self._think.setdefault(lane, ThinkFilter()).feed(summary.text).content) is not None

    @property
    def over(self) -> bool:
        """Whether the host says that nothing more comes, in one way or the other."""
        return self._done or bool(self._begun and self._begun <= self._ended)

    def end(self) -> bool:
        """Return whether the whole stream was an answer, with the text that waited for the rest of a tag."""
        return self.said or any(shows(taker.finish().content) for taker in self._think.values())

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


def _built(data: bytes) -> Any:
    """Return the JSON of a long event.

    Raises:
        MalformedEventError: it has very many values.
    """
    if has_many_values(data):
        raise MalformedEventError("an event of very many values")
    return decode(data)
