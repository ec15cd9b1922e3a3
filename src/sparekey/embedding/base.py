"""What every embedder is: one text or one list of parts in, one `EmbedResult` out, singly or in batches, sync or async.

Write your own by subclassing `DenseEmbedderBase`, `SparseEmbedderBase` or `HybridEmbedderBase` and giving it `embed`; all else has a
default that rests on it. The backends of this package build on `backends.base.Backend` instead.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sparekey.embedding.inputs import normalize, normalize_batch, text_of, truncate
from sparekey.errors import VectorSpaceError
from sparekey.providers import embedding_model
from sparekey.stats.tokens import TokenTracker
from sparekey.types import Usage
from sparekey.wire.clients import guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from sparekey.embedding.types import EmbeddingInput, EmbedResult

T = TypeVar("T")
R = TypeVar("R")


def chunked(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in order, `size` at a time; the last piece may be shorter."""
    for start in range(0, len(items), max(1, size)):
        yield items[start : start + max(1, size)]


def collect(items: Sequence[T], size: int, run: Callable[[Sequence[T]], Sequence[R]]) -> list[R]:
    """Run `run` over the pieces of `items` and return all results in order.

    If a piece fails for good, its exception goes up with the results so far as `sparekey_results`: they belong to the first
    `len(sparekey_results)` items, so that a caller can go on with the rest.
    """
    done: list[R] = []
    for piece in chunked(items, size):
        try:
            done.extend(run(piece))
        except Exception as exc:
            _hand_over(exc, done, len(items))
            raise
    return done


async def collect_async(items: Sequence[T], size: int, run: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> list[R]:
    """Do as `collect` does, with an awaitable `run`."""
    done: list[R] = []
    for piece in chunked(items, size):
        try:
            done.extend(await run(piece))
        except Exception as exc:
            _hand_over(exc, done, len(items))
            raise
    return done


def _hand_over(exc: Exception, done: Sequence[R], total: int) -> None:
    """Put the results on the exception; those that a batch within this one put there belong to a part of it only."""
    if not done and not hasattr(exc, "sparekey_results"):
        return
    with suppress(AttributeError, TypeError):  # an exception with slots takes no attribute
        exc.sparekey_results = list(done)  # type: ignore[attr-defined]  # our mark on a foreign exception
        exc.add_note(f"{len(done)} of {total} inputs were embedded before; see sparekey_results")


SHARED_TRACKER: Final = TokenTracker()
"""The one tracker of this process: embedders that are given none of their own count here, so that usage is never counted twice."""

DEFAULT_BATCH_SIZE: Final = 32
DEFAULT_TIMEOUT: Final = 60.0
DEFAULT_MAX_RETRIES: Final = 3


class EmbedderBase(ABC):
    """An embedder of any kind.

    Attributes:
        model_name: the model it asks for.
        config: what it was built from; keys are `Secret`s there.
        provider: the provider's name, `unknown` if the configuration names none.
        max_retries: how often a transient failure is tried again within this embedder (default 3; 0 in a chain).
        timeout: seconds for one attempt (default 60).
        batch_size: the most inputs of one request.
        max_input_tokens: texts are cut to about this many tokens; None (default) or 0 sends them as they are.
    """

    default_batch_size: int = DEFAULT_BATCH_SIZE
    _learnt: int | None = None  # the length of the vectors that were seen

    def __init__(self, model_name: str = "", config: Mapping[str, Any] | None = None) -> None:
        """Take the model's name and a plain configuration.

        Args:
            model_name: the model; the configuration's `model` if empty.
            config: `provider`, `api_key`, `api_base`, `max_retries`, `timeout` (s), `batch_size`, `max_input_tokens`,
                `tokenizer_safety_factor` (texts are cut to `max_input_tokens` divided by it; default 1.0), `token_tracker` and
                whatever the subclass reads.
        """
        self.config: dict[str, Any] = guarded(config or {})
        self.model_name = model_name or str(self.config.get("model") or "")
        self.provider = str(self.config.get("provider") or "unknown")
        self.max_retries = _setting(self.config, "max_retries", DEFAULT_MAX_RETRIES, int)
        self.timeout = _setting(self.config, "timeout", DEFAULT_TIMEOUT, float)
        self.batch_size = max(1, _setting(self.config, "batch_size", self.default_batch_size, int))
        self.max_input_tokens = _setting(self.config, "max_input_tokens", None, int)
        factor = _setting(self.config, "tokenizer_safety_factor", 1.0, float)
        most = self.max_input_tokens or 0
        self._cut_at = max(1, int(most / (factor if factor > 0 else 1.0))) if most > 0 else None
        self._tracker: TokenTracker = self.config.get("token_tracker") or SHARED_TRACKER

    # what it is
    @property
    def is_dense(self) -> bool:
        """Whether it gives dense vectors."""
        return True

    @property
    def is_sparse(self) -> bool:
        """Whether it gives sparse vectors."""
        return False

    @property
    def is_hybrid(self) -> bool:
        """Whether it gives both."""
        return self.is_dense and self.is_sparse

    @property
    def supports_multimodal(self) -> bool:
        """Whether it embeds images; if not, only the text of a multimodal input is embedded."""
        return False

    # what it does
    @abstractmethod
    def embed(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Embed one input.

        Args:
            content: a text, or a list of text and image parts that make one vector (see `inputs.normalize`).
            is_query: whether it is a search query; models with two sides embed queries and documents differently.

        Raises:
            InvalidInputError: nothing to embed, or text that is no Unicode.
            Exception: whatever the provider's SDK raises, unchanged.
        """

    async def embed_async(self, content: EmbeddingInput, is_query: bool = False) -> EmbedResult:
        """Do as `embed` does without blocking the event loop (by default: in a thread)."""
        return await asyncio.to_thread(self.embed, content, is_query=is_query)

    def embed_query(self, text: EmbeddingInput) -> EmbedResult:
        """Embed a search query."""
        return self.embed(text, is_query=True)

    async def embed_query_async(self, text: EmbeddingInput) -> EmbedResult:
        """Do as `embed_query` does without blocking the event loop."""
        return await self.embed_async(text, is_query=True)

    def embed_batch(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Embed many inputs; the results stand in the order of the inputs, and an empty batch gives an empty list.

        Raises:
            Exception: as `embed`; what was embedded before is on the exception as `sparekey_results`.
        """
        return collect(contents, 1, lambda piece: [self.embed(piece[0], is_query=is_query)])

    async def embed_batch_async(self, contents: Sequence[EmbeddingInput], is_query: bool = False) -> list[EmbedResult]:
        """Do as `embed_batch` does without blocking the event loop."""

        async def one(piece: Sequence[EmbeddingInput]) -> list[EmbedResult]:
            return [await self.embed_async(piece[0], is_query=is_query)]

        return await collect_async(contents, 1, one)

    def prepare_embedding_input(self, content: EmbeddingInput) -> str | list[dict[str, Any]]:
        """Return an input as this embedder takes it: in canonical form, images dropped if it takes none, texts cut.

        Raises:
            InvalidInputError: nothing is left to embed.
        """
        return self._fitted(normalize(content))

    def prepare_batch(self, contents: Sequence[EmbeddingInput]) -> list[str | list[dict[str, Any]]]:
        """Return every input of a batch as `prepare_embedding_input` does; a bad one is named by its index."""
        return [self._fitted(content) for content in normalize_batch(contents)]

    def _fitted(self, content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        whole = isinstance(content, str) or self.supports_multimodal
        return truncate(content if whole else text_of(content), self._cut_at)

    # tokens
    @property
    def token_tracker(self) -> TokenTracker:
        """Where its tokens are counted: the process-wide tracker unless it was given its own."""
        return self._tracker

    def get_token_usage(self) -> dict[str, Any]:
        """Return the tokens counted so far, by model and provider."""
        return self.token_tracker.to_dict()

    def reset_token_usage(self) -> None:
        """Start counting at zero again."""
        self.token_tracker.reset()

    def update_token_usage(self, *counted: Any, model_name: str | None = None, provider: str | None = None, **tokens: int) -> None:
        """Count the tokens of one call; for subclasses whose SDK counts in its own way.

        Args:
            counted: prompt tokens and completion tokens; or, as with chat models, model, provider, prompt and completion tokens.
            model_name: the model; this embedder's own by default.
            provider: its provider; this embedder's own by default.
            tokens: `prompt_tokens` and `completion_tokens` by name; whatever else is told is not kept.
        """
        names = [one for one in counted if isinstance(one, str)]
        numbers = [one for one in counted if not isinstance(one, str)]
        model, whose = (*names, model_name, provider)[:2] if len(names) > 1 else (next(iter(names), None) or model_name, provider)
        prompt, completion = (*numbers, 0, 0)[:2]
        usage = Usage(tokens.get("prompt_tokens", prompt) or 0, tokens.get("completion_tokens", completion) or 0)
        self.token_tracker.record(model or self.model_name, whose or self.provider, usage)

    # the end
    def close(self) -> None:  # noqa: B027 - an embedder without connections has nothing to close
        """Release its connections; using it again makes new ones."""

    async def aclose(self) -> None:
        """Release its connections, those of the running event loop as well."""
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.provider}/{self.model_name}>"


class WithDimension(EmbedderBase):
    """What dense and hybrid embedders share: a length of vectors that is configured, known, learnt or asked for, never made up."""

    @property
    def known_dimension(self) -> int | None:
        """The length of its vectors as far as it is known without a request: configured, in the table, or seen."""
        row = embedding_model(self.provider, self.model_name)
        return self.config.get("dimension") or (row.default if row else self._learnt)

    def get_dimension(self) -> int:
        """Return the length of its dense vectors.

        Where nothing is configured or known, one word is embedded to learn it; the answer is remembered.

        Raises:
            VectorSpaceError: that word got no dense vector.
            Exception: that one call failed.
        """
        if self.known_dimension is None:
            self._learnt = len(self.embed("dimension").dense_vector or ()) or None
        if self.known_dimension is None:
            raise VectorSpaceError(f"{self!r} gave no dense vector to learn its dimension from")
        return self.known_dimension


class DenseEmbedderBase(WithDimension):
    """Gives dense vectors: lists of floats of one length."""


class SparseEmbedderBase(EmbedderBase):
    """Gives sparse vectors: weights by token. They have no dimension, so there is no `get_dimension`."""

    @property
    def is_dense(self) -> bool:
        """Never."""
        return False

    @property
    def is_sparse(self) -> bool:
        """Always."""
        return True


class HybridEmbedderBase(WithDimension):
    """Gives a dense and a sparse vector for each input."""

    @property
    def is_sparse(self) -> bool:
        """Always, as well as dense."""
        return True


def _setting(config: Mapping[str, Any], name: str, default: Any, read: type) -> Any:
    value = config.get(name)
    return default if value is None else read(value)
