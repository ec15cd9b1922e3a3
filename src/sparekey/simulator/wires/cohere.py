"""The Cohere wire: `/v2/embed`, errors as `{"message": ...}`.

Source: https://docs.cohere.com/reference/embed and https://docs.cohere.com/reference/errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.simulator.faults import refuse
from sparekey.simulator.wires.base import Ask, Reply, UnreadableRequestError, Wire, Wording, json_reply, object_body, words_of

if TYPE_CHECKING:
    from sparekey.simulator.answers import Voice
    from sparekey.simulator.faults import Refusal
    from sparekey.simulator.seen import Seen

WORDINGS = {
    "auth": Wording(401, "invalid api token"),
    "quota": Wording(
        402, "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue the service."
    ),
    "rate_limit": Wording(
        429,
        "You are using a Trial key, which is limited to 40 API calls / minute. You can continue to use the Trial key for free or upgrade "
        "to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'.",
    ),
    "overloaded": Wording(503, "The service is temporarily unavailable, please try again later."),
    "server_error": Wording(500, "internal server error, this has been reported to our developers"),
    "model_not_found": Wording(404, "model '{model}' not found, make sure the correct model ID was used and that you have access to it."),
    "context_length": Wording(400, "too many tokens: total number of tokens in the input cannot exceed 128000"),
    "bad_request": Wording(400, "invalid request: total number of texts must be at most 96 - received 131"),
}


class CohereWire(Wire):
    """Cohere's embedding endpoint."""

    name = "cohere"
    dimension = 1536
    wordings = WORDINGS

    def read(self, seen: Seen) -> Ask:
        """Read an embedding request of texts or of inputs with parts."""
        if not seen.path.endswith("/v2/embed"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "model", "input_type")
        texts = tuple(body.get("texts") or map(words_of, body.get("inputs") or ()))
        return Ask("embed", model=str(body["model"]), texts=texts, dimensions=body.get("output_dimension"), body=body)

    def answer(self, ask: Ask, voice: Voice) -> Reply:
        """Render vectors by type."""
        vectors = [voice.vector(text, ask.dimensions) for text in ask.texts]
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": ask.prompt_tokens}}
        found = {"id": f"sim-{ask.serial}", "embeddings": {"float": vectors}, "texts": list(ask.texts), "meta": meta}
        return json_reply({**found, "response_type": "embeddings_by_type"})

    def error_json(self, wording: Wording, refusal: Refusal, ask: Ask) -> Any:
        """Put an error into Cohere's shape."""
        del refusal
        return {"id": f"sim-{ask.serial}", "message": wording.message}
