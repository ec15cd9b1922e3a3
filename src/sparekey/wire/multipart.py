"""Forms with files (`multipart/form-data`, RFC 7578): fields are found, and their values replaced; all other bytes stay.

Files are never read, only stepped over: what is between two delimiters is searched by the C library and copied at most once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOUNDARY: Final = re.compile(rb'multipart/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"^content-disposition:[ \t]*form-data[ \t]*(;.*)$", re.IGNORECASE | re.MULTILINE)
_PARAMETER: Final = re.compile(rb';[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
_LENIENT: Final = re.compile(rb'(?:^|[;\s])([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
"""The same as a generous reader finds it, in whatever header."""
_AFTER: Final = re.compile(rb"(--)?[ \t]*(?:\r\n|$)")
"""What makes a delimiter of a boundary: the end of its line, behind two dashes where the form ends."""
_LONGEST_HEAD: Final = 8 * 1024
_LONGEST_VALUE: Final = 200
_MOST_PARTS: Final = 1000
_READ: Final = frozenset({b"model", b"stream"})
_ENCODED: Final = re.compile(rb"^content-transfer-encoding:|^[ \t]", re.IGNORECASE | re.MULTILINE)
"""What says that a field's value, or its name, is not what its bytes are: an encoding, a folded line."""


class Field(NamedTuple):
    """A field's value, and where it begins and ends in the body."""

    value: str
    start: int
    end: int


class UnreadableFormError(ValueError):
    """A body that is no form, or one that could be read in two ways."""


def read(content_type: bytes, body: bytes) -> dict[str, Field]:
    """Return the fields `model` and `stream` of a form, those that are there.

    Raises:
        UnreadableFormError: it is none, does not end, has a field twice, or more than a thousand parts.
    """
    found = _BOUNDARY.match(content_type)
    if found is None or content_type.lower().count(b"boundary") > 1 + (found[1] or found[2]).lower().count(b"boundary"):
        raise UnreadableFormError("the content type names no boundary, or more than one")
    delimiter = b"--" + (found[1] or found[2])
    if body.count(b"\n" + delimiter) != body.count(b"\r\n" + delimiter):
        raise UnreadableFormError("a delimiter stands behind a bare line feed")
    fields: dict[str, Field] = {}
    for number, (head, start, end) in enumerate(_parts(body, delimiter)):
        if number == _MOST_PARTS:
            raise UnreadableFormError(f"the form has more than {_MOST_PARTS} parts")
        name = _name(head)
        if name is None:
            continue
        if end - start > _LONGEST_VALUE:
            raise UnreadableFormError(f"the field {name!r} is longer than {_LONGEST_VALUE} bytes")
        if name in fields:
            raise UnreadableFormError(f"the field {name!r} is in the form twice")
        fields[name] = Field(body[start:end].decode("utf-8", "replace"), start, end)
    return fields


def replaced(body: bytes, field: Field, value: str) -> bytes:
    """Return the form with another value of a field; every other byte stays as it came."""
    return b"".join((body[: field.start], value.encode(), body[field.end :]))


def added(body: bytes, name: str, value: str) -> bytes:
    """Return the form with one more field, the first."""
    delimiter = body[: body.index(b"\r\n")].rstrip(b" \t")
    return b'%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n%b' % (delimiter, name.encode(), value.encode(), body)


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the head of each part, and where its content begins and ends."""
    at = 0 if body.startswith(delimiter) else -1
    while True:
        behind = _AFTER.match(body, at + len(delimiter)) if at >= 0 else None
        if behind is None:
            raise UnreadableFormError("the form does not begin and end with its boundary")
        if behind[1]:
            return
        head_end = body.find(b"\r\n\r\n", behind.end() - 2, behind.end() + _LONGEST_HEAD)
        if head_end < 0:
            raise UnreadableFormError("a part of the form has no headers, or headers that do not end")
        next_at = _next(body, delimiter, head_end + 2)
        yield body[behind.end() : head_end], head_end + 4, max(head_end + 4, next_at - 2)
        at = next_at


def _next(body: bytes, delimiter: bytes, at: int) -> int:
    """Return where the next delimiter begins, or -1; a line that merely begins like one is content."""
    while (found := body.find(b"\r\n" + delimiter, at)) >= 0:
        if _AFTER.match(body, found + 2 + len(delimiter)):
            return found + 2
        at = found + 2
    return -1


def _name(head: bytes) -> str | None:
    """Return which of the two fields a part is; None: neither.

    Raises:
        UnreadableFormError: one reader may take it for such a field, another may not.
    """
    lines = _DISPOSITION.findall(head)
    plain = [name.lower() for line in lines for name, _, _ in _PARAMETER.findall(line)] == [b"name"] and not _ENCODED.search(head)
    given = _LENIENT.findall(head)
    for name, quoted, bare in given:
        value = quoted or bare
        if name.lower() == b"name" and plain and value in _READ:
            return str(value, "ascii")
        if name.lower().startswith(b"name") and (b"*" in name or _spelt_out(value) in _READ):
            raise UnreadableFormError(f"a field is named in an unusual way ({value[:40].decode('latin-1')!r})")
    return None


def _spelt_out(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"\\", b"")).strip().lower()
