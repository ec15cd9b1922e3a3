"""Conversations and tools from OpenAI's form into Gemini's (https://ai.google.dev/api/caching#Content)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.vlm.backends.anthropic_form import arguments_of, text_of
from sparekey.vlm.images import decode_data_url, guess_url_type

if TYPE_CHECKING:
    from sparekey.vlm.base import Messages, Tools

_THINKS: Final = re.compile(r"gemini-(?:2\.5|[3-9])")
_CAN_STOP_THINKING: Final = re.compile(r"gemini-2\.5-flash")
"""https://ai.google.dev/gemini-api/docs/thinking: 2.5 Flash and Flash-Lite take a budget of 0, the others do not."""
_NO_SIGNATURE: Final = b"skip_thought_signature_validator"
"""What stands for a signature in turns that another model wrote: https://ai.google.dev/gemini-api/docs/thought-signatures."""


def to_contents(messages: Messages) -> tuple[str, list[dict[str, Any]]]:
    """Return the system prompt and the turns; answers of several tools become one turn."""
    names = {call.get("id"): call.get("function", {}).get("name", "") for m in messages for call in m.get("tool_calls") or ()}
    system, turns = [], list[dict[str, Any]]()
    for message in messages:
        if message.get("role") in {"system", "developer"}:
            system.append(text_of(message.get("content")))
        elif message.get("role") == "tool":
            _append_result(turns, _result(message, names))
        else:
            turns.append(_turn(message))
    return "\n\n".join(filter(None, system)), turns


def to_tools(tools: Tools) -> list[dict[str, Any]]:
    """Return the declarations of all functions as one tool; tools in Gemini's own form stay as they are."""
    functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), dict)]
    own = [tool for tool in tools if not isinstance(tool.get("function"), dict)]
    return own + ([{"function_declarations": [_declaration(f) for f in functions]}] if functions else [])


def to_tool_config(choice: str | dict[str, Any]) -> dict[str, Any]:
    """Return Gemini's form of a tool choice."""
    if isinstance(choice, dict):
        choice = choice.get("function", {}).get("name") or "auto"
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    if choice in modes:
        return {"function_calling_config": {"mode": modes[choice]}}
    return {"function_calling_config": {"mode": "ANY", "allowed_function_names": [choice]}}


def thinking_config(model: str, *, thinking: bool) -> dict[str, Any] | None:
    """Return what switches thoughts on or off, or None where the model has no such switch."""
    if thinking and _THINKS.search(model):
        return {"include_thoughts": True}
    return {"thinking_budget": 0} if not thinking and _CAN_STOP_THINKING.search(model) else None


def _declaration(function: dict[str, Any]) -> dict[str, Any]:
    declaration = {"name": function.get("name", ""), "description": function.get("description") or ""}
    return declaration | ({"parameters_json_schema": function["parameters"]} if function.get("parameters") else {})


def _turn(message: dict[str, Any]) -> dict[str, Any]:
    role = "model" if message.get("role") == "assistant" else "user"
    return {"role": role, "parts": [*_parts(message.get("content")), *_calls(message.get("tool_calls") or [])]}


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str) or content is None:
        return [{"text": content}] if content else []
    return [_part(part) for part in content]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """Return one part; parts in Gemini's own form pass."""
    if part.get("type") == "text":
        return {"text": part.get("text") or ""}
    if part.get("type") != "image_url":
        return part
    url = part["image_url"]["url"] if isinstance(part["image_url"], dict) else part["image_url"]
    if decoded := decode_data_url(url):
        return {"inline_data": {"mime_type": decoded[0], "data": decoded[1]}}
    return {"file_data": {"file_uri": url, "mime_type": guess_url_type(url)}}


def _calls(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return calls of tools; the first one of a turn needs a signature."""
    parts: list[dict[str, Any]] = [
        {"function_call": {"name": call.get("function", {}).get("name", ""), "args": arguments_of(call)}} for call in calls
    ]
    if parts:
        parts[0]["thought_signature"] = _NO_SIGNATURE
    return parts


def _result(message: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    name = message.get("name") or names.get(message.get("tool_call_id")) or "tool"
    return {"function_response": {"name": name, "response": {"result": text_of(message.get("content"))}}}


def _append_result(turns: list[dict[str, Any]], part: dict[str, Any]) -> None:
    before = turns[-1]["parts"] if turns else []
    if before and "function_response" in before[-1]:
        before.append(part)
    else:
        turns.append({"role": "user", "parts": [part]})
