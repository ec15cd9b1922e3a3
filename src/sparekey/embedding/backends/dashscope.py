"""DashScope (Alibaba Model Studio) through its own SDK: text models and multimodal models.

`input` chooses the endpoint (`text`, `multimodal`); a `text-embedding-*` model is always asked as text. On the event loop the SDK's
calls run in threads, as it has no async client for text. Facts: https://help.aliyun.com/zh/model-studio/text-embedding-synchronous-api
(at most 10 texts a request) and https://help.aliyun.com/zh/model-studio/multimodal-embedding-api-reference.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.errors import InvalidInputError, SparekeyError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OK: Final = 200
_ONLY_MULTIMODAL: Final = ("enable_fusion", "res_level", "max_video_frames")


class DashScopeError(SparekeyError):
    """An error that DashScope answered with: its SDK returns errors, it does not raise them.

    Attributes:
        status_code: the HTTP status.
        code: DashScope's own code (`Arrearage`, `Throttling.RateQuota`, ...).
        headers: the response's headers.
        body: code, message and request id as they were sent.
    """

    def __init__(self, response: Any) -> None:
        """Take the SDK's answer."""
        self.status_code: int = int(response.status_code)
        self.code: str = str(response.code or "")
        self.headers: dict[str, str] = dict(response.headers or {})
        self.body: dict[str, Any] = {"code": self.code, "message": response.message, "request_id": response.request_id}
        super().__init__(f"{self.status_code} {self.code}: {response.message}")


class DashScopeEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from DashScope, with `enable_fusion`, `res_level` and `max_video_frames` for multimodal models."""

    default_batch_size = most_inputs = 10
    default_provider = "dashscope"
    task_field = "text_type"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_key`, `api_base`, `dimension`, `input`, `query_param`, `document_param` and those above.

        Raises:
            MissingExtraError: the `dashscope` package is not installed.
        """
        self._sdk: Any = load_sdk("dashscope", "embedding with DashScope", "dashscope")
        super().__init__(config)
        base = (self.api_base or "").rstrip("/").removesuffix("/compatible-mode/v1").removesuffix("/api/v1")
        self.api_base = f"{base}/api/v1"
        text_model = self.model_name.startswith("text-embedding-")
        self._multimodal = not text_model and (self.config.get("input") or "multimodal") == "multimodal"
        self.batch_size = 1 if self._multimodal else self.batch_size

    @property
    def supports_multimodal(self) -> bool:
        """Whether images are taken."""
        return self._multimodal

    def _make_sync(self) -> Any:
        return _one_try_session()

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:
        common = {"model": self.model_name, "dimension": self.asked_length, **self.extra_body}
        if not self._multimodal:
            return {**common, "input": as_texts(inputs), **self._task(is_query)}
        options = {name: self.config[name] for name in _ONLY_MULTIMODAL if self.config.get(name) is not None}
        contents = _contents(inputs[0])
        return {**common, **options, **self._fusion(len(contents)), "input": contents}

    def _fusion(self, parts: int) -> dict[str, bool]:
        """Return what makes several parts one vector, as each model family has it."""
        if parts == 1 or self.model_name.startswith("qwen2.5-vl"):
            return {}
        if not self.model_name.startswith("qwen3-vl"):
            raise InvalidInputError(f"{self.model_name} does not make one vector of several parts")
        return {"enable_fusion": True}

    def _send(self, request: dict[str, Any]) -> Any:
        endpoint = self._sdk.MultiModalEmbedding if self._multimodal else self._sdk.TextEmbedding
        call = {"api_key": self._sdk_key(), "base_address": self.api_base, "request_timeout": self.timeout}
        try:
            return endpoint.call(**request, **call, session=self._clients.sync, headers=dict(self.extra_headers) or None)
        except _DroppedError as exc:
            raise exc.original from None

    async def _asend(self, request: dict[str, Any]) -> Any:
        return await asyncio.to_thread(self._send, request)

    def _body(self, response: Any) -> Any:
        if response.status_code != _OK:
            raise DashScopeError(response)
        return dict(response)


def _contents(content: str | list[dict[str, Any]]) -> list[dict[str, str]]:
    if isinstance(content, str):
        return [{"text": content}]
    return [{"text": p["text"]} if p["type"] == "text" else {"image": p["image_url"]["url"]} for p in content]


class _DroppedError(Exception):
    """Carries a connection error past the SDK, which would send the request a second time."""

    def __init__(self, original: Exception) -> None:
        self.original = original
        super().__init__(str(original))


def _one_try_session() -> Any:
    import requests  # noqa: PLC0415 - the SDK's own dependency, there only with the extra

    class OneTry(requests.Session):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            try:
                return super().request(*args, **kwargs)
            except requests.exceptions.ConnectionError as exc:
                raise _DroppedError(exc) from exc

    return OneTry()
