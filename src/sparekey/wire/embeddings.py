"""Answers with vectors, of any provider, read into numbers."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from sparekey.types import Usage
from sparekey.wire.chat_completions import counted
from sparekey.wire.floats import as_floats, is_good
from sparekey.wire.format import NoAnswerError, count, mapping

_NO_NUMBERS: Final = frozenset({bool, str})
"""What Python takes for a number, and JSON does not."""


class InputVectors(NamedTuple):
    """The vectors of one input, as they came: a list of numbers or base64; weights by token. None: there is none."""

    dense: Any = None
    sparse: Any = None


class EmbeddingAnswer(NamedTuple):
    """The vectors of an answer, in the order of the inputs, and the tokens that it counts."""

    vectors: list[InputVectors]
    usage: Usage | None = None


_PLACES: Final = (("data",), ("embeddings",), ("embedding",), ("vectors",), ("output", "embeddings"), ("result", "data"))
"""Where the vectors of an answer stand: OpenAI, Jina, Voyage, Ark; Gemini, Cohere, Ollama; MiniMax; DashScope; VikingDB."""
_DENSE: Final = ("embedding", "values", "dense", "dense_embedding", "float")
_SPARSE: Final = ("sparse_embedding", "sparse")
_PLACE_OF_INPUT: Final = ("index", "text_index")


def read_answer(value: Any, *, joined: bool = False) -> EmbeddingAnswer:
    """Read the JSON of an answer of any provider.

    Args:
        value: the JSON.
        joined: whether all inputs make one vector: only then an object stands in `data` (Ark's multimodal models).

    Raises:
        NoAnswerError: it holds no vectors, or their indices are not those of the inputs: nobody could tell which is which.
    """
    if not joined and isinstance(value, dict) and isinstance(value.get("data"), dict):
        raise NoAnswerError("a success with an object where its vectors are a list")
    items = next((found for found in (_found(value, path) for path in _PLACES) if found), [])
    if not items:
        raise NoAnswerError("a success without vectors")
    if places := places_of(items):
        items = [item for _, item in sorted(zip(places, items, strict=True), key=lambda pair: pair[0])]
    vectors = [InputVectors(_first(one, _DENSE), _first(one, _SPARSE)) if isinstance(one, dict) else InputVectors(one) for one in items]
    return EmbeddingAnswer(vectors, read_usage(value))


def read_usage(value: Any) -> Usage | None:
    """Read the tokens of the inputs, in whichever way a provider counts them; None: it does not."""
    usage = mapping(value, "usage")
    by_model = mapping(mapping(value, "result"), "token_usage").values()
    units = mapping(mapping(value, "meta"), "billed_units")
    prompt = (
        counted(usage).prompt_tokens
        or count(usage, "total_tokens")
        or count(mapping(value, "usageMetadata"), "promptTokenCount")
        or sum(count(one, "prompt_tokens") for one in by_model if isinstance(one, dict))
        or int(
            sum(one for name in ("input_tokens", "image_tokens") if isinstance(one := units.get(name), int | float) and math.isfinite(one))
        )
        or (count(value, "total_tokens", "prompt_eval_count") if isinstance(value, dict) else 0)
    )
    return Usage(prompt + count(usage, "image_tokens")) if prompt else None


def as_vector(values: Any) -> list[float]:
    """Return a provider's vector as floats: a list of numbers, or little-endian 32-bit floats in base64.

    Raises:
        NoAnswerError: it is neither, it is empty or all zeros, or it holds something that is no finite number.
    """
    try:
        vector = as_floats(values) if isinstance(values, str) else [float(x) for x in values]
        numbers = isinstance(values, str) or _NO_NUMBERS.isdisjoint(map(type, values))
    except (TypeError, ValueError, OverflowError):
        numbers = False
    if not numbers:
        raise NoAnswerError("the provider's vector is not a list of numbers")
    if not is_good(vector):
        raise NoAnswerError("the provider's vector is empty, all zeros, or holds a number that no 32-bit float is")
    return vector


def as_weights(data: Any) -> dict[str, float]:
    """Return a sparse vector as weights by token, whichever way it was written: a mapping, or a list of index and value.

    Raises:
        NoAnswerError: there is none, or it holds something else.
    """
    if data is None:
        raise NoAnswerError("the provider left out the sparse vector")
    items = data if isinstance(data, list) else [data]
    if isinstance(data, dict) and not {"index", "token"} & data.keys():
        pairs = list(data.items())
    else:
        pairs = [(_first(one, ("index", "token")), _first(one, ("value", "weight"))) for one in items]
    try:
        return {str(token): float(weight) for token, weight in pairs}
    except (TypeError, ValueError, OverflowError):
        raise NoAnswerError("the provider's sparse vector is no list of index and value") from None


def _found(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Return what stands at a place, as a list; Ark's multimodal answer and Gemini's have one where others have a list."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):
        inner = value.get("float")  # Cohere has a list of each kind of number
        return inner if isinstance(inner, list) else [value]
    return value if isinstance(value, list) else []


def _first(value: Any, names: tuple[str, ...]) -> Any:
    return next((found for name in names if isinstance(value, dict) and (found := value.get(name)) is not None), None)


def holds_any(value: Any) -> bool:
    """Tell whether the JSON of an answer has vectors where one of the formats has them."""
    if not isinstance(value, dict):
        return False
    data = value.get("data") or value.get("embeddings") or [value.get("embedding")]
    items = data if isinstance(data, list) else [data]
    return bool(items) and all(isinstance(one, dict) and bool(one.get("embedding") or one.get("values")) for one in items)


def places_of(items: list[Any], names: tuple[str, ...] = _PLACE_OF_INPUT) -> list[int]:
    """Return to which input each vector belongs; empty: none says so, they are in order.

    Args:
        items: the vectors with what stands beside them.
        names: the fields that may say it.

    Raises:
        NoAnswerError: what they say is not each input once.
    """
    places = [_first(item, names) for item in items]
    said = [place for place in places if place is not None]
    if said and (any(type(place) is not int for place in said) or sorted(said) != [*range(len(places))]):
        raise NoAnswerError("vectors whose indices are not those of the inputs, each once")
    return said
