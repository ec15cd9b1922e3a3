"""Claude, on the `anthropic` SDK (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.types import Usage
from sparekey.vlm.assembly import Delta, ToolDelta
from sparekey.vlm.backends.anthropic_form import to_messages, to_tool_choice, to_tools
from sparekey.vlm.backends.chat import Ask, ChatBackend
from sparekey.vlm.backends.sdks import no_answer, sdk
from sparekey.wire.settings import NO_KEY, reveal

if TYPE_CHECKING:
    from collections.abc import Callable

_VERSION: Final = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_ADAPTIVE_FROM: Final = (4, 6)
"""From here on thinking is `adaptive`; before, it has a budget: https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking."""
_FIXED_SAMPLING_FROM: Final = (4, 7)
"""From here on a temperature is refused."""
_MAX_TOKENS: Final = 4096
"""The API asks for a limit; every model takes this one."""
_MIN_BUDGET: Final = 1024
"""The smallest budget for thoughts that the API takes."""


class AnthropicVLM(ChatBackend):
    """The Messages API of Anthropic and of hosts that speak it. The default `max_tokens` is 4096: the API needs one."""

    module = "anthropic"
    extra = "anthropic"
    default_base = "https://api.anthropic.com"

    def _client_options(self, anthropic: Any, http: Any) -> dict[str, Any]:
        return {
            "api_key": reveal(self.api_key) or NO_KEY,
            "base_url": (self.api_base or "").removesuffix("/").removesuffix("/v1") or None,
            "timeout": self._patience(anthropic.Timeout),
            "http_client": self._http(http),
            "max_retries": 0,
            "default_headers": self.extra_headers,
        }

    def _make_client(self) -> Any:
        anthropic: Any = sdk(self.module, "provider 'anthropic'", self.extra)
        return anthropic.Anthropic(**self._client_options(anthropic, anthropic.DefaultHttpxClient))

    def _make_async_client(self) -> Any:
        anthropic: Any = sdk(self.module, "provider 'anthropic'", self.extra)
        return anthropic.AsyncAnthropic(**self._client_options(anthropic, anthropic.DefaultAsyncHttpxClient))

    def _request(self, ask: Ask) -> dict[str, Any]:
        system, messages = to_messages(ask.messages)
        request: dict[str, Any] = {"model": self.model, "messages": messages}
        request |= {"system": system} if system else {}
        request |= {"tools": to_tools(ask.tools), "tool_choice": to_tool_choice(ask.tool_choice)} if ask.tools else {}
        limits = self._limits(ask)
        # The SDK's second version knows no temperature, the API and its older models do.
        extra = {name: limits.pop(name) for name in ("temperature",) if name in limits} | self.extra_request_body
        return request | limits | ({"extra_body": extra} if extra else {})

    def _limits(self, ask: Ask) -> dict[str, Any]:
        """Return the limit of tokens, and thinking or a temperature: the API takes one of the two."""
        limit, version = ask.max_tokens or _MAX_TOKENS, version_of(self.model or "")
        if ask.thinking and version >= _ADAPTIVE_FROM:
            return {"max_tokens": limit, "thinking": {"type": "adaptive"}}
        if ask.thinking:
            budget = max(_MIN_BUDGET, limit // 2)
            return {"max_tokens": max(limit, budget + limit // 2), "thinking": {"type": "enabled", "budget_tokens": budget}}
        if self.temperature is None or version >= _FIXED_SAMPLING_FROM:
            return {"max_tokens": limit}
        return {"max_tokens": limit, "temperature": self.temperature}

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        return client.messages.create(**request, stream=stream)

    def _answer(self, answer: Any) -> Delta:
        blocks = getattr(answer, "content", None)
        if not isinstance(blocks, list):
            raise no_answer(answer, _error_body(answer))
        return Delta(
            content="".join(b.text for b in blocks if b.type == "text"),
            reasoning="".join(b.thinking for b in blocks if b.type == "thinking"),
            tools=tuple(ToolDelta(i, b.id, b.name, dict(b.input)) for i, b in enumerate(blocks) if b.type == "tool_use"),
            finish_reason=answer.stop_reason,
            usage=read_usage(answer.usage),
            model=answer.model,
        )

    def _reader(self) -> Callable[[Any], Delta]:
        return Reader()


class Reader:
    """Reads the events of one stream; the first and the last one share the counting of tokens."""

    def __init__(self) -> None:
        """Start before the first event."""
        self._usage = Usage()

    def __call__(self, event: Any) -> Delta:
        """Return what an event adds; kinds that are not known add nothing."""
        match event.type:
            case "message_start":
                self._usage = read_usage(event.message.usage)
                return Delta(model=event.message.model, usage=self._usage)
            case "content_block_start" if event.content_block.type == "tool_use":
                return Delta(tools=(ToolDelta(event.index, event.content_block.id, event.content_block.name),))
            case "content_block_delta":
                return _block(event.index, event.delta)
            case "message_delta":
                return Delta(finish_reason=event.delta.stop_reason, usage=self._counted(event.usage))
            case _:
                return Delta()

    def _counted(self, usage: Any) -> Usage:
        first, last = self._usage, read_usage(usage)
        prompt, cached = last.prompt_tokens or first.prompt_tokens, last.cached_tokens or first.cached_tokens
        return Usage(prompt, last.completion_tokens, cached, last.reasoning_tokens)


def version_of(model: str) -> tuple[int, int]:
    """Return the version that a model's name tells (`claude-opus-4-6` -> 4, 6); (0, 0) if it tells none."""
    found = _VERSION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def read_usage(usage: Any) -> Usage:
    """Read the counts; Anthropic counts the cached part of a prompt beside the rest, we count it as a part."""
    cached = getattr(usage, "cache_read_input_tokens", None) or 0
    written = getattr(usage, "cache_creation_input_tokens", None) or 0
    thought = getattr(getattr(usage, "output_tokens_details", None), "thinking_tokens", None) or 0
    return Usage((getattr(usage, "input_tokens", None) or 0) + cached + written, usage.output_tokens or 0, cached, thought)


def _block(index: int, delta: Any) -> Delta:
    match delta.type:
        case "text_delta":
            return Delta(content=delta.text)
        case "thinking_delta":
            return Delta(reasoning=delta.thinking)
        case "input_json_delta":
            return Delta(tools=(ToolDelta(index, arguments=delta.partial_json),))
        case _:
            return Delta()


def _error_body(answer: Any) -> Any:
    extra = getattr(answer, "model_extra", None) or {}
    return {"type": "error", "error": extra["error"]} if extra.get("error") else None
