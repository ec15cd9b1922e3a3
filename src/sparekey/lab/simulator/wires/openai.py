"""The OpenAI wire: chat completions, embeddings, models and more, as compatible hosts speak it.

Source: https://platform.openai.com/docs/api-reference and the errors that users report.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparekey.lab.simulator.answers import base64_floats
from sparekey.lab.simulator.faults import bad_request, refuse
from sparekey.lab.simulator.wires import openai_resource, openai_responses
from sparekey.lab.simulator.wires.base import (
    Frame,
    Mark,
    RefusalWording,
    RequestedAnswer,
    UnreadableRequestError,
    Wire,
    json_reply,
    object_body,
    sse,
    stream_reply,
    words_of,
)
from sparekey.lab.simulator.wires.openai_resource import form_body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import ProviderReply
    from sparekey.lab.simulator.wires.openai_resource import Resource

_CREATED = 1_767_225_600
_INVALID = "invalid_request_error"
_HELP = "You can retry your request, or contact us through our help center at help.openai.com if the error persists."

WORDINGS: dict[str, RefusalWording] = {
    "auth": RefusalWording(
        401,
        "Incorrect API key provided: {masked_key}. You can find your API key at https://platform.openai.com/account/api-keys.",
        "invalid_api_key",
        _INVALID,
    ),
    "permission": RefusalWording(
        403, "Country, region, or territory not supported", "unsupported_country_region_territory", "request_forbidden"
    ),
    "overdue": RefusalWording(
        429, "Your account is not active, please check your billing details on our website.", "billing_not_active", "billing_not_active"
    ),
    "quota": RefusalWording(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "daily_quota": RefusalWording(
        429,
        "Rate limit reached for {model} in organization org-sim on requests per day (RPD): Limit 200, Used 200, Requested 1.",
        "rate_limit_exceeded",
        "requests",
        wait=" Please try again in {wait}s.",
    ),
    "rate_limit": RefusalWording(
        429,
        "Rate limit reached for {model} in organization org-sim on requests per min (RPM): Limit 3, Used 3, Requested 1.",
        "rate_limit_exceeded",
        "requests",
        wait=" Please try again in {wait}s.",
    ),
    "overloaded": RefusalWording(503, f"That model is currently overloaded with other requests. {_HELP}", None, "server_error"),
    "server_error": RefusalWording(
        500, f"The server had an error while processing your request. Sorry about that! {_HELP}", None, "server_error"
    ),
    "model_not_found": RefusalWording(
        404, "The model `{model}` does not exist or you do not have access to it.", "model_not_found", _INVALID
    ),
    "context_length": RefusalWording(
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 204308 tokens. "
        "Please reduce the length of the messages.",
        "context_length_exceeded",
        _INVALID,
        "messages",
    ),
    "content_filter": RefusalWording(
        400,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt: "
        "https://platform.openai.com/docs/guides/reasoning#advice-on-prompting",
        "invalid_prompt",
        _INVALID,
    ),
    "bad_request": RefusalWording(
        400,
        "Unsupported value: 'temperature' does not support 3 with this model. Only the default (1) value is supported.",
        "unsupported_value",
        _INVALID,
        "temperature",
    ),
    "prefill": RefusalWording(
        400,
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "invalid_value",
        _INVALID,
        "messages",
    ),
    "not_found": RefusalWording(404, "Invalid URL", None, _INVALID),
    "response_not_found": RefusalWording(
        400, "Previous response not found.", "previous_response_not_found", _INVALID, "previous_response_id"
    ),
}

RESOURCES: dict[str, Resource] = {
    resource.path: resource
    for resource in (
        *(openai_responses.Responses(), openai_responses.InputTokens(), openai_resource.Completions(), openai_resource.Moderations()),
        *(openai_resource.Generations(), openai_resource.Edits(), openai_resource.Variations()),
        *(openai_resource.SpeechResource(), openai_resource.Transcriptions(), openai_resource.Translations()),
    )
}
"""What there is beside chat, embeddings and models, by its path."""


class OpenAIWire(Wire):
    """Chat, embeddings and models of OpenAI.

    The end of the path decides the endpoint, so that any base URL works.
    """

    name = "openai"
    root = "/v1"
    wordings = WORDINGS

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a request, whatever its base path."""
        if seen.path.endswith("/chat/completions"):
            return self.read_chat(object_body(seen, "messages", "model"))
        if seen.path.endswith("/embeddings"):
            return self.read_embed(object_body(seen, "input", "model"))
        if "/models" in seen.path and seen.method == "GET":
            return RequestedAnswer("models", model=seen.path.partition("/models")[2].strip("/"))
        found = next((one for path, one in RESOURCES.items() if seen.method == "POST" and seen.path.endswith(f"/{path}")), None)
        if found is not None:
            return found.read((form_body if found.form else object_body)(seen, *found.needed), self.key(seen))
        raise UnreadableRequestError(refuse("not_found", message=f"Invalid URL ({seen.method} {seen.path})"))

    def read_chat(self, body: Mapping[str, Any]) -> RequestedAnswer:
        """Read a chat request; an empty conversation is refused."""
        messages = body["messages"]
        if not isinstance(messages, list) or not messages:
            raise UnreadableRequestError(
                bad_request(message="Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array.")
            )
        return RequestedAnswer(
            "chat",
            model=str(body["model"]),
            words=words_of(messages),
            stream=bool(body.get("stream")),
            prefilled=messages[-1].get("role") == "assistant",
            tool=wanted_tool(body, messages),
            offered=tuple(str(tool.get("function", tool).get("name", "")) for tool in body.get("tools") or ()),
            body=body,
        )

    def read_embed(self, body: Mapping[str, Any]) -> RequestedAnswer:
        """Read an embedding request; no input and empty input are refused, as OpenAI does it."""
        given = body["input"]
        items = given if isinstance(given, list) else [given]
        if given and isinstance(given, list) and all(isinstance(item, int) for item in given):
            items = [given]
        if not items or "" in items:
            raise UnreadableRequestError(bad_request(message="'$.input' is invalid. Please check the API reference."))
        texts = tuple(item if isinstance(item, str) else json.dumps(item) for item in items)
        return RequestedAnswer("embed", model=str(body["model"]), texts=texts, dimensions=body.get("dimensions"), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render whatever was asked for."""
        if ask.kind in RESOURCES:
            return RESOURCES[ask.kind].answer(ask, voice, self.headers(ask))
        if ask.kind == "models":
            return json_reply(self.models(ask, voice))
        if ask.kind == "embed":
            return json_reply(self.embeddings(ask, voice), headers=self.headers(ask))
        if ask.stream:
            return stream_reply(self.frames(ask, voice), headers=self.headers(ask))
        return json_reply(self.completion(ask, voice), headers=self.headers(ask))

    def headers(self, ask: RequestedAnswer) -> tuple[tuple[str, str], ...]:
        """Return the headers of a healthy answer."""
        return (("x-request-id", f"req_sim{ask.serial:06d}"), ("openai-processing-ms", "1"))

    def models(self, ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
        """Render the list of models, or the one that was asked for."""
        names = [ask.model] if ask.model else voice.models
        cards = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"} for name in names]
        return cards[0] if ask.model else {"object": "list", "data": cards}

    def embeddings(self, ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
        """Render vectors as floats or as base64."""
        encode = base64_floats if ask.body.get("encoding_format") == "base64" else list
        data = [
            {"object": "embedding", "index": index, "embedding": encode(voice.vector(text, ask.dimensions))}
            for index, text in enumerate(ask.texts)
        ]
        usage = {"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens}
        return {"object": "list", "data": data, "model": ask.model, "usage": usage}

    def completion(self, ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
        """Render a chat answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": voice.text or None, "refusal": None}
        if voice.reasoning:
            message["reasoning_content"] = voice.reasoning
        if ask.tool:
            message |= {"content": None, "tool_calls": [tool_call(ask)]}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(ask)}
        return {**self.envelope(ask), "object": "chat.completion", "choices": [choice], "usage": usage(ask, voice)}

    def envelope(self, ask: RequestedAnswer) -> dict[str, Any]:
        """Return the fields that every chat answer and every event has."""
        return {"id": f"chatcmpl-sim{ask.serial}", "created": _CREATED, "model": ask.model, "system_fingerprint": "fp_sim"}

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Render a chat answer as a stream, one word an event."""
        yield Frame(Mark.OPEN, self.event(ask, {"role": "assistant", "content": "", "refusal": None}))
        for delta in self.deltas(ask, voice):
            yield Frame(Mark.TOKEN, self.event(ask, delta))
        yield Frame(Mark.FINISH, self.event(ask, {}, finish_reason(ask)))
        if (ask.body.get("stream_options") or {}).get("include_usage"):
            yield Frame(Mark.USAGE, sse({**self.chunk_envelope(ask), "choices": [], "usage": usage(ask, voice)}))
        yield Frame(Mark.DONE, sse("[DONE]"))

    def deltas(self, ask: RequestedAnswer, voice: Voice) -> Iterator[dict[str, Any]]:
        """Yield the content of the events: reasoning, then words, or the pieces of a tool call."""
        for piece in voice.reasoning_pieces:
            yield {"reasoning_content": piece}
        if not ask.tool:
            yield from ({"content": piece} for piece in voice.pieces)
            return
        call = tool_call(ask)
        arguments = call["function"]["arguments"]
        yield {"tool_calls": [{**call, "index": 0, "function": {"name": ask.tool, "arguments": ""}}]}
        for start in range(0, len(arguments), 8):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments[start : start + 8]}}]}

    def chunk_envelope(self, ask: RequestedAnswer) -> dict[str, Any]:
        """Return the fields that every event has."""
        return {**self.envelope(ask), "object": "chat.completion.chunk"}

    def event(self, ask: RequestedAnswer, delta: dict[str, Any], finish: str | None = None) -> bytes:
        """Render one event."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**self.chunk_envelope(ask), "choices": [choice]})

    def chunk(self, ask: RequestedAnswer) -> bytes:
        """Return an event whose delta is empty."""
        return (RESOURCES[ask.kind].chunk(ask) or self.keepalive) if ask.kind in RESOURCES else self.event(ask, {})

    def error_frame(self, refusal: Refusal, ask: RequestedAnswer) -> bytes:
        """Render a refusal as an event, as this kind of stream has it."""
        if ask.kind not in RESOURCES:
            return super().error_frame(refusal, ask)
        wording = self.word(refusal, ask)
        return RESOURCES[ask.kind].error_event(wording, self.error_json(wording, refusal, ask), ask)

    def inside(self, refusal: Refusal, ask: RequestedAnswer) -> ProviderReply:
        """Render a refusal inside a success, as this kind of answer has it."""
        reply = super().inside(refusal, ask)
        if ask.kind not in RESOURCES:
            return reply
        body = RESOURCES[ask.kind].error_body(self.word(refusal, ask), json.loads(reply.body), ask)
        return replace(reply, body=json.dumps(body).encode())

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into OpenAI's shape."""
        del refusal, ask
        error = {"message": wording.message, "type": wording.type, "param": wording.param, "code": wording.code}
        return {"error": error}

    def word(self, refusal: Refusal, ask: RequestedAnswer) -> RefusalWording:
        """Return the wording; leave code and parameter out of a `bad_request` with another message."""
        wording = super().word(refusal, ask)
        other = refusal.kind == "bad_request" and refusal.message is not None
        return replace(wording, code=refusal.code, param=None) if other else wording


def wanted_tool(body: Mapping[str, Any], messages: list[Any]) -> str:
    """Return the tool to call: the first one offered.

    None is called if its result is there already, or if tools are switched off.
    """
    tools = body.get("tools") or []
    choice = body.get("tool_choice")
    if not tools or choice == "none" or messages[-1].get("role") == "tool":
        return ""
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    return str(named or tools[0].get("function", tools[0]).get("name", ""))


def tool_call(ask: RequestedAnswer) -> dict[str, Any]:
    """Return the call of the wanted tool."""
    return {"id": f"call_sim{ask.serial}", "type": "function", "function": {"name": ask.tool, "arguments": json.dumps(ask.arguments)}}


def finish_reason(ask: RequestedAnswer) -> str:
    """Return why the answer ended."""
    return "tool_calls" if ask.tool else "stop"


def usage(ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
    """Render the usage of a chat answer."""
    return {
        "prompt_tokens": ask.prompt_tokens,
        "completion_tokens": voice.completion_tokens,
        "total_tokens": ask.prompt_tokens + voice.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": voice.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": voice.reasoning_tokens, "audio_tokens": 0},
    }
