"""Volcengine Ark (Doubao and others), on the Ark SDK; its chat wire is OpenAI's with a `thinking` field of its own."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any, Final

from sparekey.engine.retry import retry_async
from sparekey.errors import IncompleteAnswerError, InvalidInputError, UnsupportedMediaInputError, describe_exception
from sparekey.vlm.backends.chat import ChatBackend, ChatQuestion
from sparekey.vlm.backends.openai import tool_choice
from sparekey.wire import answer
from sparekey.wire.clients import NO_KEY, reveal, sdk
from sparekey.wire.request import WireRequest
from sparekey.wire.think_tags import split_think

_log: Final = logging.getLogger("sparekey.vlm")
_ENDINGS: Final = {
    "audio": frozenset({".mp3", ".wav", ".aac", ".m4a"}),
    "video": frozenset({".mp4", ".avi", ".mov"}),
}
_MAX_BYTES: Final = 512 * 1024 * 1024
_REMOVE_SECONDS: Final = 5.0
_RESPONSES: Final = WireRequest("openai", "POST", "responses", kind="chat")


def supports(media_type: str, filename: str, size_bytes: int) -> bool:
    """Tell whether Ark takes such a file."""
    return Path(filename).suffix.lower() in _ENDINGS.get(media_type, ()) and 0 <= size_bytes <= _MAX_BYTES


async def understand(vlm: VolcengineVLM, *, prompt: str, path: Path, filename: str, media_type: str) -> str:
    """Answer a text about a file (see `VolcengineVLM.get_media_completion_async`)."""
    size = (await asyncio.to_thread(path.stat)).st_size
    if not supports(media_type, filename, size):
        raise UnsupportedMediaInputError(f"Ark does not take the {media_type} file {filename!r}: its kind or its size")
    return await retry_async(partial(_once, vlm, prompt, path, media_type), max_retries=vlm.max_retries)


async def _once(vlm: VolcengineVLM, prompt: str, path: Path, media_type: str) -> str:
    client, options = vlm.get_async_client(), dict(vlm.config.get("media") or {})
    file_id = await _upload(client, vlm, path, media_type, options)
    try:
        await _processed(client, file_id, options)
        sent = await client.responses.with_raw_response.create(**_request(vlm, prompt, file_id, media_type))
    finally:
        await _remove(client, vlm, file_id)
    return _text(vlm, sent.http_response.content)


async def _upload(client: Any, vlm: VolcengineVLM, path: Path, media_type: str, options: dict[str, Any]) -> str:
    frames = {"video": {"fps": float(options.get("video_fps", 1.0))}} if media_type == "video" else None
    with path.open("rb") as file:
        uploaded = await client.files.create(file=file, purpose="user_data", preprocess_configs=frames, extra_headers=vlm.extra_headers)
    return str(uploaded.id)


async def _processed(client: Any, file_id: str, options: dict[str, Any]) -> None:
    file = await client.files.wait_for_processing(
        file_id,
        poll_interval=float(options.get("file_poll_interval", 3.0)),
        max_wait_seconds=float(options.get("file_processing_timeout", 1800.0)),
    )
    if file.status != "active":
        cause = getattr(getattr(file, "error", None), "message", None) or file.status
        raise InvalidInputError(f"Ark could not process the file: {cause}")


def _request(vlm: VolcengineVLM, prompt: str, file_id: str, media_type: str) -> dict[str, Any]:
    parts = [{"type": f"input_{media_type}", "file_id": file_id}, {"type": "input_text", "text": prompt}]
    request = {
        "model": vlm.model,
        "input": [{"role": "user", "content": parts}],
        "store": False,
        "extra_headers": vlm.extra_headers,
        "extra_body": vlm.extra_request_body or None,
    }
    return request | ({} if vlm.max_tokens is None else {"max_output_tokens": vlm.max_tokens})


async def _remove(client: Any, vlm: VolcengineVLM, file_id: str) -> None:
    """Remove the file even if the caller gave up; that it stays behind is no reason to lose the answer."""
    removing = asyncio.ensure_future(asyncio.wait_for(client.files.delete(file_id, extra_headers=vlm.extra_headers), _REMOVE_SECONDS))
    try:
        await asyncio.shield(removing)
    except asyncio.CancelledError:
        await asyncio.gather(removing, return_exceptions=True)
        raise
    except Exception as exc:  # noqa: BLE001 - of whatever kind: the answer is not touched by it
        _log.warning("an uploaded file stays behind at Ark: %s", describe_exception(exc))


def _text(vlm: VolcengineVLM, body: bytes) -> str:
    with answer.as_library_errors():
        summary = answer.read(_RESPONSES, body, in_full=True).summary
    if (usage := summary.usage) is not None:
        counts = (usage.prompt_tokens, usage.completion_tokens, 0.0, usage.cached_tokens, usage.reasoning_tokens)
        vlm.update_token_usage(vlm.model or "", vlm.provider, *counts)
    text = split_think(summary.text).content
    if not text:
        raise IncompleteAnswerError(f"a success without a text (finish reason: {summary.finish})")
    return text


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
