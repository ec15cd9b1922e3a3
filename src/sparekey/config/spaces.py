"""Which credentials may stand in one embedding chain: those whose vectors share one space and one length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sparekey.config import dimensions, providers
from sparekey.config.faults import Fault
from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.config.embedding import EmbeddingCredential, EmbeddingModelConfig
    from sparekey.config.providers import EmbeddingKind
    from sparekey.types import Failure

GEMINI_TASKS: Final = frozenset(
    {
        "RETRIEVAL_QUERY",
        "RETRIEVAL_DOCUMENT",
        "SEMANTIC_SIMILARITY",
        "CLASSIFICATION",
        "CLUSTERING",
        "QUESTION_ANSWERING",
        "FACT_VERIFICATION",
        "CODE_RETRIEVAL_QUERY",
    }
)
"""Task types of Gemini's embeddings (https://ai.google.dev/gemini-api/docs/embeddings#supported-task-types)."""


def faults(chain: EmbeddingModelConfig) -> Iterator[Fault]:
    """Find credentials whose vectors could not stand beside those of the first one."""
    first = chain.credentials[0]
    for index, credential in enumerate(chain.credentials):
        if fault := _too_long(chain, credential, index) or (_apart(chain, first, credential, index) if index else None):
            yield fault


def _too_long(chain: EmbeddingModelConfig, credential: EmbeddingCredential, index: int) -> Fault | None:
    known = dimensions.known(credential.provider, credential.model)
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
    known = dimensions.known(credential.provider, credential.model)
    return chain.dimension or (known.default if known else None)


def share_space(one: EmbeddingCredential, other: EmbeddingCredential) -> bool:
    """Tell whether two credentials give vectors of one space: as declared, else as their models say."""
    if one.space and other.space:
        return one.space == other.space
    return natural_space(one.provider, one.model) == natural_space(other.provider, other.model)


def natural_space(provider: str | None, model: str | None) -> str:
    """Return the space of a model: that of its family, else its own.

    The same weights have different prefixes at different hosts (`BAAI/bge-m3`, `bge-m3:latest`), so only the last part counts.
    """
    known = dimensions.known(provider, model)
    own = (model or "").lower().removesuffix(":latest").rpartition("/")[2]
    return f"family {known.space}" if known and known.space else own


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
    """Find credentials whose provider has no vectors of this kind."""
    able = [name for name, row in providers.PROVIDERS.items() if kind in row.embedding]
    for index, credential in enumerate(chain.credentials):
        if credential.provider not in able:
            text = f"{credential.provider!r} has no {kind} embeddings; {', '.join(sorted(able))} have"
            yield Fault((kind, "credentials", index, "provider"), text)


def parameters(chain: EmbeddingModelConfig) -> Iterator[Fault]:
    """Find settings that the chain's provider would refuse at the first call."""
    used = {credential.provider for credential in chain.credentials}
    for name in ("query_param", "document_param"):
        value = getattr(chain, name)
        if "gemini" in used and value and value.upper() not in GEMINI_TASKS:
            yield Fault((name,), f"{value!r} is no task type of Gemini; known are {', '.join(sorted(GEMINI_TASKS))}")
    for name in ("enable_fusion", "res_level", "max_video_frames"):
        if "dashscope" in used and chain.input == "text" and getattr(chain, name) is not None:
            yield Fault((name,), 'means something for images and videos only; remove it, or set input to "multimodal"')
