"""The Responses API, OpenAI's second format: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.splice import Piece
from sparekey.wire.broken_stream import BROKEN, event_bytes, own_bytes, shaped
from sparekey.wire.chat_completions import counted, is_error
from sparekey.wire.chat_completions import error_body as error_of_chat
from sparekey.wire.format import ERROR, NOTHING, EventSummary, ToolPiece, is_visible, joined, mapping, shows
from sparekey.wire.splice_texts import Spot, mark_spot
from sparekey.wire.think_tags import closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sparekey.types import Usage
    from sparekey.wire.broken_stream import Break

_PREAMBLE: Final = (".created", ".in_progress", ".queued", ".added", ".searching", ".interpreting", ".generating", "keepalive")
"""Ends of the types of events that come before anything can be read."""
_TEXT: Final = "response.output_text.delta"
_PLAIN: Final = frozenset({"type", "sequence_number", "item_id", "output_index", "content_index", "delta", "logprobs", "obfuscation"})
"""Fields of an event that brings a piece of the text and nothing else."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
ITEMS_WITHOUT_ANSWER: Final = frozenset(
    {
        *("reasoning", "compaction", "web_search_call", "file_search_call", "mcp_list_tools", "mcp_call", "code_interpreter_call"),
        *("tool_search_call", "tool_search_output"),
    }
)
"""Items of an output that lead to an answer and are none."""
_TOOL_TEXTS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
    "mcp_call": ("arguments", "response.mcp_call_arguments"),
}
"""Items whose text comes in pieces: its field, and the name of its events."""
_SILENT: Final = ("response.mcp_list_tools", "response.function_call_arguments", "response.custom_tool_call_input")
"""How the types of events begin that show nothing by themselves: what is called, the item tells."""
_SERVERS: Final = ("response.code_interpreter_call", "response.mcp_call")
"""How the types of events begin that show what the provider's own tools are told: the answer is still to come."""
_TOOL_ENDS: Final = ("_call.completed", "_call.failed")
"""How the types of events end that tell that a tool of the provider's is done: what it made, the item tells."""
_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
"""Items with which the caller's own tools are called."""
_BEGINNINGS: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
_UNSPLICED: Final = _BEGINNINGS | {"response.completed", "response.incomplete", "keepalive"}
"""Events whose texts are not told apart: nothing is shown by them that others have not shown."""
_UNFINISHED: Final = ("cancelled", "in_progress", "queued")
"""States of a response that is no complete one."""
_ITEMS: Final = frozenset({"response.output_item.added", "response.output_item.done"})
_DONE: Final = frozenset({"response.output_text.done", "response.content_part.done"})
_THINKING: Final = ("response.reasoning", "response.output_item.", "response.content_part.", "response.output_text.")
"""How the types of events begin that are compared while there is no answer."""
_THINKING_ITEMS: Final = frozenset({"reasoning", "message"})
_INDEXES: Final = ("output_index", "content_index", "summary_index")


# What an event, or a whole answer, tells


def read_event(name: str, value: Any) -> EventSummary:
    """Read one event by its type."""
    if not isinstance(value, dict):
        return NOTHING
    kind = value.get("type")
    if kind == _TEXT and name != "error" and value.keys() <= _PLAIN and type(text := value.get("delta")) is str:
        return EventSummary(shows(text) is not None, (0,), text=text)  # most events are such: no call more
    if name == "error" or is_error(value):
        return ERROR
    return _typed(kind, value) if isinstance(kind, str) and kind.startswith("response.") else NOTHING


def _typed(kind: str, value: dict[str, Any]) -> EventSummary:
    if kind in _ENDS:
        if (ended := mapping(value, "response")).get("status") == "failed" or ended.get("error"):
            return ERROR
        found = _response(value.get("response") or {}, incomplete=kind == "response.incomplete")
        return found._replace(said=found.said or is_visible(found.text), text="", thoughts="", tools=())
    if kind == "response.cancelled":
        return EventSummary(begun=(0,), fault="cancelled")
    if kind.endswith(_PREAMBLE):
        model, item = str(mapping(value, "response").get("model") or ""), mapping(value, "item")
        called = item.get("type") in _CALLS and bool(item.get("name"))  # a call begins with its tool's name
        return EventSummary(called, (0,), said=called, model=model)
    if kind == "response.output_item.done":
        found = _item(value.get("item") or {}, value.get("output_index") or 0)
        return found._replace(said=found.said or is_visible(found.text), text="", thoughts="")
    return _piece(kind, value)


def read_answer(value: Any) -> EventSummary:
    """Read a whole response."""
    if value.get("status") == "failed" or value.get("error"):
        return ERROR
    return _response(value, incomplete=value.get("status") == "incomplete")


def is_whole(value: Any) -> bool:
    """Tell whether an event is a whole response."""
    return isinstance(value, dict) and value.get("object") == "response" and isinstance(value.get("output"), list)


def fits(resource: str, value: Any, *, whole: bool = False) -> bool:
    """Tell whether an answer is a response; no other resource has this format."""
    del resource, value, whole
    return True


def read_usage(value: Any) -> Usage | None:
    """Read the tokens, which an event has within its `response`."""
    found = mapping(value, "usage") or mapping(mapping(value, "response"), "usage")
    return counted(found) if found else None


def _piece(kind: str, value: dict[str, Any]) -> EventSummary:
    """Read an event that brings a piece of an item, or tells how far one of the provider's own tools is.

    Only deltas are read as text: what is done repeats them.
    """
    delta = value.get("delta", value.get("text", True))
    if not delta or "_search_call." in kind or kind.startswith(_SILENT) or kind.endswith(_TOOL_ENDS):
        return EventSummary(begun=(0,))
    text, is_delta = delta if isinstance(delta, str) else "", kind.endswith(".delta")
    if kind.startswith(_SERVERS):
        return EventSummary(True, (0,))
    if kind.startswith("response.reasoning"):
        return EventSummary(True, (0,), thoughts=text if is_delta else "")
    if kind.startswith("response.content_part"):
        text = _text_of(value.get("part") or {})
    elif not kind.startswith("response.output_text"):
        return EventSummary(True, (0,), said=True, text=text if is_delta and kind.startswith("response.refusal") else "")
    if is_delta:
        return EventSummary(shows(text) is not None, (0,), text=text)
    return EventSummary(shows(text) is not None, (0,), said=is_visible(text))


def _response(response: dict[str, Any], *, incomplete: bool) -> EventSummary:
    """Read a response at its end; that it is incomplete is the caller's doing: his limit, or his content."""
    found = joined([_item(item, index) for index, item in enumerate(response.get("output") or ())])
    reason = mapping(response, "incomplete_details").get("reason") or "length"
    return found._replace(
        content=incomplete or found.said or shows(found.text) is not None or found.content,
        ended=(0,),
        said=incomplete or found.said,
        fault=response["status"] if not incomplete and response.get("status") in _UNFINISHED else "",
        finish=reason if incomplete else "tool_calls" if found.tools else "stop",
        usage=read_usage(response),
        model=response.get("model") or "",
    )


def _item(item: dict[str, Any], index: int) -> EventSummary:
    """Read an item of an output."""
    kind = item.get("type")
    if kind == "message":
        parts = item.get("content") or ()
        if isinstance(parts, str):  # the SDKs find no text there
            return EventSummary(begun=(0,))
        text = "".join(_text_of(part) for part in parts if part.get("type") == "output_text")  # the SDKs read no other
        refusal = "".join(str(part.get("refusal") or "") for part in parts)
        return EventSummary(bool(shows(text) or refusal), (0,), said=bool(refusal), text=text or refusal)
    if kind == "reasoning":
        summary, thoughts = item.get("summary") or (), item.get("content") or ()
        return EventSummary(bool(summary or thoughts), (0,), thoughts="".join(_text_of(one) for one in summary or thoughts))
    needed = "name" if kind in _CALLS else "result" if kind == "image_generation_call" else "type"
    said = bool(item.get(needed)) and kind not in ITEMS_WITHOUT_ANSWER
    tools: tuple[ToolPiece, ...] = ()
    if kind in _CALLS:
        text = item.get(_TOOL_TEXTS[kind][0]) or ""
        given = text if kind == "function_call" else {_TOOL_TEXTS[kind][0]: text}  # a custom tool's text need be no JSON
        tools = (ToolPiece(index, item.get("call_id") or item.get("id") or "", item.get("name") or "", given),)
    return EventSummary(said, (0,), said=said, tools=tools)


def _text_of(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


# A whole response out of events, and events out of a whole response


def answer_of_events(values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the response that the last event holds; its items, where it leaves them out, came one by one."""
    events = [value for _, value in values if isinstance(value, dict)]
    last = next((value for value in reversed(events) if value.get("type") in _ENDS), None)
    whole: dict[str, Any] = dict((last or {}).get("response") or {})
    if not whole.get("output"):
        done = (value for value in events if value.get("type") == "response.output_item.done")
        whole["output"] = [value["item"] for value in done]
    return whole


def events_of_answer(value: Any) -> bytes:
    """Return the events of a whole response, each item's text in one piece."""
    return b"".join(event_bytes(one, one["type"]) for one in _events(value))


def _events(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    number = itertools.count()
    begun = {**value, "status": "in_progress", "output": [], "usage": None}
    for kind in ("response.created", "response.in_progress"):
        yield {"type": kind, "sequence_number": next(number), "response": begun}
    for index, item in enumerate(value.get("output") or ()):
        for event in _item_events(item):
            place = {} if "item" in event else {"item_id": item.get("id")}
            yield {**event, "sequence_number": next(number), "output_index": index, **place}
    last = "response.incomplete" if value.get("status") == "incomplete" else "response.completed"
    yield {"type": last, "sequence_number": next(number), "response": value}


def _item_events(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = item.get("type")
    empty = {**item, "status": "in_progress"}
    if kind in {"message", "reasoning"}:
        empty |= {name: [] for name in ("content", "summary") if name in item}
    elif text := _TOOL_TEXTS.get(str(kind)):
        empty |= {text[0]: ""}
    yield {"type": "response.output_item.added", "item": empty}
    if kind == "message":
        for index, part in enumerate(item.get("content") or ()):
            yield from _part_events(index, part)
    elif kind == "reasoning":
        for index, part in enumerate(item.get("summary") or ()):
            yield from _summary_events(index, part)
    elif text := _TOOL_TEXTS.get(str(kind)):
        field, name = text
        yield {"type": f"{name}.delta", "delta": item.get(field) or ""}
        yield {"type": f"{name}.done", field: item.get(field) or "", "name": item.get("name")}
    yield {"type": "response.output_item.done", "item": item}


def _part_events(index: int, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    field = "refusal" if part.get("type") == "refusal" else "text"
    name = "response.refusal" if field == "refusal" else "response.output_text"
    text, at = part.get(field) or "", {"content_index": index}
    probabilities = {"logprobs": part.get("logprobs") or []} if field == "text" else {}
    yield {"type": "response.content_part.added", **at, "part": {**part, field: ""}}
    yield {"type": f"{name}.delta", **at, "delta": text, **probabilities}
    yield {"type": f"{name}.done", **at, field: text, **probabilities}
    yield {"type": "response.content_part.done", **at, "part": part}


def _summary_events(index: int, part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text, at = part.get("text") or "", {"summary_index": index}
    yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}
    yield {"type": "response.reasoning_summary_text.delta", **at, "delta": text}
    yield {"type": "response.reasoning_summary_text.done", **at, "text": text}
    yield {"type": "response.reasoning_summary_part.done", **at, "part": part}


# The texts of an event, to go on in another stream


def spots(value: dict[str, Any]) -> list[Spot]:
    """Return the text of a delta; another event tells that something begins or ends."""
    kind = value.get("type")
    if not isinstance(kind, str) or kind in _UNSPLICED:
        return []
    channel = kind
    for name in _INDEXES:
        if name in value:
            channel += f" {value[name]}"
    delta = value.get("delta")
    return [Spot(Piece(0, channel, delta), ("delta",)) if isinstance(delta, str) and delta else mark_spot(channel, _marked(kind, value))]


def _marked(kind: str, value: dict[str, Any]) -> str:
    """Return what stands for an event that marks a beginning or an end: the kind of the item, or the text that is done."""
    if kind in _ITEMS:
        item = mapping(value, "item")
        summary = _item(item, 0) if kind.endswith(".done") else NOTHING
        return f"{item.get('type')} {summary.text}" if is_visible(summary.text) else str(item.get("type"))
    return (_text_of(value.get("part") or value) or " ") if kind in _DONE else "."


def following(shown: Sequence[Piece]) -> Callable[[Any], list[Any]] | None:
    """Return what makes the events of another response follow items that hold nothing but thoughts; None: they hold more.

    The other response goes on with new items, thoughts included. Its last event holds those alone: they are the answer.
    """
    last, texts = -1, dict[str, str]()
    for _, channel, text in shown:
        kind, _, places = channel.partition(" ")
        place = places.partition(" ")[0]
        if not place.isdigit() or not kind.startswith(_THINKING) or (kind in _ITEMS and text not in _THINKING_ITEMS):
            return None
        last = max(last, int(place))
        if kind == _TEXT or kind in _DONE:
            texts[channel] = texts.get(channel, "") + text
    if any(is_visible(text) or closing(text) for text in texts.values()):
        return None

    def followed(value: Any) -> list[Any]:
        if not isinstance(value, dict) or value.get("type") in _BEGINNINGS:
            return []
        place = value.get("output_index")
        return [{**value, "output_index": place + last + 1} if isinstance(place, int) else value]

    return followed


# Errors


error_body: Final = error_of_chat
"""The JSON of an error is the same as of a chat."""


def broken(cut: Break) -> tuple[bytes, ...]:
    """Return an event `error` with its fields where the API puts them, and once more in the object for which the SDKs raise.

    An event of another type (`response.failed`) is passed on, and followed by such a one: no SDK raises for it.
    """
    own = cut.value if isinstance(cut.value, dict) else {}
    if own.get("type") in _ENDS:  # it says that all is well
        own = {"error": mapping(own, "response").get("error") or {}}
    if own.get("type") not in {None, "error"}:
        number = own.get("sequence_number", cut.number)
        failed = shaped(own).get("error")
        return (own_bytes(cut.event), _error_event(failed if isinstance(failed, dict) else {}, cut, number + 1, {}))
    error = shaped(own).get("error") if own else None
    return (_error_event(error if isinstance(error, dict) else {}, cut, own.get("sequence_number", cut.number), own),)


def _error_event(error: Mapping[str, Any], cut: Break, number: int, own: Mapping[str, Any]) -> bytes:
    code, text, param = error.get("code"), error.get("message"), error.get("param")
    words = {"code": code or (None if text else BROKEN), "message": text or cut.text, "param": param}
    kind = error.get("type")
    inner = {"type": kind if kind and kind != "error" else "server_error", **words}
    return event_bytes({**own, "type": "error", **words, "sequence_number": number, "error": inner, "sparekey": dict(cut.about)}, "error")
