"""Embeddings: what a request asks for, and answers with vectors, of any provider, read into numbers."""

from __future__ import annotations

import array
import base64
import math
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.types import Usage
from sparekey.wire.chat_completions import counted
from sparekey.wire.format import NoAnswerError, count, mapping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.wire.request import WireRequest

BYTES: Final = 4
"""The size of one number."""
_LARGEST_FLOAT: Final = (2 - 2**-23) * 2.0**127
_LEAST_FLOAT: Final = 2.0**-149
_SURELY: Final = 1e-30
"""A vector of this length has a number that is not zero as a 32-bit float, however many it has."""


def as_floats(text: str | bytes) -> list[float]:
    """Return the vector that base64 of little-endian 32-bit floats holds.

    Raises:
        ValueError: it is none.
    """
    raw = base64.b64decode(text, validate=True)
    if len(raw) % BYTES:
        raise ValueError("base64 that is no row of 32-bit floats")
    numbers = array.array("f", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def as_base64(numbers: Sequence[float]) -> bytes:
    """Return a vector as base64 of little-endian 32-bit floats."""
    found = array.array("f", numbers)
    if sys.byteorder == "big":
        found.byteswap()
    return base64.b64encode(found.tobytes())


def is_good(numbers: Sequence[float]) -> bool:
    """Tell whether numbers are a vector: at least one, all of them 32-bit floats, not all zero.

    Vectors travel and are kept as 32-bit floats: a number that is larger is infinite there, and one that is tiny is zero. A length that
    is in between tells at once; else the numbers are looked at. The sum of those that are small enough is finite, unless one is none
    (NaN), which hides from `max`.
    """
    try:
        if _SURELY <= math.hypot(*numbers) <= _LARGEST_FLOAT:
            return True
        largest = max(numbers)
        return _LEAST_FLOAT <= max(largest, -min(numbers)) <= _LARGEST_FLOAT and math.isfinite(sum(numbers))
    except (TypeError, ValueError, OverflowError):
        return False


_ASKED: Final = {"openai": ("dimensions", "output_dimension"), "gemini": ("outputDimensionality", "output_dimensionality")}
"""Fields of a request that say how long its vectors shall be."""
LENGTH_FIELDS: Final = frozenset(name for names in _ASKED.values() for name in names)
_FAULTY_REQUEST: Final = (400, 422)
_OF_THE_LENGTH: Final = re.compile(r"matryoshka|dimension", re.IGNORECASE)
_KINDS_OF_NUMBERS: Final = ("output_dtype", "embedding_type")
"""Fields that ask for numbers of another kind than floats (voyage, mistral, jina)."""


def asked_lengths(call: WireRequest) -> list[int | None]:
    """Return the length that a request asks for: one for all, or one an input (batches of Gemini)."""
    requests = call.get("requests")
    several = [one for one in requests if isinstance(one, dict)] if isinstance(requests, list) else []
    fields = several or [call.document.fields if call.document else {}]
    return [_length(one, _ASKED.get(call.dialect, ())) for one in fields]


def names_length(call: WireRequest, added: Mapping[str, Any]) -> bool:
    """Tell whether a request for vectors says how long they shall be, with the fields that are `added` to it."""
    fields = _ASKED.get(call.dialect, ())
    return call.kind == "embed" and (any(one is not None for one in asked_lengths(call)) or not added.keys().isdisjoint(fields))


def refuses_length(status: int | None, text: str) -> bool:
    """Tell whether a host refuses a request because it names the length of its vectors.

    vLLM says of models that have one: "does not support matryoshka representation, changing output dimensions ...".
    """
    return status in _FAULTY_REQUEST and _OF_THE_LENGTH.search(text) is not None


def inputs(call: WireRequest) -> int | None:
    """Return how many inputs a request has; None where its provider may count them in its own way."""
    if call.dialect == "gemini":
        requests = call.get("requests")
        return len(requests) if isinstance(requests, list) else None if requests else 1
    given = call.get("input")
    if not isinstance(given, list):
        return 1 if isinstance(given, str) else None
    kinds = {type(one) for one in given}
    return len(given) if kinds in (set(), {str}, {list}) else 1 if kinds == {int} else None


def _length(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    nested = fields.get("embedContentConfig")
    found = [one.get(name) for one in (fields, nested) if isinstance(one, dict) for name in names]
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool) and value > 0), None)


def wants_base64(call: WireRequest) -> bool:
    """Tell whether a request asks for vectors in base64."""
    return "base64" in (call.get("encoding_format"), call.get("embedding_type"))


def wants_other_numbers(call: WireRequest) -> bool:
    """Tell whether a request asks for numbers of another kind than floats: only their model understands those."""
    return any(call.get(name) not in (None, "float", "base64") for name in _KINDS_OF_NUMBERS)


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
