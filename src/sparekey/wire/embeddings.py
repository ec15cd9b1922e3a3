"""Answers with vectors: read into numbers for wrappers, or looked at in the bytes in which they came, for those who pass them on.

Passed on, numbers are looked at by the C library (a search, a sum), and read one by one only where a vector has to be encoded anew:
reading all of them would cost sixteen times as much.
"""

from __future__ import annotations

import array
import base64
import binascii
import json
import math
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.types import Usage
from sparekey.wire.chat_completions import counted
from sparekey.wire.format import NoAnswerError, count, mapping
from sparekey.wire.json_body import loads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sparekey.wire.request import WireRequest

_VECTOR: Final = {
    "openai": re.compile(rb'"embedding"\s*:\s*(?:(\[)\s*|")'),
    "gemini": re.compile(rb'"values"\s*:\s*(\[)\s*'),
}
"""Where a vector begins, by the dialect of the answer: as a list of numbers (group 1), or as base64 of 32-bit floats."""
_INDEX: Final = re.compile(rb'"index"\s*:\s*([^\s,}\]]+)')
_MOST_DIGITS: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_ASKED: Final = {"openai": ("dimensions", "output_dimension"), "gemini": ("outputDimensionality", "output_dimensionality")}
"""Fields of a request that say how long its vectors shall be."""
LENGTH_FIELDS: Final = frozenset(name for names in _ASKED.values() for name in names)
_FAULTY_REQUEST: Final = (400, 422)
_OF_THE_LENGTH: Final = re.compile(r"matryoshka|dimension", re.IGNORECASE)
_KINDS_OF_NUMBERS: Final = ("output_dtype", "embedding_type")
"""Fields that ask for other numbers than floats (voyage, mistral, jina): such vectors are not looked at."""
_NUMERALS: Final = b"0123456789eE+-., \t\r\n"
_NOT_ZERO: Final = re.compile(rb"[1-9]")
_EXTREME: Final = re.compile(rb"[eE](?:\+?\d\d|-(?:[3-9]\d|\d{3}))")
"""A number that may be none any more, or zero: only then it is read."""
_LARGEST_FLOAT: Final = (2 - 2**-23) * 2.0**127
_LEAST_FLOAT: Final = 2.0**-149
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS: Final = b"0" * 38
_SURELY: Final = 1e-30
"""A vector of this length has a number that is not zero as a 32-bit float, however many it has."""
_NO_NUMBERS: Final = frozenset({bool, str})
"""What Python takes for a number, and JSON does not."""
_DATA_OBJECT: Final = re.compile(rb'"data"\s*:\s*\{')
_JOINED: Final = "embeddings/multimodal"
"""Ark's resource for inputs of several parts, which make one vector."""
_BYTES: Final = 4


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
    places = [_first(item, _PLACE_OF_INPUT) for item in items]
    if _numbered(places):
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


class Vector(NamedTuple):
    """One vector: where it stands in the body, brackets or quotation marks left out, and how many numbers it has (None: it holds lists)."""

    start: int
    end: int
    encoded: bool
    length: int | None


class Admitted(NamedTuple):
    """The vectors of an answer that holds nothing but good ones: their lengths, and the body if one had to be encoded anew (else None)."""

    lengths: list[int | None]
    body: bytes | None


def holds_any(value: Any) -> bool:
    """Tell whether the JSON of an answer has vectors where one of the formats has them."""
    if not isinstance(value, dict):
        return False
    data = value.get("data") or value.get("embeddings") or [value.get("embedding")]
    items = data if isinstance(data, list) else [data]
    return bool(items) and all(isinstance(one, dict) and bool(one.get("embedding") or one.get("values")) for one in items)


def vectors(dialect: str, body: bytes) -> Iterator[Vector]:
    """Yield each vector of an answer."""
    begins_at, at = _VECTOR[dialect], 0
    while found := begins_at.search(body, at):
        start = found.end()
        if found[1] is None:
            at = body.find(b'"', start)
            yield Vector(start, at, True, _floats(body, start, at) if at > 0 else 0)
        elif body[start : start + 1] == b"[":
            at = start + 1
            yield Vector(start, start, False, None)
        else:
            at = body.find(b"]", start)
            yield Vector(start, at, False, 0 if at in {start, -1} else body.count(b",", start, at) + 1)
        if at < 0:
            return


def lengths(dialect: str, body: bytes) -> Iterator[int | None]:
    """Yield how many numbers each vector of an answer has; None for one that holds lists again."""
    return (one.length for one in vectors(dialect, body))


def admitted(call: WireRequest, body: bytes) -> Admitted | None:
    """Look at the vectors of an answer; those in another encoding than the request asks for are encoded anew.

    Args:
        call: the request.
        body: the body of the answer, without its encoding.

    Returns:
        The lengths of the vectors and the body; None if the request asks for other numbers than floats, or for several vectors an input:
        only their model understands those.

    Raises:
        NoAnswerError: there are none, or not as many as inputs; one is empty, holds what is no finite number, or nothing but zeros; or an
            index is there twice.
    """
    if call.dialect not in _VECTOR or any(call.get(name) not in (None, "float", "base64") for name in _KINDS_OF_NUMBERS):
        return None
    found, wanted = list(vectors(call.dialect, body)), inputs(call)
    if any(one.length is None for one in found):
        if call.get("return_multivector"):
            return None
        raise NoAnswerError("lists where the numbers of a vector are")
    if call.dialect == "openai" and call.resource != _JOINED and _DATA_OBJECT.search(body):
        raise NoAnswerError("a success with an object where its vectors are a list")
    if wanted != len(found) and (wanted is not None or not found):
        raise NoAnswerError(f"{len(found)} vectors for {'the' if wanted is None else wanted} inputs")
    for one in found:
        _check(body, one)
    _check_order(call.dialect, body, len(found))
    encoded = _wants_base64(call)
    return Admitted([one.length for one in found], _converted(body, [one for one in found if one.encoded != encoded]))


def shortened(dialect: str, body: bytes, length: int) -> bytes | None:
    """Return an answer with its vectors cut to `length` numbers and scaled to length 1; None if none is longer.

    Only right for models that are trained for it, whose first numbers are a vector of their own.
    """
    pieces, at = [], 0
    for one in vectors(dialect, body):
        if one.length is None or one.length <= length:
            continue
        numbers = (as_floats(_text(body, one)) if one.encoded else _numbers(body, one))[:length]
        norm = math.hypot(*numbers) or 1.0
        cut = [number / norm for number in numbers]
        pieces += [body[at : one.start], as_base64(cut) if one.encoded else json.dumps(cut)[1:-1].encode()]
        at = one.end
    return b"".join([*pieces, body[at:]]) if pieces else None


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
        return len(requests) if isinstance(requests, list) else 1
    given = call.get("input")
    if not isinstance(given, list):
        return 1 if isinstance(given, str) else None
    kinds = {type(one) for one in given}
    return len(given) if kinds in (set(), {str}, {list}) else 1 if kinds == {int} else None


def as_floats(text: str | bytes) -> list[float]:
    """Return the vector that base64 of little-endian 32-bit floats holds.

    Raises:
        ValueError: it is none.
    """
    raw = base64.b64decode(text, validate=True)
    if len(raw) % _BYTES:
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


def _check(body: bytes, vector: Vector) -> None:
    """Refuse a vector that is none.

    Raises:
        NoAnswerError: it is empty, or holds what is no finite number, or only zeros.
    """
    if not vector.length or vector.end < 0:
        raise NoAnswerError("an empty vector")
    if vector.encoded:
        try:
            good = is_good(as_floats(_text(body, vector)))
        except (ValueError, binascii.Error):
            good = False
    elif (text := body[vector.start : vector.end]).translate(None, _NUMERALS):
        good = False
    elif ((b"e" in text or b"E" in text) and _EXTREME.search(text)) or _MANY_DIGITS in text.translate(_DIGITS):
        good = is_good(_numbers(body, vector))
    else:
        good = _NOT_ZERO.search(body, vector.start, vector.end) is not None
    if not good:
        raise NoAnswerError("a vector of zeros, or one that holds what is no finite number")


def _check_order(dialect: str, body: bytes, count: int) -> None:
    """Refuse vectors of which nobody could tell to which input they belong.

    Raises:
        NoAnswerError: their indices are not those of the inputs, each once.
    """
    if dialect != "openai":
        return
    found = _INDEX.findall(body)
    if [*map(_number, found)] in ([*range(count)], []):
        return
    value = loads(body.removeprefix(_BOM))  # an `index` stands elsewhere as well, or the order is another one
    data = value.get("data") if isinstance(value, dict) else None
    if isinstance(data, list):
        _numbered([_first(item, _PLACE_OF_INPUT[:1]) for item in data])


def _number(text: bytes) -> Any:
    return int(text) if text.isdigit() and len(text) < _MOST_DIGITS else text


def _numbered(places: list[Any]) -> bool:
    """Tell whether vectors say to which inputs they belong; False: none says so, they are in order.

    Raises:
        NoAnswerError: what they say is not each input once.
    """
    said = [place for place in places if place is not None]
    if not said:
        return False
    if any(type(place) is not int for place in said) or sorted(said) != [*range(len(places))]:
        raise NoAnswerError("vectors whose indices are not those of the inputs, each once")
    return True


def _converted(body: bytes, wrong: list[Vector]) -> bytes | None:
    """Return the body with vectors in the other encoding; every other byte stays as it came."""
    if not wrong:
        return None
    pieces, at = [], 0
    for one in wrong:
        if one.encoded:  # the quotation marks go
            pieces += [body[at : one.start - 1], json.dumps(as_floats(_text(body, one))).encode()]
            at = one.end + 1
        else:  # the brackets go, and white space behind the first one
            opened = body.rindex(b"[", 0, one.start)
            pieces += [body[at:opened], b'"', as_base64(_numbers(body, one)), b'"']
            at = one.end + 1
    return b"".join([*pieces, body[at:]])


def _text(body: bytes, vector: Vector) -> bytes:
    """Return the base64 of a vector; some libraries write its signs with a backslash."""
    text = body[vector.start : vector.end]
    return str(json.loads(b'"' + text + b'"')).encode() if b"\\" in text else text


def _numbers(body: bytes, vector: Vector) -> list[float]:
    try:
        found: list[float] = loads(b"[" + body[vector.start : vector.end] + b"]")
    except ValueError:
        return []
    return found


def _floats(body: bytes, start: int, end: int) -> int:
    """Return how many 32-bit floats stand in base64."""
    if body.find(b"\\", start, end) >= 0:
        body = str(json.loads(body[start - 1 : end + 1])).encode()
        start, end = 0, len(body)
    return (end - start - body.count(b"=", max(start, end - 2), end)) * 3 // 4 // _BYTES


def _wants_base64(call: WireRequest) -> bool:
    return "base64" in (call.get("encoding_format"), call.get("embedding_type"))


def _length(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    nested = fields.get("embedContentConfig")
    found = [one.get(name) for one in (fields, nested) if isinstance(one, dict) for name in names]
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool) and value > 0), None)
