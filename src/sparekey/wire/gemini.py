"""The Gemini API's wire: the version and the model stand in the path. https://ai.google.dev/api."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from sparekey.wire import common, ends
from sparekey.wire.model import ERROR, NOTHING, Signs

if TYPE_CHECKING:
    from sparekey.wire.model import Kind, Put, Target, WireRequest

KINDS: Final[dict[str, Kind]] = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "countTokens": "chat",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
"""The methods that ask the chain's own model."""

_PATH: Final = re.compile(r"(?:/[^/]+)*?/((?:upload/)?)(v\d[a-z0-9]*)/(.*)", re.DOTALL)
_MODEL: Final = re.compile(r"(?:models/)?([^:]+):(\w+)")
_MARKS: Final = frozenset({"text", "thought", "thoughtSignature", "partMetadata"})
"""Fields of a part that are its text, or say something about it; what else it holds is to be shown."""
_TOOLS: Final = frozenset({"executableCode", "codeExecutionResult"})
"""What the provider's own tools do on the way to an answer."""
_NO_END: Final = "FINISH_REASON_UNSPECIFIED"
"""What stands where no reason does: proto's default."""


def resource_of(path: str) -> tuple[str, str]:
    """Return (resource, version) of a path; uploads keep their `upload/` in front of the resource."""
    found = _PATH.fullmatch(path)
    return (found[1] + found[3], found[2]) if found else (path.lstrip("/"), "")


def method_of(resource: str) -> tuple[str, str]:
    """Return (model, method) that a resource names, or ("", "")."""
    found = _MODEL.fullmatch(resource)
    return (unquote(found[1]), found[2]) if found else ("", "")


def put(call: WireRequest, target: Target) -> Put:
    """Put a request to the Gemini API; the key goes where the caller's stood, into the header or the query."""
    base, version = common.without_version(common.base_path(target))
    version = target.api_version or version or call.version or "v1beta"
    resource, query = common.safe(call.resource), call.query
    upload = "upload/" if resource.startswith("upload/") else ""
    body = None
    if target.model and call.kind == target.kind:
        resource = f"{_named(target.model)}:{method_of(resource)[1]}"
        body = _body(call, target)
    if call.key_in_query and target.api_key:
        query = f"{query}{'&' if query else ''}key={quote(target.api_key.reveal(), safe='')}"
    return common.put(call, target, f"{base}/{upload}{version}/{resource.removeprefix(upload)}", query, ("x-goog-api-key", ""), body)


def read_event(name: str, value: Any) -> Signs:
    """Read one event of streamed content, or a whole answer; a blocked prompt is an answer, not an error."""
    if not isinstance(value, dict):
        return NOTHING
    if value.get("error") or name == "error":
        return ERROR
    if (value.get("promptFeedback") or {}).get("blockReason"):
        return Signs(True, (0,), (0,), said=True)
    content, said, text, fault, begun, ended = False, False, "", "", [], []
    for candidate in value.get("candidates") or ():
        index, finish = candidate.get("index") or 0, candidate.get("finishReason")
        for part in (candidate.get("content") or {}).get("parts") or ():
            thought = part.get("thought") is True
            shown = {key for key, piece in part.items() if piece and key not in _MARKS}
            content = content or bool(shown) or bool(thought and part.get("text"))
            said = said or bool(shown - _TOOLS)
            text += "" if thought else part.get("text") or ""
        begun.append(index)
        if finish and finish != _NO_END:
            ended.append(index)
            said = said or ends.is_callers_doing(finish)
            fault = fault or (finish if ends.is_fault(finish) else "")
    if not begun:
        return NOTHING
    return Signs(content or said or bool(text.strip()), tuple(begun), tuple(ended), said=said, text=text, fault=fault)


def _named(model: str) -> str:
    return quote(model if "/" in model else f"models/{model}", safe="/")


def _body(call: WireRequest, target: Target) -> bytes | None:
    """Name the model, and what it is to be asked besides, in each request of a batch, too; only there the body is written anew."""
    requests = call.get("requests")
    if not call.document or not isinstance(requests, list):
        return None
    name = target.model if "/" in (target.model or "") else f"models/{target.model}"
    asked = [{k: v for k, v in request.items() if v is not None} if isinstance(request, dict) else request for request in requests]
    named = [{**target.body, **request, "model": name} if isinstance(request, dict) else request for request in asked]
    return json.dumps(call.document.fields | {"requests": named}).encode()
