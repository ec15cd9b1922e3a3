"""The interface of every chat and vision model, for one credential and for a wrapper over several."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from sparekey.errors import UnsupportedMediaInputError
from sparekey.stats.tokens import TokenTracker
from sparekey.types import Secret, Usage
from sparekey.vlm.assembly import chunk_of
from sparekey.wire.clients import guarded, reveal
from sparekey.wire.think_tags import split_think

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from sparekey.vlm.images import Image
    from sparekey.vlm.types import VLMChunk, VLMResponse

Messages = list[dict[str, Any]]
Tools = list[dict[str, Any]]


class VLMBase(ABC):
    """A chat and vision model behind one credential.

    A subclass has the four `get_*` methods; streams, media and `close` have defaults. The arguments are the same everywhere:

    - `prompt`: the text of one user message; used if `messages` is not given.
    - `thinking`: whether the model thinks first; None takes the configured value.
    - `tools`: definitions in OpenAI's function format.
    - `tool_choice`: `auto`, `none`, `required`, or the name of a tool; None is `auto`.
    - `messages`: a conversation in OpenAI's format; wins over `prompt` and `images`.
    - `images`: paths, URLs or bytes, put before the prompt.
    - `max_tokens`: the longest answer of this call; None takes the configured value.

    They answer with a `VLMResponse` and raise what the provider's SDK raises; an answer that is empty or cut off is an
    `IncompleteAnswerError`, one that the provider withheld a `ContentFilteredError`, one that is an error a `DisguisedError`.

    Attributes:
        config: a copy of the configuration; keys are `Secret`s there, and its `repr` shows names only.
        provider: the provider's name; `openai` by default.
        model: the model or deployment; None if the backend has a default.
        api_base: the base URL; None: the provider's own.
        temperature: None: the provider's own. Not sent to models that refuse one.
        max_tokens: the longest answer; None: the provider's default.
        max_retries: how often a transient failure is tried again on this same credential; 3 by default.
        timeout: seconds one attempt may take; 600 by default.
        extra_headers: headers of each request; None if there are none.
        extra_request_body: fields of each request's body, put in last.
        thinking: the default of `thinking`; False by default.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the configuration; nothing is imported or connected yet."""
        self.config = guarded(config)
        self._plain_key = isinstance(config.get("api_key"), str)
        self.provider: str = config.get("provider") or config.get("backend") or "openai"
        self.model: str | None = config.get("model")
        self.api_base: str | None = config.get("api_base")
        self.temperature: float | None = config.get("temperature")
        self.max_tokens: int | None = config.get("max_tokens")
        self.max_retries: int = config.get("max_retries", 3)
        self.timeout: float = config.get("timeout", 600.0)
        self.extra_headers: dict[str, str] | None = self.config.get("extra_headers")
        self.extra_request_body: dict[str, Any] = self.config.get("extra_request_body") or {}
        self.thinking: bool = config.get("thinking", False)
        self._token_tracker: Any = TokenTracker()

    @property
    def api_key(self) -> str | Secret | None:
        """The key as it was given; the instance itself holds it as a `Secret`."""
        key: str | Secret | None = self.config.get("api_key")
        return reveal(key) if self._plain_key else key

    @api_key.setter
    def api_key(self, key: str | Secret | None) -> None:
        self.config = guarded({**self.config, "api_key": key})
        self._plain_key = isinstance(key, str)

    @abstractmethod
    def get_completion(
        self,
        prompt: str = "",
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        """Answer a text or a conversation."""

    @abstractmethod
    async def get_completion_async(
        self,
        prompt: str = "",
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        """Answer a text or a conversation, asynchronously."""

    @abstractmethod
    def get_vision_completion(
        self,
        prompt: str = "",
        images: Sequence[Image] | None = None,
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        """Answer a text with images."""

    @abstractmethod
    async def get_vision_completion_async(
        self,
        prompt: str = "",
        images: Sequence[Image] | None = None,
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        """Answer a text with images, asynchronously."""

    def stream_completion(self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any) -> Iterator[VLMChunk]:
        """Answer piece by piece. Without an own stream of the backend, the whole answer is the one piece.

        Args:
            prompt: the text.
            images: images before the text.
            **options: `thinking`, `tools`, `tool_choice`, `messages`, `max_tokens`.
        """
        if images:
            yield chunk_of(self.get_vision_completion(prompt, images=images, **options))
        else:
            yield chunk_of(self.get_completion(prompt, **options))

    async def stream_completion_async(
        self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any
    ) -> AsyncIterator[VLMChunk]:
        """Answer piece by piece, asynchronously (see `stream_completion`)."""
        if images:
            yield chunk_of(await self.get_vision_completion_async(prompt, images=images, **options))
        else:
            yield chunk_of(await self.get_completion_async(prompt, **options))

    def supports_media(self, *, media_type: str, filename: str, size_bytes: int) -> bool:
        """Tell whether this backend takes an audio or video file.

        Args:
            media_type: `audio` or `video`.
            filename: its name; the ending tells the format.
            size_bytes: its size.
        """
        del media_type, filename, size_bytes
        return False

    async def get_media_completion_async(self, *, prompt: str, media_path: str | Path, filename: str, media_type: str) -> str:
        """Answer a text about one audio or video file.

        Args:
            prompt: the text.
            media_path: where the file is.
            filename: its name; the ending tells the format.
            media_type: `audio` or `video`.

        Raises:
            UnsupportedMediaInputError: the backend takes no such file.
        """
        del prompt, media_path
        raise UnsupportedMediaInputError(f"provider {self.provider!r} takes no {media_type} input such as {filename!r}")

    def is_available(self) -> bool:
        """Tell whether there is anything to call: a key or a base URL."""
        return bool(self.api_key or self.api_base)

    @property
    def token_tracker(self) -> TokenTracker:
        """The counts of this instance's own calls, or what was bound in their place."""
        tracker: TokenTracker = self._token_tracker
        return tracker

    def bind_token_tracker(self, tracker: Any) -> None:
        """Count in a tracker of the caller's from now on.

        Args:
            tracker: a `TokenTracker`, or anything with OpenViking's `update(model_name, provider, prompt_tokens, completion_tokens)`.
        """
        self._token_tracker = tracker

    def _record(self, usage: Usage) -> None:
        """Count one call of this instance, wherever it counts."""
        _counted(self._token_tracker, self.model or "", self.provider, usage)

    def update_token_usage(
        self,
        model_name: str,
        provider: str,
        prompt_tokens: int,
        completion_tokens: int,
        duration_seconds: float = 0.0,
        prompt_cached_tokens: int = 0,
        completion_reasoning_tokens: int = 0,
    ) -> None:
        """Count one call; for subclasses whose SDK counts in its own way. `duration_seconds` is not kept."""
        del duration_seconds
        usage = Usage(prompt_tokens, completion_tokens, prompt_cached_tokens, completion_reasoning_tokens)
        _counted(self.token_tracker, model_name, provider, usage)

    def get_token_usage(self) -> dict[str, Any]:
        """Return the tokens since the last reset (see `TokenTracker.to_dict`)."""
        return self.token_tracker.to_dict()

    def reset_token_usage(self) -> None:
        """Set the counts of tokens to zero."""
        self.token_tracker.reset()

    def close(self) -> None:  # noqa: B027 - most have nothing to close, and need not say so
        """Close all connections. The instance may be used again; it then connects anew."""

    async def aclose(self) -> None:
        """Close all connections, from inside an event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _clean_response(self, content: str) -> str:
        """Return a text without its `<think>` blocks, stripped."""
        return split_think(content).content


def _counted(tracker: Any, model: str, provider: str, usage: Usage) -> None:
    if callable(record := getattr(tracker, "record", None)):
        record(model, provider, usage)
    else:
        tracker.update(model_name=model, provider=provider, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


class CallingVLM(VLMBase):
    """A model whose four methods all go through `_call` or `_call_async`, which a subclass defines."""

    @abstractmethod
    def _call(self, method: str, options: dict[str, Any]) -> VLMResponse:
        """Answer a call of the method of that name; `options` are its arguments, `images` among them if it takes any."""

    @abstractmethod
    async def _call_async(self, method: str, options: dict[str, Any]) -> VLMResponse:
        """As `_call`."""

    def get_completion(  # noqa: D102 - as in VLMBase
        self,
        prompt: str = "",
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        return self._call("get_completion", _options(prompt, thinking, tools, tool_choice, messages, max_tokens))

    async def get_completion_async(  # noqa: D102 - as in VLMBase
        self,
        prompt: str = "",
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        return await self._call_async("get_completion_async", _options(prompt, thinking, tools, tool_choice, messages, max_tokens))

    def get_vision_completion(  # noqa: D102 - as in VLMBase
        self,
        prompt: str = "",
        images: Sequence[Image] | None = None,
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        options = _options(prompt, thinking, tools, tool_choice, messages, max_tokens)
        return self._call("get_vision_completion", {**options, "images": images})

    async def get_vision_completion_async(  # noqa: D102 - as in VLMBase
        self,
        prompt: str = "",
        images: Sequence[Image] | None = None,
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> VLMResponse:
        options = _options(prompt, thinking, tools, tool_choice, messages, max_tokens)
        return await self._call_async("get_vision_completion_async", {**options, "images": images})


def _options(
    prompt: str, thinking: bool | None, tools: Tools | None, tool_choice: str | None, messages: Messages | None, max_tokens: int | None
) -> dict[str, Any]:
    """Return the arguments as an instance gets them; `max_tokens` only if it is given, since older instances do not know it."""
    options = {"prompt": prompt, "thinking": thinking, "tools": tools, "tool_choice": tool_choice, "messages": messages}
    return options if max_tokens is None else {**options, "max_tokens": max_tokens}
