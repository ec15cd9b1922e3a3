"""Several embedders as one: the first one answers, the next ones step in, and no vector of another space is returned."""

from __future__ import annotations

import asyncio
import inspect
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sparekey.config.spaces import within_one
from sparekey.core.policy import walking_once
from sparekey.embedding.base import DEFAULT_BATCH_SIZE, EmbedderBase, collect, collect_async
from sparekey.embedding.space import Space
from sparekey.embedding.types import EmbedResult
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.engine.annotate import annotate, attribute, keys_of
from sparekey.errors import IncompleteAnswerError, describe_exception
from sparekey.stats.tokens import TokenTracker
from sparekey.types import Credential

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sparekey.embedding.types import EmbeddingInput
    from sparekey.engine import Answer

T = TypeVar("T")
_log: Final = logging.getLogger("sparekey.embedding")


class FailoverEmbedder(EmbedderBase):
    """An embedder over an ordered list of embedders (see `EmbedderBase` for what it can do).

    Each request walks the ring once, from the active embedder on. A failure of the request itself is raised as the provider raised it;
    when all embedders failed, `AllCredentialsFailedError` holds one entry for each. Each of these exceptions carries the attributes
    `sparekey_credential_id`, `sparekey_model` and `sparekey_api_base` (None where the embedder does not tell). A batch goes out in
    pieces of `batch_size`: each piece fails over by itself, and pieces that are done stay done.

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
        space: str | None = None,
    ) -> None:
        """Put embedders into a chain.

        Args:
            embedders: in order of priority; all of one kind and one vector space.
            credential_ids: a name for each, unique.
            failback_timeout_seconds: seconds since the last switch after which traffic steps one embedder up again.
            failback_request_count: requests served since the last switch after which it does so, too.
            chain: a chain with its own policy and state, whose credential ids are `credential_ids`; the two numbers above are then
                the chain's own.
            space: the name of the vector space that all of them share, where their models have different names.

        Raises:
            ValueError: no embedder, or as many ids as embedders are missing, or an id is there twice.
            VectorSpaceError: the embedders are of different kinds, or known to give vectors of different lengths or models.
        """
        if not embedders:
            raise ValueError("at least one embedder is required")
        if len(embedders) != len(credential_ids):
            raise ValueError("embedders and credential_ids must have the same length")
        first = embedders[0]
        config = getattr(first, "config", None)
        super().__init__(attribute(first, "model_name", str) or "", config if isinstance(config, dict) else {})
        self._embedders, self._credential_ids = list(embedders), list(credential_ids)
        self._space = Space(self._embedders, self._credential_ids, space)
        credentials = [_credential(e, i) for e, i in zip(self._embedders, self._credential_ids, strict=True)]
        knobs = walking_once(failback_timeout_seconds, failback_request_count)
        self._chain = chain or Chain(credentials, knobs)
        self._by_id = dict(zip(self._credential_ids, self._embedders, strict=True))
        if [c.id for c in self._chain.credentials] != self._credential_ids:
            raise ValueError("the chain's credentials and credential_ids must be the same, in the same order")
        self._space.remembered_by(self._chain)
        asked = self._chain.reading(within_one(self._chain.classify))
        self._failover, self._async_failover = Failover(asked), AsyncFailover(asked)
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
        return self._call(lambda name, one: self._space.admit(name, one.embed(prepared, is_query=is_query)))

    async def embed_async(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Do as `embed` does, on the event loop."""
        prepared = self.prepare_embedding_input(content)

        async def attempt(name: str, embedder: Any) -> EmbedResult:
            return self._space.admit(name, await _ask(embedder, "embed", prepared, is_query))

        return await self._acall(attempt)

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
        def attempt(name: str, embedder: Any) -> list[EmbedResult]:
            if hasattr(embedder, "embed_batch"):
                return self._whole(name, embedder.embed_batch(list(piece), is_query=is_query), piece)
            return self._whole(name, [embedder.embed(content, is_query=is_query) for content in piece], piece)

        return self._call(attempt)

    async def _apiece(self, piece: Sequence[Any], is_query: bool) -> list[EmbedResult]:
        async def attempt(name: str, embedder: Any) -> list[EmbedResult]:
            if hasattr(embedder, "embed_batch_async") or hasattr(embedder, "embed_batch"):
                return self._whole(name, await _ask(embedder, "embed_batch", list(piece), is_query), piece)
            return self._whole(name, [await _ask(embedder, "embed", content, is_query) for content in piece], piece)

        return await self._acall(attempt)

    def _call(self, attempt: Callable[[str, Any], T]) -> T:
        """Walk the ring with `attempt(credential_id, embedder)`; what it raises says whose it is."""

        def noted(credential: Credential) -> T:
            embedder = self._by_id[credential.id]
            try:
                return attempt(credential.id, embedder)
            except Exception as exc:
                annotate(exc, credential.id, embedder)
                raise

        return _with_ledger(self._failover.run(noted))

    async def _acall(self, attempt: Callable[[str, Any], Awaitable[T]]) -> T:
        """Do as `_call` does, on the event loop."""

        async def noted(credential: Credential) -> T:
            embedder = self._by_id[credential.id]
            try:
                return await attempt(credential.id, embedder)
            except Exception as exc:
                annotate(exc, credential.id, embedder)
                raise

        return _with_ledger(await self._async_failover.run(noted))

    def _whole(self, credential_id: str, results: Sequence[EmbedResult] | None, piece: Sequence[Any]) -> list[EmbedResult]:
        """Check that every input of a batch got its vector; one too few would shift all that follow."""
        given = 0 if results is None else len(results)  # a foreign embedder may return nothing at all
        if results is None or given != len(piece):
            raise IncompleteAnswerError(f"{credential_id!r} gave {given} vectors for {len(piece)} inputs")
        return [self._space.admit(credential_id, result) for result in results]

    # tokens
    @property
    def token_tracker(self) -> TokenTracker:
        """The tokens of all embedders: their one tracker if they share it, else a merged copy; a shared tracker counts once."""
        found = {id(t): t for e in self._embedders if (t := _tracker_of(e)) is not None}
        return next(iter(found.values())) if len(found) == 1 else TokenTracker.merged(*found.values())

    def update_token_usage(self, *counted: Any, **more: Any) -> None:
        """Count a call at the active embedder; at the process-wide tracker if that one does not count."""
        active = self._by_id[self.active_credential_id]
        update = getattr(active, "update_token_usage", None)
        if callable(update):
            update(*counted, **more)
        else:
            super().update_token_usage(*counted, **more)

    def reset_token_usage(self) -> None:
        """Start counting at zero again, in every embedder."""
        for embedder in self._embedders:
            with suppress(AttributeError):
                embedder.reset_token_usage()

    # the end
    def close(self) -> None:
        """Close every embedder; one that fails at it is logged, and the next one is closed."""
        for embedder in self._embedders:
            try:
                if callable(closer := getattr(embedder, "close", None)):
                    closer()
            except Exception as exc:  # noqa: BLE001 - of whatever kind: the others are closed all the same
                _log.warning("an embedder could not be closed: %s", describe_exception(exc))

    async def aclose(self) -> None:
        """Close every embedder, waiting for the connections of the running event loop (see `close`)."""
        for embedder in self._embedders:
            closer = getattr(embedder, "aclose", None) or getattr(embedder, "close", None)
            try:
                if callable(closer) and inspect.isawaitable(done := closer()):
                    await done
            except Exception as exc:  # noqa: BLE001 - as in close
                _log.warning("an embedder could not be closed: %s", describe_exception(exc))


def _tracker_of(embedder: Any) -> TokenTracker | None:
    """Return where an embedder counts; of one of another make, what it says that it has counted."""
    tracker = getattr(embedder, "token_tracker", None)
    if isinstance(tracker, TokenTracker):
        return tracker
    counted = getattr(embedder, "get_token_usage", None)
    return TokenTracker.from_dict(counted()) if callable(counted) else None


def _with_ledger(answer: Answer[T]) -> T:
    """Return results with the ledger of the call that gave them; they are new and nobody else's."""
    value = answer.value
    for result in value if isinstance(value, list) else (value,):
        if isinstance(result, EmbedResult):
            object.__setattr__(result, "attempts", answer.attempts)
    return value


async def _ask(embedder: Any, name: str, content: Any, is_query: bool) -> Any:
    """Call an embedder's async method, or its sync one in a thread where it has no other."""
    method: Callable[..., Awaitable[Any]] | None = getattr(embedder, f"{name}_async", None)
    if method is None:
        return await asyncio.to_thread(getattr(embedder, name), content, is_query=is_query)
    return await method(content, is_query=is_query)


def _credential(embedder: Any, credential_id: str) -> Credential:
    return Credential(
        credential_id,
        provider=attribute(embedder, "provider", str) or "",
        model=attribute(embedder, "model_name", str) or None,
        endpoint=attribute(embedder, "api_base", str) or None,
        hidden=keys_of(embedder),
    )
