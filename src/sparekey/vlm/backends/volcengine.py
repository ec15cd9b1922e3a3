"""Volcengine Ark (Doubao and others), on the Ark SDK; its chat wire is OpenAI's with a `thinking` field of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sparekey.vlm.backends.ark_media import supports, understand
from sparekey.vlm.backends.chat import ChatBackend, ChatQuestion
from sparekey.vlm.backends.openai import tool_choice
from sparekey.vlm.backends.sdks import sdk
from sparekey.wire.settings import NO_KEY, reveal


class VolcengineVLM(ChatBackend):
    """Chat completions on the Ark SDK (https://www.volcengine.com/docs/82379/1494384).

    Signs with `api_key`, or with `ak` and `sk` (and `region`, `cn-beijing` by default). Audio and video files are handed
    in through Ark's Files API and removed after the answer; `media` holds its options (see `ark_media`).
    """

    module = "volcenginesdkarkruntime"
    extra = "volcengine"
    default_provider = "volcengine"
    client_per_thread = True  # the SDK's own docstring says so

    def _client_options(self, kind: str) -> dict[str, Any]:
        httpx: Any = sdk("httpx", "provider 'volcengine'", self.extra)  # what the Ark SDK is built on
        return {
            "api_key": reveal(self.api_key) or NO_KEY,
            "ak": reveal(self.config.get("ak")),
            "sk": reveal(self.config.get("sk")),
            "region": self.config.get("region") or "cn-beijing",
            "base_url": self.api_base,
            "timeout": self._patience(httpx.Timeout),
            "http_client": self._http(getattr(httpx, kind)),
            "max_retries": 0,
        }

    def _make_client(self) -> Any:
        ark: Any = sdk(self.module, "provider 'volcengine'", self.extra)
        return self._own(ark.Ark(**self._client_options("Client")))

    def _make_async_client(self) -> Any:
        ark: Any = sdk(self.module, "provider 'volcengine'", self.extra)
        return self._own(ark.AsyncArk(**self._client_options("AsyncClient")))

    def _own(self, client: Any) -> Any:
        if self.config.get("ak") and not self.api_key:
            client.api_key = None  # the SDK signs with the pair only if there is no key
        return client

    def _request(self, ask: ChatQuestion) -> dict[str, Any]:
        request = {
            "model": self.model,
            "messages": ask.messages,
            "temperature": self.temperature,
            "max_tokens": ask.max_tokens,
            "thinking": {"type": "enabled" if ask.thinking else "disabled"},
            "reasoning_effort": self.config.get("reasoning_effort") if ask.thinking else None,
            "extra_headers": self.extra_headers,
            "extra_body": self.extra_request_body or None,
        }
        return request | ({"tools": ask.tools, "tool_choice": tool_choice(ask.tool_choice)} if ask.tools else {})

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        completions = client.chat.completions
        if not stream:
            return completions.with_raw_response.create(**request)
        return completions.create(**request, stream=True, stream_options={"include_usage": True})

    def supports_media(self, *, media_type: str, filename: str, size_bytes: int) -> bool:
        """Tell whether Ark takes the file: MP3, WAV, AAC and M4A, or MP4, AVI and MOV, up to 512 MiB."""
        return supports(media_type, filename, size_bytes)

    async def get_media_completion_async(self, *, prompt: str, media_path: str | Path, filename: str, media_type: str) -> str:
        """Answer a text about one audio or video file.

        Raises:
            UnsupportedMediaInputError: the kind or the size of the file is not taken.
            OSError: the file cannot be read.
        """
        return await understand(self, prompt=prompt, path=Path(media_path), filename=filename, media_type=media_type)
