"""The VikingDB wire: `/api/vikingdb/embedding` with signed requests.

The key is the access key id of the signature.

Source: https://www.volcengine.com/docs/84313/1791161 and
https://www.volcengine.com/docs/84313/1791125.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sparekey.lab.simulator.faults import refuse
from sparekey.lab.simulator.wires.base import (
    ProviderReply,
    RefusalWording,
    RequestedAnswer,
    UnreadableRequestError,
    Wire,
    json_reply,
    object_body,
    words_of,
)

if TYPE_CHECKING:
    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest

WORDINGS = {
    "auth": RefusalWording(401, "unauthorized: the access key is invalid", "Unauthorized"),
    "permission": RefusalWording(403, "no permission for the requested resource", "NoPermission"),
    "overdue": RefusalWording(403, "the account is overdue, please recharge", "AccountOverdue"),
    "quota": RefusalWording(402, "quota exhausted: insufficient account balance", "InsufficientBalance"),
    "rate_limit": RefusalWording(429, "request rate exceeds the limit: qps limit reached", "RateLimitExceeded"),
    "overloaded": RefusalWording(503, "the service is overloaded, please try again later", "ServiceUnavailable"),
    "server_error": RefusalWording(500, "internal error", "InternalServerError"),
    "model_not_found": RefusalWording(404, "embedding model {model} not found", "ModelNotFound"),
    "context_length": RefusalWording(400, "the input exceeds the maximum length of the model", "InvalidParameter"),
    "bad_request": RefusalWording(400, "invalid parameter: the length of data must be at most 10", "InvalidParameter"),
    "not_found": RefusalWording(404, "not found", "NotFound"),
}


class VikingDBWire(Wire):
    """VikingDB's embedding endpoint."""

    name = "vikingdb"
    dimension = 2048
    wordings = WORDINGS

    def key(self, seen: ReceivedRequest) -> str:
        """Return the access key id that signed the request, or ""."""
        found = re.match(r"HMAC-SHA256 Credential=([^/]+)/", seen.headers.get("authorization", ""))
        return found.group(1) if found else ""

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an embedding request."""
        if not seen.path.endswith("/api/vikingdb/embedding"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "data")
        dense, sparse = body.get("dense_model") or {}, body.get("sparse_model") or {}
        texts = tuple(str(item.get("text") or words_of(item.get("full_modal_seq")) or "image") for item in body["data"])
        return RequestedAnswer("embed", model=str((dense or sparse).get("name", "")), texts=texts, dimensions=dense.get("dim"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render the vectors that were asked for, dense, sparse or both."""
        data: list[dict[str, Any]] = [{} for _ in ask.texts]
        for text, item in zip(ask.texts, data, strict=True):
            if ask.body.get("dense_model"):
                item["dense"] = voice.vector(text, ask.dimensions)
            if ask.body.get("sparse_model"):
                item["sparse"] = {word: 0.5 for word in text.split()}  # noqa: C420 - a mapping of weights, not of one default
        counts = {"prompt_tokens": ask.prompt_tokens, "completion_tokens": 0, "image_tokens": 0, "total_tokens": ask.prompt_tokens}
        result = {"data": data, "token_usage": {f"{ask.model}__sim": counts}}
        said = {"code": "Success", "message": "The API call was executed successfully.", "request_id": f"sim{ask.serial}"}
        return json_reply({**said, "result": result})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into VikingDB's shape."""
        del refusal
        return {"code": wording.code, "message": wording.message, "request_id": f"sim{ask.serial}", "result": None}
