"""OpenAI and every host that speaks its embeddings format, through the official SDK; Azure and Jina differ in a few lines.

Facts: https://platform.openai.com/docs/api-reference/embeddings (at most 2,048 inputs and 300,000 tokens a request).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.embedding.inputs import text_of
from sparekey.errors import ConfigError, InvalidInputError
from sparekey.providers import find, takes_length
from sparekey.wire.clients import http_client

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenAIEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from the OpenAI embeddings API.

    `query_param` and `document_param` go into the body as `input_type` (or under the names they state), for hosts that tell the two
    sides apart; OpenAI's own models do not. `encoding_format` is `base64` (default, as with the SDK) or `float`, for hosts that know
    nothing else; both come out as floats.
    """

    default_batch_size = 128
    default_provider = "openai"
    extra: ClassVar[str] = "openai"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `dimension`, `encoding_format`, `extra_headers`, `extra_body` and more.

        Raises:
            MissingExtraError: the `openai` package is not installed.
        """
        self._sdk: Any = load_sdk("openai", f"embedding with {type(self).__name__}", self.extra)
        super().__init__(config)
        row = find(self.provider)
        self.length_field = row.embeddings.length_field if row and row.embeddings else "dimensions"

    def _client_options(self) -> dict[str, Any]:
        return {
            "api_key": self._sdk_key(),
            "base_url": self.api_base,
            "max_retries": 0,
            "timeout": self.timeout,
            "default_headers": self.extra_headers or None,
        }

    def _make_sync(self) -> Any:
        return self._own(self._sdk.OpenAI(**self._client_options(), http_client=http_client(self._sdk.DefaultHttpxClient, self.timeout)))

    def _make_async(self) -> Any:
        return self._own(
            self._sdk.AsyncOpenAI(**self._client_options(), http_client=http_client(self._sdk.DefaultAsyncHttpxClient, self.timeout))
        )

    def _own(self, client: Any) -> Any:
        """Leave out what the SDK took from the environment: it may belong to another credential."""
        client.organization, client.project = self.config.get("organization"), self.config.get("project")
        return client

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        # The SDK would ask for base64 by itself, but then it hides an error inside a 200 behind one of its own.
        form = self.config.get("encoding_format") or "base64"
        request: dict[str, Any] = {"model": self.model_name, "input": as_texts(inputs), "encoding_format": form}
        body = {**self._task(is_query), **self.extra_body}
        if self.asked_length and takes_length(self.provider, self.model_name):
            (request if self.length_field == "dimensions" else body)[self.length_field] = self.asked_length
        return {**request, "extra_body": body} if body else request

    def _send(self, request: dict[str, Any]) -> Any:
        return self._clients.sync.embeddings.with_raw_response.create(**request)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._clients.asynchronous.embeddings.with_raw_response.create(**request)

    def _body(self, response: Any) -> Any:
        return response.http_response.content


class AzureEmbedder(OpenAIEmbedder):
    """Dense vectors from an Azure OpenAI deployment: `model` is the deployment's name.

    `api_base` is the resource's endpoint; with `api_version` the versioned API is used, without it the resource's `/openai/v1`
    (https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle).
    """

    extra = "azure"
    default_provider = "azure"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `api_version` and the rest of `OpenAIEmbedder`.

        Raises:
            ConfigError: `api_base` is missing: there is no Azure endpoint for everybody.
            MissingExtraError: the `openai` package is not installed.
        """
        super().__init__(config)
        if not self.api_base:
            raise ConfigError("azure needs api_base: the endpoint of your resource")

    def _client_options(self) -> dict[str, Any]:
        options = super()._client_options()
        base = str(options.pop("base_url") or "").rstrip("/")
        if not self.config.get("api_version"):
            return {**options, "base_url": base if base.endswith("/v1") else f"{base}/openai/v1"}
        return {**options, "azure_endpoint": base, "api_version": self.config["api_version"]}

    def _make_sync(self) -> Any:
        kind = self._sdk.AzureOpenAI if self.config.get("api_version") else self._sdk.OpenAI
        return self._own(kind(**self._client_options(), http_client=http_client(self._sdk.DefaultHttpxClient, self.timeout)))

    def _make_async(self) -> Any:
        kind = self._sdk.AsyncAzureOpenAI if self.config.get("api_version") else self._sdk.AsyncOpenAI
        return self._own(kind(**self._client_options(), http_client=http_client(self._sdk.DefaultAsyncHttpxClient, self.timeout)))

    def _own(self, client: Any) -> Any:
        client._azure_ad_token = None  # noqa: SLF001 - the SDK takes one from the environment, and prefers it to the key it was given
        return super()._own(client)


class JinaEmbedder(OpenAIEmbedder):
    """Dense vectors from Jina, whose API is OpenAI's with `task`, `late_chunking` and images.

    Jina's models tell queries and documents apart; unset, `task` is `retrieval.query` or `retrieval.passage` (`nl2code.*` for its code
    models), and `query_param = ""` leaves it out. Facts: https://api.jina.ai/redoc
    """

    extra = "jina"
    most_inputs = 512
    default_provider = "jina"
    task_field = "task"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration; `late_chunking` may stand in it or in `extra_body`."""
        super().__init__(config)
        side = "nl2code" if self.model_name.startswith("jina-code") else "retrieval"
        self.query_param = self._side("query_param", f"{side}.query")
        self.document_param = self._side("document_param", f"{side}.passage")
        if self.config.get("late_chunking") is not None:
            self.extra_body.setdefault("late_chunking", self.config["late_chunking"])

    @property
    def supports_multimodal(self) -> bool:
        """Whether the model sees: `jina-clip-*` and `jina-embeddings-v4`, one text or one image an input."""
        return self.model_name.startswith(("jina-clip", "jina-embeddings-v4"))

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        if not self.supports_multimodal:
            return super()._request(inputs, is_query)
        request = super()._request(["-"] * len(inputs), is_query)
        return {**request, "input": [_jina_item(content) for content in inputs], "encoding_format": "float"}


def _jina_item(content: str | list[dict[str, Any]]) -> dict[str, str]:
    if isinstance(content, str):
        return {"text": content}
    images = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    if not images:
        return {"text": text_of(content)}
    if len(content) > 1:
        raise InvalidInputError("Jina embeds one text or one image an input, not several parts as one")
    return {"image": images[0]}
