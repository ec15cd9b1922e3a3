"""OpenAI's wire, which Ark and most other hosts speak under a base URL of their own: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sparekey.wire import common
from sparekey.wire.model import CONTENT, ERROR, NOTHING, Signs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.wire.model import Call, Kind, Put, Target

KINDS: Final[dict[str, Kind]] = {
    "chat/completions": "chat",
    "completions": "chat",
    "responses": "chat",
    "responses/input_tokens": "chat",
    "embeddings": "embed",
}
"""The resources that ask the chain's own model; what is not listed is about something else."""

_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/]+)/(.+)")
_BELOW: Final = re.compile(r"(?:/[^/]+)*?/v\d[a-z0-9]*/(.*)|/openai/(.*)|/(.*)", re.DOTALL)
_PREAMBLE: Final = (".created", ".in_progress", ".queued", ".added", ".searching", "keepalive")
"""Ends of the types of Responses events that come before anything can be read."""
_LAST: Final = frozenset(
    {"transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed", "response.completed"}
)
_ANSWERS: Final = ("response.", "transcript.", "speech.", "image_")
"""Beginnings of the types of events whose last one is known; of others (threads, conversations) the end of the stream is the end."""
_PLAIN_ENDS: Final = frozenset({"stop", "STOP"})
"""Finish reasons that promise an answer; any other one (`length`, `content_filter`) is news in itself."""


@lru_cache(256)
def resource_of(path: str) -> tuple[str, str]:
    """Return (resource, deployment or "") of a path that the SDK of OpenAI or of Azure made, whatever its base URL was."""
    if found := _DEPLOYMENT.fullmatch(path):
        return found[2], unquote(found[1])
    below = _BELOW.fullmatch(path)
    return (next(part for part in below.groups() if part is not None) if below else path.lstrip("/")), ""


def put(call: Call, target: Target) -> Put:
    """Put a request to a host with one base URL; the key is a bearer token."""
    path = f"{common.base_path(target)}/{common.safe(call.resource)}"
    return common.put(call, target, path, call.query, ("authorization", "Bearer "))


def read_event(name: str, value: Any) -> Signs:
    """Read one event: a chunk of a chat or a completion, an event of the Responses API, of audio or of images."""
    if not isinstance(value, dict):
        return CONTENT
    choices = value.get("choices")
    if choices:
        return _choices(choices)
    if name == "error" or _is_error(value):
        return ERROR
    if isinstance(choices, list):
        return NOTHING
    kind = value.get("type")
    return _typed(kind, value) if isinstance(kind, str) else NOTHING if "usage" in value else CONTENT


def _is_error(value: dict[str, Any]) -> bool:
    if value.get("error") or value.get("object") == "error" or value.get("type") in {"error", "response.failed"}:
        return True
    return "code" in value and "message" in value and "choices" not in value and "type" not in value


def _choices(choices: Iterable[Any]) -> Signs:
    content, begun, ended = False, [], []
    for choice in choices:
        index, finish = choice.get("index") or 0, choice.get("finish_reason") or choice.get("finishReason")
        delta = choice.get("delta") or {}
        content = content or bool(choice.get("text")) or any(text and key != "role" for key, text in delta.items())
        begun.append(index)
        if finish:
            ended.append(index)
            content = content or finish not in _PLAIN_ENDS
    return Signs(content, tuple(begun), tuple(ended))


def _typed(kind: str, value: dict[str, Any]) -> Signs:
    if kind in _LAST:
        return Signs(bool((value.get("response") or {}).get("output", True)), (0,), (0,))
    if kind == "response.incomplete":
        return Signs(True, (0,), (0,))
    if kind.endswith(_PREAMBLE):
        return Signs(begun=(0,)) if kind.startswith("response.") else NOTHING
    return Signs(bool(value.get("delta", True)), (0,) if kind.startswith(_ANSWERS) else ())
