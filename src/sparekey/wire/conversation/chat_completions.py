"""A request for a chat completion, read into a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from sparekey.wire.conversation import values
from sparekey.wire.conversation.frames import (
    Fields,
    Kind,
    Talk,
    media_of_data,
    media_of_text,
    media_of_url,
    parts_of,
    response_format,
    tools_of,
    word_of,
)
from sparekey.wire.format import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BARE: Final[dict[str, tuple[Kind, Literal["data", "file_id", "url"]]]] = {
    "image_url": ("image", "url"),
    "video_url": ("video", "url"),
    "input_audio": ("audio", "data"),
    "file": ("file", "file_id"),
}
"""Parts that hold media -> what it is, and what a bare text in the place of the object is."""


def read_request(fields: dict[str, Any]) -> values.Conversation:
    """Read a request for a chat; never raises."""
    taken = Fields(fields)
    talk = Talk()
    for message in taken.items("messages"):
        _add_message(talk, message)
    spelled = next((name for name in ("max_completion_tokens", "max_tokens") if taken.rest.get(name) is not None), "")
    sampling = values.Sampling(
        max_tokens=taken.whole(spelled) if spelled else None,
        temperature=taken.number("temperature"),
        top_p=taken.number("top_p"),
        top_k=taken.number("top_k"),
        stop=(taken.text("stop"),) if isinstance(fields.get("stop"), str) else taken.texts("stop"),
        seed=taken.whole("seed"),
        presence_penalty=taken.number("presence_penalty"),
        frequency_penalty=taken.number("frequency_penalty"),
        answers=taken.whole("n"),
        logprobs=taken.flag("logprobs"),
        top_logprobs=taken.whole("top_logprobs"),
        effort=taken.text("reasoning_effort"),
    )
    spelling = {"max_tokens": spelled} if spelled else {}
    return talk.conversation(
        taken,
        tools=tools_of(taken, _tool),
        tool_choice=_tool_choice(taken),
        sampling=sampling,
        response_format=_response_format(taken),
        spelling=spelling | ({"stop": "text"} if isinstance(fields.get("stop"), str) else {}),
    )


def _add_message(talk: Talk, message: Any) -> None:
    if not isinstance(message, dict):
        talk.add("user", values.OpaquePart(message))
        return
    taken = Fields(message)
    content, role = taken.rest.pop("content", None), word_of(message.get("role"))
    plain, parts = isinstance(content, str), parts_of(content, _part)
    if "content" in message and content is None:
        taken.rest["content"] = None
    if role == "tool":
        result = values.ToolResultPart(taken.text("tool_call_id"), taken.text("name"), parts, is_plain=plain)
        talk.turns.append(values.ChatTurn("user", (result,), extra=taken.rest))
    else:
        talk.add_message(taken, _assistant_parts(taken, parts) if role == "assistant" else parts, plain=plain)


def _assistant_parts(taken: Fields, parts: tuple[values.Part, ...]) -> tuple[values.Part, ...]:
    """Return thoughts, content, a refusal and calls of tools, in this order."""
    name = next((name for name in ("reasoning_content", "reasoning") if isinstance(taken.rest.get(name), str)), "")
    thoughts = (values.ThinkingPart(taken.text(name), extra={"field": name}),) if name else ()
    refused = (values.RefusalPart(taken.text("refusal")),) if isinstance(taken.rest.get("refusal"), str) else ()
    return (*thoughts, *parts, *refused, *(_tool_call(call) for call in taken.items("tool_calls")))


def _tool_call(call: Any) -> values.Part:
    if not isinstance(call, dict):
        return values.OpaquePart(call)
    taken = Fields(call)
    kind = taken.word("type", {"function": "function", "custom": "custom"}) or "function"
    with taken.inner(kind) as inner:
        name, arguments = inner.text("name"), inner.text("input" if kind == "custom" else "arguments")
    return values.ToolCallPart(taken.text("id"), name, arguments, kind == "custom", taken.rest)


def _part(taken: Fields, kind: str, depth: int) -> values.Part | None:
    """Read a part of a message."""
    del depth
    if kind in {"text", "refusal"} and isinstance(taken.rest.get(kind), str):
        del taken.rest["type"]
        return values.TextPart(taken.text("text"), taken.rest) if kind == "text" else values.RefusalPart(taken.text("refusal"), taken.rest)
    if kind not in _BARE or not isinstance(taken.rest.get(kind), dict | str):
        return None
    del taken.rest["type"]
    if isinstance(taken.rest[kind], str):  # older hosts take a bare address
        media, place = _BARE[kind]
        return media_of_text(media, taken.text(kind), place, extra=taken.rest)
    with taken.inner(kind) as inner:
        if kind == "input_audio":
            data, form = inner.text("data"), inner.text("format")
        elif kind == "file":
            data, file_id, name = inner.text("file_data"), inner.text("file_id"), inner.text("filename")
        else:
            url, detail = inner.text("url"), inner.text("detail")
    if kind == "input_audio":
        return values.MediaPart("audio", data, form, extra=taken.rest)
    if kind == "file":
        return media_of_data("file", data, file_id=file_id, name=name, extra=taken.rest)
    return media_of_url("video" if kind == "video_url" else "image", url, detail=detail, extra=taken.rest)


def _tool(taken: Fields) -> values.Tool | None:
    kind = taken.word("type", {"function": "function", "custom": "custom"})
    if not kind or not isinstance(taken.rest.get(kind), dict):
        return None
    with taken.inner(kind) as inner:
        name, text, schema, strict = inner.text("name"), inner.text("description"), inner.schema("parameters"), inner.flag("strict")
    return values.Tool(name, text, schema, strict, kind, taken.rest)


def _tool_choice(taken: Fields) -> values.ToolChoice:
    choice = taken.rest.get("tool_choice")
    named = mapping(choice, word_of(choice.get("type"))) if isinstance(choice, dict) else {}
    return choice_of(taken, named, mapping(choice, "allowed_tools"), lambda tool: mapping(tool, "function"))


def choice_of(taken: Fields, named: Any, allowed: Mapping[str, Any], function: Callable[[Any], Any]) -> values.ToolChoice:
    """Read which tools the model may call, as OpenAI's formats have it: a word, one tool, or several.

    Args:
        taken: the request.
        named: what names the one tool that must be called, if one is named.
        allowed: what lists the tools to which the model is restricted, if it is.
        function: finds what names a tool in an item of that list.
    """
    parallel = taken.flag("parallel_tool_calls")
    if mode := taken.word("tool_choice", {"auto": "auto", "none": "none", "required": "required"}):
        return values.ToolChoice(mode, parallel=parallel)
    if isinstance(name := named.get("name"), str):
        return values.ToolChoice("required", (name,), parallel, taken.rest.pop("tool_choice"))
    tools = allowed.get("tools")
    names = [function(tool).get("name") for tool in tools] if isinstance(tools, list) else []
    if word_of(allowed.get("mode")) in {"auto", "required"} and names and all(isinstance(name, str) for name in names):
        return values.ToolChoice(allowed["mode"], tuple(names), parallel, taken.rest.pop("tool_choice"))
    return values.ToolChoice(parallel=parallel)


def _response_format(taken: Fields) -> values.ResponseFormat:
    with taken.inner("response_format") as form, form.inner("json_schema") as inner:
        return response_format(form, inner)
