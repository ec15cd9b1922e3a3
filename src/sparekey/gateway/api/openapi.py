"""The OpenAPI 3.1 description of the gateway, made from a table of its operations.

The gateway serves it at `/openapi.json`. A test compares it with the routes and sends each request
that it describes.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey import __version__
from sparekey.gateway.api.openapi_schemas import ANSWERS, OURS, REQUESTS, TEXT, ref, told

if TYPE_CHECKING:
    from collections.abc import Iterable

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_FORM: Final = "multipart/form-data"


class Operation(NamedTuple):
    """One path whose requests go to a chain.

    Attributes:
        path: the path; `{model}` stands for the chain.
        summary: what it does.
        request: the schema of its body.
        answer: the schema of its JSON answer; "" if it has none.
        events: whether it can stream its answer.
        sends: the content type of the request.
        others: further content types of its answer.
    """

    path: str
    summary: str
    request: str
    answer: str
    events: bool = False
    sends: str = _JSON
    others: tuple[str, ...] = ()


_AUDIO: Final = ("audio/mpeg", "audio/opus", "audio/aac", "audio/flac", "audio/wav", "audio/pcm", "application/octet-stream")
OPENAI: Final = (
    Operation("chat/completions", "Chat", "ChatRequest", "Chat", events=True),
    Operation("completions", "Complete a text", "CompletionRequest", "Completion", events=True),
    Operation("responses", "Make a response", "ResponseRequest", "Response", events=True),
    Operation("responses/input_tokens", "Count the tokens of an input", "ResponseRequest", "InputTokens"),
    Operation("embeddings", "Embed texts", "EmbeddingRequest", "Embeddings"),
    Operation("embeddings/multimodal", "Embed a text with images (Ark)", "MultimodalEmbeddingRequest", "MultimodalEmbedding"),
    Operation("moderations", "Moderate texts", "ModerationRequest", "Moderation"),
    Operation("images/generations", "Make images", "ImageRequest", "Images", events=True),
    Operation("images/edits", "Edit an image", "ImageEditRequest", "Images", sends=_FORM, events=True),
    Operation("images/variations", "Vary an image", "ImageVariationRequest", "Images", sends=_FORM),
    Operation("audio/speech", "Speak a text", "SpeechRequest", "", events=True, others=_AUDIO),
    Operation(
        "audio/transcriptions", "Transcribe a recording", "AudioRequest", "Transcript", events=True, sends=_FORM, others=("text/plain",)
    ),
    Operation("audio/translations", "Translate a recording", "AudioRequest", "Transcript", sends=_FORM, others=("text/plain",)),
)
"""Below `/v1`, and below `/openai/deployments/{model}` for Azure's SDK."""
ANTHROPIC: Final = (
    Operation("/v1/messages", "Chat", "MessageRequest", "Message", events=True),
    Operation("/v1/complete", "Complete a text, the older way", "OldRequest", "Message"),
    Operation("/v1/messages/count_tokens", "Count the tokens of messages", "CountRequest", "InputTokens"),
)
GEMINI: Final = (
    Operation("/v1beta/models/{model}:generateContent", "Chat", "ContentRequest", "Content"),
    Operation("/v1beta/models/{model}:streamGenerateContent", "Chat, streamed", "ContentRequest", "", events=True, others=(_JSON,)),
    Operation("/v1beta/models/{model}:countTokens", "Count the tokens of contents", "ContentRequest", "GeminiTokens"),
    Operation("/v1beta/models/{model}:embedContent", "Embed a content", "EmbedContentRequest", "Embedding"),
    Operation("/v1beta/models/{model}:batchEmbedContents", "Embed contents", "EmbedBatchRequest", "EmbeddingBatch"),
)
_REFUSALS: Final = {
    "400": "The request cannot be passed on, or the provider says what is wrong with it.",
    "401": "The gateway's key is missing, unknown or expired. A provider's 401 is never handed on.",
    "403": "The provider's own refusal; without client keys also: a page or a host name of elsewhere.",
    "404": "There is no such chain for this client; or no provider of it has this path, or what the request names.",
    "405": "Another method is meant.",
    "408": "The body did not come in time.",
    "413": "The body is longer than `gateway.max_body_mb`.",
    "429": "Every credential has reached a limit that time lifts; `Retry-After` says when the first returns, if within a minute.",
    "502": "Every credential failed for good: keys, balances, missing models.",
    "503": "Every credential failed, one at least for a passing cause; or the gateway stops.",
    "504": "The chain's `deadline` was spent.",
    "4XX": "The provider's own refusal of the request: no other credential was asked, or all of them refused in the same words.",
}
_ADMIN_REFUSALS: Final = {
    "401": "The admin key is missing or wrong.",
    "403": "Without an admin key: another machine, a page of elsewhere, or something that changes a chain.",
}
_CHANGE_REFUSALS: Final = {
    "400": "The body is no JSON object.",
    "404": "There is no such chain, credential or action.",
    "409": "It cannot be done now.",
    "413": "The body is too long.",
    "415": "The body is not sent as JSON.",
    "422": "A field of the body is wrong.",
}
_WHO: Final = {
    "x-sparekey-request-id": told("The number of the request, as in the log.", {"schema": TEXT}),
    "x-sparekey-credential": told("The id of the credential that answered.", {"schema": TEXT}),
    "x-sparekey-attempts": told("How many attempts were made.", {"schema": {"type": "string", "pattern": "^[0-9]+$"}}),
}
_KEYS: Final = {
    "client": {"type": "http", "scheme": "bearer", "description": "A client's key; `x-api-key`, `api-key`, `x-goog-api-key` do as well."},
    "admin": {"type": "http", "scheme": "bearer", "description": "The admin key. Without one: this machine only, and read-only."},
}
_INTRO: Final = (
    "One address for every client, and a chain of credentials behind each model. The client's `model` names a chain; bodies pass as "
    "they are. Without client keys the gateway serves its own machine, and no key is asked for."
)


@cache
def document() -> bytes:
    """Return the description as JSON."""
    return json.dumps(described()).encode()


def described() -> dict[str, Any]:
    """Return the description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "sparekey gateway", "version": __version__, "description": _INTRO},
        "servers": [{"url": "/"}],
        "paths": {**_proxied(), **_listed(), **_admin(), **_about()},
        "components": {"schemas": {**OURS, **REQUESTS, **ANSWERS}, "securitySchemes": _KEYS},
    }


def _proxied() -> dict[str, Any]:
    rows = [(row._replace(path=f"/v1/{row.path}"), "OpenAI") for row in OPENAI]
    rows += [(row._replace(path=f"/openai/deployments/{{model}}/{row.path}"), "Azure") for row in OPENAI]
    rows += [(row, "Anthropic") for row in ANTHROPIC]
    rows += [(row, "Gemini") for row in GEMINI]
    return {row.path: {"post": _asked(row, tag)} for row, tag in rows}


def _asked(row: Operation, tag: str) -> dict[str, Any]:
    error = "OpenAIError" if tag == "Azure" else f"{tag}Error"
    content = {kind: {"schema": TEXT} for kind in row.others if kind != _JSON}
    if row.events:
        content[_EVENTS] = {"schema": ref("Event")}
    if row.answer or _JSON in row.others:
        content[_JSON] = {"schema": ref(row.answer) if row.answer else {}}
    good = {"description": "The provider's answer.", "headers": _WHO, "content": content}
    return {
        **_operation(row.path, row.summary, tag, "client"),
        "requestBody": {"required": True, "content": {row.sends: {"schema": ref(row.request)}}},
        "responses": {"200": good, **_refused(_REFUSALS, error)},
    }


def _operation(path: str, summary: str, tag: str, key: str) -> dict[str, Any]:
    """Return the parts that all operations share.

    The key is optional: some gateways ask for none.
    """
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    words = {"model": "The chain.", "chain": "The chain.", "credential": "The id of a credential.", "action": "What to do."}
    made: dict[str, Any] = {"summary": summary, "tags": [tag]}
    if names:
        schema = {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9._-]+$"}
        made["parameters"] = [told(words[name], {"name": name, "in": "path", "required": True, "schema": schema}) for name in names]
    return {**made, "security": [{}, {key: []}]} if key else made


def _refused(reasons: dict[str, str], schema: str) -> dict[str, Any]:
    return {status: told(text, {"content": {_JSON: {"schema": ref(schema)}}}) for status, text in reasons.items()}


def _answered(text: str, schema: str, kind: str = _JSON) -> dict[str, Any]:
    return {"200": told(text, {"content": {kind: {"schema": ref(schema) if schema else TEXT}}})}


def _listed() -> dict[str, Any]:
    """Return the lists of models: they look as the client's SDK expects them."""
    found = {}
    for root, error in (("/v1/models", "OpenAIError"), ("/v1beta/models", "GeminiError")):
        refusals = _refused({status: _REFUSALS[status] for status in ("400", "401", "403", "404", "405", "503")}, error)
        for path, summary, schema in ((root, "List the chains", "Models"), (f"{root}/{{model}}", "Show a chain", "Model")):
            responses = {**_answered("Chains, as models.", schema), **refusals}
            found[path] = {"get": {**_operation(path, summary, "Models", "client"), "responses": responses}}
    return found


def _admin() -> dict[str, Any]:
    chain = "/admin/api/chains/{chain}"
    return {
        "/admin/api/state": _read("Tell the state of every chain", "State"),
        "/admin/api/events": _read("Tell it again whenever it changes, in events", "Event", _EVENTS),
        "/metrics": _read("Metrics for Prometheus", "", "text/plain", {"404": "There are no metrics: install sparekey[prometheus]."}),
        f"{chain}/credentials/{{credential}}/{{action}}": _act(
            f"{chain}/credentials/{{credential}}/{{action}}",
            "Hold, release, probe, activate or test a credential",
            "Hold",
            ["Done", "Trials"],
        ),
        f"{chain}/test": _act(f"{chain}/test", "Make one tiny request with each credential", "", ["Trials"]),
        f"{chain}/fault": _act(f"{chain}/fault", "Inject a fault into a simulated provider", "Fault", ["Done"]),
    }


def _read(summary: str, schema: str, kind: str = _JSON, more: dict[str, str] | None = None) -> dict[str, Any]:
    refusals = _refused({**_ADMIN_REFUSALS, **(more or {})}, "AdminError")
    return {"get": {**_operation("", summary, "Admin", "admin"), "responses": {**_answered(f"{summary}.", schema, kind), **refusals}}}


def _act(path: str, summary: str, request: str, answers: Iterable[str]) -> dict[str, Any]:
    made = _operation(path, summary, "Admin", "admin")
    for one in made["parameters"]:
        if one["name"] == "action":
            one["schema"] = {"enum": ["hold", "release", "probe", "activate", "test"]}
    done = told("It is done.", {"content": {_JSON: {"schema": {"anyOf": [ref(one) for one in answers]}}}})
    body = {"required": True, "content": {_JSON: {"schema": ref(request) if request else {"type": "object"}}}}
    return {"post": {**made, "requestBody": body, "responses": {"200": done, **_refused(_ADMIN_REFUSALS | _CHANGE_REFUSALS, "AdminError")}}}


def _about() -> dict[str, Any]:
    """Return what tells of the gateway itself."""
    strict = told(
        "`strict`: answer 503 while the requests of a chain fail.", {"name": "chains", "in": "query", "schema": {"enum": ["strict"]}}
    )
    busy = {
        "503": told(
            "It is about to stop, or a chain is down and `chains=strict` was asked.", {"content": {_JSON: {"schema": ref("Readiness")}}}
        )
    }
    described = {**_answered("This description.", ""), **_refused({n: _REFUSALS[n] for n in ("400", "401", "403", "503")}, "OpenAIError")}
    described["200"]["content"][_JSON]["schema"] = {"type": "object"}
    return {
        "/healthz": {"get": {**_operation("", "Say that the process lives", "Health", ""), "responses": _answered("It lives.", "Health")}},
        "/readyz": {
            "get": {
                **_operation("", "Say whether requests may come, and how each chain is", "Health", ""),
                "parameters": [strict],
                "responses": {**_answered("They may.", "Readiness"), **busy},
            }
        },
        "/openapi.json": {"get": {**_operation("", "Show this description", "Health", "client"), "responses": described}},
    }
