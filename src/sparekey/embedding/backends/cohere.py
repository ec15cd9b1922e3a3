"""Cohere through its own SDK.

Facts: https://docs.cohere.com/reference/embed (at most 96 inputs a request; `input_type` is required from v3 on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.wire.clients import Held, http_client

if TYPE_CHECKING:
    from collections.abc import Mapping


class CohereEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from Cohere; `input_type` is `search_query` or `search_document` unless configured."""

    default_batch_size = most_inputs = 96
    default_provider = "cohere"
    default_query = "search_query"
    default_document = "search_document"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `dimension`, `query_param`, `document_param`, `extra_headers`, `extra_body`.

        Raises:
            MissingExtraError: the `cohere` package is not installed.
        """
        self._sdk: Any = load_sdk("cohere", "embedding with Cohere", "cohere")
        self._httpx: Any = load_sdk("httpx", "embedding with Cohere", "cohere")
        super().__init__(config)
        self.api_base = (self.api_base or "").rstrip("/").removesuffix("/v2").removesuffix("/v1")

    @property
    def supports_multimodal(self) -> bool:
        """Whether the model sees and takes text and images together: from `embed-v4` on."""
        return self.model_name.startswith("embed-v4")

    def _options(self) -> dict[str, Any]:
        return {"api_key": self._sdk_key(), "base_url": self.api_base, "max_retries": 0, "timeout": self.timeout}

    def _make_sync(self) -> Any:
        http = http_client(self._httpx.Client, self.timeout)
        return Held(self._sdk.ClientV2(**self._options(), httpx_client=http), http)

    def _make_async(self) -> Any:
        http = http_client(self._httpx.AsyncClient, self.timeout)
        return Held(self._sdk.AsyncClientV2(**self._options(), httpx_client=http), http)

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model_name, "embedding_types": ["float"], **self._task(is_query)}
        if all(isinstance(content, str) for content in inputs):
            request["texts"] = as_texts(inputs)
        else:
            request["inputs"] = [{"content": _content(content)} for content in inputs]
        if self.asked_length:
            request["output_dimension"] = self.asked_length
        options = {"additional_headers": self.extra_headers, "additional_body_parameters": self.extra_body}
        return {**request, "request_options": {"max_retries": 0, **{k: v for k, v in options.items() if v}}}

    def _send(self, request: dict[str, Any]) -> Any:
        return self._clients.sync.sdk.embed(**request)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._clients.asynchronous.sdk.embed(**request)


def _content(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
