"""The Gemini wire: content, streams, embeddings, token counts, models.

A key that is not valid is a 400 here, and a blocked prompt is a 200 without candidates.

Source: https://ai.google.dev/api/generate-content, /api/embeddings,
https://ai.google.dev/gemini-api/docs/troubleshooting, and the errors that users report.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sparekey.lab.simulator.answers import count_tokens
from sparekey.lab.simulator.faults import bad_request, refuse
from sparekey.lab.simulator.wires.base import (
    Frame,
    Mark,
    RefusalWording,
    RequestedAnswer,
    UnreadableRequestError,
    Wire,
    json_reply,
    object_body,
    stream_reply,
    wait_text,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import (
        ProviderReply,
    )

_METHOD = re.compile(r"/models/([^:/]+):(\w+)$")
_GOOGLE = "type.googleapis.com/google.rpc"
_INVALID = "INVALID_ARGUMENT"
_EXHAUSTED = "RESOURCE_EXHAUSTED"
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: "
    "https://ai.google.dev/gemini-api/docs/rate-limits."
)
_WAIT = " Please retry in {wait}s."

WORDINGS: dict[str, RefusalWording] = {
    "auth": RefusalWording(400, "API key not valid. Please pass a valid API key.", type=_INVALID, more={"reason": "API_KEY_INVALID"}),
    "permission": RefusalWording(403, "The caller does not have permission", type="PERMISSION_DENIED"),
    "overdue": RefusalWording(
        403,
        "Permission denied: Consumer 'api_key:{masked_key}' has been suspended.",
        type="PERMISSION_DENIED",
        more={"reason": "CONSUMER_SUSPENDED"},
    ),
    "quota": RefusalWording(429, _QUOTA, type=_EXHAUSTED, wait=_WAIT, more={"limit": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}),
    "daily_quota": RefusalWording(
        429, _QUOTA, type=_EXHAUSTED, wait=_WAIT, more={"limit": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
    ),
    "rate_limit": RefusalWording(
        429, _QUOTA, type=_EXHAUSTED, wait=_WAIT, more={"limit": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}
    ),
    "overloaded": RefusalWording(503, "The model is overloaded. Please try again later.", type="UNAVAILABLE"),
    "server_error": RefusalWording(
        500,
        "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
        type="INTERNAL",
    ),
    "model_not_found": RefusalWording(
        404,
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of "
        "available models and their supported methods.",
        type="NOT_FOUND",
    ),
    "context_length": RefusalWording(
        400, "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).", type=_INVALID
    ),
    "content_filter": RefusalWording(200, "PROHIBITED_CONTENT"),
    "bad_request": RefusalWording(
        400,
        "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].",
        type=_INVALID,
    ),
    "prefill": RefusalWording(400, "Please ensure that multiturn requests end with a user role or a function response.", type=_INVALID),
    "not_found": RefusalWording(404, "Requested entity was not found.", type="NOT_FOUND"),
}


class GeminiWire(Wire):
    """Content and embeddings of the Gemini API, any API version."""

    name = "gemini"
    dimension = 3072
    wordings = WORDINGS
    wait_form = "none"

    def key(self, seen: ReceivedRequest) -> str:
        """Return the key of the header, or of the query."""
        return seen.headers.get("x-goog-api-key") or seen.query.get("key", "")

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a request by the method behind the model's name."""
        method = _METHOD.search(seen.path)
        if method is None:
            if "/models" in seen.path and seen.method == "GET":
                return RequestedAnswer("models", model=seen.path.partition("/models")[2].strip("/"))
            raise UnreadableRequestError(refuse("not_found"))
        model, name = method.groups()
        body = object_body(seen)
        match name:
            case "generateContent" | "streamGenerateContent" | "countTokens":
                return self.read_content(model, name, body, array=name.startswith("stream") and seen.query.get("alt") != "sse")
            case "embedContent" | "batchEmbedContents":
                return self.read_embed(model, name, body)
            case _:
                raise UnreadableRequestError(refuse("not_found"))

    def read_content(self, model: str, name: str, body: Mapping[str, Any], *, array: bool) -> RequestedAnswer:
        """Read a conversation; without `alt=sse` a stream comes as one JSON array."""
        contents = body.get("contents")
        if not isinstance(contents, list) or not contents:
            raise UnreadableRequestError(bad_request(message="* GenerateContentRequest.contents: contents is not specified"))
        kind = {"countTokens": "count", "streamGenerateContent": "array" if array else "chat"}.get(name, "chat")
        return RequestedAnswer(
            kind,
            model=model,
            words=" ".join(filter(None, (words_of(body.get("systemInstruction")), words_of(contents)))),
            stream=name == "streamGenerateContent" and not array,
            prefilled=contents[-1].get("role") == "model",
            tool=wanted_tool(body, contents),
            offered=tuple(str(one.get("name", "")) for one in declared(body)),
            body=body,
        )

    def read_embed(self, model: str, name: str, body: Mapping[str, Any]) -> RequestedAnswer:
        """Read one or many texts; empty ones are refused."""
        requests = body.get("requests") or [] if name == "batchEmbedContents" else [body]
        texts = tuple(words_of(request.get("content")) for request in requests)
        if not texts or "" in texts:
            raise UnreadableRequestError(bad_request(message="* EmbedContentRequest.content: contents is not specified"))
        return RequestedAnswer(name, model=model, texts=texts, dimensions=requests[0].get("outputDimensionality"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render content, vectors, a count or models."""
        if ask.stream:
            return stream_reply(self.frames(ask, voice))
        return json_reply(self.value(ask, voice))

    def value(self, ask: RequestedAnswer, voice: Voice) -> Any:
        """Render an answer that is one JSON value."""
        match ask.kind:
            case "models":
                cards = [{"name": f"models/{name}", "displayName": name} for name in ([ask.model] if ask.model else voice.models)]
                return cards[0] if ask.model else {"models": cards}
            case "count":
                return {"totalTokens": ask.prompt_tokens}
            case "embedContent":
                return {"embedding": {"values": voice.vector(ask.texts[0], ask.dimensions)}}
            case "batchEmbedContents":
                return {"embeddings": [{"values": voice.vector(text, ask.dimensions)} for text in ask.texts]}
            case "array":
                return [json.loads(frame.data.removeprefix(b"data:")) for frame in self.frames(ask, voice)]
            case _:
                return self.response(ask, voice, self.parts(ask, voice), count_tokens(voice.text), "STOP")

    def parts(self, ask: RequestedAnswer, voice: Voice) -> list[dict[str, Any]]:
        """Return the content in whole parts."""
        thought = [{"text": voice.reasoning, "thought": True}] if voice.reasoning else []
        if ask.tool:
            return [*thought, {"functionCall": {"name": ask.tool, "args": dict(ask.arguments)}}]
        return [*thought, *([{"text": voice.text}] if voice.text else [])]

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Render content as a stream, one word an event.

        Each event states the usage so far, as Gemini's events do.
        """
        pieces: list[dict[str, Any]] = [{"text": piece, "thought": True} for piece in voice.reasoning_pieces]
        if ask.tool:
            pieces += [part for part in self.parts(ask, voice) if "functionCall" in part]
        else:
            pieces += [{"text": piece} for piece in voice.pieces]
        for number, piece in enumerate(pieces, 1):
            said = max(0, number - voice.reasoning_tokens)
            yield Frame(Mark.TOKEN, data(self.response(ask, voice, [piece], said)))
        yield Frame(Mark.FINISH, data(self.response(ask, voice, [{"text": ""}], count_tokens(voice.text), "STOP")))

    def response(
        self, ask: RequestedAnswer, voice: Voice, parts: list[dict[str, Any]], said: int, finish: str | None = None
    ) -> dict[str, Any]:
        """Render one response or one event of a stream."""
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        usage = {
            "promptTokenCount": ask.prompt_tokens,
            "candidatesTokenCount": said,
            "totalTokenCount": ask.prompt_tokens + said + voice.reasoning_tokens,
            "cachedContentTokenCount": voice.cached_tokens,
            "thoughtsTokenCount": voice.reasoning_tokens,
        }
        counts = {name: number for name, number in usage.items() if number}
        return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": ask.model, "responseId": f"sim{ask.serial}"}

    def chunk(self, ask: RequestedAnswer) -> bytes:
        """Return an event that has no text yet."""
        return data({"candidates": [{"content": {"role": "model"}, "index": 0}], "modelVersion": ask.model})

    def refuse(self, refusal: Refusal, ask: RequestedAnswer) -> ProviderReply:
        """Render a refusal; a blocked prompt in a stream is a stream of one event."""
        if ask.stream and self.word(refusal, ask).status == 200:  # noqa: PLR2004 - the status everybody knows
            return stream_reply([Frame(Mark.FINISH, self.error_frame(refusal, ask))])
        return super().refuse(refusal, ask)

    def error_frame(self, refusal: Refusal, ask: RequestedAnswer) -> bytes:
        """Render a refusal as an event."""
        return data(self.error_json(self.word(refusal, ask), refusal, ask))

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Google's shape, with its details; a blocked prompt is no error there."""
        if refusal.kind == "content_filter" and refusal.message is None:
            usage = {"promptTokenCount": ask.prompt_tokens, "totalTokenCount": ask.prompt_tokens}
            return {"promptFeedback": {"blockReason": wording.message}, "usageMetadata": usage, "modelVersion": ask.model}
        error: dict[str, Any] = {"code": wording.status, "message": wording.message, "status": refusal.code or wording.type}
        details = list(error_details(wording, refusal, ask))
        return {"error": {**error, "details": details} if details else error}


def error_details(wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Iterator[dict[str, Any]]:
    """Yield the entries of `details`: the reason, the limit that was hit, the wait."""
    if reason := wording.more.get("reason"):
        service = {"service": "generativelanguage.googleapis.com"}
        yield {"@type": f"{_GOOGLE}.ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": service}
    if limit := wording.more.get("limit"):
        metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
        violation = {"quotaMetric": metric, "quotaId": limit, "quotaDimensions": {"location": "global", "model": ask.model}}
        yield {"@type": f"{_GOOGLE}.QuotaFailure", "violations": [violation]}
    if refusal.retry_after is not None and refusal.wait_form is None:
        yield {"@type": f"{_GOOGLE}.RetryInfo", "retryDelay": f"{wait_text(refusal.retry_after)}s"}


def data(value: Any) -> bytes:
    """Write one event with the line ends that Google uses."""
    return f"data: {json.dumps(value)}\r\n\r\n".encode()


def declared(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the functions that are offered, each as it is declared."""
    tools = body.get("tools") or []
    return [one for tool in tools for one in tool.get("functionDeclarations") or tool.get("function_declarations") or []]


def wanted_tool(body: Mapping[str, Any], contents: list[Any]) -> str:
    """Return the function to call: the first one offered.

    None is called if its result is there already, or if calls are switched off. Google reads both
    spellings of a field, and some clients write the one with underscores.
    """
    offered = declared(body)
    mode = ((body.get("toolConfig") or {}).get("functionCallingConfig") or {}).get("mode")
    answered = any({"functionResponse", "function_response"} & part.keys() for part in contents[-1].get("parts") or [])
    return str(offered[0]["name"]) if offered and not answered and mode != "NONE" else ""
