"""LiteLLM for every provider without a backend of its own: `model` is LiteLLM's name (`provider/model`).

Its retries and its fetching of a price list are off. Facts: https://docs.litellm.ai/docs/embedding/supported_embedding
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase

if TYPE_CHECKING:
    from collections.abc import Mapping


class _TrueZero(int):
    """A zero that is not false: LiteLLM reads a plain 0 as "not set" and retries twice (`max_retries or DEFAULT_MAX_RETRIES`)."""

    def __bool__(self) -> bool:
        return True


_NO_RETRIES: Final = _TrueZero(0)


class LiteLLMEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from whatever LiteLLM reaches."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `model`, `api_key`, `api_base`, `api_version`, `dimension`, `extra_headers`, `extra_body`.

        Raises:
            MissingExtraError: `litellm` is not installed.
        """
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import asks the internet for a price list
        self._sdk: Any = load_sdk("litellm", "embedding with LiteLLM", "litellm")
        self._sdk.suppress_debug_info = True  # else each error prints an advertisement to the terminal
        super().__init__(config)

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.model_name,
            "input": as_texts(inputs),
            "timeout": self.timeout,
            "num_retries": 0,
            "max_retries": _NO_RETRIES,
            "api_key": self._key() or None,
            "api_base": self.api_base,
            "api_version": self.config.get("api_version"),
            "dimensions": self.asked_length,
            "encoding_format": self.config.get("encoding_format"),
            "extra_headers": self.extra_headers or None,
        }
        body = {**self._task(is_query), **self.extra_body}
        return {**{k: v for k, v in request.items() if v is not None}, **body}

    def _send(self, request: dict[str, Any]) -> Any:
        return self._sdk.embedding(**request)

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await self._sdk.aembedding(**request)
