"""A stream of events as the whole answer that it would have been: for callers who asked for that."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sparekey.wire.model import WireRequest

_JOINED: Final = frozenset({"content", "refusal", "reasoning", "reasoning_content", "reasoning_text", "thinking", "thought"})
"""Fields of a message whose pieces are texts that follow each other."""
_FINAL: Final = frozenset({"response.completed", "response.incomplete", "response.done"})


def whole_of(call: WireRequest, values: Sequence[tuple[str, Any]]) -> Any:
    """Return the whole answer.

    Args:
        call: what was asked.
        values: the name and the JSON of each event.

    Raises:
        TypeError, AttributeError, KeyError: an event is of no shape that the API has.
    """
    found = [value for _, value in values if isinstance(value, dict)]
    if call.dialect == "openai" and call.resource == "responses":
        return _responses(found)
    return _FOLDS[call.dialect](found)


def _openai(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold the chunks of a chat, or of a completion."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for value in values:
        whole |= {name: one for name, one in value.items() if name != "choices" and (one is not None or name not in whole)}
        for choice in value.get("choices") or ():
            index = choice.get("index") or 0
            _choice(choices.setdefault(index, {"index": index}), choice)
    for choice in choices.values():
        if calls := (choice.get("message") or {}).get("tool_calls"):
            choice["message"]["tool_calls"] = [calls[index] for index in sorted(calls)]
        choice.setdefault("finish_reason", None)
    is_chat = any("message" in choice for choice in choices.values()) or "chat" in str(whole.get("object"))
    whole["object"] = "chat.completion" if is_chat else "text_completion"
    return {**whole, "choices": [choices[index] for index in sorted(choices)]}


def _choice(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    for name, value in piece.items():
        if name in {"delta", "message"}:
            message = whole.setdefault("message", {"role": "assistant", "content": None})
            for field, one in (value or {}).items():
                _field(message, field, one)
        elif name == "text":
            whole["text"] = whole.get("text", "") + (value or "")
        elif name == "logprobs" and isinstance(value, dict) and isinstance(whole.get("logprobs"), dict):
            for field, one in value.items():
                before = whole["logprobs"].get(field)
                whole["logprobs"][field] = before + one if isinstance(before, list) and isinstance(one, list) else one
        elif value is not None or name not in whole:
            whole[name] = deepcopy(value)


def _field(message: dict[str, Any], name: str, value: Any) -> None:
    """Put a field's piece to what is there: texts are joined, lists go on, calls of tools are told apart by their index."""
    before = message.get(name)
    if value is None or value == "":
        message.setdefault(name, value)
    elif name == "tool_calls":
        calls = before if isinstance(before, dict) else {}
        for position, call in enumerate(value):
            index = call.get("index", position)
            calls[index] = _tool(calls.get(index), {k: v for k, v in call.items() if k != "index"})
        message[name] = calls
    elif name == "function_call":
        message[name] = {**(before or {}), **value, "arguments": (before or {}).get("arguments", "") + (value.get("arguments") or "")}
    elif name == "audio" and isinstance(before, dict):
        joined = {one: (before.get(one) or "") + (value.get(one) or "") for one in ("data", "transcript")}
        message[name] = {**before, **value, **joined}
    elif isinstance(before, list) and isinstance(value, list):
        message[name] = [*before, *value]
    elif name in _JOINED and isinstance(before, str) and isinstance(value, str):
        message[name] = before + value
    else:
        message[name] = deepcopy(value)


def _tool(whole: dict[str, Any] | None, piece: dict[str, Any]) -> dict[str, Any]:
    given = piece.get("function") or {}
    if whole is None:
        return {**piece, "function": {**given, "name": given.get("name") or "", "arguments": given.get("arguments") or ""}}
    function = whole["function"]
    function["name"] = function["name"] or given.get("name") or ""
    function["arguments"] += given.get("arguments") or ""
    return {**{name: one for name, one in piece.items() if one}, **{name: one for name, one in whole.items() if one}, "function": function}


def _responses(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the response that the last event holds; its items, where it leaves them out, came one by one."""
    last = next((value for value in reversed(values) if value.get("type") in _FINAL), None)
    whole: dict[str, Any] = dict((last or {}).get("response") or {})
    if not whole.get("output"):
        done = (value for value in values if value.get("type") == "response.output_item.done")
        whole["output"] = [value["item"] for value in done]
    return whole


def _anthropic(values: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for value in values:
        kind = value.get("type")
        if kind == "message_start":
            whole = dict(value["message"])
        elif kind == "content_block_start":
            blocks[value["index"]] = dict(value["content_block"])
        elif kind == "content_block_delta":
            _block(blocks.setdefault(value["index"], {"type": "text", "text": ""}), value["delta"])
        elif kind == "message_delta":
            whole |= {name: one for name, one in value["delta"].items() if one is not None}
            whole["usage"] = {**(whole.get("usage") or {}), **{k: v for k, v in (value.get("usage") or {}).items() if v is not None}}
        elif "completion" in value:
            whole = {**whole, **value, "completion": whole.get("completion", "") + value["completion"]}
    if "completion" in whole:
        return whole
    for block in blocks.values():
        if isinstance(text := block.pop("partial_json", None), str):
            block["input"] = json.loads(text or "{}")
    return {**whole, "content": [blocks[index] for index in sorted(blocks)]} if whole or blocks else {}


def _block(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "citation":
            block["citations"] = [*(block.get("citations") or ()), value]
        elif name != "type" and isinstance(value, str):
            block[name] = (block.get(name) or "") + value
        elif name != "type":
            block[name] = value


def _gemini(values: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for value in values:
        whole |= {name: one for name, one in value.items() if name != "candidates"}
        for candidate in value.get("candidates") or ():
            index = candidate.get("index") or 0
            found = candidates.setdefault(index, {"content": {"role": "model", "parts": []}})
            found |= {name: one for name, one in candidate.items() if name != "content"}
            for part in (candidate.get("content") or {}).get("parts") or ():
                _part(found["content"]["parts"], part)
    return {**whole, "candidates": [candidates[index] for index in sorted(candidates)]} if whole or candidates else {}


def _part(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Put a part to the others; texts that follow each other are one, unless one of them is signed."""
    last = parts[-1] if parts else {}
    if last.keys() == part.keys() and last.keys() <= {"text", "thought"} and last.get("thought") == part.get("thought") and "text" in part:
        parts[-1] = {**last, "text": last["text"] + part["text"]}
    else:
        parts.append(dict(part))


_FOLDS: Final[dict[str, Callable[[list[dict[str, Any]]], dict[str, Any]]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
