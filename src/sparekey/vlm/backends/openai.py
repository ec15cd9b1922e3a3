"""OpenAI and every host that speaks its chat wire, on the `openai` SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sparekey.types import Usage
from sparekey.vlm.assembly import Delta, ToolDelta
from sparekey.vlm.backends.chat import MODES, Ask, ChatBackend
from sparekey.vlm.backends.dialects import dialect_of
from sparekey.vlm.backends.sdks import no_answer, sdk
from sparekey.wire.settings import NO_KEY, reveal

if TYPE_CHECKING:
    from collections.abc import Callable


class OpenAIVLM(ChatBackend):
    """Chat completions on the `openai` SDK.

    Besides the fields of `VLMBase` it reads `reasoning_effort` (sent as it is), `organization` and `project`. Nothing of a credential
    is taken from the environment, where the SDK would look: it may belong to another one.
    """

    module = "openai"
    extra = "openai"
    default_model: ClassVar[str | None] = "gpt-4o-mini"
    default_base: ClassVar[str | None] = "https://api.openai.com/v1"

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the configuration (see `ChatBackend`)."""
        super().__init__(config)
        self.dialect = dialect_of(self.provider, self.api_base)

    def _client_options(self, openai: Any, http: Any) -> dict[str, Any]:
        return {
            "api_key": reveal(self.api_key) or NO_KEY,
            "base_url": self.api_base,
            "timeout": self._patience(openai.Timeout),
            "http_client": self._http(http),
            "max_retries": 0,
            "default_headers": self.extra_headers,
        }

    def _make_client(self) -> Any:
        openai = self._sdk()
        return self._own(openai.OpenAI(**self._client_options(openai, openai.DefaultHttpxClient)))

    def _make_async_client(self) -> Any:
        openai = self._sdk()
        return self._own(openai.AsyncOpenAI(**self._client_options(openai, openai.DefaultAsyncHttpxClient)))

    def _sdk(self) -> Any:
        return sdk(self.module, f"provider {self.provider!r}", self.extra)

    def _own(self, client: Any) -> Any:
        client.organization, client.project = self.config.get("organization"), self.config.get("project")
        return client

    def _request(self, ask: Ask) -> dict[str, Any]:
        model = str(self.model)
        request: dict[str, Any] = {"model": model, "messages": ask.messages}
        if self.temperature is not None and not self.dialect.fixed_sampling.search(model):
            request["temperature"] = self.temperature
        if ask.max_tokens is not None:
            request["max_completion_tokens" if self.dialect.completion_tokens.search(model) else "max_tokens"] = ask.max_tokens
        if effort := self.config.get("reasoning_effort"):
            request["reasoning_effort"] = effort
        return request | self._tools(ask) | self._extra_body(ask)

    def _tools(self, ask: Ask) -> dict[str, Any]:
        if not ask.tools:
            return {}
        return {"tools": ask.tools, "tool_choice": "auto" if self.dialect.only_auto else tool_choice(ask.tool_choice)}

    def _extra_body(self, ask: Ask) -> dict[str, Any]:
        body = self.dialect.thinking_fields(str(self.model), thinking=ask.thinking) | self.extra_request_body
        return {"extra_body": body} if body else {}

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        if stream:
            request = request | {"stream": True}
            if self.dialect.stream_usage:
                request |= {"stream_options": {"include_usage": True}}
        return client.chat.completions.create(**request)

    def _answer(self, answer: Any) -> Delta:
        return read_answer(answer)

    def _reader(self) -> Callable[[Any], Delta]:
        return read_event


def tool_choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    """Return OpenAI's form of a tool choice: one of its words, or an object that names a tool."""
    if isinstance(choice, dict) or choice in MODES:
        return choice
    return {"type": "function", "function": {"name": choice}}


def read_answer(answer: Any) -> Delta:
    """Read a whole chat completion.

    Raises:
        IncompleteAnswerError: it is none: a page of text, or it has no choice.
        DisguisedError: it is an error.
    """
    choices = getattr(answer, "choices", None)
    if not choices:
        raise no_answer(answer, _error_body(answer))
    return _delta(choices[0].message, choices[0].finish_reason, read_usage(getattr(answer, "usage", None)), answer.model)


def read_event(event: Any) -> Delta:
    """Read one chunk of a streamed chat completion; the one with the usage has no choice.

    Raises:
        DisguisedError: it holds an error in the place of choices.
    """
    choices = getattr(event, "choices", None)
    usage = read_usage(getattr(event, "usage", None) or (getattr(choices[0], "usage", None) if choices else None))
    if choices:
        return _delta(choices[0].delta, choices[0].finish_reason, usage, event.model)
    if body := _error_body(event):
        raise no_answer(event, body)
    return Delta(usage=usage)


def read_usage(usage: Any) -> Usage | None:
    """Read OpenAI's usage object, or a dictionary of the same names."""
    if not usage:
        return None
    return Usage(
        _field(usage, "prompt_tokens") or 0,
        _field(usage, "completion_tokens") or 0,
        _field(_field(usage, "prompt_tokens_details"), "cached_tokens") or 0,
        _field(_field(usage, "completion_tokens_details"), "reasoning_tokens") or 0,
    )


def _delta(message: Any, finish_reason: str | None, usage: Usage | None, model: str | None) -> Delta:
    return Delta(
        content=getattr(message, "content", None) or getattr(message, "refusal", None) or "",
        reasoning=getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or "",
        tools=tuple(_tool(i, call) for i, call in enumerate(getattr(message, "tool_calls", None) or ())),
        finish_reason=finish_reason,
        usage=usage,
        model=model or "",
    )


def _tool(position: int, call: Any) -> ToolDelta:
    index = getattr(call, "index", None)
    function = call.function
    return ToolDelta(
        position if index is None else index,
        call.id or "",
        getattr(function, "name", None) or "",
        getattr(function, "arguments", None) or "",
    )


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _error_body(answer: Any) -> Any:
    """Return the error that a host put into a success, under `error` or as `code` and `message`."""
    extra = getattr(answer, "model_extra", None) or {}
    if extra.get("error"):
        return {"error": extra["error"]}
    return dict(extra) if {"code", "message"} <= extra.keys() else None
