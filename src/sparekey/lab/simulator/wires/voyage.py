"""The Voyage AI wire: text and multimodal embeddings, errors as `{"detail": ...}`.

Source: https://docs.voyageai.com/reference/embeddings-api and
https://docs.voyageai.com/docs/error-codes.
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
    words_of,
)

if TYPE_CHECKING:
    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest

WORDINGS = {
    "auth": RefusalWording(401, "Provided API key is invalid."),
    "permission": RefusalWording(403, "The IP address you are sending the request from is not allowed."),
    "quota": RefusalWording(402, "Your account has insufficient balance. Please add credits in the billing page."),
    "rate_limit": RefusalWording(
        429, "You have exceeded your rate limit of 3 RPM and 10K TPM. Please add your payment method in the billing page."
    ),
    "overloaded": RefusalWording(503, "The server is overloaded or not ready yet."),
    "model_not_found": RefusalWording(
        400, "Model {model} is not supported. Supported models are ['voyage-4', 'voyage-4-lite', 'voyage-4-large']."
    ),
    "context_length": RefusalWording(
        400,
        "Request to model '{model}' failed. The max allowed tokens per submitted batch is 120000. Please lower the number of tokens in the "
        "batch.",
    ),
    "bad_request": RefusalWording(
        400, "Value 'sideways' supplied for argument 'input_type' is not valid -- accepted values are: query, document."
    ),
    "not_found": RefusalWording(404, "Not Found"),
}


class VoyageWire(Wire):
    """Voyage's two embedding endpoints."""

    name = "voyage"
    root = "/v1"
    dimension = 1024
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a text or a multimodal request."""
        if seen.path.endswith("/multimodalembeddings"):
            body = object_body(seen, "inputs", "model")
            texts = tuple(words_of(item) for item in body["inputs"])
        elif seen.path.endswith("/embeddings"):
            body = object_body(seen, "input", "model")
            texts = (body["input"],) if isinstance(body["input"], str) else tuple(body["input"])
        else:
            raise UnreadableRequestError(refuse("not_found"))
        return RequestedAnswer("embed", model=str(body["model"]), texts=texts, dimensions=body.get("output_dimension"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render vectors as floats or as base64."""
        encode = base64_floats if ask.body.get("encoding_format") == "base64" else list
        data = [
            {"object": "embedding", "embedding": encode(voice.vector(text, ask.dimensions)), "index": index}
            for index, text in enumerate(ask.texts)
        ]
        return json_reply({"object": "list", "data": data, "model": ask.model, "usage": {"total_tokens": ask.prompt_tokens}})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Voyage's shape."""
        del refusal, ask
        return {"detail": wording.message}
