"""Turns the four methods of a model into one call: the method's name and its arguments."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from sparekey.vlm.base import Messages, Tools, VLMBase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.vlm.images import Image
    from sparekey.vlm.types import VLMResponse


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
