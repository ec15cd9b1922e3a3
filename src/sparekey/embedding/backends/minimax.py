"""MiniMax over its HTTP API, which reports most errors inside a 200 (`base_resp`).

Facts: https://platform.minimaxi.com/document/guides/Embeddings (`type` is `query` or `db`; an account's `GroupId` goes into the query).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.embedding.backends.base import Prepared, as_texts
from sparekey.embedding.backends.http import HttpBackend, Post
from sparekey.embedding.base import DenseEmbedderBase

if TYPE_CHECKING:
    from collections.abc import Mapping


class MiniMaxEmbedder(HttpBackend, DenseEmbedderBase):
    """Dense vectors from MiniMax."""

    default_provider = "minimax"
    default_query = "query"
    default_document = "db"
    task_field = "type"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `query_param`, `document_param`, `group_id` (also in `extra_body`)."""
        super().__init__(config)
        group = self.config.get("group_id") or self.extra_body.pop("group_id", None) or self.extra_body.pop("GroupId", None)
        self._query = {"GroupId": str(group)} if group else {}
        self.api_base = (self.api_base or "").rstrip("/").removesuffix("/embeddings")

    def _request(self, inputs: Prepared, is_query: bool) -> Post:
        body = {"model": self.model_name, "texts": as_texts(inputs), **self._task(is_query), **self.extra_body}
        return Post("embeddings", body, self._query)
