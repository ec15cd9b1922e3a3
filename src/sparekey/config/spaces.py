"""Checks that the credentials of an embedding chain share one space and one vector length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from sparekey.config.faults import Fault
from sparekey.errors import VectorSpaceError
from sparekey.providers import PROVIDERS, embedding_model
from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sparekey.config.embedding import EmbeddingCredential, EmbeddingModelConfig
    from sparekey.providers import EmbeddingKind, Embeddings
    from sparekey.types import Credential, Failure

T = TypeVar("T")


def faults(chain: EmbeddingModelConfig) -> Iterator[Fault]:
    """Yield a fault for each credential whose vectors do not mix with the first one's."""
    named = [(index, one) for index, one in enumerate(chain.credentials) if not one.unset()]
    for place, (index, credential) in enumerate(named):
        if fault := _too_long(chain, credential, index) or (_apart(chain, named[0][1], credential, index) if place else None):
            yield fault


def _too_long(chain: EmbeddingModelConfig, credential: EmbeddingCredential, index: int) -> Fault | None:
    known = embedding_model(credential.provider, credential.model)
    if known is None or chain.dimension is None or chain.dimension <= known.longest:
        return None
    what = f"{credential.model} of credential {credential.id!r} gives at most {known.longest} ({known.describe()})"
    return Fault(("dimension",) if index == 0 else ("credentials", index, "model"), f"dimension {chain.dimension} is impossible: {what}")


def _apart(chain: EmbeddingModelConfig, first: EmbeddingCredential, other: EmbeddingCredential, index: int) -> Fault | None:
    lengths = _length(chain, first), _length(chain, other)
    path = ("credentials", index, "model")
    if None not in lengths and lengths[0] != lengths[1]:
        return Fault(
            path,
            f"{other.model} gives vectors of {lengths[1]} numbers, {first.model} of credential {first.id!r} gives {lengths[0]}; "
            "one chain needs one length: use the same model, or set a dimension that both can give and a common space",
        )
    if share_space(first, other):
        return None
    return Fault(
        path,
        f"{other.model} is another model than {first.model} of credential {first.id!r}, so its vectors lie in another space; "
        "use the same model, or, if you know that both are the same, give both the same space",
    )


def _length(chain: EmbeddingModelConfig, credential: EmbeddingCredential) -> int | None:
    known = embedding_model(credential.provider, credential.model)
    return chain.dimension or (known.default if known else None)


def share_space(one: EmbeddingCredential, other: EmbeddingCredential) -> bool:
    """Return whether two credentials share a space, by declaration or by their models."""
    if one.space and other.space:
        return one.space == other.space
    return natural_space(one.provider, one.model) == natural_space(other.provider, other.model)


def natural_space(provider: str | None, model: str | None) -> str:
    """Return the space of a model: that of its family, else its own.

    The same weights have different prefixes at different hosts (`BAAI/bge-m3`, `bge-m3:latest`), so only the last part counts.
    """
    known = embedding_model(provider, model)
    own = (model or "").lower().removesuffix(":latest").rpartition("/")[2]
    return f"family {known.space}" if known and known.space else own


def of_models(credentials: Sequence[Credential], space: str | None = None) -> tuple[str, int | None]:
    """Return the space of credentials that no configuration has checked, and the length of its vectors as far as it is known.

    Args:
        credentials: in order; one without a model says nothing.
        space: says that their models share one vector space, whatever they are called.

    Raises:
        VectorSpaceError: their models are different, or known to give vectors of different lengths; the message names both.
    """
    ids = [one.id for one in credentials]
    known = [embedding_model(one.provider or "openai", one.model) for one in credentials]
    length = agreed(zip(ids, (row.default if row else None for row in known), strict=True), LENGTHS)
    natural = [natural_space(one.provider or "openai", one.model) if one.model else None for one in credentials]
    if not space:
        agreed(zip(ids, natural, strict=True), SPACES, ADVICE)
    return space or next((one for one in natural if one), ""), length


LENGTHS: Final = "gives vectors of {} dimensions"
SPACES: Final = "gives vectors of {}"
ADVICE: Final = "; if they share one, give `space` its name"


def agreed(said: Iterable[tuple[str, T | None]], words: str, advice: str = "") -> T | None:
    """Return the value that all share who have one; None if none has one.

    Raises:
        VectorSpaceError: two differ; the message names the first two.
    """
    known = [(name, value) for name, value in said if value is not None]
    for name, value in known[1:]:
        if value != known[0][1]:
            first = f"{known[0][0]!r} {words.format(known[0][1])}"
            raise VectorSpaceError(f"one chain, one vector space: {first}, {name!r} {words.format(value)}{advice}")
    return known[0][1] if known else None


def within_one(classify: Callable[[BaseException], Failure]) -> Callable[[BaseException], Failure]:
    """Return a classifier for a chain of one vector space: an input that is too large for its model fails at once.

    Another model's vectors would lie in another space. Where it is an account's limit that is too small, another account is asked.
    """

    def read(exc: BaseException) -> Failure:
        failure = classify(exc)
        if failure.error_class is ErrorClass.INPUT_TOO_LARGE and failure.scope is not Scope.ACCOUNT:
            return replace(failure, error_class=ErrorClass.PERMANENT)
        return failure

    return read


def kinds(chain: EmbeddingModelConfig, kind: EmbeddingKind) -> Iterator[Fault]:
    """Yield a fault for each credential whose provider has no vectors of this kind."""
    able = [name for name, row in PROVIDERS.items() if row.embeddings and kind in row.embeddings.kinds]
    for index, credential in enumerate(chain.credentials):
        if credential.provider not in able and not credential.unset():
            text = f"{credential.provider!r} has no {kind} embeddings; {', '.join(sorted(able))} have"
            yield Fault((kind, "credentials", index, "provider"), text)


def parameters(chain: EmbeddingModelConfig) -> Iterator[Fault]:
    """Yield a fault for each setting that the provider would refuse at the first call."""
    used = {credential.provider for credential in chain.credentials}
    for name, row in PROVIDERS.items():
        if name in used and row.embeddings:
            yield from _parameters(chain, name, row.embeddings)


def _parameters(chain: EmbeddingModelConfig, name: str, offer: Embeddings) -> Iterator[Fault]:
    for field in ("query_param", "document_param"):
        value = getattr(chain, field)
        if offer.tasks and value and value.upper() not in offer.tasks:
            yield Fault((field,), f"{value!r} is no task type of {name.capitalize()}; known are {', '.join(sorted(offer.tasks))}")
    for field in offer.media_settings:
        if chain.input == "text" and getattr(chain, field) is not None:
            yield Fault((field,), 'means something for images and videos only; remove it, or set input to "multimodal"')
