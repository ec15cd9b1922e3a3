"""Gemini through Google's own SDK (google-genai).

`query_param` and `document_param` name a `task_type` (`RETRIEVAL_QUERY`, `RETRIEVAL_DOCUMENT`, ...); unset, none is sent, as the newer
models ask for none. Facts: https://ai.google.dev/gemini-api/docs/embeddings (at most 100 inputs a request).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.errors import InvalidInputError
from sparekey.wire.clients import Held, http_client
from sparekey.wire.media import split_data_url

if TYPE_CHECKING:
    from collections.abc import Mapping


class GeminiEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from the Gemini API."""

    default_batch_size = most_inputs = 100
    default_provider = "gemini"
    task_field = "task_type"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `dimension`, `query_param`, `document_param`, `extra_headers`, `extra_body`.

        Raises:
            MissingExtraError: google-genai is not installed.
        """
        self._sdk: Any = load_sdk("google.genai", "embedding with Gemini", "gemini")
        super().__init__(config)

    @property
    def supports_multimodal(self) -> bool:
        """Whether the model sees: from `gemini-embedding-2` on."""
        return "embedding-2" in self.model_name

    def _make_sync(self) -> Any:
        http = http_client(httpx2.Client, self.timeout)
        return Held(self._client(httpx_client=http), http)

    def _make_async(self) -> Any:
        # Stated, as the SDK would take aiohttp where it happens to be installed, and that one follows redirects with the key.
        http = http_client(httpx2.AsyncClient, self.timeout)
        return Held(self._client(httpx_async_client=http).aio, http)

    def _client(self, **http: Any) -> Any:
        types = self._sdk.types
        options = types.HttpOptions(
            base_url=self.api_base,
            api_version=self.config.get("api_version"),
            timeout=int(self.timeout * 1000),  # milliseconds there
            headers=self.extra_headers or None,
            retry_options=types.HttpRetryOptions(attempts=1),
            **http,
        )
        return self._sdk.Client(enterprise=False, api_key=self._sdk_key(), http_options=options)  # whatever the environment says

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        config: dict[str, Any] = {**self._task(is_query)}
        if self.dimension:
            config["output_dimensionality"] = self.dimension
        if self.extra_body:
            config["http_options"] = {"extra_body": self.extra_body}
        contents = [self._sdk.types.Content(parts=self._parts(content)) for content in inputs]
        return {"model": self.model_name, "contents": contents, "config": config or None}

    def _parts(self, content: str | list[dict[str, Any]]) -> list[Any]:
        part = self._sdk.types.Part
        if isinstance(content, str):
            return [part(text=content)]
        return [part(text=p["text"]) if p["type"] == "text" else self._image(p["image_url"]["url"]) for p in content]

    def _image(self, url: str) -> Any:
        found = split_data_url(url)
        if found is None:
            raise InvalidInputError("Gemini embeds images as bytes or files, not by URL")
        return self._sdk.types.Part.from_bytes(data=found[1], mime_type=found[0])

    def _send(self, request: dict[str, Any]) -> Any:
        return self._clients.sync.sdk.models.embed_content(**request)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._clients.asynchronous.sdk.models.embed_content(**request)
