"""The MiniMax wire: `/v1/embeddings` with `texts`; errors stand inside a 200, in `base_resp`.

Source: https://platform.minimaxi.com/document/guides/Embeddings and https://platform.minimaxi.com/docs/api-reference/errorcode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.simulator.faults import refuse
from sparekey.simulator.wires.base import Ask, Reply, UnreadableRequestError, Wire, Wording, json_reply, object_body

if TYPE_CHECKING:
    from sparekey.simulator.answers import Voice
    from sparekey.simulator.faults import Refusal
    from sparekey.simulator.seen import Seen

WORDINGS = {
    "auth": Wording(200, "login fail: Please carry the API secret key in the 'Authorization' field of the request header", "1004"),
    "quota": Wording(200, "insufficient balance", "1008"),
    "rate_limit": Wording(200, "rate limit exceeded(RPM)", "1002"),
    "overloaded": Wording(200, "system error, please try again later", "1033"),
    "server_error": Wording(200, "internal service error", "1013"),
    "model_not_found": Wording(200, "invalid params, unknown model '{model}'", "2013"),
    "context_length": Wording(200, "invalid params, context window exceeds limit", "2013"),
    "content_filter": Wording(200, "input new_sensitive", "1026"),
    "bad_request": Wording(200, "invalid params, type must be db or query", "2013"),
    "not_found": Wording(404, "404 page not found", "404"),
}


class MiniMaxWire(Wire):
    """MiniMax's embedding endpoint."""

    name = "minimax"
    root = "/v1"
    wordings = WORDINGS

    def read(self, seen: Seen) -> Ask:
        """Read an embedding request."""
        if not seen.path.endswith("/embeddings"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "texts", "model", "type")
        return Ask("embed", model=str(body["model"]), texts=tuple(body["texts"]), body=body)

    def answer(self, ask: Ask, voice: Voice) -> Reply:
        """Render vectors."""
        vectors = [voice.vector(text) for text in ask.texts]
        return json_reply({"vectors": vectors, "total_tokens": ask.prompt_tokens, "base_resp": {"status_code": 0, "status_msg": "success"}})

    def error_json(self, wording: Wording, refusal: Refusal, ask: Ask) -> Any:
        """Put an error into MiniMax's shape."""
        del refusal, ask
        return {"vectors": None, "total_tokens": 0, "base_resp": {"status_code": int(wording.code or 1000), "status_msg": wording.message}}
