"""The schemas of the OpenAPI description.

The gateway's own answers are described in full. What it passes through is described as far as all
providers agree.
"""

from __future__ import annotations

from typing import Any, Final

TEXT: Final[dict[str, Any]] = {"type": "string"}
NUMBER: Final[dict[str, Any]] = {"type": "number"}
WHOLE: Final[dict[str, Any]] = {"type": "integer"}
FLAG: Final[dict[str, Any]] = {"type": "boolean"}
OBJECT: Final[dict[str, Any]] = {"type": "object"}


def of(required: str = "", **properties: Any) -> dict[str, Any]:
    """Return the schema of an object; `required` names fields, separated by blanks. Further fields may be there."""
    made: dict[str, Any] = {"type": "object", "properties": properties}
    return {**made, "required": required.split()} if required else made


def many(item: dict[str, Any], least: int = 0) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": item, **({"minItems": least} if least else {})}


def ref(name: str) -> dict[str, Any]:
    """Return a reference to a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of something that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def told(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with a description."""
    return {**schema, "description": text}


_MODEL: Final = told("The chain: its name, or one of its aliases.", {**TEXT, "examples": ["chat"]})
_LEVEL: Final = {"enum": ["ok", "spare", "down"]}
_STREAM: Final = told("Answer in server-sent events.", FLAG)
_TEXTS: Final = {"anyOf": [TEXT, many(TEXT, 1)]}
_FILE: Final = told("A file.", {"type": "string", "format": "binary"})
_PARTS: Final = of("parts", role={"enum": ["user", "model"]}, parts=many(of("text", text=TEXT), 1))
_CLASSES: Final = [
    *("permanent", "content_safety", "input_too_large", "auth", "quota_exceeded", "model_not_found", "transient", "unknown"),
]

OURS: Final[dict[str, Any]] = {
    "Cause": told(
        "What became of one credential.",
        of(
            "credential class reason",
            credential=told("Its id.", TEXT),
            **{"class": told("What the failure is.", {"enum": _CLASSES})},
            reason=told("The finer reason: `rate_limited`, `invalid_key`, `timeout`, ...", TEXT),
            status=told("The provider's HTTP status; null if there was no answer.", maybe(WHOLE)),
            message=told("The provider's words, without keys; where they speak of a key, with the name of whose it is.", TEXT),
            parked_for=told("It was parked and not asked: seconds until it returns.", NUMBER),
        ),
    ),
    "Sparekey": told(
        "What the gateway adds to every error.",
        of(
            "request_id",
            request_id=told("As in the header `x-sparekey-request-id` and in the log.", TEXT),
            causes=told("Every credential failed: one cause each, in the order of the chain's attempts.", many(ref("Cause"))),
            retry_after=told("Seconds until the soonest credential returns.", NUMBER),
            credential=told("One credential's refusal is handed on: whose.", TEXT),
            **{"class": told("What it is.", {"enum": _CLASSES})},
            reason=told("Its finer reason.", TEXT),
        ),
    ),
    "OpenAIError": of(
        "error",
        error=of("message", message=TEXT, type=maybe(TEXT), param=maybe(TEXT), code=maybe({"anyOf": [TEXT, WHOLE]})),
        sparekey=ref("Sparekey"),
    ),
    "AnthropicError": of(
        "type error", type={"const": "error"}, error=of("type message", type=TEXT, message=TEXT), sparekey=ref("Sparekey")
    ),
    "GeminiError": of("error", error=of("code message status", code=WHOLE, message=TEXT, status=TEXT), sparekey=ref("Sparekey")),
    "AdminError": of("error", error=of("message", message=TEXT)),
    "Event": told("One server-sent event: its name, and its data as the provider wrote it.", of("data", event=TEXT, data=TEXT)),
    "Health": of("status", status={"const": "ok"}),
    "Readiness": of(
        "status chains levels",
        status={"enum": ["ready", "draining", "down"]},
        chains=many(TEXT),
        levels=told("How each chain is; `down`: its requests fail.", {"type": "object", "additionalProperties": _LEVEL}),
        configuration=told("A changed configuration was refused; the one before is in use.", TEXT),
    ),
    "State": told(
        "All that the console shows.",
        of(
            "now version config store chains",
            now=told("Seconds since 1970.", NUMBER),
            version=TEXT,
            config=of("path loaded_at error", path=TEXT, loaded_at=NUMBER, error=told("Why a newer file is not used.", maybe(TEXT))),
            store=of("kind away", kind=TEXT, away=told("Why it cannot be reached.", maybe(TEXT))),
            chains=many(ref("ChainState")),
        ),
    ),
    "ChainState": of(
        "name wire active serving level credentials timeline failures",
        name=TEXT,
        wire=TEXT,
        active=told("Where the next request starts, whether or not anybody serves there.", TEXT),
        serving=told("Who serves, as the last requests saw it; null: nobody does.", maybe(TEXT)),
        trying=told("Of a chain that is down: whom the next request goes to; null: to nobody.", maybe(TEXT)),
        level=_LEVEL,
        recent=told(
            "How the last calls ended.",
            of(served=WHOLE, failed=WHOLE, refused=WHOLE, failed_last=WHOLE, failed_since=maybe(NUMBER)),
        ),
        headline=TEXT,
        detail=TEXT,
        credentials=many(ref("CredentialState")),
        timeline=many(ref("Record")),
        failures=many(ref("Record")),
        faults=told("What can be injected, where a provider is a simulated one.", many(TEXT)),
    ),
    "Record": told(
        "Something that happened. Of a failed or tested attempt there is more: `class`, `words`, `status`, `message`, `remedy`, ...",
        of(
            "at kind what reason times",
            at=told("Seconds since 1970.", NUMBER),
            kind={"enum": [*["failover", "failback", "parked", "held", "probed", "recovered", "failed", "exhausted", "action", "tested"]]},
            what=told("Whom it is about, as `credential:a`; of a switch, who is active now.", many(TEXT)),
            old=told("Of a switch, who was active before.", TEXT),
            seconds=told("How long a park lasts, or an attempt took.", maybe(NUMBER)),
            cause=TEXT,
            reason=TEXT,
            times=WHOLE,
            since=told("When it happened for the first time; null: once.", maybe(NUMBER)),
        ),
    ),
    "CredentialState": of(
        "id index provider model active standing why next returns_in",
        id=TEXT,
        index=WHOLE,
        provider=TEXT,
        model=maybe(TEXT),
        active=FLAG,
        standing=TEXT,
        why=TEXT,
        next=TEXT,
        returns_in=told("Seconds until it returns; null: it is not away, or until a person releases it.", maybe(NUMBER)),
        slow=told("Seconds that it takes to begin, if it is slow; else null.", maybe(NUMBER)),
        failing=told("Whether requests go there that fail.", FLAG),
    ),
    "Done": of("done", done=TEXT),
    "Trials": of("results", results=many(of("credential ok seconds words", credential=TEXT, ok=FLAG, seconds=NUMBER, words=TEXT))),
    "Hold": of(seconds=told("How long; without it until released.", {"anyOf": [{**NUMBER, "exclusiveMinimum": 0}, {"type": "null"}]})),
    "Fault": of("credential fault", credential=TEXT, fault=told("One of the chain's `faults` in the state.", TEXT)),
}
"""The gateway's own answers."""

REQUESTS: Final[dict[str, Any]] = {
    "ChatRequest": of(
        "model messages",
        model=_MODEL,
        messages=many(of("role content", role={"enum": ["system", "user", "assistant"]}, content=TEXT), 1),
        stream=_STREAM,
    ),
    "CompletionRequest": of("model prompt", model=_MODEL, prompt=_TEXTS, stream=_STREAM),
    "ResponseRequest": of(
        "model input",
        model=_MODEL,
        input={"anyOf": [TEXT, many(of("role content", role={"enum": ["user", "assistant"]}, content=TEXT), 1)]},
        stream=_STREAM,
        previous_response_id=told("It stays with the credential that made it.", maybe(TEXT)),
    ),
    "MultimodalEmbeddingRequest": of(
        "model input", model=_MODEL, input=many(of("type", type={"enum": ["text", "image_url", "video_url"]}, text=TEXT), 1)
    ),
    "EmbeddingRequest": of(
        "model input",
        model=_MODEL,
        input=_TEXTS,
        encoding_format={"enum": ["float", "base64"]},
        dimensions=told("Not another one than the chain declares.", {**WHOLE, "minimum": 1, "maximum": 4096}),
    ),
    "ModerationRequest": of("model input", model=_MODEL, input=_TEXTS),
    "ImageRequest": of("model prompt", model=_MODEL, prompt=TEXT, n={**WHOLE, "minimum": 1, "maximum": 4}, stream=_STREAM),
    "ImageEditRequest": of("model image prompt", model=_MODEL, image=_FILE, prompt=TEXT),
    "ImageVariationRequest": of("model image", model=_MODEL, image=_FILE),
    "SpeechRequest": of("model input voice", model=_MODEL, input=TEXT, voice={"anyOf": [TEXT, OBJECT]}),
    "AudioRequest": of("model file", model=_MODEL, file=_FILE, response_format={"enum": ["json", "text", "srt", "vtt", "verbose_json"]}),
    "MessageRequest": of(
        "model messages max_tokens",
        model=_MODEL,
        max_tokens={**WHOLE, "minimum": 1},
        messages=many(of("role content", role={"enum": ["user", "assistant"]}, content=TEXT), 1),
        stream=_STREAM,
    ),
    "OldRequest": of("model prompt", model=_MODEL, prompt=TEXT),
    "CountRequest": of("model messages", model=_MODEL, messages=many(of("role content", role={"const": "user"}, content=TEXT), 1)),
    "ContentRequest": of("contents", contents=many(_PARTS, 1)),
    "EmbedContentRequest": of("content", content=_PARTS),
    "EmbedBatchRequest": of("requests", requests=many(of("content", content=_PARTS), 1)),
}
"""What clients send. The gateway passes further fields on unchanged."""

ANSWERS: Final[dict[str, Any]] = {
    "Chat": of("object choices", id=TEXT, object={"const": "chat.completion"}, choices=many(OBJECT), usage=maybe(OBJECT)),
    "Completion": of("object choices", object={"const": "text_completion"}, choices=many(OBJECT)),
    "Response": of("id object output", id=TEXT, object={"const": "response"}, output=many(OBJECT)),
    "InputTokens": of("input_tokens", input_tokens=WHOLE),
    "MultimodalEmbedding": of("data", data=of("embedding", embedding={"anyOf": [many(NUMBER, 1), TEXT]}), usage=maybe(OBJECT)),
    "Embeddings": of("data", data=many(of("embedding", embedding={"anyOf": [many(NUMBER, 1), TEXT]}), 1), usage=maybe(OBJECT)),
    "Moderation": of("results", results=many(of("flagged", flagged=FLAG))),
    "Images": of("data", data=maybe(many(OBJECT))),
    "Transcript": of("text", text=TEXT),
    "Message": of("type content", type={"const": "message"}, content=many(OBJECT)),
    "Content": of(candidates=many(OBJECT), promptFeedback=OBJECT, usageMetadata=OBJECT),
    "Embedding": of("embedding", embedding=of("values", values=many(NUMBER, 1))),
    "EmbeddingBatch": of("embeddings", embeddings=many(of("values", values=many(NUMBER, 1)), 1)),
    "GeminiTokens": of("totalTokens", totalTokens=WHOLE),
    "Model": {
        "anyOf": [
            of("id object", id=TEXT, object={"const": "model"}, created=WHOLE, owned_by=TEXT),
            of("type id display_name", type={"const": "model"}, id=TEXT, display_name=TEXT),
            of("name displayName", name=TEXT, displayName=TEXT),
        ]
    },
    "Models": {
        "anyOf": [
            of("object data", object={"const": "list"}, data=many(ref("Model"))),
            of("data has_more", data=many(ref("Model")), has_more=FLAG),
            of("models", models=many(ref("Model"))),
        ]
    },
}
"""What providers answer. They may add fields of their own."""
