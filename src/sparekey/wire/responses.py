"""The Responses API, OpenAI's second format: https://platform.openai.com/docs/api-reference/responses."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, Literal

from sparekey.core.splice import Piece
from sparekey.wire.broken_stream import BROKEN, event_bytes, own_bytes, shaped
from sparekey.wire.chat_completions import counted, error_body, is_error
from sparekey.wire.conversation import (
    ChatTurn,
    Conversation,
    Fields,
    MediaPart,
    OpaquePart,
    RefusalPart,
    ResponseFormat,
    Sampling,
    SystemPrompt,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    media_of_url,
    parts_of,
    word_of,
)
from sparekey.wire.format import ERROR, NOTHING, EventSummary, ToolPiece, is_visible, mapping
from sparekey.wire.splice_texts import Spot, mark_spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sparekey.types import Usage
    from sparekey.wire.broken_stream import Break
    from sparekey.wire.conversation import Part

__all__ = [
    "answer_of_events",
    "broken",
    "error_body",
    "events_of_answer",
    "fits",
    "is_whole",
    "read_answer",
    "read_event",
    "read_request",
    "read_usage",
    "spots",
]

_PREAMBLE: Final = (".created", ".in_progress", ".queued", ".added", ".searching", ".interpreting", ".generating", "keepalive")
"""Ends of the types of events that come before anything can be read."""
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.done"})
ITEMS_WITHOUT_ANSWER: Final = frozenset({"reasoning", "web_search_call", "file_search_call", "mcp_list_tools"})
"""Items of an output that lead to an answer and are none."""
_TOOL_TEXTS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
    "mcp_call": ("arguments", "response.mcp_call_arguments"),
}
"""Items whose text comes in pieces: its field, and the name of its events."""
_SILENT: Final = ("response.mcp_list_tools", "response.function_call_arguments", "response.custom_tool_call_input")
"""How the types of events begin that show nothing by themselves: what is called, the item tells."""
_CALLS: Final = frozenset({"function_call", "custom_tool_call"})
"""Items with which the caller's own tools are called."""
_UNSPLICED: Final = frozenset({"response.created", "response.in_progress", "response.queued", "response.completed", "response.incomplete"})
"""Events whose texts are not told apart: nothing is shown by them that others have not shown."""
_INDEXES: Final = ("output_index", "content_index", "summary_index")


# What an event, or a whole answer, tells


def read_event(name: str, value: Any) -> EventSummary:
    """Read one event by its type."""
    if not isinstance(value, dict):
        return NOTHING
    if name == "error" or is_error(value):
        return ERROR
    kind = value.get("type")
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
    if not delta or "_search_call." in kind or kind.startswith(_SILENT):
        return EventSummary(begun=(0,))
    text, is_delta = delta if isinstance(delta, str) else "", kind.endswith(".delta")
    if kind.startswith("response.reasoning"):
        return EventSummary(True, (0,), thoughts=text if is_delta else "")
    if kind.startswith("response.content_part"):
        text = _text_of(value.get("part") or {})
    elif not kind.startswith("response.output_text"):
        return EventSummary(True, (0,), said=True, text=text if is_delta and kind.startswith("response.refusal") else "")
    if is_delta:
        return EventSummary(bool(text.strip()), (0,), text=text)
    return EventSummary(bool(text.strip()), (0,), said=is_visible(text))


def _response(response: dict[str, Any], *, incomplete: bool) -> EventSummary:
    """Read a response at its end; that it is incomplete is the caller's doing: his limit, or his content."""
    found = [_item(item, index) for index, item in enumerate(response.get("output") or ())]
    said = incomplete or any(one.said for one in found)
    text = "".join(one.text for one in found)
    tools = tuple(tool for one in found for tool in one.tools)
    finish = mapping(response, "incomplete_details").get("reason") or "length" if incomplete else "tool_calls" if tools else "stop"
    return EventSummary(
        content=said or bool(text.strip()) or any(one.content for one in found),
        begun=(0,),
        ended=(0,),
        said=said,
        text=text,
        fault="cancelled" if response.get("status") == "cancelled" else "",
        thoughts="".join(one.thoughts for one in found),
        tools=tools,
        finish=finish,
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
        text = "".join(map(_text_of, parts))
        refusal = "".join(str(part.get("refusal") or "") for part in parts)
        return EventSummary(bool(text.strip() or refusal), (0,), said=bool(refusal), text=text or refusal)
    if kind == "reasoning":
        summary, thoughts = item.get("summary") or (), item.get("content") or ()
        return EventSummary(bool(summary or thoughts), (0,), thoughts="".join(_text_of(one) for one in summary or thoughts))
    said = bool(item.get("name")) if kind in _CALLS else kind not in ITEMS_WITHOUT_ANSWER
    tools: tuple[ToolPiece, ...] = ()
    if kind in _CALLS:
        given = item.get(_TOOL_TEXTS[kind][0]) or ""
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
    channel = " ".join([kind, *(str(value[name]) for name in _INDEXES if name in value)])
    delta = value.get("delta")
    return [Spot(Piece(0, channel, delta), ("delta",)) if isinstance(delta, str) and delta else mark_spot(channel)]


# Errors


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
    told = {"code": code or (None if text else BROKEN), "message": text or cut.text, "param": param}
    kind = error.get("type")
    inner = {"type": kind if kind and kind != "error" else "server_error", **told}
    return event_bytes({**own, "type": "error", **told, "sequence_number": number, "error": inner, "sparekey": dict(cut.about)}, "error")


# A request as a conversation


def read_request(fields: dict[str, Any]) -> Conversation:
    """Read a request for a response; each item of the input is one turn. Never raises."""
    taken = Fields(fields)
    system: list[SystemPrompt] = []
    turns: list[ChatTurn] = []
    if isinstance(fields.get("instructions"), str):
        system.append(SystemPrompt((TextPart(taken.text("instructions")),), is_plain=True))
    spelling = {}
    if isinstance(fields.get("input"), str):
        turns.append(ChatTurn("user", (TextPart(taken.text("input")),), is_plain=True))
        spelling["input"] = "text"
    for item in taken.items("input"):
        _add_item(item, system, turns)
    with taken.inner("reasoning") as reasoning:
        effort = reasoning.text("effort")
    return Conversation(
        model=taken.text("model"),
        system=tuple(system),
        turns=tuple(turns),
        tools=tuple(_tool(tool) for tool in taken.items("tools")),
        tool_choice=_tool_choice(taken),
        sampling=Sampling(
            max_tokens=taken.whole("max_output_tokens"),
            temperature=taken.number("temperature"),
            top_p=taken.number("top_p"),
            top_logprobs=taken.whole("top_logprobs"),
            effort=effort,
        ),
        response_format=_response_format(taken),
        stream=taken.flag("stream"),
        spelling=spelling,
        extra=taken.rest,
    )


def _add_item(item: Any, system: list[SystemPrompt], turns: list[ChatTurn]) -> None:
    kind = word_of(item.get("type", "message")) if isinstance(item, dict) else ""
    if kind == "message" and isinstance(item, dict):
        _add_message(Fields(item), word_of(item.get("role")), system, turns)
    elif kind in _CALLS:
        taken = Fields(item)
        del taken.rest["type"]
        given = taken.text(_TOOL_TEXTS[kind][0])
        call = ToolCallPart(taken.text("call_id"), taken.text("name"), given, kind == "custom_tool_call", taken.rest)
        turns.append(ChatTurn("assistant", (call,)))
    elif kind in {"function_call_output", "custom_tool_call_output"}:
        taken = Fields(item)
        output = taken.rest.pop("output", None)
        result = ToolResultPart(
            taken.text("call_id"), parts=parts_of(output, _request_part), is_plain=isinstance(output, str), extra=taken.rest
        )
        turns.append(ChatTurn("user", (result,)))
    elif kind == "reasoning":
        taken = Fields(item)
        del taken.rest["type"]
        sealed = taken.text("encrypted_content")
        summary = item["summary"] if isinstance(item.get("summary"), list) else ()  # it stays in `extra`, part by part
        text = "\n\n".join(word_of(one.get("text")) for one in summary if isinstance(one, dict))
        turns.append(ChatTurn("assistant", (ThinkingPart(text, sealed=sealed, extra=taken.rest),)))
    else:
        role = "assistant" if kind.endswith(("_call", "_approval_request")) else "user"
        turns.append(ChatTurn(role, (OpaquePart(item),)))  # type: ignore[arg-type]  # one of the two


def _add_message(taken: Fields, role: str, system: list[SystemPrompt], turns: list[ChatTurn]) -> None:
    content = taken.rest.pop("content", None)
    parts, plain = parts_of(content, _request_part), isinstance(content, str)
    if role in {"system", "developer"}:
        del taken.rest["role"]
        rank: Literal["system", "developer"] = "system" if role == "system" else "developer"
        system.append(SystemPrompt(parts, rank, len(turns), plain, taken.rest))
        return
    if role in {"user", "assistant"}:
        del taken.rest["role"]
    turns.append(ChatTurn("assistant" if role == "assistant" else "user", parts, plain, taken.rest))


def _request_part(taken: Fields, kind: str, depth: int) -> Part | None:
    """Read a part of a message, or of a tool's result."""
    del depth
    rest = taken.rest
    if kind in {"input_text", "output_text"} and isinstance(rest.get("text"), str):
        return TextPart(taken.text("text"), rest)
    if kind == "refusal" and isinstance(rest.get("refusal"), str):
        return RefusalPart(taken.text("refusal"), rest)
    if kind == "input_image":
        return media_of_url("image", taken.text("image_url"), file_id=taken.text("file_id"), detail=taken.text("detail"), extra=rest)
    if kind == "input_file":
        data, url = taken.text("file_data"), taken.text("file_url")
        return media_of_url("file", data or url, file_id=taken.text("file_id"), name=taken.text("filename"), extra=rest)
    if kind == "input_audio" and isinstance(rest.get("input_audio"), dict):
        with taken.inner("input_audio") as inner:
            data, form = inner.text("data"), inner.text("format")
        return MediaPart("audio", data, form, extra=rest)
    return None


def _tool(tool: Any) -> Tool:
    if not isinstance(tool, dict):
        return Tool("", kind="built_in", extra={"value": tool})
    taken = Fields(tool)
    kind = taken.word("type", {"function": "function", "custom": "custom"})
    if not kind:
        return Tool(str(tool.get("type") or ""), kind="built_in", extra=tool)
    return Tool(taken.text("name"), taken.text("description"), taken.schema("parameters"), taken.flag("strict"), kind, taken.rest)


def _tool_choice(taken: Fields) -> ToolChoice:
    parallel = taken.flag("parallel_tool_calls")
    if mode := taken.word("tool_choice", {"auto": "auto", "none": "none", "required": "required"}):
        return ToolChoice(mode, parallel=parallel)
    choice = mapping(taken.rest, "tool_choice")
    if word_of(choice.get("type")) in {"function", "custom"} and isinstance(choice.get("name"), str):
        return ToolChoice("required", (choice["name"],), parallel, taken.rest.pop("tool_choice"))
    tools = choice.get("tools")
    names: list[Any] = [mapping({"tool": tool}, "tool").get("name") for tool in tools] if isinstance(tools, list) else []
    if word_of(choice.get("mode")) in {"auto", "required"} and names and all(isinstance(name, str) for name in names):
        return ToolChoice(choice["mode"], tuple(names), parallel, taken.rest.pop("tool_choice"))
    return ToolChoice(parallel=parallel)


def _response_format(taken: Fields) -> ResponseFormat:
    with taken.inner("text") as text, text.inner("format") as form:
        kind = form.word("type", {"text": "text", "json_object": "json_object", "json_schema": "json_schema"})
        return ResponseFormat(kind, form.text("name"), form.schema("schema"), form.flag("strict"))
