"""Ollama through its own SDK, on one's own machine or behind a key.

Facts: https://docs.ollama.com/api/embed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.providers import takes_length
from sparekey.wire.answer import as_library_errors, read_vectors

if TYPE_CHECKING:
    from collections.abc import Mapping


class OllamaEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from an Ollama server; `extra_body` fills the request's `options`, `truncate` and `keep_alive`."""

    default_batch_size = 64
    default_provider = "ollama"

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `api_base`, `api_key` (optional), `dimension`, `extra_headers`, `extra_body`.

        Raises:
            MissingExtraError: the `ollama` package is not installed.
        """
        self._sdk: Any = load_sdk("ollama", "embedding with Ollama", "ollama")
        super().__init__(config)
        self.api_base = (self.api_base or "").rstrip("/").removesuffix("/v1")

    def _options(self) -> dict[str, Any]:
        key = self._key()
        headers = {**({"authorization": f"Bearer {key}"} if key else {}), **self.extra_headers}
        return {"host": self.api_base, "timeout": self.timeout, "headers": headers, "follow_redirects": False}

    def _make_sync(self) -> Any:
        return self._own(self._sdk.Client(**self._options()))

    def _make_async(self) -> Any:
        return self._own(self._sdk.AsyncClient(**self._options()))

    def _own(self, client: Any) -> Any:
        """Leave out a key that the SDK took from the environment: it may belong to another credential."""
        if not any(name.lower() == "authorization" for name in self._options()["headers"]):
            client._client.headers.pop("authorization", None)  # noqa: SLF001 - the SDK has no way to say "no key"
        return client

    def _request(self, inputs: Prepared, is_query: bool) -> dict[str, Any]:  # noqa: ARG002 - Ollama's models have one side
        request: dict[str, Any] = {"model": self.model_name, "input": as_texts(inputs), **self.extra_body}
        asks = self.asked_length and takes_length(self.provider, self.model_name)
        return {**request, "dimensions": self.dimension} if asks else request

    def _send(self, request: dict[str, Any]) -> Any:
        try:
            return self._clients.sync.embed(**request)
        except (self._sdk.ResponseError, ConnectionError, ValueError) as exc:
            _clarify(exc)

    async def _asend(self, request: dict[str, Any]) -> Any:
        try:
            return await self._clients.asynchronous.embed(**request)
        except (self._sdk.ResponseError, ConnectionError, ValueError) as exc:
            _clarify(exc)


def _clarify(exc: Exception) -> NoReturn:
    """Raise the SDK's error with the HTTP error it hid (that one knows the stated wait), and a broken answer as what it is."""
    if isinstance(exc, ValueError):  # no JSON, or not of an answer's form; pydantic keeps what it got
        found = exc.errors() if hasattr(exc, "errors") else []
        with as_library_errors():
            read_vectors(found[0].get("input") if found else None)
    hidden = exc.__context__
    response = getattr(hidden, "response", None)
    if response is not None and getattr(exc, "response", None) is None:
        exc.response = response  # type: ignore[attr-defined]  # the attribute by which every other SDK shows it
    raise exc from hidden
