"""Azure OpenAI, on the `openai` SDK: `api_base` is the resource's endpoint, `model` the deployment."""

from __future__ import annotations

from typing import Any

from sparekey.errors import ConfigError
from sparekey.vlm.backends.openai import OpenAIVLM
from sparekey.wire.rewrite import API_VERSION


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
