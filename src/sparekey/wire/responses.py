"""The Responses API's objects and events, and the typed events of audio and images: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

from typing import Any, Final

from sparekey.wire.model import ERROR, NOTHING, Signs

_PREAMBLE: Final = (".created", ".in_progress", ".queued", ".added", ".searching", ".interpreting", ".generating", "keepalive")
"""Ends of the types of events that come before anything can be read."""
_LAST: Final = frozenset({"transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed"})
_KNOWN: Final = ("response.", "transcript.", "speech.", "image_")
"""How the types of all events begin whose last one is known."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
ITEMS_WITHOUT_ANSWER: Final = frozenset({"reasoning", "web_search_call", "file_search_call", "mcp_list_tools"})
"""Items of an output that lead to an answer and are none."""


def read_event(kind: str, value: dict[str, Any]) -> Signs:
    """Read one event by its type."""
    if kind in _ENDS:
        return _of_response(value.get("response") or {}, incomplete=kind == "response.incomplete")
    if kind in _LAST:
        return Signs(True, (0,), (0,), said=True)
    if kind.endswith(_PREAMBLE):
        return Signs(begun=(0,)) if kind.startswith("response.") else NOTHING
    if not kind.startswith(_KNOWN):  # of threads and conversations the end of the stream is the end
        return Signs(True, said=True)
    if kind.startswith("response.output_item."):
        content, said, text = _of_item(value.get("item") or {})
        return Signs(content or said or bool(text.strip()), (0,), said=said, text=text)
    return _piece(kind, value)


def _piece(kind: str, value: dict[str, Any]) -> Signs:
    """Read an event that brings a piece of an item, or tells how far one of the provider's own tools is."""
    delta = value.get("delta", value.get("text", True))
    if not delta or "_search_call." in kind or kind.startswith("response.mcp_list_tools"):
        return Signs(begun=(0,))
    if kind.startswith("response.reasoning"):
        return Signs(True, (0,))
    if kind.startswith("response.content_part"):
        delta = _text_of(value.get("part") or {})
    elif not kind.startswith("response.output_text"):
        return Signs(True, (0,), said=True)
    text = delta if isinstance(delta, str) else ""
    return Signs(bool(text.strip()), (0,), text=text)


def read_answer(value: dict[str, Any]) -> Signs:
    """Read a whole response."""
    if value.get("status") == "failed" or value.get("error"):
        return ERROR
    return _of_response(value, incomplete=value.get("status") == "incomplete")


def _of_response(response: dict[str, Any], *, incomplete: bool) -> Signs:
    """Read a response at its end; that it is incomplete is the caller's doing: his limit, or his content."""
    found = [_of_item(item) for item in response.get("output") or ()]
    said = incomplete or any(one[1] for one in found)
    text = "".join(one[2] for one in found)
    content = said or bool(text.strip()) or any(one[0] for one in found)
    fault = "cancelled" if response.get("status") == "cancelled" else ""
    return Signs(content, (0,), (0,), said=said, text=text, fault=fault)


def _of_item(item: dict[str, Any]) -> tuple[bool, bool, str]:
    """Return what an item of an output brings: something to show, an answer without text, text."""
    kind = item.get("type")
    if kind == "message":
        parts = item.get("content") or ()
        if isinstance(parts, str):
            return False, False, parts
        return False, any(part.get("refusal") for part in parts), "".join(map(_text_of, parts))
    return kind == "reasoning" and bool(item.get("summary") or item.get("content")), kind not in ITEMS_WITHOUT_ANSWER, ""


def _text_of(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""
