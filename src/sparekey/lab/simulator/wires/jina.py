"""The Jina wire: OpenAI's embeddings format with objects as inputs, errors as `{"detail": ...}`.

Source: https://api.jina.ai/redoc and the errors that users report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.lab.simulator.answers import base64_floats
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
    "auth": RefusalWording(401, "Invalid Jina API key, please check your API key at https://jina.ai"),
    "quota": RefusalWording(402, "Account balance not enough to run this query, please recharge"),
    "rate_limit": RefusalWording(429, "Rate limit exceeded: 500 requests per minute.", wait=" Please try again in {wait} seconds."),
    "model_not_found": RefusalWording(422, "Validation error: 'body -> model' Input should be a supported model, got '{model}'."),
    "context_length": RefusalWording(400, "Single text cannot exceed 8192 tokens. 9237 tokens given."),
    "bad_request": RefusalWording(
        422, "Validation error: 'body -> task' Input should be 'retrieval.query', 'retrieval.passage' or 'text-matching'."
    ),
}


class JinaWire(Wire):
    """Jina's embedding endpoint."""

    name = "jina"
    root = "/v1"
    dimension = 1024
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an embedding request; an image stands for its URL."""
        if not seen.path.endswith("/embeddings"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "input", "model")
        items = body["input"] if isinstance(body["input"], list) else [body["input"]]
        texts = tuple(item if isinstance(item, str) else str(item.get("text") or item.get("image")) for item in items)
        return RequestedAnswer("embed", model=str(body["model"]), texts=texts, dimensions=body.get("dimensions"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render vectors as floats or as base64."""
        encode = base64_floats if ask.body.get("encoding_format") == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encode(voice.vector(text, ask.dimensions))}
            for index, text in enumerate(ask.texts)
        ]
        usage = {"total_tokens": ask.prompt_tokens, "prompt_tokens": ask.prompt_tokens}
        return json_reply({"model": ask.model, "object": "list", "usage": usage, "data": data})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Jina's shape."""
        del refusal, ask
        return {"detail": wording.message}
