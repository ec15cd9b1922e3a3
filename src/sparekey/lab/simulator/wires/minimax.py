"""The MiniMax wire: `/v1/embeddings` with `texts`; errors stand inside a 200, in `base_resp`.

Source: https://platform.minimaxi.com/document/guides/Embeddings and
https://platform.minimaxi.com/docs/api-reference/errorcode.
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
)

if TYPE_CHECKING:
    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest

WORDINGS = {
    "auth": RefusalWording(200, "login fail: Please carry the API secret key in the 'Authorization' field of the request header", "1004"),
    "quota": RefusalWording(200, "insufficient balance", "1008"),
    "rate_limit": RefusalWording(200, "rate limit exceeded(RPM)", "1002"),
    "overloaded": RefusalWording(200, "system error, please try again later", "1033"),
    "server_error": RefusalWording(200, "internal service error", "1013"),
    "model_not_found": RefusalWording(200, "invalid params, unknown model '{model}'", "2013"),
    "context_length": RefusalWording(200, "invalid params, context window exceeds limit", "2013"),
    "content_filter": RefusalWording(200, "input new_sensitive", "1026"),
    "bad_request": RefusalWording(200, "invalid params, type must be db or query", "2013"),
    "not_found": RefusalWording(404, "404 page not found", "404"),
}


class MiniMaxWire(Wire):
    """MiniMax's embedding endpoint."""

    name = "minimax"
    root = "/v1"
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an embedding request."""
        if not seen.path.endswith("/embeddings"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "texts", "model", "type")
        return RequestedAnswer("embed", model=str(body["model"]), texts=tuple(body["texts"]), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render vectors."""
        vectors = [voice.vector(text) for text in ask.texts]
        return json_reply({"vectors": vectors, "total_tokens": ask.prompt_tokens, "base_resp": {"status_code": 0, "status_msg": "success"}})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into MiniMax's shape."""
        del refusal, ask
        return {"vectors": None, "total_tokens": 0, "base_resp": {"status_code": int(wording.code or 1000), "status_msg": wording.message}}
