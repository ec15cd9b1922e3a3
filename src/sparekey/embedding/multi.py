"""Several embedders as one: the first answers, the next ones step in, and no vector of another space ever comes out."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sparekey.core.policy import Policy
from sparekey.embedding.base import DEFAULT_BATCH_SIZE, EmbedderBase
from sparekey.embedding.chunks import collect, collect_async
from sparekey.embedding.space import Space
from sparekey.errors import IncompleteAnswerError
from sparekey.failover import AsyncFailover, Chain, Failover
from sparekey.types import Credential
from sparekey.usage import TokenTracker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sparekey.embedding.types import EmbeddingInput, EmbedResult

T = TypeVar("T")


class FailoverEmbedder(EmbedderBase):
    """An embedder over an ordered list of embedders (see `EmbedderBase` for what it can do).

    Each request walks the ring once, from the active embedder on. A failure of the request itself is raised as the provider raised it;
    when all embedders failed, `AllCredentialsFailedError` holds one entry for each. A batch goes out in pieces of `batch_size`: each
    piece fails over by itself, and pieces that are done stay done.

    The embedders may be any objects with `embed`; `embed_async`, `embed_batch` and `embed_batch_async` are used where they exist.
    """

    def __init__(
        self,
        embedders: Sequence[Any],
        credential_ids: Sequence[str],
        failback_timeout_seconds: float = 600.0,
        failback_request_count: int = 50,
        *,
        chain: Chain | None = None,
    ) -> None:
        """Put embedders into a chain.

        Args:
            embedders: in order of priority; all of one kind and one vector space.
            credential_ids: a name for each, unique.
            failback_timeout_seconds: seconds since the last switch after which traffic steps one embedder up again.
            failback_request_count: requests served since the last switch after which it does so, too.
            chain: a chain with its own policy and state, whose credential ids are `credential_ids`; the two numbers above are then
                the chain's own.

        Raises:
            ValueError: no embedder, or as many ids as embedders are missing, or an id is there twice.
            VectorSpaceError: the embedders are of different kinds, or known to give vectors of different lengths.
        """
        if not embedders:
            raise ValueError("at least one embedder is required")
        if len(embedders) != len(credential_ids):
            raise ValueError("embedders and credential_ids must have the same length")
        first = embedders[0]
        config = getattr(first, "config", None)
        super().__init__(_text(first, "model_name") or "", config if isinstance(config, dict) else {})
        self._embedders, self._credential_ids = list(embedders), list(credential_ids)
        self._space = Space(self._embedders, self._credential_ids)
        credentials = [_credential(e, i) for e, i in zip(self._embedders, self._credential_ids, strict=True)]
        knobs = Policy(failback_timeout_seconds=failback_timeout_seconds, failback_request_count=failback_request_count)
        self._chain = chain or Chain(credentials, knobs)
        self._by_id = dict(zip(self._credential_ids, self._embedders, strict=True))
        if [c.id for c in self._chain.credentials] != self._credential_ids:
            raise ValueError("the chain's credentials and credential_ids must be the same, in the same order")
        self._failover, self._async_failover = Failover(self._chain), AsyncFailover(self._chain)
        self._switcher = self._chain.switcher
        sizes = [e.batch_size for e in embedders if isinstance(getattr(e, "batch_size", None), int)]
        self.batch_size = max(1, min(sizes, default=DEFAULT_BATCH_SIZE))

    # what it is
    @property
    def chain(self) -> Chain:
        """The chain that decides who answers."""
        return self._chain

    @property
    def active_credential_index(self) -> int:
        """The index of the embedder where the next request starts."""
        return self._chain.active_index

    @property
    def active_credential_id(self) -> str:
        """The name of the embedder where the next request starts."""
        return self._chain.active_id

    @property
    def supports_multimodal(self) -> bool:
        """Whether every embedder takes images; if one does not, all get the text only, as their vectors must stay comparable."""
        return all(bool(getattr(e, "supports_multimodal", False)) for e in self._embedders)

    @property
    def is_dense(self) -> bool:
        """Whether the embedders give dense vectors."""
        return bool(getattr(self._embedders[0], "is_dense", True))

    @property
    def is_sparse(self) -> bool:
        """Whether the embedders give sparse vectors."""
        return bool(getattr(self._embedders[0], "is_sparse", False))

    @property
    def is_hybrid(self) -> bool:
        """Whether the embedders give both."""
        return bool(getattr(self._embedders[0], "is_hybrid", False))

    @property
    def known_dimension(self) -> int | None:
        """The length of the dense vectors as far as it is known without a request."""
        return self._space.dimension

    def get_dimension(self) -> int:
        """Return the length of the dense vectors, as the first embedder states it.

        Raises:
            AttributeError: the embedders are sparse: their vectors have no dimension.
        """
        first = self._embedders[0]
        if not hasattr(first, "get_dimension"):
            raise AttributeError(f"{type(first).__name__} has no get_dimension: sparse vectors have no fixed dimension")
        dimension: int = first.get_dimension()
        return dimension

    # what it does
    def embed(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Embed one input with the first embedder that can (see `EmbedderBase.embed`).

        Raises:
            InvalidInputError: nothing to embed; no embedder is asked.
            AllCredentialsFailedError: every embedder was tried or is parked.
            Exception: the provider's own, where no other embedder can help.
        """
        prepared = self.prepare_embedding_input(content)
        return self._failover.call(lambda c: self._space.admit(c.id, self._by_id[c.id].embed(prepared, is_query=is_query)))

    async def embed_async(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Do as `embed` does, on the event loop."""
        prepared = self.prepare_embedding_input(content)

        async def attempt(credential: Credential) -> EmbedResult:
            result = await _ask(self._by_id[credential.id], "embed", prepared, is_query)
            return self._space.admit(credential.id, result)

        return await self._async_failover.call(attempt)

    def embed_batch(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs; a piece that fails moves on, pieces that are done stay done, and the order is that of the inputs.

        Raises:
            InvalidInputError: an input that cannot be embedded, by its index; no embedder is asked.
            AllCredentialsFailedError: as `embed`; the results so far are on it as `sparekey_results`.
        """
        return collect(self.prepare_batch(contents), self.batch_size, lambda piece: self._piece(piece, is_query))

    async def embed_batch_async(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Do as `embed_batch` does, on the event loop."""
        return await collect_async(self.prepare_batch(contents), self.batch_size, lambda piece: self._apiece(piece, is_query))

    def _piece(self, piece: Sequence[Any], is_query: bool) -> list[EmbedResult]:
        def attempt(credential: Credential) -> list[EmbedResult]:
            embedder = self._by_id[credential.id]
            if hasattr(embedder, "embed_batch"):
                return self._whole(credential.id, embedder.embed_batch(list(piece), is_query=is_query), piece)
            return self._whole(credential.id, [embedder.embed(content, is_query=is_query) for content in piece], piece)

        return self._failover.call(attempt)

    async def _apiece(self, piece: Sequence[Any], is_query: bool) -> list[EmbedResult]:
        async def attempt(credential: Credential) -> list[EmbedResult]:
            embedder = self._by_id[credential.id]
            if hasattr(embedder, "embed_batch_async") or hasattr(embedder, "embed_batch"):
                return self._whole(credential.id, await _ask(embedder, "embed_batch", list(piece), is_query), piece)
            results = [await _ask(embedder, "embed", content, is_query) for content in piece]
            return self._whole(credential.id, results, piece)

        return await self._async_failover.call(attempt)

    def _whole(self, credential_id: str, results: Sequence[EmbedResult], piece: Sequence[Any]) -> list[EmbedResult]:
        """Let a piece through only if every input got its vector: one too few would shift all that follow."""
        if len(results) != len(piece):
            raise IncompleteAnswerError(f"{credential_id} gave {len(results)} vectors for {len(piece)} inputs")
        return [self._space.admit(credential_id, result) for result in results]

    # tokens
    @property
    def token_tracker(self) -> TokenTracker:
        """The tokens of all embedders: their one tracker if they share it, else a merged copy; a shared tracker counts once."""
        found = {id(t): t for e in self._embedders if isinstance(t := getattr(e, "token_tracker", None), TokenTracker)}
        return next(iter(found.values())) if len(found) == 1 else TokenTracker.merged(*found.values())

    def reset_token_usage(self) -> None:
        """Start counting at zero again, in every embedder."""
        for embedder in self._embedders:
            with suppress(AttributeError):
                embedder.reset_token_usage()

    # the end
    def close(self) -> None:
        """Close every embedder."""
        for embedder in self._embedders:
            if callable(closer := getattr(embedder, "close", None)):
                closer()

    async def aclose(self) -> None:
        """Close every embedder, waiting for the connections of the running event loop."""
        for embedder in self._embedders:
            closer = getattr(embedder, "aclose", None) or getattr(embedder, "close", None)
            if callable(closer) and inspect.isawaitable(done := closer()):
                await done


async def _ask(embedder: Any, name: str, content: Any, is_query: bool) -> Any:
    """Call an embedder's async method, or its sync one in a thread where it has no other."""
    method: Callable[..., Awaitable[Any]] | None = getattr(embedder, f"{name}_async", None)
    if method is None:
        return await asyncio.to_thread(getattr(embedder, name), content, is_query=is_query)
    return await method(content, is_query=is_query)


def _credential(embedder: Any, credential_id: str) -> Credential:
    return Credential(
        credential_id,
        provider=_text(embedder, "provider") or "",
        model=_text(embedder, "model_name"),
        endpoint=_text(embedder, "api_base"),
    )


def _text(embedder: Any, name: str) -> str | None:
    value = getattr(embedder, name, None)
    return value if isinstance(value, str) and value else None
