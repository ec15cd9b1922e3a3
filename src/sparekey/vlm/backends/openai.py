"""OpenAI, Azure and every host that speaks their chat wire, on the `openai` SDK.

At Azure `api_base` is the resource's endpoint, `model` the deployment.
"""

from __future__ import annotations

from typing import Any

from sparekey.errors import ConfigError
from sparekey.providers import dialect_of
from sparekey.vlm.backends.chat import MODES, ChatBackend, ChatQuestion
from sparekey.wire.clients import NO_KEY, reveal, sdk
from sparekey.wire.rewrite import API_VERSION


class OpenAIVLM(ChatBackend):
    """Chat completions on the `openai` SDK.

    Besides the fields of `VLMBase` it reads `reasoning_effort` (sent as it is), `organization` and `project`. Nothing of a credential
    is taken from the environment, where the SDK would look: it may belong to another one.
    """

    module = "openai"
    extra = "openai"

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

    def _request(self, ask: ChatQuestion) -> dict[str, Any]:
        model = str(self.model)
        request: dict[str, Any] = {"model": model, "messages": ask.messages}
        if self.temperature is not None and not self.dialect.fixed_sampling.search(model):
            request["temperature"] = self.temperature
        if ask.max_tokens is not None:
            request["max_completion_tokens" if self.dialect.completion_tokens.search(model) else "max_tokens"] = ask.max_tokens
        if effort := self.config.get("reasoning_effort"):
            request["reasoning_effort"] = effort
        return request | self._tools(ask) | self._extra_body(ask)

    def _tools(self, ask: ChatQuestion) -> dict[str, Any]:
        if not ask.tools:
            return {}
        return {"tools": ask.tools, "tool_choice": "auto" if self.dialect.only_auto else tool_choice(ask.tool_choice)}

    def _extra_body(self, ask: ChatQuestion) -> dict[str, Any]:
        body = self.dialect.thinking_fields(str(self.model), thinking=ask.thinking) | self.extra_request_body
        return {"extra_body": body} if body else {}

    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        completions = client.chat.completions
        if not stream:
            return completions.with_raw_response.create(**request)
        usage = {"stream_options": {"include_usage": True}} if self.dialect.stream_usage else {}
        return completions.create(**request, stream=True, **usage)


def tool_choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    """Return OpenAI's form of a tool choice: one of its words, or an object that names a tool."""
    if isinstance(choice, dict) or choice in MODES:
        return choice
    return {"type": "function", "function": {"name": choice}}


class AzureVLM(OpenAIVLM):
    """Chat completions of an Azure deployment; `api_version` is 2024-10-21 by default."""

    extra = "azure"
    default_provider = "azure"

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the configuration (see `ChatBackend`).

        Raises:
            ConfigError: `api_base` is missing.
        """
        super().__init__(config)
        if not self.api_base:
            raise ConfigError("provider 'azure' needs the resource's endpoint: give 'api_base' (https://NAME.openai.azure.com)")
        self.api_version: str = config.get("api_version") or API_VERSION

    def _client_options(self, openai: Any, http: Any) -> dict[str, Any]:
        options = super()._client_options(openai, http)
        base = options.pop("base_url")
        return options | {"azure_endpoint": base, "api_version": self.api_version}

    def _make_client(self) -> Any:
        openai = self._sdk()
        return self._own(openai.AzureOpenAI(**self._client_options(openai, openai.DefaultHttpxClient)))

    def _make_async_client(self) -> Any:
        openai = self._sdk()
        return self._own(openai.AsyncAzureOpenAI(**self._client_options(openai, openai.DefaultAsyncHttpxClient)))

    def _own(self, client: Any) -> Any:
        client._azure_ad_token = None  # noqa: SLF001 - the SDK takes one from the environment, and prefers it to the key it was given
        return super()._own(client)
