"""The DashScope wire: text and multimodal embeddings, errors as `{"code": ..., "message": ...}`.

Source: https://help.aliyun.com/zh/model-studio/text-embedding-synchronous-api and
https://help.aliyun.com/zh/model-studio/error-code.
"""

from __future__ import annotations

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
    from collections.abc import Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest

WORDINGS = {
    "auth": RefusalWording(401, "Invalid API-key provided.", "InvalidApiKey"),
    "permission": RefusalWording(
        403, "Access to model denied. Please make sure you are eligible for using the model.", "AccessDenied.Unpurchased"
    ),
    "overdue": RefusalWording(400, "Access denied, please make sure your account is in good standing.", "Arrearage"),
    "quota": RefusalWording(
        403,
        "The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, please disable the "
        '"use free tier only" mode in the management console.',
        "AllocationQuota.FreeTierOnly",
    ),
    "rate_limit": RefusalWording(429, "Requests rate limit exceeded, please try again later.", "Throttling.RateQuota"),
    "overloaded": RefusalWording(
        503, "Too many requests. Your requests are being throttled due to system capacity limits.", "ServiceUnavailable"
    ),
    "server_error": RefusalWording(
        500, "An internal error has occured, please try again later or contact service support.", "InternalError"
    ),
    "model_not_found": RefusalWording(404, "Model not exist.", "ModelNotFound"),
    "context_length": RefusalWording(400, "Range of input length should be [1, 8192]", "InvalidParameter"),
    "content_filter": RefusalWording(400, "Input data may contain inappropriate content.", "DataInspectionFailed"),
    "bad_request": RefusalWording(400, "Value error, batch size is invalid, it should not be larger than 10.", "InvalidParameter"),
    "not_found": RefusalWording(404, "url error, please check url!", "InvalidURL"),
}


class DashScopeWire(Wire):
    """DashScope's two native embedding endpoints."""

    name = "dashscope"
    dimension = 1024
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a text or a multimodal request; fused parts are one text."""
        body = object_body(seen, "input", "model")
        parameters = body.get("parameters") or {}
        if seen.path.endswith("/embeddings/text-embedding/text-embedding"):
            kind, texts = "embed", tuple(body["input"].get("texts") or ())
        elif seen.path.endswith("/embeddings/multimodal-embedding/multimodal-embedding"):
            kind, texts = "embed_parts", _texts(body["input"].get("contents") or (), parameters)
        else:
            raise UnreadableRequestError(refuse("not_found"))
        return RequestedAnswer(kind, model=str(body["model"]), texts=texts, dimensions=parameters.get("dimension"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render vectors; the two endpoints name their index and their usage differently."""
        place = "text_index" if ask.kind == "embed" else "index"
        found = [{place: index, "embedding": voice.vector(text, ask.dimensions)} for index, text in enumerate(ask.texts)]
        tokens = ask.prompt_tokens
        usage = {"total_tokens": tokens} if ask.kind == "embed" else {"input_tokens": tokens, "image_tokens": 0, "image_count": 0}
        return json_reply({"request_id": f"sim-{ask.serial}", "output": {"embeddings": found}, "usage": usage})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into DashScope's shape."""
        del refusal
        return {"code": wording.code, "message": wording.message, "request_id": f"sim-{ask.serial}"}


def _texts(contents: Any, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    texts = [words_of(item) or str(item.get("image") or item.get("video")) for item in contents]
    return (" ".join(texts),) if parameters.get("enable_fusion") else tuple(texts)
