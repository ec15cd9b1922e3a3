"""Gemini through Google's own SDK (google-genai).

`query_param` and `document_param` name a task (`RETRIEVAL_QUERY`, `RETRIEVAL_DOCUMENT`, ...); unset, none is sent.
It goes into the field `task_type`; `gemini-embedding-2` knows no such field and is told by the words before a text.
Facts: https://ai.google.dev/gemini-api/docs/embeddings (at most 100 inputs a request).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import httpx2

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.errors import InvalidInputError
from sparekey.wire.clients import Held, http_client
from sparekey.wire.media import split_data_url

if TYPE_CHECKING:
    from collections.abc import Mapping


_TOLD_IN_WORDS: Final = re.compile(r"embedding-2(?!-preview)")
_WORDS: Final = {
    "RETRIEVAL_QUERY": "task: search result | query: ",
    "RETRIEVAL_DOCUMENT": "title: none | text: ",
    "SEMANTIC_SIMILARITY": "task: sentence similarity | query: ",
    "CLASSIFICATION": "task: classification | query: ",
    "CLUSTERING": "task: clustering | query: ",
    "QUESTION_ANSWERING": "task: question answering | query: ",
    "FACT_VERIFICATION": "task: fact checking | query: ",
    "CODE_RETRIEVAL_QUERY": "task: code retrieval | query: ",
}
"""https://ai.google.dev/gemini-api/docs/embeddings#task-types"""


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
        words = self._words(is_query)
        config: dict[str, Any] = {} if words else {**self._task(is_query)}
        if self.asked_length:
            config["output_dimensionality"] = self.asked_length
        if self.extra_body:
            config["http_options"] = {"extra_body": self.extra_body}
        contents = [self._sdk.types.Content(parts=self._parts(content, words)) for content in inputs]
        return {"model": self.model_name, "contents": contents, "config": config or None}

    def _words(self, is_query: bool) -> str:
        """Return what stands before a text to tell its task, for models that have no field for it."""
        if not _TOLD_IN_WORDS.search(self.model_name):
            return ""
        return _WORDS.get(str((self.query_param if is_query else self.document_param) or "").upper(), "")

    def _parts(self, content: str | list[dict[str, Any]], words: str) -> list[Any]:
        part = self._sdk.types.Part
        if isinstance(content, str):
            return [part(text=words + content)]
        return [part(text=words + p["text"]) if p["type"] == "text" else self._image(p["image_url"]["url"]) for p in content]

    def _image(self, url: str) -> Any:
        found = split_data_url(url)
        if found is None:
            raise InvalidInputError("Gemini embeds images as bytes or files, not by URL")
        return self._sdk.types.Part.from_bytes(data=found[1], mime_type=found[0])

    def _send(self, request: dict[str, Any]) -> Any:
        return self._clients.sync.sdk.models.embed_content(**request)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._clients.asynchronous.sdk.models.embed_content(**request)
