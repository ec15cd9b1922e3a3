"""A request for a response, read into a conversation."""

from __future__ import annotations

from typing import Any, Final

from sparekey.wire.conversation import values
from sparekey.wire.conversation.chat_completions import choice_of
from sparekey.wire.conversation.frames import Fields, Talk, media_of_data, media_of_url, parts_of, response_format, tools_of, word_of
from sparekey.wire.format import mapping

_CALL_TEXTS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items with which the caller's own tools are called -> the field that holds what they are called with."""


def read_request(fields: dict[str, Any]) -> values.Conversation:
    """Read a request for a response; each item of the input is one turn. Never raises."""
    taken = Fields(fields)
    talk = Talk()
    if isinstance(fields.get("instructions"), str):
        talk.system.append(values.SystemPrompt((values.TextPart(taken.text("instructions")),), is_plain=True))
    spelling = {}
    if isinstance(fields.get("input"), str):
        talk.turns.append(values.ChatTurn("user", (values.TextPart(taken.text("input")),), is_plain=True))
        spelling["input"] = "text"
    for item in taken.items("input"):
        _add_item(talk, item)
    with taken.inner("reasoning") as reasoning:
        effort = reasoning.text("effort")
    return talk.conversation(
        taken,
        tools=tools_of(taken, _tool),
        tool_choice=_tool_choice(taken),
        sampling=values.Sampling(
            max_tokens=taken.whole("max_output_tokens"),
            temperature=taken.number("temperature"),
            top_p=taken.number("top_p"),
            top_logprobs=taken.whole("top_logprobs"),
            effort=effort,
        ),
        response_format=_response_format(taken),
        spelling=spelling,
    )


def _add_item(talk: Talk, item: Any) -> None:
    kind = word_of(item.get("type", "message")) if isinstance(item, dict) else ""
    if kind == "message" and isinstance(item, dict):
        taken = Fields(item)
        content = taken.rest.pop("content", None)
        talk.add_message(taken, parts_of(content, _part), plain=isinstance(content, str))
    elif kind in _CALL_TEXTS:
        taken = Fields(item)
        del taken.rest["type"]
        given = taken.text(_CALL_TEXTS[kind])
        call = values.ToolCallPart(taken.text("call_id"), taken.text("name"), given, kind == "custom_tool_call", taken.rest)
        talk.add("assistant", call)
    elif kind in {"function_call_output", "custom_tool_call_output"}:
        taken = Fields(item)
        output = taken.rest.pop("output", None)
        name, parts, plain = taken.text("call_id"), parts_of(output, _part), isinstance(output, str)
        result = values.ToolResultPart(name, parts=parts, is_plain=plain, extra=taken.rest)
        talk.add("user", result)
    elif kind == "reasoning":
        taken = Fields(item)
        del taken.rest["type"]
        sealed = taken.text("encrypted_content")
        summary = item["summary"] if isinstance(item.get("summary"), list) else ()  # it stays in `extra`, part by part
        text = "\n\n".join(word_of(one.get("text")) for one in summary if isinstance(one, dict))
        talk.add("assistant", values.ThinkingPart(text, sealed=sealed, extra=taken.rest))
    else:
        talk.add("assistant" if kind.endswith(("_call", "_approval_request")) else "user", values.OpaquePart(item))


def _part(taken: Fields, kind: str, depth: int) -> values.Part | None:
    """Read a part of a message, or of a tool's result."""
    del depth
    rest = taken.rest
    if kind in {"input_text", "output_text"} and isinstance(rest.get("text"), str):
        return values.TextPart(taken.text("text"), rest)
    if kind == "refusal" and isinstance(rest.get("refusal"), str):
        return values.RefusalPart(taken.text("refusal"), rest)
    if kind == "input_image":
        return media_of_url("image", taken.text("image_url"), file_id=taken.text("file_id"), detail=taken.text("detail"), extra=rest)
    if kind == "input_file":
        data, url = taken.text("file_data"), taken.text("file_url")
        more = {"file_id": taken.text("file_id"), "name": taken.text("filename"), "extra": rest}
        return media_of_data("file", data, url=url, **more) if data else media_of_url("file", url, **more)
    if kind == "input_audio" and isinstance(rest.get("input_audio"), dict):
        with taken.inner("input_audio") as inner:
            data, form = inner.text("data"), inner.text("format")
        return values.MediaPart("audio", data, form, extra=rest)
    return None


def _tool(taken: Fields) -> values.Tool | None:
    kind = taken.word("type", {"function": "function", "custom": "custom"})
    if not kind:
        return None
    return values.Tool(taken.text("name"), taken.text("description"), taken.schema("parameters"), taken.flag("strict"), kind, taken.rest)


def _tool_choice(taken: Fields) -> values.ToolChoice:
    choice = mapping(taken.rest, "tool_choice")
    named = choice if word_of(choice.get("type")) in {"function", "custom"} else {}
    return choice_of(taken, named, choice, lambda tool: tool if isinstance(tool, dict) else {})


def _response_format(taken: Fields) -> values.ResponseFormat:
    with taken.inner("text") as text, text.inner("format") as form:
        return response_format(form, form)
