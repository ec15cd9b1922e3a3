"""The wires of Volcengine Ark: OpenAI's answers under `/api/v3`, with error codes of their own.

`ArkWire` has chat, text embeddings and multimodal embeddings. `ArkFilesWire` adds the Files and
Responses APIs, for models that look at audio and video; it fails to process a file whose name holds
`broken`, and has every other file ready when asked for it. Source:
https://www.volcengine.com/docs/82379/1299023 (error codes),
https://www.volcengine.com/docs/82379/1885708 and the official Ark SDK.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.simulator.wires.base import RefusalWording, RequestedAnswer, json_reply, object_body, words_of
from sparekey.lab.simulator.wires.openai import OpenAIWire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import ProviderReply

_SPARSE_TERMS = 1 << 16
_CREATED: Final = 1_767_225_600
_NAME: Final = re.compile(rb'filename="([^"]*)"')

WORDINGS: dict[str, RefusalWording] = {
    "auth": RefusalWording(401, "The API key or AK/SK in the request is missing or invalid.", "AuthenticationError", "Unauthorized"),
    "permission": RefusalWording(
        403, "The request failed because you do not have access to the requested resource.", "AccessDenied", "Forbidden"
    ),
    "overdue": RefusalWording(403, "The request failed because your account has an overdue balance.", "AccountOverdueError", "Forbidden"),
    "quota": RefusalWording(
        429,
        "Your account [2100000000] has reached the set inference limit for the [{model}] model, and the model service has been paused. To "
        'continue using this model, please visit the Model Activation page to adjust or close the "Safe Experience Mode".',
        "SetLimitExceeded",
        "TooManyRequests",
    ),
    "daily_quota": RefusalWording(
        429,
        "You have exceeded the weekly usage quota.",
        "QuotaExceeded",
        "TooManyRequests",
        wait=" It will reset at {moment}.",
        wait_form="none",
    ),
    "rate_limit": RefusalWording(
        429,
        "The Requests Per Minute (RPM) limit of the associated endpoint for your account has been exceeded. Please try again later.",
        "RateLimitExceeded.EndpointRPMExceeded",
        "TooManyRequests",
    ),
    "overloaded": RefusalWording(
        429,
        "The service is currently unable to process additional requests due to server overload. Please try again later.",
        "ServerOverloaded",
        "TooManyRequests",
    ),
    "server_error": RefusalWording(
        500, "The service encountered an unexpected internal error.", "InternalServiceError", "InternalServerError"
    ),
    "model_not_found": RefusalWording(
        404, "The model or endpoint {model} does not exist or you do not have access to it.", "InvalidEndpointOrModel.NotFound", "NotFound"
    ),
    "context_length": RefusalWording(
        400,
        "Input length 40000 exceeds the maximum length 32768.",
        "InvalidParameter",
        "BadRequest",
        "messages",
    ),
    "content_filter": RefusalWording(
        400, "The request failed because the input text may contain sensitive information.", "SensitiveContentDetected", "BadRequest"
    ),
    "bad_request": RefusalWording(
        400, "One or more parameters specified in the request are not valid.", "InvalidParameter", "BadRequest", "temperature"
    ),
    "prefill": RefusalWording(
        400,
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "InvalidParameter",
        "BadRequest",
        "messages",
    ),
    "not_found": RefusalWording(404, "The specified resource is not found.", "NotFound", "NotFound"),
}


class ArkWire(OpenAIWire):
    """Chat, text embeddings and multimodal embeddings of Ark.

    One multimodal request has one vector, whatever its parts.
    """

    name = "ark"
    root = "/api/v3"
    dimension = 2048
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a request; parts of a multimodal one are joined, as they share one vector."""
        if not seen.path.endswith("/embeddings/multimodal"):
            return super().read(seen)
        body = object_body(seen, "input", "model")
        text = words_of(body["input"])
        media = [part for part in body["input"] if part.get("type") != "text"]
        joined = text + json.dumps(media) if media else text
        return RequestedAnswer("multimodal", str(body["model"]), (joined,), text, dimensions=body.get("dimensions"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render multimodal embeddings, and the rest as OpenAI does."""
        if ask.kind != "multimodal":
            return super().answer(ask, voice)
        data: dict[str, Any] = {"object": "embedding", "embedding": voice.vector(ask.texts[0], ask.dimensions)}
        if (ask.body.get("sparse_embedding") or {}).get("type") == "enabled":
            data["sparse_embedding"] = sparse(ask.words)
        details = {"text_tokens": ask.prompt_tokens, "image_tokens": 0}
        usage = {"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens, "prompt_tokens_details": details}
        envelope = {"id": f"sim{ask.serial}", "created": 1_767_225_600, "model": ask.model, "object": "list"}
        return json_reply({**envelope, "data": data, "usage": usage}, headers=self.headers(ask))

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Mapping[str, Any]:
        """Put an error into Ark's shape, with the request id in the text."""
        del refusal
        message = f"{wording.message} Request id: 0217000000000000000000000000sim{ask.serial:06d}"
        return {"error": {"code": wording.code, "message": message, "param": wording.param or "", "type": wording.type}}


def sparse(text: str) -> list[dict[str, Any]]:
    """Return a sparse vector: one term a word, weighted by how often it occurs."""
    words = text.lower().split()
    terms = {int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % _SPARSE_TERMS: words.count(word) for word in words}
    return [{"index": index, "value": round(count / len(words), 6)} for index, count in sorted(terms.items())]


class ArkFilesWire(ArkWire):
    """Ark with `/files` and `/responses`. Stateless: a file's id is its name."""

    name = "ark_files"

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an upload, a look at a file, its removal, or a question."""
        if seen.path.endswith("/responses"):
            body = object_body(seen, "input", "model")
            return RequestedAnswer("responses", str(body["model"]), words=words_of(body["input"]), body=body)
        if "/files" not in seen.path:
            return super().read(seen)
        if seen.method == "POST":
            found = _NAME.search(seen.body)
            return RequestedAnswer("upload", words=found[1].decode() if found else "file")
        return RequestedAnswer(
            "remove" if seen.method == "DELETE" else "file", words=seen.path.rpartition("/files/")[2].removeprefix("file-")
        )

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render a file, its removal, or an answer."""
        match ask.kind:
            case "upload":
                return json_reply(file_object(ask.words, "processing"))
            case "file":
                return json_reply(file_object(ask.words, "failed" if "broken" in ask.words else "active"))
            case "remove":
                return json_reply({"id": f"file-{ask.words}", "object": "file", "deleted": True})
            case "responses":
                return json_reply(response(ask, voice))
            case _:
                return super().answer(ask, voice)


def file_object(name: str, status: str) -> dict[str, Any]:
    """Render a file."""
    error = {"code": "InvalidFile", "message": "The file cannot be decoded."} if status == "failed" else None
    times = {"created_at": _CREATED, "expire_at": _CREATED + 604_800}
    return {
        "id": f"file-{name}",
        "object": "file",
        "filename": name,
        "bytes": 1,
        "purpose": "user_data",
        "status": status,
        "error": error,
        **times,
    }


def response(ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
    """Render an answer of the Responses API."""
    part = {"type": "output_text", "text": voice.text, "annotations": []}
    message = {"type": "message", "id": f"msg_sim{ask.serial}", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": ask.prompt_tokens,
        "output_tokens": voice.completion_tokens,
        "total_tokens": ask.prompt_tokens + voice.completion_tokens,
        "input_tokens_details": {"cached_tokens": voice.cached_tokens},
        "output_tokens_details": {"reasoning_tokens": voice.reasoning_tokens},
    }
    head = {"id": f"resp_sim{ask.serial}", "object": "response", "created_at": _CREATED, "model": ask.model, "status": "completed"}
    return {**head, "output": [message] if voice.text else [], "usage": usage}
