"""Gemini, on the `google-genai` SDK (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import httpx2

from sparekey.errors import UnsupportedMediaInputError
from sparekey.vlm.backends.anthropic import arguments_of, text_of
from sparekey.vlm.backends.chat import ChatBackend, ChatQuestion
from sparekey.vlm.images import decode_data_url, guess_url_type
from sparekey.wire import answer, plain_events
from sparekey.wire.clients import NO_KEY, certificates, reveal, sdk
from sparekey.wire.event_stream import EventStream
from sparekey.wire.format import NoAnswerError
from sparekey.wire.request import WireRequest
from sparekey.wire.sse import EventTooLongError, Splitter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sparekey.vlm.base import Messages, Tools
    from sparekey.wire.sse import Event

_THINKS: Final = re.compile(r"gemini-(?:2\.5|[3-9])")
_CAN_STOP_THINKING: Final = re.compile(r"gemini-2\.5-flash")
"""https://ai.google.dev/gemini-api/docs/thinking: 2.5 Flash and Flash-Lite take a budget of 0, the others do not."""
_NO_SIGNATURE: Final = b"skip_thought_signature_validator"
"""What stands for a signature in turns that another model wrote: https://ai.google.dev/gemini-api/docs/thought-signatures."""


def to_contents(messages: Messages) -> tuple[str, list[dict[str, Any]]]:
    """Return the system prompt and the turns; answers of several tools become one turn."""
    names = {call.get("id"): call.get("function", {}).get("name", "") for m in messages for call in m.get("tool_calls") or ()}
    system, turns = [], list[dict[str, Any]]()
    for message in messages:
        if message.get("role") in {"system", "developer"}:
            system.append(text_of(message.get("content")))
        elif message.get("role") == "tool":
            _append_result(turns, _result(message, names))
        else:
            turns.append(_turn(message))
    return "\n\n".join(filter(None, system)), turns


def to_tools(tools: Tools) -> list[dict[str, Any]]:
    """Return the declarations of all functions as one tool; tools in Gemini's own form stay as they are."""
    functions = [tool["function"] for tool in tools if isinstance(tool.get("function"), dict)]
    own = [tool for tool in tools if not isinstance(tool.get("function"), dict)]
    return own + ([{"function_declarations": [_declaration(f) for f in functions]}] if functions else [])


def to_tool_config(choice: str | dict[str, Any]) -> dict[str, Any]:
    """Return Gemini's form of a tool choice."""
    if isinstance(choice, dict):
        choice = choice.get("function", {}).get("name") or "auto"
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    if choice in modes:
        return {"function_calling_config": {"mode": modes[choice]}}
    return {"function_calling_config": {"mode": "ANY", "allowed_function_names": [choice]}}


def thinking_config(model: str, *, thinking: bool) -> dict[str, Any] | None:
    """Return what switches thoughts on or off, or None where the model has no such switch."""
    if thinking and _THINKS.search(model):
        return {"include_thoughts": True}
    return {"thinking_budget": 0} if not thinking and _CAN_STOP_THINKING.search(model) else None


def _declaration(function: dict[str, Any]) -> dict[str, Any]:
    declaration = {"name": function.get("name", ""), "description": function.get("description") or ""}
    return declaration | ({"parameters_json_schema": function["parameters"]} if function.get("parameters") else {})


def _turn(message: dict[str, Any]) -> dict[str, Any]:
    role = "model" if message.get("role") == "assistant" else "user"
    return {"role": role, "parts": [*_parts(message.get("content")), *_calls(message.get("tool_calls") or [])]}


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str) or content is None:
        return [{"text": content}] if content else []
    return [_part(part) for part in content]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """Return one part; parts in Gemini's own form pass."""
    if part.get("type") == "text":
        return {"text": part.get("text") or ""}
    if part.get("type") != "image_url":
        return part
    url = part["image_url"]["url"] if isinstance(part["image_url"], dict) else part["image_url"]
    if decoded := decode_data_url(url):
        return {"inline_data": {"mime_type": decoded[0], "data": decoded[1]}}
    return {"file_data": {"file_uri": url, "mime_type": guess_url_type(url)}}


def _calls(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return calls of tools; the first one of a turn needs a signature."""
    parts: list[dict[str, Any]] = [
        {"function_call": {"name": call.get("function", {}).get("name", ""), "args": arguments_of(call)}} for call in calls
    ]
    if parts:
        parts[0]["thought_signature"] = _NO_SIGNATURE
    return parts


def _result(message: dict[str, Any], names: dict[Any, str]) -> dict[str, Any]:
    name = message.get("name") or names.get(message.get("tool_call_id")) or "tool"
    return {"function_response": {"name": name, "response": {"result": text_of(message.get("content"))}}}


def _append_result(turns: list[dict[str, Any]], part: dict[str, Any]) -> None:
    before = turns[-1]["parts"] if turns else []
    if before and "function_response" in before[-1]:
        before.append(part)
    else:
        turns.append({"role": "user", "parts": [part]})


_ENDINGS: Final = {
    "audio": frozenset({".wav", ".mp3", ".aiff", ".aac", ".ogg", ".flac"}),
    "video": frozenset({".mp4", ".mpeg", ".mov", ".avi", ".flv", ".mpg", ".webm", ".wmv", ".3gpp"}),
}
"""https://ai.google.dev/gemini-api/docs/audio and https://ai.google.dev/gemini-api/docs/video-understanding."""
_MAX_INLINE: Final = 14 * 1024 * 1024
"""A request holds 20 MB at most, and base64 makes four bytes of three."""


class GeminiVLM(ChatBackend):
    """`generateContent` of the Gemini API. Audio and video go inline, so files up to 14 MiB are taken."""

    module = "google.genai"
    extra = "gemini"
    default_provider = "gemini"
    wire: ClassVar[WireRequest] = WireRequest("gemini", "POST", "models/m:generateContent", kind="chat")

    def _make_client(self) -> Any:
        http = self._http(httpx2.Client)
        http.event_hooks["response"].append(_read_as_events)
        return self._client({"httpx_client": http})

    def _make_async_client(self) -> Any:
        """Return a client on httpx2: the SDK would take aiohttp where it happens to be installed, and fail in other words."""
        http = self._http(httpx2.AsyncClient)
        http.event_hooks["response"].append(_read_as_events_async)
        return self._client({"httpx_async_client": http})

    def _client(self, more: dict[str, Any]) -> Any:
        trust = certificates(httpx2.Client)
        options = {
            "base_url": self.api_base,
            "headers": self.extra_headers,
            "timeout": round(self.timeout * 1000),
            "extra_body": self.extra_request_body or None,
            "retry_options": {"attempts": 1},
            # The SDK builds a client of the other kind, and two more sets of certificates, all unused: these spare it the reading.
            "client_args": {"verify": trust},
            "async_client_args": {"verify": trust, "ssl": trust},
            **more,
        }
        genai = sdk(self.module, "provider 'gemini'", self.extra)
        return genai.Client(api_key=reveal(self.api_key) or NO_KEY, vertexai=False, http_options={k: v for k, v in options.items() if v})

    def _close_client(self, client: Any) -> None:
        client._api_client._httpx_client.close()  # noqa: SLF001 - ours: the SDK does not close what it did not make

    async def _close_async_client(self, client: Any) -> None:
        await client._api_client._async_httpx_client.aclose()  # noqa: SLF001 - ours: the SDK does not close what it did not make
        client.close()

    def _request(self, ask: ChatQuestion) -> dict[str, Any]:
        system, contents = to_contents(ask.messages)
        config: dict[str, Any] = {
            "system_instruction": system or None,
            "temperature": self.temperature,
            "max_output_tokens": ask.max_tokens,
            "thinking_config": thinking_config(self.model or "", thinking=ask.thinking),
            "automatic_function_calling": {"disable": True},
        }
        config |= {"tools": to_tools(ask.tools), "tool_config": to_tool_config(ask.tool_choice)} if ask.tools else {}
        return {"model": self.model, "contents": contents, "config": {k: v for k, v in config.items() if v is not None}}

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        models = client.models
        return models.generate_content_stream(**request) if stream else models.generate_content(**_raw(request))

    async def _send_async(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        models = client.aio.models
        return await (models.generate_content_stream(**request) if stream else models.generate_content(**_raw(request)))

    def _body(self, sent: Any) -> Any:
        return (sent.sdk_http_response.body or "").encode()

    def _pieces(self, stream: Any) -> Iterator[Any]:
        return map(_json_of, stream)

    async def _pieces_async(self, stream: Any) -> AsyncIterator[Any]:
        async for event in stream:
            yield _json_of(event)

    def supports_media(self, *, media_type: str, filename: str, size_bytes: int) -> bool:
        """Tell whether the file fits into a request and is of a kind that Gemini knows."""
        return Path(filename).suffix.lower() in _ENDINGS.get(media_type, ()) and 0 <= size_bytes <= _MAX_INLINE

    async def get_media_completion_async(self, *, prompt: str, media_path: str | Path, filename: str, media_type: str) -> str:
        """Answer a text about one audio or video file.

        Raises:
            UnsupportedMediaInputError: the kind or the size of the file is not taken.
            OSError: the file cannot be read.
        """
        data = await asyncio.to_thread(Path(media_path).read_bytes)
        if not self.supports_media(media_type=media_type, filename=filename, size_bytes=len(data)):
            raise UnsupportedMediaInputError(f"Gemini does not take the {media_type} file {filename!r} inline: its kind or its size")
        mime = mimetypes.guess_type(filename)[0] or f"{media_type}/{Path(filename).suffix[1:].lower()}"
        parts = [{"inline_data": {"mime_type": mime, "data": data}}, {"type": "text", "text": prompt}]
        return str(await self.get_completion_async(messages=[{"role": "user", "content": parts}]))


def _json_of(event: Any) -> dict[str, Any]:
    """Return an event as it came: the SDK keeps the bytes of a stream to itself."""
    found: dict[str, Any] = event.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"sdk_http_response"})
    return found


class _AsEvents:
    """Makes events that the SDK reads out of whatever comes in the place of a stream, a whole answer too; a text stays."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._form, self._start = "", bytearray()
        self._splitter, self._written = Splitter(), plain_events.form_of(GeminiVLM.wire.format)

    def feed(self, piece: bytes) -> bytes:
        """Return the bytes that can go on.

        Raises:
            NoAnswerError: an event does not end.
        """
        if self._form == "text":
            return piece
        if self._form == "events":
            return self._plain(piece)
        self._start += piece
        self._form = self._form or answer.form_of(bytes(self._start[:64]))
        if self._form == "events":
            return self._plain(self._taken())
        return b"" if self._form in {"", "json"} else self._taken()

    def end(self) -> bytes:
        """Return what is left.

        Raises:
            InnerError: a whole answer that is an error.
            NoAnswerError: a whole answer that is none.
        """
        if self._form == "events":
            return self._joined(self._splitter.end())
        if self._form != "json":
            return self._taken()
        events = EventStream(GeminiVLM.wire._replace(stream=True, query="alt=sse"))
        found = [*events.feed(self._taken()), *events.end()]
        return b"".join(part.event.raw for parts in found for part in parts)

    def _plain(self, piece: bytes) -> bytes:
        try:
            return self._joined(self._splitter.feed(piece))
        except EventTooLongError as exc:
            raise NoAnswerError(str(exc)) from None

    def _joined(self, events: list[Event]) -> bytes:
        """Return the bytes of events; one that is called an error stays as it is, and the SDK raises for it."""
        written = (event if event.name == "error" else plain_events.plain(self._written, event, None) for event in events)
        return b"".join(event.raw for event in written if event is not None)

    def _taken(self) -> bytes:
        start, self._start = bytes(self._start), bytearray()
        return start


def _is_stream(response: Any) -> bool:
    return bool(response.status_code == HTTPStatus.OK and response.url.path.endswith(":streamGenerateContent"))


def _read_as_events(response: Any) -> None:
    """Let the SDK read events, whatever has come."""
    if _is_stream(response):
        pieces = response.iter_bytes

        def read(*args: Any, **options: Any) -> Iterator[bytes]:
            taker = _AsEvents()
            for piece in pieces(*args, **options):
                yield taker.feed(piece)
            yield taker.end()

        response.iter_bytes = read


async def _read_as_events_async(response: Any) -> None:
    """As `_read_as_events`."""
    if _is_stream(response):
        pieces = response.aiter_bytes

        async def read(*args: Any, **options: Any) -> AsyncIterator[bytes]:
            taker = _AsEvents()
            async for piece in pieces(*args, **options):
                yield taker.feed(piece)
            yield taker.end()

        response.aiter_bytes = read


def _raw(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request for a whole answer as it comes: the SDK's own reading drops what it does not know, an error's words among that."""
    return {**request, "config": {**request["config"], "should_return_http_response": True}}
