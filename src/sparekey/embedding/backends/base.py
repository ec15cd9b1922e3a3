"""The frame of every backend: check the input, ask, read, count. A backend defines the four steps that differ.

    _request(inputs, is_query)   what the SDK is called with; pure
    _send(request)               the call, in this thread
    _asend(request)              the call, on the event loop
    _body(response)              the answer as it came: its bytes, or its JSON where the SDK keeps the bytes to itself; pure

Sync and async share the first and the last, so they cannot drift apart. `sparekey.wire` reads the answer.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from sparekey.embedding.base import EmbedderBase, collect, collect_async
from sparekey.embedding.inputs import estimate_tokens, text_of
from sparekey.embedding.space import check_length, truncate_and_normalize
from sparekey.embedding.types import EmbedResponse, EmbedResult
from sparekey.engine.retry import retry_async, retry_sync
from sparekey.errors import IncompleteAnswerError, MissingExtraError
from sparekey.providers import embedding_model, find
from sparekey.types import Usage
from sparekey.wire.answer import as_library_errors, read_vectors
from sparekey.wire.clients import NO_KEY, Clients, Gate, reveal
from sparekey.wire.embeddings import as_vector, as_weights, refuses_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.embedding.types import EmbeddingInput
    from sparekey.wire.embeddings import InputVectors

Prepared: TypeAlias = "Sequence[str | list[dict[str, Any]]]"
"""Inputs in canonical form, as `_request` gets them."""


def load_sdk(module: str, feature: str, extra: str) -> Any:
    """Import an SDK when it is first needed.

    Raises:
        MissingExtraError: it is not installed; the message names the extra.
    """
    try:
        return import_module(module)
    except ImportError as exc:
        raise MissingExtraError(feature, extra) from exc


def task_fields(param: str | None, field: str) -> dict[str, str]:
    """Read a `query_param` or `document_param`.

    A bare value goes under the provider's own `field`; `name=value,name=value` names its fields itself.
    """
    if not param:
        return {}
    if "=" not in param:
        return {field: param}
    return {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in param.split(","))}


DEFAULT_MAX_CONCURRENT: Final = 10


class EmbeddingBackend(EmbedderBase):
    """An embedder that asks a provider."""

    default_provider: ClassVar[str | None] = None
    """The provider that is asked where the configuration names none."""
    default_query: ClassVar[str | None] = None
    default_document: ClassVar[str | None] = None
    most_inputs: ClassVar[int] = 2048
    """The most inputs that the provider takes in one request; a larger `batch_size` is lowered to it."""
    task_field: ClassVar[str] = "input_type"
    """The provider's own name for what `query_param` and `document_param` say."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration (see `EmbedderBase`); nothing is sent and no SDK is asked for a connection yet.

        Raises:
            MissingExtraError: the provider's SDK is not installed.
        """
        super().__init__("", {**config, "provider": config.get("provider") or self.default_provider})
        row = find(self.provider)
        base: str | None = self.config.get("api_base")
        self.api_base = row.embeddings.address(base) if row and row.embeddings else base
        self.dimension: int | None = self.config.get("dimension")
        self._shortens = self.config.get("shorten") == "here"
        self.extra_body: dict[str, Any] = self.config.get("extra_body") or {}
        self.extra_headers: dict[str, str] = self.config.get("extra_headers") or {}
        self.query_param = self._side("query_param", self.default_query)
        self.document_param = self._side("document_param", self.default_document)
        self.batch_size = min(self.batch_size, self.most_inputs)
        self._gate = Gate(int(self.config.get("max_concurrent") or DEFAULT_MAX_CONCURRENT))
        self._clients = Clients(self._make_sync, self._make_async)

    _lengthless: bool = False
    """Whether its host refuses requests that name a length: learnt, of a model that nobody knows."""
    _joined: bool = False
    """Whether all parts of an input come back as one vector, which stands alone."""

    # the steps that differ
    @abstractmethod
    def _request(self, inputs: Prepared, is_query: bool) -> Any: ...

    @abstractmethod
    def _send(self, request: Any) -> Any: ...

    @abstractmethod
    async def _asend(self, request: Any) -> Any: ...

    def _body(self, response: Any) -> Any:
        return response.model_dump(mode="json", by_alias=True)

    def _fit(self, vector: list[float]) -> list[float]:
        """Return a dense vector as it is handed on; a hook for models whose vectors are cut on this side."""
        return vector

    def _make_sync(self) -> Any:
        return None

    def _make_async(self) -> Any:
        return None

    @property
    def asked_length(self) -> int | None:
        """The length that the provider is asked for; None: whole vectors, which may be shortened here."""
        return None if self._shortens or self._lengthless else self.dimension

    # the steps that do not
    def embed(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Embed one input with one request (see `EmbedderBase.embed`)."""
        return self._run([self.prepare_embedding_input(content)], is_query)[0]

    async def embed_async(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Embed one input with one request, on the event loop."""
        return (await self._arun([self.prepare_embedding_input(content)], is_query))[0]

    def embed_batch(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs, `batch_size` a request (see `EmbedderBase.embed_batch`)."""
        return collect(self.prepare_batch(contents), self.batch_size, lambda piece: self._run(piece, is_query))

    async def embed_batch_async(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs on the event loop, one request after the other."""
        return await collect_async(self.prepare_batch(contents), self.batch_size, lambda piece: self._arun(piece, is_query))

    def _run(self, inputs: Prepared, is_query: bool) -> list[EmbedResult]:
        def attempt() -> EmbedResponse:
            asked, request = self.asked_length, self._request(inputs, is_query)
            with self._gate:
                try:
                    return self._parse(self._send(request))
                except Exception as exc:
                    if not self._refuses_length(exc, asked):
                        raise
                    return self._spared(self._parse(self._send(self._request(inputs, is_query))), exc)

        return self._accept(retry_sync(attempt, max_retries=self.max_retries), inputs)

    async def _arun(self, inputs: Prepared, is_query: bool) -> list[EmbedResult]:
        async def attempt() -> EmbedResponse:
            asked, request = self.asked_length, self._request(inputs, is_query)
            async with self._gate:
                try:
                    return self._parse(await self._asend(request))
                except Exception as exc:
                    if not self._refuses_length(exc, asked):
                        raise
                    return self._spared(self._parse(await self._asend(self._request(inputs, is_query))), exc)

        return self._accept(await retry_async(attempt, max_retries=self.max_retries), inputs)

    def _refuses_length(self, exc: Exception, asked: int | None) -> bool:
        """Tell whether a request failed because it named a length, and leave the length out from now on."""
        if not asked or embedding_model(self.provider, self.model_name) is not None:
            return False
        self._lengthless = refuses_length(getattr(exc, "status_code", None), str(exc))
        return self._lengthless

    def _spared(self, answer: EmbedResponse, refusal: Exception) -> EmbedResponse:
        """Return what came where no length was named.

        Raises:
            Exception: the refusal, where the vectors have another length than the configured one: then that one was to be had or none.
        """
        if any(one.dense_vector is not None and len(one.dense_vector) != self.dimension for one in answer.results):
            self._lengthless = False
            raise refusal
        return answer

    def _parse(self, response: Any) -> EmbedResponse:
        """Read the vectors that this kind of embedder gives, and the tokens.

        Raises:
            DisguisedError: an error in the place of an answer.
            IncompleteAnswerError: no vectors, or none that are good.
        """
        with as_library_errors():
            found = read_vectors(self._body(response), joined=self._joined)
            return EmbedResponse([self._result(one) for one in found.vectors], found.usage)

    def _result(self, found: InputVectors) -> EmbedResult:
        dense = self._fit(as_vector(found.dense)) if self.is_dense else None
        return EmbedResult(dense, as_weights(found.sparse) if self.is_sparse else None)

    def _accept(self, answer: EmbedResponse, inputs: Prepared) -> list[EmbedResult]:
        """Count the tokens and let only whole answers of the right space through."""
        usage = answer.usage or Usage(sum(_estimate(content) for content in inputs))
        self.token_tracker.record(self.model_name, self.provider, usage)
        if len(answer.results) != len(inputs):
            raise IncompleteAnswerError(f"{self!r} gave {len(answer.results)} vectors for {len(inputs)} inputs")
        results = [self._shortened(result) for result in answer.results] if self._shortens else answer.results
        for result in results:
            self._check(result)
        return results

    def _shortened(self, result: EmbedResult) -> EmbedResult:
        if result.dense_vector is None:
            return result
        return replace(result, dense_vector=truncate_and_normalize(result.dense_vector, self.dimension))

    def _check(self, result: EmbedResult) -> None:
        if (self.is_dense and not result.is_dense) or (self.is_sparse and not result.is_sparse):
            raise IncompleteAnswerError(f"{self!r} left out a vector that was asked for")
        if result.dense_vector is not None:
            check_length(result.dense_vector, getattr(self, "known_dimension", None), repr(self))
            self._learnt = len(result.dense_vector)

    def _task(self, is_query: bool) -> dict[str, str]:
        """Return the fields that tell the provider which side an input is on."""
        return task_fields(self.query_param if is_query else self.document_param, self.task_field)

    def _side(self, name: str, default: str | None) -> str | None:
        """Return a side's parameter: the configured one (the empty string leaves it out), else the provider's default."""
        value = self.config.get(name)
        return default if value is None else str(value)

    def _key(self, name: str = "api_key") -> str:
        return reveal(self.config.get(name)) or ""

    def _sdk_key(self) -> str:
        """Return the key for an SDK that would take one from the environment if it got none: that one may be another credential's."""
        return self._key() or NO_KEY

    def close(self) -> None:
        """Close its connections; a later call makes new ones."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close its connections, waiting for those of the running event loop."""
        await self._clients.aclose()


def _estimate(content: str | list[dict[str, Any]]) -> int:
    texts = content if isinstance(content, str) else "\n".join(p.get("text", "") for p in content)
    return estimate_tokens(texts)


def as_texts(inputs: Prepared) -> list[str]:
    """Return the texts of inputs that hold text only."""
    return [text_of(content) for content in inputs]
