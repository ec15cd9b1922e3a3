"""Claude, on the `anthropic` SDK (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from sparekey.vlm.backends.anthropic_form import to_messages, to_tool_choice, to_tools
from sparekey.vlm.backends.chat import ChatBackend, ChatQuestion
from sparekey.vlm.backends.sdks import sdk
from sparekey.wire.request import WireRequest
from sparekey.wire.settings import NO_KEY, reveal

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
    default_provider = "anthropic"
    wire: ClassVar[WireRequest] = WireRequest("anthropic", "POST", "messages", kind="chat")

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

    def _request(self, ask: ChatQuestion) -> dict[str, Any]:
        system, messages = to_messages(ask.messages)
        request: dict[str, Any] = {"model": self.model, "messages": messages}
        request |= {"system": system} if system else {}
        request |= {"tools": to_tools(ask.tools), "tool_choice": to_tool_choice(ask.tool_choice)} if ask.tools else {}
        limits = self._limits(ask)
        # The SDK's second version knows no temperature, the API and its older models do.
        extra = {name: limits.pop(name) for name in ("temperature",) if name in limits} | self.extra_request_body
        return request | limits | ({"extra_body": extra} if extra else {})

    def _limits(self, ask: ChatQuestion) -> dict[str, Any]:
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
        if not stream:
            return client.messages.with_raw_response.create(**request)
        return client.messages.create(**request, stream=True)


def version_of(model: str) -> tuple[int, int]:
    """Return the version that a model's name tells (`claude-opus-4-6` -> 4, 6); (0, 0) if it tells none."""
    found = _VERSION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)
