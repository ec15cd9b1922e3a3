"""A request for a message, read into a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.conversation import values
from sparekey.wire.conversation.frames import Fields, Talk, parts_of, response_format, tools_of

if TYPE_CHECKING:
    from collections.abc import Callable


def read_request(fields: dict[str, Any]) -> values.Conversation:
    """Read a request for a message; never raises."""
    taken = Fields(fields)
    talk = Talk()
    if (top := fields.get("system")) is not None and isinstance(top, str | list):
        talk.system.append(values.SystemPrompt(parts_of(taken.rest.pop("system"), _part), is_plain=isinstance(top, str)))
    for message in taken.items("messages"):
        _add_message(talk, message)
    with taken.inner("thinking") as thinking:
        budget = thinking.whole("budget_tokens")
    with taken.inner("output_config") as output:
        effort = output.text("effort")
        with output.inner("format") as form:
            form_of_answer = response_format(form, form)
    return talk.conversation(
        taken,
        tools=tools_of(taken, _tool),
        tool_choice=_tool_choice(taken),
        sampling=values.Sampling(
            max_tokens=taken.whole("max_tokens"),
            temperature=taken.number("temperature"),
            top_p=taken.number("top_p"),
            top_k=taken.number("top_k"),
            stop=taken.texts("stop_sequences"),
            effort=effort,
            thinking_budget=budget,
        ),
        response_format=form_of_answer,
    )


def _add_message(talk: Talk, message: Any) -> None:
    if not isinstance(message, dict):
        talk.add("user", values.OpaquePart(message))
        return
    taken = Fields(message)
    content = taken.rest.pop("content", None)
    talk.add_message(taken, parts_of(content, _part), plain=isinstance(content, str))


def _part(taken: Fields, kind: str, depth: int) -> values.Part | None:
    """Read a block of content."""
    row = _BLOCKS.get(kind)
    if row is None or not isinstance(taken.rest.get(row[0]), row[1]):
        return None
    del taken.rest["type"]
    return row[2](taken, kind, depth)


def _text(taken: Fields, _kind: str, _depth: int) -> values.Part:
    return values.TextPart(taken.text("text"), taken.rest)


def _media(taken: Fields, kind: str, _depth: int) -> values.Part:
    with taken.inner("source") as source:
        data, media_type, url = source.text("data"), source.text("media_type"), source.text("url")
        file_id = source.text("file_id")
    return values.MediaPart("image" if kind == "image" else "file", data, media_type, url, file_id, taken.text("title"), extra=taken.rest)


def _tool_use(taken: Fields, _kind: str, _depth: int) -> values.Part:
    return values.ToolCallPart(taken.text("id"), taken.text("name"), taken.rest.pop("input"), extra=taken.rest)


def _tool_result(taken: Fields, _kind: str, depth: int) -> values.Part:
    content = taken.rest.pop("content", None)
    parts = parts_of(content, _part, depth + 1)
    return values.ToolResultPart(taken.text("tool_use_id"), "", parts, taken.flag("is_error"), isinstance(content, str), taken.rest)


def _thinking(taken: Fields, _kind: str, _depth: int) -> values.Part:
    return values.ThinkingPart(taken.text("thinking"), taken.text("signature"), taken.text("data"), taken.rest)


_BLOCKS: Final[dict[str, tuple[str, type, Callable[[Fields, str, int], values.Part]]]] = {
    "text": ("text", str, _text),
    "image": ("source", dict, _media),
    "document": ("source", dict, _media),
    "tool_use": ("input", dict, _tool_use),
    "tool_result": ("tool_use_id", str, _tool_result),
    "thinking": ("thinking", str, _thinking),
    "redacted_thinking": ("data", str, _thinking),
}
"""Kinds of blocks: the field that makes one, its type, and what reads it."""


def _tool(taken: Fields) -> values.Tool | None:
    if not isinstance(taken.rest.get("input_schema"), dict):
        return None
    taken.word("type", {"custom": "custom"})  # what a tool of the caller's own is, if it says so
    return values.Tool(taken.text("name"), taken.text("description"), taken.schema("input_schema"), taken.flag("strict"), extra=taken.rest)


def _tool_choice(taken: Fields) -> values.ToolChoice:
    with taken.inner("tool_choice") as choice:
        alone = choice.flag("disable_parallel_tool_use")
        mode = choice.word("type", {"auto": "auto", "none": "none", "any": "required"})
        names: tuple[str, ...] = ()
        if choice.rest.get("type") == "tool" and isinstance(choice.rest.get("name"), str):
            mode, names = "required", (choice.text("name"),)
            del choice.rest["type"]
    return values.ToolChoice(mode, names, None if alone is None else not alone)
