"""Voyage AI through its own SDK's request layer: its client drops headers of one's own and hides errors inside a 200.

`query_param` and `document_param` name an `input_type` (`query`, `document`); unset, none is sent, and Voyage keeps both compatible.
Facts: https://docs.voyageai.com/reference/embeddings-api (at most 1,000 inputs and 120,000 tokens a request) and
https://docs.voyageai.com/reference/multimodal-embeddings-api.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase

if TYPE_CHECKING:
    from collections.abc import Mapping


class VoyageEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from Voyage, of text or (models named `voyage-multimodal-*`) of text and images together."""

    default_batch_size = 128
    most_inputs = 1000
    default_provider = "voyage"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `dimension`, `query_param`, `document_param`, `extra_headers`, `extra_body`.

        Raises:
            MissingExtraError: the `voyageai` package is not installed.
        """
        self._sdk: Any = load_sdk("voyageai.api_resources.api_requestor", "embedding with Voyage", "voyage")
        super().__init__(config)

    @property
    def supports_multimodal(self) -> bool:
        """Whether the model sees."""
        return self.model_name.startswith("voyage-multimodal")

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model_name, **self._task(is_query), **self.extra_body}
        if self.supports_multimodal:
            request["inputs"] = [{"content": _content(content)} for content in inputs]
        else:
            request["input"] = as_texts(inputs)
        if self.asked_length:
            request["output_dimension"] = self.asked_length
        return {**request, "encoding_format": self.config.get("encoding_format") or "base64"}

    def _make_sync(self) -> Any:
        own = self.extra_headers

        class Requestor(self._sdk.APIRequestor):  # type: ignore[misc,name-defined]  # the SDK is loaded late
            """The SDK's, which keeps own headers."""

            def request_headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
                return {**super().request_headers(*args, **kwargs), **own}

        return Requestor(self._sdk_key(), self.api_base)

    def _send(self, request: dict[str, Any]) -> Any:
        return self._clients.sync.request("post", self._path, params=request, request_timeout=self.timeout)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._clients.sync.arequest("post", self._path, params=request, request_timeout=self.timeout)

    @property
    def _path(self) -> str:
        return "/multimodalembeddings" if self.supports_multimodal else "/embeddings"

    def _body(self, response: Any) -> Any:
        return response.data


def _content(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [p if p["type"] == "text" else _image(p["image_url"]["url"]) for p in content]


def _image(url: str) -> dict[str, Any]:
    kind = "image_base64" if url.startswith("data:") else "image_url"
    return {"type": kind, kind: url}
