"""Every other provider, through the `litellm` SDK (https://docs.litellm.ai/docs/providers)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from sparekey.vlm.backends.chat import Ask, ChatBackend, sdk
from sparekey.vlm.backends.openai import read_answer, read_event, tool_choice
from sparekey.vlm.base import reveal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.vlm.assembly import Delta

_NAMES: Final = frozenset({"", "litellm", "openai-compatible"})
"""Provider names that say nothing: the model's own name tells litellm where it lives."""


class LiteLLMVLM(ChatBackend):
    """Chat completions through litellm.

    A provider other than `litellm` is put before the model's name, as litellm wants it (`bedrock` and `x` -> `bedrock/x`).
    `ak`, `sk` and `region` are Bedrock's; `api_version` goes through. Parameters that a provider does not know are left out.
    litellm keeps its connections in a cache of its own: `close` closes nothing of it.
    """

    module = "litellm"
    extra = "litellm"

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

    def _request(self, ask: Ask) -> dict[str, Any]:
        fields = {
            "model": self._name(),
            "messages": ask.messages,
            "api_key": reveal(self.api_key),
            "api_base": self.api_base,
            "api_version": self.config.get("api_version"),
            "temperature": self.temperature,
            "max_tokens": ask.max_tokens,
            "reasoning_effort": self.config.get("reasoning_effort") or ("medium" if ask.thinking else None),
            "timeout": self.timeout,
            "extra_headers": self.extra_headers,
            "extra_body": self.extra_request_body or None,
            "aws_access_key_id": reveal(self.config.get("ak")),
            "aws_secret_access_key": reveal(self.config.get("sk")),
            "aws_region_name": self.config.get("region"),
        }
        request = {name: value for name, value in fields.items() if value is not None}
        request |= {"tools": ask.tools, "tool_choice": tool_choice(ask.tool_choice)} if ask.tools else {}
        return request | {"drop_params": True, "num_retries": 0, "max_retries": 0}

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        return client.completion(**request, **_streaming(stream=stream))

    async def _send_async(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        return await client.acompletion(**request, **_streaming(stream=stream))

    def _answer(self, answer: Any) -> Delta:
        return read_answer(answer)

    def _reader(self) -> Callable[[Any], Delta]:
        return read_event


def load(extra: str) -> Any:
    """Import litellm without its call home: while it is imported it fetches a price list, unless this variable is set."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm: Any = sdk("litellm", "this provider", extra)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


def _streaming(*, stream: bool) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
