"""Claude, on the `anthropic` SDK (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.errors import InvalidInputError
from sparekey.vlm.backends.chat import ChatBackend, ChatQuestion
from sparekey.vlm.images import decode_data_url
from sparekey.wire.clients import NO_KEY, reveal, sdk
from sparekey.wire.request import WireRequest

if TYPE_CHECKING:
    from sparekey.vlm.base import Messages, Tools


def to_messages(messages: Messages) -> tuple[str, Messages]:
    """Return the system prompt and the turns; answers of tools become one turn of the user."""
    system, turns = [], list[dict[str, Any]]()
    for message in messages:
        if message.get("role") in {"system", "developer"}:
            system.append(text_of(message.get("content")))
        else:
            _append(turns, _turn(message))
    return "\n\n".join(filter(None, system)), turns


def text_of(content: Any) -> str:
    """Return the text of a message's content, whatever its form."""
    if isinstance(content, list):
        return "\n".join(filter(None, map(text_of, content)))
    if isinstance(content, dict):
        return str(content.get("text") or "")
    return str(content or "")


def arguments_of(call: dict[str, Any]) -> dict[str, Any]:
    """Return a tool call's arguments as an object; what is none goes under `raw`."""
    given = call.get("function", {}).get("arguments") or {}
    try:
        value = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"raw": given}


def to_tools(tools: Tools) -> Tools:
    """Return the definitions of tools; one that is in Anthropic's form already stays as it is.

    Raises:
        InvalidInputError: a function without a name.
    """
    return [_tool(tool["function"]) if isinstance(tool.get("function"), dict) else tool for tool in tools]


def to_tool_choice(choice: str | dict[str, Any]) -> dict[str, Any]:
    """Return Anthropic's form of a tool choice."""
    if isinstance(choice, dict):
        name = choice.get("function", {}).get("name")
        return {"type": "tool", "name": name} if name else choice
    words = {"auto": "auto", "none": "none", "required": "any"}
    return {"type": words[choice]} if choice in words else {"type": "tool", "name": choice}


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    if not function.get("name"):
        raise InvalidInputError("a tool without a name")
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {"name": function["name"], "description": function.get("description") or "", "input_schema": schema}


def _turn(message: dict[str, Any]) -> dict[str, Any]:
    role, content = message.get("role") or "user", message.get("content")
    if role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id") or "", "content": text_of(content)}
        return {"role": "user", "content": [result]}
    calls = message.get("tool_calls") or []
    if isinstance(content, str) and not calls:
        return {"role": role, "content": content}
    return {"role": role, "content": [*_blocks(content), *map(_use, calls)]}


def _blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str) or content is None:
        return [{"type": "text", "text": content}] if content else []
    return [_block(part) for part in content]


def _block(part: dict[str, Any]) -> dict[str, Any]:
    """Return one part; parts in Anthropic's own form pass."""
    if part.get("type") != "image_url":
        return part
    url = part["image_url"]["url"] if isinstance(part["image_url"], dict) else part["image_url"]
    if decoded := decode_data_url(url):
        return {"type": "image", "source": {"type": "base64", "media_type": decoded[0], "data": url.partition(",")[2]}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _use(call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.get("id") or "", "name": call.get("function", {}).get("name", ""), "input": arguments_of(call)}


def _append(turns: list[dict[str, Any]], turn: dict[str, Any]) -> None:
    """Add a turn; results of several tools belong into one."""
    if turns and _is_result(turn["content"]) and _is_result(turns[-1]["content"]):
        turns[-1]["content"].extend(turn["content"])
    else:
        turns.append(turn)


def _is_result(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and content[0].get("type") == "tool_result"


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
