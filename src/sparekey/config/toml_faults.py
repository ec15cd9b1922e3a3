"""What is wrong with a TOML text that cannot be read: Python's own words for it, where it is, and what to write.

Python's parser stops at the first fault. A faulty line that sets one key says nothing about the others,
so it is left out, and the rest is read again.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.masking import mask

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST: Final = 8
"""The most faults that are told of one text."""
_PLACE: Final = re.compile(r" \(at (line (\d+), column \d+|end of document)\)$")
_KEY: Final = re.compile(r"\s*([\w.-]+)\s*=")
_TABLE: Final = re.compile(r"\('[^)]*\)")
"""A table as Python's message names it: `('vlm', 'credentials')`."""
_ADVICE: Final[Mapping[str, str]] = {
    "Invalid value": "a text stands in quotes, true and false in small letters",
    "Cannot overwrite a value": "it is set twice, or is a table elsewhere",
    "Cannot declare": "put the keys of both into one; an entry of a list begins with [[...]]",
    "Illegal character '\\n'": "the quotes of a text do not close on its line",
    "Invalid hex value": "a backslash begins an escape: write it twice, or put the text into single quotes",
    "Unescaped '\\'": "a backslash begins an escape: write it twice, or put the text into single quotes",
    "Expected newline or end of document": "one key a line, and nothing but a comment behind its value",
    "Expected '=' after a key": "write key = value",
}
"""What to write, by the beginning of Python's message."""


class FaultyToml(NamedTuple):
    """What could be read of a text that is no TOML.

    Attributes:
        faults: a line for each thing that keeps it from being TOML; none holds a value, which may be a key.
        rest: the content without the faulty lines; None: it cannot be read without them either.
        left: the keys of these lines.
    """

    faults: list[str]
    rest: dict[str, Any] | None
    left: frozenset[str]


def toml_faults(text: str) -> list[str]:
    """Return a line for each thing that keeps a text from being TOML; an empty list if it is TOML."""
    return read_faulty(text).faults


def read_faulty(text: str) -> FaultyToml:
    """Return what could be read of a text, and what is wrong with the rest."""
    lines, found, left = text.split("\n"), list[str](), set[str]()
    rest: dict[str, Any] | None = None
    while len(found) < _MOST:
        try:
            rest = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as exc:
            place = _PLACE.search(str(exc))
            number = int(place[2]) - 1 if place and place[2] else None
            faulty = lines[number] if number is not None and number < len(lines) else ""
            found.append(_told(str(exc), place, faulty))
            key = _KEY.match(faulty)
            if number is None or not key or not _stands_alone(faulty):
                break
            left.update(key[1].split("."))
            lines[number] = ""
        else:
            break
    return FaultyToml(found, rest, frozenset(left))


def _stands_alone(line: str) -> bool:
    """Return whether the value of a key is on its line alone: a list, a table or a text over several lines may not be."""
    value = line.partition("=")[2]
    return not any(mark in value for mark in ('"""', "'''", "[", "{"))


def _told(said: str, place: re.Match[str] | None, faulty: str) -> str:
    what = said[: place.start()] if place else said
    key = _KEY.match(faulty)
    where = ", ".join(filter(None, (f"at {place[1]}" if place else "", f"in {key[1]!r}" if key else "")))
    advice = next((text for begin, text in _ADVICE.items() if what.startswith(begin)), "")
    what = _TABLE.sub(_bracketed, what)
    # masked: a key may stand where a name belongs
    return mask(f"not valid TOML{f' ({where})' if where else ''}: {what}{f'; {advice}' if advice else ''}")


def _bracketed(found: re.Match[str]) -> str:
    """Return a table as a person writes it: `[vlm.credentials]`."""
    parts = re.findall(r"'([^']*)'", found[0])
    return f"[{'.'.join(parts)}]"
