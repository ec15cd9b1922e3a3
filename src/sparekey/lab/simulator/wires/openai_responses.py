"""The Responses API: whole answers, and streams of typed events.

A response belongs to the key that made it; other keys cannot continue it.

Source: https://platform.openai.com/docs/api-reference/responses and /responses-streaming.
"""

from __future__ import annotations

import hashlib
import json
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.simulator.answers import Voice
from sparekey.lab.simulator.faults import refuse
from sparekey.lab.simulator.wires.base import (
    Frame,
    Mark,
    ProviderReply,
    RequestedAnswer,
    UnreadableRequestError,
    json_reply,
    sse,
    stream_reply,
    words_of,
)
from sparekey.lab.simulator.wires.openai_resource import CREATED, Resource, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.wires.base import Headers, RefusalWording

_FAILS: Final = {"server_error", "rate_limit_exceeded", "invalid_prompt"}
"""Codes with which a response fails (`response.failed`); another error is an event `error`."""


class Responses(Resource):
    """`/v1/responses`."""

    path = "responses"
    needed = ("model", "input")

    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request; refuse one that continues a response of another key."""
        before = body.get("previous_response_id")
        if before and not str(before).endswith(_mark(key)):
            raise UnreadableRequestError(refuse("response_not_found", message=f"Previous response with id '{before}' not found."))
        given = body["input"]
        words = " ".join(filter(None, (words_of(body.get("instructions")), words_of(given))))
        return RequestedAnswer(
            self.path,
            str(body["model"]),
            words=words,
            stream=bool(body.get("stream")),
            tool=_tool(body, given),
            offered=_offered(body),
            body=body,
        )

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render the response, or the events that lead to it."""
        if ask.stream:
            return stream_reply(_frames(ask, voice), headers=headers)
        return json_reply(response(ask, voice), headers=headers)

    def error_event(self, wording: RefusalWording, error: Any, ask: RequestedAnswer) -> bytes:
        """Let the response fail where its error has a code for that; else send an event `error`."""
        del error
        if _code(wording) in _FAILS:
            return _event("response.failed", 1, response=_failed(wording, ask))
        return _event("error", 1, code=wording.code or wording.type, message=wording.message, param=wording.param)

    def error_body(self, wording: RefusalWording, error: Any, ask: RequestedAnswer) -> Any:
        """Return a response that has failed; where its error has no code for that, the usual error."""
        return _failed(wording, ask) if _code(wording) in _FAILS else error

    def chunk(self, ask: RequestedAnswer) -> bytes:
        """Return the event that OpenAI sends while there is no content yet."""
        del ask
        return _event("keepalive", 1)


class InputTokens(Responses):
    """`/v1/responses/input_tokens`."""

    path = "responses/input_tokens"

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Count the words of the input."""
        del voice
        return json_reply({"object": "response.input_tokens", "input_tokens": ask.prompt_tokens}, headers=headers)


def response(ask: RequestedAnswer, voice: Voice, status: str = "completed") -> dict[str, Any]:
    """Return a response in one of its states (`status`)."""
    done = status == "completed"
    used = tokens(ask.prompt_tokens, voice.completion_tokens)
    details = {
        "input_tokens_details": {"cached_tokens": voice.cached_tokens, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": voice.reasoning_tokens},
    }
    return {
        "id": f"resp_sim{ask.serial}{_mark(ask.key)}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": ask.body.get("instructions"),
        "metadata": {},
        "model": ask.model,
        "output": list(_items(ask, voice)) if done else [],
        "parallel_tool_calls": True,
        "previous_response_id": ask.body.get("previous_response_id"),
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {**used, **details} if done else None,
    }


def _items(ask: RequestedAnswer, voice: Voice) -> Iterator[dict[str, Any]]:
    """Yield the output of a response: its reasoning, then a message or a tool call."""
    if voice.reasoning:
        yield {"id": f"rs_sim{ask.serial}", "type": "reasoning", "summary": [{"type": "summary_text", "text": voice.reasoning}]}
    if ask.tool:
        called = {"call_id": f"call_sim{ask.serial}", "name": ask.tool, "arguments": json.dumps(ask.arguments), "status": "completed"}
        yield {"id": f"fc_sim{ask.serial}", "type": "function_call", **called}
    elif voice.text:
        part = {"type": "output_text", "text": voice.text, "annotations": []}
        yield {"id": f"msg_sim{ask.serial}", "type": "message", "status": "completed", "role": "assistant", "content": [part]}


def _frames(ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
    """Render the events, numbered from 0."""
    number = count()
    for status, name in (("in_progress", "response.created"), ("in_progress", "response.in_progress")):
        yield Frame(Mark.OPEN, _event(name, next(number), response=response(ask, voice, status)))
    for index, item in enumerate(_items(ask, voice)):
        for mark, name, fields in _SHOWN[item["type"]](item, voice):
            yield Frame(mark, _event(name, next(number), output_index=index, **fields))
    yield Frame(Mark.FINISH, _event("response.completed", next(number), response=response(ask, voice)))


_Shown = tuple[Mark, str, dict[str, Any]]


def _message(item: dict[str, Any], voice: Voice) -> Iterator[_Shown]:
    at, part = {"item_id": item["id"], "content_index": 0}, item["content"][0]
    yield Mark.OPEN, "response.output_item.added", {"item": {**item, "status": "in_progress", "content": []}}
    yield Mark.OPEN, "response.content_part.added", {**at, "part": {**part, "text": ""}}
    for piece in voice.pieces:
        yield Mark.TOKEN, "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
    yield Mark.FINISH, "response.output_text.done", {**at, "text": part["text"], "logprobs": []}
    yield Mark.FINISH, "response.content_part.done", {**at, "part": part}
    yield Mark.FINISH, "response.output_item.done", {"item": item}


def _reasoning(item: dict[str, Any], voice: Voice) -> Iterator[_Shown]:
    at, part = {"item_id": item["id"], "summary_index": 0}, item["summary"][0]
    yield Mark.OPEN, "response.output_item.added", {"item": {**item, "summary": []}}
    yield Mark.OPEN, "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
    for piece in voice.reasoning_pieces:
        yield Mark.TOKEN, "response.reasoning_summary_text.delta", {**at, "delta": piece}
    yield Mark.OPEN, "response.reasoning_summary_text.done", {**at, "text": part["text"]}
    yield Mark.OPEN, "response.reasoning_summary_part.done", {**at, "part": part}
    yield Mark.OPEN, "response.output_item.done", {"item": item}


def _called(item: dict[str, Any], voice: Voice) -> Iterator[_Shown]:
    del voice
    at, arguments = {"item_id": item["id"]}, item["arguments"]
    yield Mark.OPEN, "response.output_item.added", {"item": {**item, "status": "in_progress", "arguments": ""}}
    for start in range(0, len(arguments), 8):
        yield Mark.TOKEN, "response.function_call_arguments.delta", {**at, "delta": arguments[start : start + 8]}
    yield Mark.FINISH, "response.function_call_arguments.done", {**at, "name": item["name"], "arguments": arguments}
    yield Mark.FINISH, "response.output_item.done", {"item": item}


_SHOWN: Final = {"message": _message, "reasoning": _reasoning, "function_call": _called}
"""The functions that render an item of the output as events, by its type."""


def _event(kind: str, number: int, /, **fields: Any) -> bytes:
    return sse({"type": kind, "sequence_number": number, **fields}, kind)


def _tool(body: Mapping[str, Any], given: Any) -> str:
    """Return the tool to call: the first one offered.

    None is called if its result is there already, or if tools are switched off.
    """
    offered = _offered(body)
    answered = isinstance(given, list) and bool(given) and given[-1].get("type") == "function_call_output"
    return "" if not offered or answered or body.get("tool_choice") == "none" else offered[0]


def _offered(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(tool.get("name", "")) for tool in body.get("tools") or () if tool.get("type") == "function")


def _failed(wording: RefusalWording, ask: RequestedAnswer) -> dict[str, Any]:
    return {**response(ask, Voice(text=""), "failed"), "error": {"code": _code(wording), "message": wording.message}}


def _code(wording: RefusalWording) -> str:
    return wording.code or wording.type or ""


def _mark(key: str) -> str:
    """Return a mark that differs between keys; it becomes part of the response's id."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
