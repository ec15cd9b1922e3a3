"""JSON bodies: read fast, and edited in place: a field's bytes are replaced, every other byte stays as it came.

msgspec (the extra `gateway` brings it) reads twice as fast as the standard library, which is asked where msgspec is not
installed, and about whatever msgspec refuses: it is the stricter one (no NaN, no lone surrogates). A body of very many values is not
built: `large_json` reads the fields that are needed (`Document.partial`).
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.wire import deep_json, large_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["UNDECODED", "Document", "completed", "decode", "dumped", "loads", "read", "replaced", "times_named", "without"]


def _fastest() -> tuple[Callable[[bytes | str], Any], tuple[type[Exception], ...]]:
    try:
        import msgspec  # noqa: PLC0415 - an extra
    except ImportError:
        return json.loads, (ValueError, RecursionError)
    return msgspec.json.Decoder().decode, (msgspec.DecodeError, UnicodeError)  # it does not encode lone surrogates either


decode, UNDECODED = _fastest()
"""Read a JSON text with the fastest decoder that is there, and what that raises. It refuses texts that `loads` can read."""


def loads(text: bytes | str) -> Any:
    """Read a JSON text.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    try:
        return decode(text)
    except UNDECODED:
        return json.loads(text)


_BOM: Final = b"\xef\xbb\xbf"
_value_at: Final = json.JSONDecoder().raw_decode
_blank: Final = re.compile(r"[ \t\n\r]*").match


def dumped(value: Any) -> bytes:
    """Return a value as JSON: its letters as they are, unless half a surrogate pair is among them, which UTF-8 cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


class Document(NamedTuple):
    """A JSON object.

    Attributes:
        text: its text.
        fields: the values of its fields.
        partial: only those fields are there that requests are read for; a `large_json.Unread` among them was not built.
    """

    text: str
    fields: dict[str, Any]
    partial: bool = False

    def has(self, name: str) -> bool:
        """Return whether a field is there; of a partial one, whether it may be."""
        return name in self.fields or (self.partial and f'"{name}"' in self.text)


def read(body: bytes, *, built: bool = False) -> Document | None:
    """Return the JSON object that `body` holds, or None if it holds none. Of a field that is there twice the last one counts.

    Args:
        body: a text in UTF-8.
        built: give up where it cannot be built, and read no fields of it alone.
    """
    try:
        text = (plain := body.removeprefix(_BOM)).decode()
        if large_json.has_many_values(plain) and (built or (found := _partial(text, plain)) is not None):
            return None if built else found
        fields = loads(text)
    except UnicodeError:
        return None
    except (ValueError, RecursionError):  # no JSON, or a number too long, or lists too deep, for Python
        with contextlib.suppress(ValueError):
            return None if built else _partial(text, plain)
        return None
    return Document(text, fields) if isinstance(fields, dict) else None


def _partial(text: str, body: bytes) -> Document | None:
    """Return a body of which only the fields that are needed are read; None where msgspec is not installed.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        return Document(text, large_json.fields(body), partial=True)
    except ImportError:
        return None


def times_named(document: Document, name: str) -> int:
    """Return how many fields of the document a reader may take for `name`: it stands there twice, in another case, or escaped.

    Raises:
        ValueError: that takes too long to find out.
    """
    text, fields = document.text, document.fields
    if document.partial:
        return large_json.times_named(text, name)
    if "\\u00" not in text and text.count(f'"{name}"') <= 1:
        return sum(1 for key in fields if len(key) == len(name) and key.lower() == name)
    return sum(1 for key, _, _ in _all_places(text) if key.lower() == name)


def replaced(document: Document, name: str, value: Any) -> Document:
    """Return the document with another value of a top-level field that is there."""
    start, end = _place(document, name)
    return document._replace(text=document.text[:start] + json.dumps(value) + document.text[end:], fields={**document.fields, name: value})


def completed(document: Document, extra: Mapping[str, Any]) -> Document:
    """Return the document with those fields of `extra` that it leaves out, at its end."""
    missing = {name: value for name, value in extra.items() if not document.has(name)}
    if not missing:
        return document
    text, end = document.text, document.text.rindex("}")
    more = ("," if document.fields or document.partial else "") + json.dumps(missing)[1:-1]
    return document._replace(text=text[:end] + more + text[end:], fields={**document.fields, **missing})


def without(document: Document, names: Collection[str]) -> Document:
    """Return the document without some of its top-level fields.

    Where one is taken out, it is written anew; a partial or very deep one says null there.
    """
    if document.fields.keys().isdisjoint(names):
        return document
    if not document.partial:
        fields = {name: value for name, value in document.fields.items() if name not in names}
        with contextlib.suppress(RecursionError):
            return Document(json.dumps(fields, ensure_ascii=False), fields)
    for name in document.fields.keys() & names:
        document = replaced(document, name, None)
    return document


def _place(document: Document, name: str) -> tuple[int, int]:
    """Return where the value of a top-level field begins and ends; the document is known to have that field."""
    text = document.text
    if (start := _only_place(text, name)) is not None and not (document.partial and text[start] in "[{"):
        with contextlib.suppress(RecursionError):
            return start, _value_at(text, start)[1]
    if document.partial and (found := large_json.place(text, name)) is not None:
        return found
    return next((start, end) for key, start, end in reversed(_all_places(text)) if key == name)


def _all_places(text: str) -> list[tuple[str, int, int]]:
    try:
        return [*_top_level(text)]
    except RecursionError:
        return [*deep_json.fields(text)]


def _top_level(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each field of a JSON object, and where its value begins and ends."""
    at = _behind(text, 0, "{")
    while text[at] != "}":
        key, at = _value_at(text, at)
        start = _behind(text, at, ":")
        _, end = _value_at(text, start)
        yield key, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _only_place(text: str, name: str) -> int | None:
    """Return where the value begins if the name stands in the text only once, as a key: then no other value has to be read.

    In a text without escaped letters no key is spelt in another way, and within strings a quotation mark has a backslash before it.
    """
    quoted = f'"{name}"'
    at = text.find(quoted)
    if at < 0 or "\\u" in text or text.find(quoted, at + 1) >= 0:
        return None
    colon = _skip(text, at + len(quoted))
    return _skip(text, colon + 1) if text[colon : colon + 1] == ":" else None


def _behind(text: str, at: int, sign: str) -> int:
    """Return where the next value begins behind a sign."""
    return _skip(text, text.index(sign, at) + 1)


def _skip(text: str, at: int) -> int:
    found = _blank(text, at)
    assert found is not None  # it matches the empty string
    return found.end()
