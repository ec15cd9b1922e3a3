"""The Anthropic wire: messages, streams with named events, models.

Source: https://docs.anthropic.com/en/api/messages, /en/api/errors, and the errors that users
report.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

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
    sse,
    stream_reply,
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

_INVALID = "invalid_request_error"
_RATE = (
    "This request would exceed the rate limit for your organization of {what}. For details, refer to: "
    "https://docs.anthropic.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce the prompt length "
    "or the maximum tokens requested, or try again later."
)

WORDINGS: dict[str, RefusalWording] = {
    "auth": RefusalWording(401, "invalid x-api-key", type="authentication_error"),
    "permission": RefusalWording(403, "Your API key does not have permission to use the specified resource.", type="permission_error"),
    "overdue": RefusalWording(400, "This organization has been disabled.", type=_INVALID),
    "quota": RefusalWording(
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        type=_INVALID,
    ),
    "usage_limit": RefusalWording(
        400,
        "You have reached your specified API usage limits. You will regain access on {date}.",
        type=_INVALID,
        wait_form="none",
    ),
    "daily_quota": RefusalWording(
        429,
        "Number of request tokens has exceeded your daily rate limit (https://docs.anthropic.com/en/api/rate-limits); see the response "
        "headers for current usage. Please reduce the prompt length or the maximum tokens requested, or try again later.",
        type="rate_limit_error",
    ),
    "rate_limit": RefusalWording(429, _RATE.replace("{what}", "50 requests per minute"), type="rate_limit_error"),
    "overloaded": RefusalWording(529, "Overloaded", type="overloaded_error"),
    "server_error": RefusalWording(500, "Internal server error", type="api_error"),
    "model_not_found": RefusalWording(404, "model: {model}", type="not_found_error"),
    "context_length": RefusalWording(400, "prompt is too long: 209353 tokens > 200000 maximum", type=_INVALID),
    "content_filter": RefusalWording(400, "Output blocked by content filtering policy", type=_INVALID),
    "bad_request": RefusalWording(400, "temperature: range: 0..1", type=_INVALID),
    "prefill": RefusalWording(
        400, "This model does not support assistant message prefill. The conversation must end with a user message.", type=_INVALID
    ),
    "not_found": RefusalWording(404, "Not Found", type="not_found_error"),
}


class AnthropicWire(Wire):
    """Messages, token counts and models of Anthropic."""

    name = "anthropic"
    wordings = WORDINGS

    def key(self, seen: ReceivedRequest) -> str:
        """Return the `x-api-key`, or the bearer token."""
        return seen.headers.get("x-api-key") or super().key(seen)

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read a messages, count_tokens or models request."""
        if seen.path.endswith("/messages/count_tokens"):
            return self.read_messages("count", object_body(seen, "messages", "model"))
        if seen.path.endswith("/messages"):
            return self.read_messages("chat", object_body(seen, "model", "messages", "max_tokens"))
        if "/models" in seen.path and seen.method == "GET":
            return RequestedAnswer("models", model=seen.path.partition("/models")[2].strip("/"))
        raise UnreadableRequestError(refuse("not_found"))

    def read_messages(self, kind: str, body: Mapping[str, Any]) -> RequestedAnswer:
        """Read a conversation; an empty one is refused."""
        messages = body["messages"]
        if not isinstance(messages, list) or not messages:
            raise UnreadableRequestError(bad_request(message="messages: at least one message is required"))
        return RequestedAnswer(
            kind,
            model=str(body["model"]),
            words=" ".join(filter(None, (words_of(body.get("system")), words_of(messages)))),
            stream=bool(body.get("stream")),
            prefilled=messages[-1].get("role") == "assistant",
            tool=wanted_tool(body, messages),
            offered=tuple(str(tool.get("name", "")) for tool in body.get("tools") or ()),
            body=body,
        )

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render a message, a count or models."""
        if ask.kind == "models":
            return json_reply(models(ask, voice))
        if ask.kind == "count":
            return json_reply({"input_tokens": ask.prompt_tokens})
        headers = (("request-id", f"req_sim{ask.serial:06d}"),)
        if ask.stream:
            return stream_reply(self.frames(ask, voice), headers=headers)
        message = {**self.message(ask, voice), "content": self.blocks(ask, voice), "stop_reason": stop_reason(ask)}
        return json_reply({**message, "usage": usage(ask, voice, voice.completion_tokens)}, headers=headers)

    def message(self, ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
        """Return the message as it is when it begins."""
        return {
            "id": f"msg_sim{ask.serial}",
            "type": "message",
            "role": "assistant",
            "model": ask.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage(ask, voice, 1),
        }

    def blocks(self, ask: RequestedAnswer, voice: Voice) -> list[dict[str, Any]]:
        """Return the content: thinking if there is any, then the text or the tool call."""
        made: list[dict[str, Any]] = []
        if voice.reasoning and (ask.body.get("thinking") or {}).get("type") != "disabled":
            made.append({"type": "thinking", "thinking": voice.reasoning, "signature": "sim"})
        if ask.tool:
            made.append({"type": "tool_use", "id": f"toolu_sim{ask.serial}", "name": ask.tool, "input": dict(ask.arguments)})
        elif voice.text:
            made.append({"type": "text", "text": voice.text})
        return made

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Render a message as a stream, one word an event."""
        yield event(Mark.OPEN, "message_start", message=self.message(ask, voice))
        yield event(Mark.OPEN, "ping")
        for index, block in enumerate(self.blocks(ask, voice)):
            yield event(Mark.OPEN, "content_block_start", index=index, content_block=begun(block))
            for delta in deltas(block, voice):
                yield event(Mark.TOKEN, "content_block_delta", index=index, delta=delta)
            yield event(Mark.OPEN, "content_block_stop", index=index)
        stop = {"stop_reason": stop_reason(ask), "stop_sequence": None}
        yield event(Mark.FINISH, "message_delta", delta=stop, usage={"output_tokens": voice.completion_tokens})
        yield event(Mark.DONE, "message_stop")

    def chunk(self, ask: RequestedAnswer) -> bytes:
        """Return a ping."""
        del ask
        return event(Mark.OPEN, "ping").data

    def word(self, refusal: Refusal, ask: RequestedAnswer) -> RefusalWording:
        """Return the wording; a quota with a stated end is worded as a usage limit."""
        if refusal.kind == "quota" and refusal.retry_after is not None and refusal.message is None:
            refusal = refuse("usage_limit", retry_after=refusal.retry_after, status=refusal.status)
        return super().word(refusal, ask)

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Anthropic's shape."""
        error = {"type": refusal.code or wording.type, "message": wording.message}
        return {"type": "error", "error": error, "request_id": f"req_sim{ask.serial:06d}"}

    def error_frame(self, refusal: Refusal, ask: RequestedAnswer) -> bytes:
        """Render a refusal as an event called `error`."""
        return sse(self.error_json(self.word(refusal, ask), refusal, ask), "error")


def models(ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
    """Render the list of models, or the one that was asked for."""
    names = [ask.model] if ask.model else voice.models
    cards = [{"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in names]
    return cards[0] if ask.model else {"data": cards, "has_more": False, "first_id": next(iter(names), None)}


def event(mark: Mark, name: str, **fields: Any) -> Frame:
    """Render one named event."""
    return Frame(mark, sse({"type": name, **fields}, name))


def begun(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block as it is when it begins: without its content."""
    empty = {"thinking": "", "text": "", "signature": "", "input": {}}
    return {name: empty.get(name, value) for name, value in block.items()}


def deltas(block: Mapping[str, Any], voice: Voice) -> Iterator[dict[str, Any]]:
    """Yield the content of a block piece by piece."""
    match block["type"]:
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in voice.reasoning_pieces)
            yield {"type": "signature_delta", "signature": "sim"}
        case "tool_use":
            text = json.dumps(block["input"])
            yield from ({"type": "input_json_delta", "partial_json": text[start : start + 8]} for start in range(0, len(text), 8))
        case _:
            yield from ({"type": "text_delta", "text": piece} for piece in voice.pieces)


def wanted_tool(body: Mapping[str, Any], messages: list[Any]) -> str:
    """Return the tool to call: the first one offered.

    None is called if its result is there already, or if tools are switched off.
    """
    tools, choice = body.get("tools") or [], body.get("tool_choice") or {}
    content = messages[-1].get("content")
    answered = isinstance(content, list) and any(part.get("type") == "tool_result" for part in content)
    if not tools or answered or choice.get("type") == "none":
        return ""
    return str(choice.get("name") or tools[0]["name"])


def stop_reason(ask: RequestedAnswer) -> str:
    """Return why the answer ended."""
    return "tool_use" if ask.tool else "end_turn"


def usage(ask: RequestedAnswer, voice: Voice, output_tokens: int) -> dict[str, Any]:
    """Render the usage; unlike elsewhere, cached tokens do not count as input tokens."""
    return {
        "input_tokens": max(0, ask.prompt_tokens - voice.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": voice.cached_tokens,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }
