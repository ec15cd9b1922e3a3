"""VikingDB's embedding API: dense, sparse and hybrid vectors with an access key pair; each request is signed.

`model_version` (or `name@version` as the model) is required by VikingDB for Doubao models.
Facts: https://www.volcengine.com/docs/84313/1791161 (at most 10 inputs a request).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sparekey.embedding.backends.http import HttpBackend, Post
from sparekey.embedding.base import DenseEmbedderBase, HybridEmbedderBase, SparseEmbedderBase
from sparekey.providers.auth.volcengine import sign

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from sparekey.embedding.backends.base import Prepared

_SERVICE = "vikingdb"


class _VikingDBEmbedder(HttpBackend):
    """What the three kinds share."""

    default_batch_size = most_inputs = 10

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `ak`, `sk`, `region` (default `cn-beijing`), `host`, `model_version`, `dimension` and more."""
        super().__init__(config)
        self.region = str(self.config.get("region") or "cn-beijing")
        host = str(self.config.get("host") or self.api_base or f"api-vikingdb.vikingdb.{self.region}.volces.com")
        self.api_base = host if "://" in host else f"https://{host}"
        name, _, version = self.model_name.partition("@")
        self._model = {"name": name, "version": self.config.get("model_version") or self.config.get("version") or version or None}

    @property
    def supports_multimodal(self) -> bool:
        """Whether the model sees: those named `vision` or `visualized`."""
        return "visi" in self.model_name or "visualized" in self.model_name

    def _request(self, inputs: Prepared, is_query: bool) -> Post:
        task = self._task(is_query)
        body: dict[str, Any] = {"data": [{**_item(content), **task} for content in inputs], **self.extra_body}
        model = {key: value for key, value in self._model.items() if value}
        if self.is_dense:
            body["dense_model"] = {**model, "dim": self.asked_length} if self.asked_length else model
        if self.is_sparse:
            body["sparse_model"] = model
        return Post("/api/vikingdb/embedding", body)

    def _authorize(self, request: httpx2.Request) -> None:
        request.headers.update(
            sign(
                method=request.method,
                path=request.url.path,
                query=dict(request.url.params),
                host=request.headers["host"],
                content_type=request.headers["content-type"],
                body=request.content,
                ak=self._key("ak"),
                sk=self._key("sk"),
                region=self.region,
                service=_SERVICE,
                now=datetime.now(UTC),
            )
        )


class VikingDBDenseEmbedder(_VikingDBEmbedder, DenseEmbedderBase):
    """Dense vectors from VikingDB."""


class VikingDBSparseEmbedder(_VikingDBEmbedder, SparseEmbedderBase):
    """Sparse vectors from VikingDB: weight by token."""


class VikingDBHybridEmbedder(_VikingDBEmbedder, HybridEmbedderBase):
    """Dense and sparse vectors of one request to VikingDB."""


def _item(content: str | list[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(content, str):
        return {"text": content}
    return {"full_modal_seq": [_part(part) for part in content]}


def _part(part: dict[str, Any]) -> dict[str, str]:
    return {"text": part["text"]} if part["type"] == "text" else {"image": part["image_url"]["url"]}
