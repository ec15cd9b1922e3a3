"""Every other provider, through the `litellm` SDK (https://docs.litellm.ai/docs/providers)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from sparekey.vlm.backends.chat import ChatBackend, ChatQuestion
from sparekey.vlm.backends.openai import tool_choice
from sparekey.wire.clients import end, installed, reveal, sdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_STREAMING: Final = {"stream": True, "stream_options": {"include_usage": True}}
_NAMES: Final = frozenset({"", "litellm", "openai-compatible"})
"""Provider names that say nothing: the model's own name tells litellm where it lives."""


class LiteLLMVLM(ChatBackend):
    """Chat completions through litellm.

    A provider other than `litellm` is put before the model's name, as litellm wants it (`bedrock` and `x` -> `bedrock/x`).
    `ak`, `sk` and `region` are Bedrock's; `api_version` goes through; `forward_api_key: False` leaves the key to litellm's own
    rules. Parameters that a provider does not know are left out.
    litellm keeps its connections in a cache of its own: `close` closes nothing of it.
    """

    module = "litellm"
    extra = "litellm"
    default_provider = "litellm"

    def _make_client(self) -> Any:
        return load(self.extra)

    def _make_async_client(self) -> Any:
        return load(self.extra)

    def _close_client(self, client: Any) -> None:
        del client  # the module itself

    async def _close_async_client(self, client: Any) -> None:
        del client  # the module itself

    def _name(self) -> str:
        model = self.model or ""
        return model if self.provider in _NAMES or model.startswith(f"{self.provider}/") else f"{self.provider}/{model}"

    def _request(self, ask: ChatQuestion) -> dict[str, Any]:
        fields = {
            "model": self._name(),
            "messages": ask.messages,
            "api_key": None if self.config.get("forward_api_key") is False else reveal(self.api_key),
            "api_base": self.api_base,
            "api_version": self.config.get("api_version"),
            "temperature": self.temperature,
            "max_tokens": ask.max_tokens,
            "reasoning_effort": self.config.get("reasoning_effort") or ("medium" if ask.thinking else None),
            "timeout": self.timeout,
            "extra_headers": self.extra_headers,
            "extra_body": {name: value for name, value in self.extra_request_body.items() if name != "num_ctx"} or None,
            "num_ctx": self.extra_request_body.get("num_ctx"),  # litellm puts it where Ollama looks for it
            "aws_access_key_id": reveal(self.config.get("ak")),
            "aws_secret_access_key": reveal(self.config.get("sk")),
            "aws_region_name": self.config.get("region"),
        }
        request = {name: value for name, value in fields.items() if value is not None}
        return request | _tools(ask) | {"drop_params": True, "num_retries": 0, "max_retries": 0}

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        if stream:
            return _honest(client.completion(**request, **_STREAMING))
        return client.completion(**request)

    async def _send_async(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        if stream:
            return _honest_async(await client.acompletion(**request, **_STREAMING))
        return await client.acompletion(**request)

    def _body(self, sent: Any) -> Any:
        return sent.model_dump()

    def _pieces(self, stream: Any) -> Iterator[Any]:
        return (event.model_dump() for event in stream)

    async def _pieces_async(self, stream: Any) -> AsyncIterator[Any]:
        async for event in stream:
            yield event.model_dump()


def load(extra: str) -> Any:
    """Import litellm without its call home: while it is imported it fetches a price list, unless this variable is set."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm: Any = sdk("litellm", "this provider", extra)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


def _tools(ask: ChatQuestion) -> dict[str, Any]:
    """Return the tools. Given any, litellm 1.106 loads its bridge to MCP, and fails where `mcp` is not installed: it is told not to."""
    if not ask.tools:
        return {}
    tools: dict[str, Any] = {"tools": ask.tools, "tool_choice": tool_choice(ask.tool_choice)}
    return tools if installed("mcp") else tools | {"_skip_mcp_handler": True}


def _honest(stream: Any) -> Iterator[Any]:
    """Yield litellm's events; its stream cannot be closed, the one inside can."""
    try:
        for event in stream:
            yield _without_guess(stream, event)
    finally:
        end(stream.completion_stream)


async def _honest_async(stream: Any) -> AsyncIterator[Any]:
    try:
        async for event in stream:
            yield _without_guess(stream, event)
    finally:
        await stream.aclose()


def _without_guess(stream: Any, event: Any) -> Any:
    """Take out a finish reason that litellm made up: it says `stop` where a stream just ends."""
    if event.choices and event.choices[0].finish_reason and not (stream.received_finish_reason or stream.intermittent_finish_reason):
        event.choices[0].finish_reason = None
    return event
