"""The Cohere wire: `/v2/embed`, errors as `{"message": ...}`.

Source: https://docs.cohere.com/reference/embed and https://docs.cohere.com/reference/errors.
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
    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest

WORDINGS = {
    "auth": RefusalWording(401, "invalid api token"),
    "quota": RefusalWording(
        402, "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue the service."
    ),
    "rate_limit": RefusalWording(
        429,
        "You are using a Trial key, which is limited to 40 API calls / minute. You can continue to use the Trial key for free or upgrade "
        "to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'.",
    ),
    "overloaded": RefusalWording(503, "The service is temporarily unavailable, please try again later."),
    "server_error": RefusalWording(500, "internal server error, this has been reported to our developers"),
    "model_not_found": RefusalWording(
        404, "model '{model}' not found, make sure the correct model ID was used and that you have access to it."
    ),
    "context_length": RefusalWording(400, "too many tokens: total number of tokens in the input cannot exceed 128000"),
    "bad_request": RefusalWording(400, "invalid request: total number of texts must be at most 96 - received 131"),
}


class CohereWire(Wire):
    """Cohere's embedding endpoint."""

    name = "cohere"
    dimension = 1536
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an embedding request of texts or of inputs with parts."""
        if not seen.path.endswith("/v2/embed"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "model", "input_type")
        texts = tuple(body.get("texts") or map(words_of, body.get("inputs") or ()))
        return RequestedAnswer("embed", model=str(body["model"]), texts=texts, dimensions=body.get("output_dimension"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render vectors by type."""
        vectors = [voice.vector(text, ask.dimensions) for text in ask.texts]
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": ask.prompt_tokens}}
        found = {"id": f"sim-{ask.serial}", "embeddings": {"float": vectors}, "texts": list(ask.texts), "meta": meta}
        return json_reply({**found, "response_type": "embeddings_by_type"})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Cohere's shape."""
        del refusal
        return {"id": f"sim-{ask.serial}", "message": wording.message}
