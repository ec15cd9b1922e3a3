"""The vectors of an answer that is passed on, looked at in the bytes in which they came.

The C library looks at the numbers (a search, a sum). They are read one by one only where a vector has to be encoded anew: reading
all of them would cost sixteen times as much.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.wire.embeddings import BYTES, as_base64, as_floats, inputs, is_good, places_of, wants_base64, wants_other_numbers
from sparekey.wire.format import NoAnswerError
from sparekey.wire.json_body import loads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.wire.request import WireRequest

_VECTOR: Final = {
    "openai": re.compile(rb'"embedding"\s*:\s*(?:(\[)\s*|")'),
    "gemini": re.compile(rb'"values"\s*:\s*(\[)\s*'),
}
"""Where a vector begins, by the dialect of the answer: as a list of numbers (group 1), or as base64 of 32-bit floats."""
_INDEX: Final = re.compile(rb'"index"\s*:\s*([^\s,}\]]+)')
_MOST_DIGITS: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_NUMERALS: Final = b"0123456789eE+-., \t\r\n"
_NOT_ZERO: Final = re.compile(rb"[1-9]")
_EXTREME: Final = re.compile(rb"[eE](?:\+?\d\d|-(?:[3-9]\d|\d{3}))")
"""A number that may be none any more, or zero: only then it is read."""
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS: Final = b"0" * 38
_DATA_OBJECT: Final = re.compile(rb'"data"\s*:\s*\{')
_JOINED: Final = "embeddings/multimodal"
"""Ark's resource for inputs of several parts, which make one vector."""


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
    if call.dialect not in _VECTOR or wants_other_numbers(call):
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
    encoded = wants_base64(call)
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
        places_of(data, names=("index",))


def _number(text: bytes) -> Any:
    return int(text) if text.isdigit() and len(text) < _MOST_DIGITS else text


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
    return (end - start - body.count(b"=", max(start, end - 2), end)) * 3 // 4 // BYTES
