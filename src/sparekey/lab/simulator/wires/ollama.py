"""The Ollama wire: `/api/embed`, errors as `{"error": ...}`.

Source: https://docs.ollama.com/api/embed and the errors that users report.
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
    "auth": RefusalWording(401, "unauthorized"),
    "quota": RefusalWording(429, "you've reached your weekly usage limit, please upgrade to continue"),
    "rate_limit": RefusalWording(429, "too many requests"),
    "overloaded": RefusalWording(503, "server busy, please try again. maximum pending requests exceeded"),
    "server_error": RefusalWording(500, "llama runner process has terminated: exit status 2"),
    "model_not_found": RefusalWording(404, 'model "{model}" not found, try pulling it first'),
    "context_length": RefusalWording(400, "the input length exceeds the context length"),
    "bad_request": RefusalWording(400, "invalid input type"),
    "not_found": RefusalWording(404, "404 page not found"),
}


class OllamaWire(Wire):
    """Ollama's own embedding endpoint."""

    name = "ollama"
    dimension = 768
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an embedding request."""
        if not seen.path.endswith("/api/embed"):
            raise UnreadableRequestError(refuse("not_found"))
        body = object_body(seen, "input", "model")
        texts = tuple(body["input"]) if isinstance(body["input"], list) else (str(body["input"]),)
        return RequestedAnswer("embed", model=str(body["model"]), texts=texts, dimensions=body.get("dimensions"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render vectors."""
        vectors = [voice.vector(text, ask.dimensions) for text in ask.texts]
        counts = {"total_duration": 1_000_000, "load_duration": 1_000, "prompt_eval_count": ask.prompt_tokens}
        return json_reply({"model": ask.model, "embeddings": vectors, **counts})

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Ollama's shape."""
        del refusal, ask
        return {"error": wording.message}
