"""Volcengine Ark (Doubao) through its own SDK: dense, sparse and hybrid vectors of text, images and both together.

Two endpoints, chosen by the configuration's `input`: `multimodal` (default) embeds the parts of one input into one vector, so a
batch is one request an input; `text` embeds many texts at once. Sparse vectors come from the multimodal endpoint only.
Facts: https://www.volcengine.com/docs/82379/1521766 (text), https://www.volcengine.com/docs/82379/1523520 (multimodal).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase, HybridEmbedderBase, SparseEmbedderBase
from sparekey.embedding.space import truncate_and_normalize
from sparekey.providers import embedding_model
from sparekey.wire.clients import http_client

if TYPE_CHECKING:
    from collections.abc import Mapping


_TEXT_MODEL = re.compile(r"^doubao-embedding(-large)?-text\b")
"""Models that the multimodal endpoint does not know, whatever `input` says."""


class _ArkEmbedder(EmbeddingBackend):
    """What the three kinds share."""

    default_batch_size = 64
    most_inputs = 256
    default_provider = "volcengine"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `dimension`, `input` (`multimodal` or `text`) and more.

        Raises:
            MissingExtraError: the Ark SDK is not installed.
        """
        self._sdk: Any = load_sdk("volcenginesdkarkruntime", "embedding with Volcengine Ark", "volcengine")
        self._httpx: Any = load_sdk("httpx", "embedding with Volcengine Ark", "volcengine")
        super().__init__(config)
        asked = (self.config.get("input") or "multimodal") == "multimodal"
        self._multimodal = self.is_sparse or (asked and not _TEXT_MODEL.search(self.model_name))
        self._joined = self._multimodal
        self.batch_size = 1 if self._multimodal else self.batch_size

    @property
    def supports_multimodal(self) -> bool:
        """Whether images are taken: unless `input` is `text`."""
        return self._multimodal

    def _options(self) -> dict[str, Any]:
        own = {"api_key": self._sdk_key(), "ak": "", "sk": ""}  # stated, as the SDK would look into the environment
        return {**own, "base_url": self.api_base, "max_retries": 0, "timeout": self.timeout}

    def _make_sync(self) -> Any:
        return self._sdk.Ark(**self._options(), http_client=http_client(self._httpx.Client, self.timeout))

    def _make_async(self) -> Any:
        return self._sdk.AsyncArk(**self._options(), http_client=http_client(self._httpx.AsyncClient, self.timeout))

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        body = {**self._task(is_query), **self.extra_body}
        common = {"model": self.model_name, "extra_headers": self.extra_headers or None, "extra_body": body or None}
        if not self._multimodal:
            return {**common, "input": as_texts(inputs), "encoding_format": self.config.get("encoding_format") or "float"}
        request = {**common, "input": _parts(inputs[0]), "dimensions": self.asked_length}
        return {**request, "sparse_embedding": {"type": "enabled"}} if self.is_sparse else request

    def _endpoint(self, client: Any) -> Any:
        return (client.multimodal_embeddings if self._multimodal else client.embeddings).with_raw_response

    def _send(self, request: dict[str, Any]) -> Any:
        return self._endpoint(self._clients.sync).create(**request)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._endpoint(self._clients.asynchronous).create(**request)

    def _body(self, response: Any) -> Any:
        return response.http_response.content

    def _fit(self, vector: list[float]) -> list[float]:
        """Shorten a text model's vector here: the text endpoint takes no length, its documentation says to cut and normalize."""
        row = embedding_model("volcengine", self.model_name)
        whole = self._multimodal or (row is not None and len(vector) != row.default)
        return vector if whole else truncate_and_normalize(vector, self.dimension)


class VolcengineDenseEmbedder(_ArkEmbedder, DenseEmbedderBase):
    """Dense vectors from Ark."""


class VolcengineSparseEmbedder(_ArkEmbedder, SparseEmbedderBase):
    """Sparse vectors from Ark: weight by token index."""


class VolcengineHybridEmbedder(_ArkEmbedder, HybridEmbedderBase):
    """Dense and sparse vectors of one request to Ark."""


def _parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
