"""OpenAI's streams that are about no chat: speech, transcripts, images, threads. Errors are told as for chat completions.

https://platform.openai.com/docs/api-reference/audio and /images-streaming
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire import chat_completions, responses
from sparekey.wire.chat_completions import (
    answer_of_events,
    broken,
    error_body,
    events_of_answer,
    fits,
    is_error,
    is_whole,
    read_answer,
)
from sparekey.wire.format import ERROR, NOTHING, EventSummary

if TYPE_CHECKING:
    from sparekey.types import Usage
    from sparekey.wire.splice_texts import Spot

__all__ = [
    "answer_of_events",
    "broken",
    "error_body",
    "events_of_answer",
    "fits",
    "is_whole",
    "read_answer",
    "read_event",
    "read_usage",
    "spots",
]

_LAST: Final = frozenset({"transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed"})
_KNOWN: Final = ("transcript.", "speech.", "image_")
"""How the types of all events begin whose last one is known."""
_PREAMBLE: Final = (".created", ".in_progress", ".queued", ".generating", "keepalive")


def read_event(name: str, value: Any) -> EventSummary:
    """Read one event; of threads and conversations, whose last event nobody knows, the end of the stream is the end."""
    if not isinstance(value, dict):
        return NOTHING
    if name == "error" or is_error(value):
        return ERROR
    kind = value.get("type")
    if isinstance(kind, str):
        return responses.read_event(name, value) if kind.startswith("response.") else _typed(kind, value)
    return EventSummary(True, said=True) if "delta" in value else chat_completions.read_event(name, value)


def _typed(kind: str, value: dict[str, Any]) -> EventSummary:
    if kind in _LAST:
        return EventSummary(True, (0,), (0,), said=True, usage=read_usage(value))
    if kind.endswith(_PREAMBLE):
        return NOTHING
    if not kind.startswith(_KNOWN):
        return EventSummary(True, said=True)
    return EventSummary(True, (0,), said=True) if value.get("delta", value.get("text", True)) else EventSummary(begun=(0,))


def read_usage(value: Any) -> Usage | None:
    """Read the tokens."""
    return responses.read_usage(value) or chat_completions.read_usage(value)


def spots(value: dict[str, Any]) -> list[Spot]:
    """Return the text of an event."""
    return responses.spots(value) or chat_completions.spots(value)
