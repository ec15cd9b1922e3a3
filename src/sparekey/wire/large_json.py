"""A JSON object of very many values, of which a few fields are read and nothing else is built.

**Theory.** A list or an object costs Python some 60 to 100 bytes and 0.4 us, most of it for the garbage collector, another value about
an eighth of that; a byte of JSON that is skipped in C takes about 3 ns. The ten million lists in 40 MB of `[1],[1],...` take ten seconds
and a gigabyte to build, and a tenth of a second to skip. So msgspec skips whatever is not asked
for, and a list or object of many values stays unread. Where a field stands is found without reading what precedes it: cut off before a
key of the object itself, and with `"":0}` behind it, the text is an object again; before any other string it is none.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sparekey.wire import deep_json

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE: Final = 2**18
"""Bytes from which on a text is slow to go through, whatever it is."""
MOST_VALUES: Final = 50_000
"""Lists and objects, and eight other values for one of them, up to which a text is built: 20 ms, in which no other thread runs."""
_SLOW: Final = 4_000
"""The same up to which an event loop may build it: 2 ms."""
SHORT: Final = 16 * 1024
"""Bytes up to which a text is not counted."""
_MOST_DEEP: Final = 2**20
"""Bytes of a text that is too deep for msgspec, up to which its fields are looked for: in half a second."""
_MOST_PLACES: Final = 16
"""Places in which a name is looked for as a key: each costs one skip over what precedes it."""
_NAMES: Final = (
    *("model", "stream", "stream_options", "messages", "input", "prompt", "contents", "requests", "n", "generationConfig"),
    *("generateContentRequest", "generate_content_request"),
    *("store", "background", "encoding_format", "embedding_type", "output_dtype", "return_multivector"),
    *("dimensions", "output_dimension", "outputDimensionality", "output_dimensionality"),
)
"""The fields of requests that anything in this package reads."""
_OPENING: Final = {b"[": list, b"{": dict}


class Unread:
    """A field that is there and was not built.

    Attributes:
        kind: `list` or `dict`; `int` of a number.
    """

    __slots__ = ("kind",)

    def __init__(self, kind: type) -> None:
        """Note what it is."""
        self.kind = kind


class UnreadableError(ValueError):
    """A text that is no JSON object, or where a name stands in too many places to look at."""


def has_many_values(text: bytes) -> bool:
    """Return whether a text is not to be built: it is long, and its commas and brackets are many."""
    return len(text) > MOST_VALUES and _weight(text) > MOST_VALUES


def is_slow(text: bytes) -> bool:
    """Return whether reading a text takes longer than an event loop may stand still."""
    return len(text) > SHORT and (len(text) > LARGE or _weight(text) > _SLOW)


def _weight(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{") + text.count(b",") // 8


def fields(text: bytes, names: tuple[str, ...] = _NAMES) -> dict[str, Any]:
    """Return some fields of a JSON object; a list or object of many values as `Unread`.

    Args:
        text: the object.
        names: the fields; those that are read in requests by default.

    Raises:
        UnreadableError: it is no JSON object.
        ImportError: msgspec is not installed.
    """
    try:
        found = _raw(text, names)
    except RecursionError:
        found = _deep(text, names)
    return {name: _value(raw) for name, raw in found.items()}


def place(text: str, name: str) -> tuple[int, int] | None:
    """Return where the value of a field of the object begins and ends, the last one of two; None if the object has no such field.

    Raises:
        UnreadableError: the name stands in too many places.
    """
    try:
        start = max((key.end() for key in _keys(text, name) if json.loads(key[1]) == name), default=None)
        return None if start is None else (start, start + len(_raw(text.encode(), (name,))[name].decode()))
    except RecursionError:
        return max(((start, end) for key, start, end in deep_json.fields(text) if key == name), default=None)


def times_named(text: str, name: str) -> int:
    """Return how many fields of the object a reader may take for `name`, whatever the case of the letters, escaped or not.

    Raises:
        UnreadableError: it stands in too many places.
    """
    try:
        return sum(1 for _ in _keys(text, name))
    except RecursionError:
        return sum(1 for key, _, _ in deep_json.fields(text) if key.lower() == name)


def _keys(text: str, name: str) -> Iterator[re.Match[str]]:
    """Yield the keys of the object that a reader may take for `name`: the first group is the key, the match ends where its value begins.

    Raises:
        UnreadableError: the name stands in too many places.
        RecursionError: the text is too deep for it.
    """
    for number, found in enumerate(_spelt(name).finditer(text)):
        if number == _MOST_PLACES:
            raise UnreadableError(f"the name {name!r} stands in too many places")
        try:
            _raw((text[: found.start()] + '"":0}').encode(), ("",))
        except UnreadableError:
            continue
        yield found


@lru_cache(8)
def _spelt(name: str) -> re.Pattern[str]:
    """Return what finds a name as a key, its letters in either case, written out or escaped."""
    letters = "".join(f"(?:[{one}{one.upper()}]|\\\\u00(?:{ord(one):02x}|{ord(one.upper()):02x}))" for one in name)
    return re.compile(f'("{letters}")\\s*:\\s*', re.IGNORECASE)


def _raw(text: bytes, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of some fields of a JSON object; the last one of two of a name.

    Raises:
        UnreadableError: it is no JSON object.
        RecursionError: it is too deep for msgspec.
    """
    import msgspec  # noqa: PLC0415 - an extra

    try:
        found = _decoder(names).decode(text)
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise UnreadableError("no JSON object") from exc
    values = ((name, getattr(found, f"field_{i}")) for i, name in enumerate(names))
    return {name: bytes(raw) for name, raw in values if raw is not msgspec.UNSET}


@lru_cache(64)
def _decoder(names: tuple[str, ...]) -> Any:
    import msgspec  # noqa: PLC0415 - as above

    kind = msgspec.Raw | msgspec.UnsetType
    made = msgspec.defstruct(
        "Fields",
        [(f"field_{i}", kind, msgspec.UNSET) for i in range(len(names))],
        rename={f"field_{i}": name for i, name in enumerate(names)},
    )
    return msgspec.json.Decoder(made)


def _deep(text: bytes, names: tuple[str, ...]) -> dict[str, bytes]:
    """Do as `_raw` with an object that is too deep for it."""
    if len(text) > _MOST_DEEP:
        raise UnreadableError("a long text that is too deep")
    try:
        plain = text.decode()
        return {key: plain[start:end].encode() for key, start, end in deep_json.fields(plain) if key in names}
    except ValueError as exc:
        raise UnreadableError("no JSON object") from exc


def _value(raw: bytes) -> Any:
    kind = _OPENING.get(raw[:1])
    if kind is not None and has_many_values(raw):
        return Unread(kind)
    from sparekey.wire.json_body import loads  # noqa: PLC0415 - it needs this module

    try:
        return loads(raw)
    except (ValueError, RecursionError):  # a number too long, or lists too deep, for Python
        return Unread(kind or int)
