"""OpenAI's wire, which Ark and most other hosts speak under a base URL of their own: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sparekey.wire import common, ends, responses
from sparekey.wire.model import ERROR, NOTHING, Signs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.wire.model import Kind, Put, Target, WireRequest

KINDS: Final[dict[str, Kind]] = {
    "chat/completions": "chat",
    "completions": "chat",
    "responses": "chat",
    "responses/input_tokens": "chat",
    "embeddings": "embed",
    "embeddings/multimodal": "embed",
}
"""The resources that ask the chain's own model; what is not listed is about something else.

`embeddings/multimodal` is Ark's: https://www.volcengine.com/docs/82379/1523520
"""

_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/]+)/(.+)")
_BELOW: Final = re.compile(r"(?:/[^/]+)*?/v\d[a-z0-9]*/(.*)|/openai/(.*)|/(.*)", re.DOTALL)
THOUGHTS: Final = frozenset(
    {"reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking", "thinking_blocks", "thought"}
)
"""Fields of a message that hold thoughts: content of a stream, but no answer."""
_SILENT: Final = frozenset(
    {
        *("role", "name", "id", "tool_call_id", "annotations", "citations", "logprobs", "token_ids", "matched_stop", "stop_reason"),
        *("signature", "thought_signature", "provider_specific_fields", "extra_content", "prefix", "partial", "context", "metadata"),
    }
)
"""Fields of a message that say nothing of their own; what is not listed is a part of the answer."""


@lru_cache(256)
def resource_of(path: str) -> tuple[str, str]:
    """Return (resource, deployment or "") of a path that the SDK of OpenAI or of Azure made, whatever its base URL was."""
    if found := _DEPLOYMENT.fullmatch(path):
        return found[2], unquote(found[1])
    below = _BELOW.fullmatch(path)
    return (next(part for part in below.groups() if part is not None) if below else path.lstrip("/")), ""


def put(call: WireRequest, target: Target) -> Put:
    """Put a request to a host with one base URL; the key is a bearer token."""
    path = f"{common.base_path(target)}/{common.safe(call.resource)}"
    return common.put(call, target, path, call.query, ("authorization", "Bearer "))


def read_event(name: str, value: Any) -> Signs:
    """Read one event, or a whole answer: of a chat or a completion, of the Responses API, of audio or of images."""
    if not isinstance(value, dict):
        return NOTHING
    if name == "error" or is_error(value):
        return ERROR
    choices = value.get("choices")
    if choices:
        return _choices(choices)
    kind = value.get("type")
    if isinstance(kind, str) and choices is None:
        return responses.read_event(kind, value)
    return Signs(True, said=True) if "delta" in value else NOTHING  # a thread's: the end of its stream is the end


def is_error(value: dict[str, Any]) -> bool:
    """Tell whether an event is an error: a host may write one in any of these ways."""
    if value.get("error") or value.get("object") == "error" or value.get("type") in {"error", "response.failed"}:
        return True
    return "code" in value and "message" in value and not {"choices", "type", "output"} & value.keys()


def texts_of(content: Any) -> tuple[str, str]:
    """Return the visible text and the thoughts of a message's content: a text, or parts of several types (Mistral)."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        thoughts = content.get("thinking") or content.get("reasoning")
        return ("", "".join(texts_of(thoughts))) if thoughts else (str(content.get("text") or content.get("refusal") or ""), "")
    pairs = [texts_of(part) for part in content or ()]
    return "".join(text for text, _ in pairs), "".join(thoughts for _, thoughts in pairs)


def _choices(choices: Iterable[Any]) -> Signs:
    content, said, text, fault, begun, ended = False, False, "", "", [], []
    for choice in choices:
        index, finish = choice.get("index") or 0, choice.get("finish_reason") or choice.get("finishReason")
        if choice.get("error"):
            return ERROR
        told = _message(choice.get("delta") or choice.get("message") or {})
        content, said, text = content or told[0], said or told[1], text + told[2] + (choice.get("text") or "")
        begun.append(index)
        if finish:
            ended.append(index)
            said = said or ends.is_callers_doing(finish)
            fault = fault or (finish if ends.is_fault(finish) else "")
    return Signs(content or said or bool(text.strip()), tuple(begun), tuple(ended), said=said, text=text, fault=fault)


def _message(fields: Mapping[str, Any]) -> tuple[bool, bool, str]:
    """Return what a message or a piece of one brings: something to show, an answer without text, text."""
    content, said, text = False, False, ""
    for name, value in fields.items():
        if not value or name in _SILENT:
            continue
        if name == "content":
            text, thoughts = texts_of(value)
            content = content or bool(thoughts)
            said = said or not (isinstance(value, str) or text or thoughts or _is_reference(value))
        elif name in THOUGHTS:
            content = True
        else:
            said = True
    return content, said, text


def _is_reference(parts: Any) -> bool:
    """Tell whether parts without text are pieces of text that is empty yet, or point to sources, and show nothing of their own."""
    return all(isinstance(part, dict) and part.get("type") in {"text", "output_text", "thinking", "reference"} for part in parts)
