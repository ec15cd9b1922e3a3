"""Where the fields of a JSON object stand, however deeply it is nested: no value of it is built, and nothing here calls itself.

Python's decoders call themselves for each level, and give up after some 900, which depends on who calls them. A text that one caller
can read and another cannot would be served by one of them and refused by the other.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STRING: Final = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER: Final = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
_TOKEN: Final = re.compile(
    rf"[ \t\n\r]*+(?:(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<comma>,)|(?P<colon>:)|(?P<string>{_STRING})"
    rf"|(?P<scalar>{_NUMBER}|true|false|null|NaN|-?Infinity))"
)
_BLANK: Final = re.compile(r"[ \t\n\r]*+")
_CLOSING: Final = {"[": "]", "{": "}"}
_ALLOWED: Final = {
    "value": {"open", "string", "scalar"},
    "value or end": {"open", "string", "scalar", "close"},
    "key": {"string"},
    "key or end": {"string", "close"},
    "colon": {"colon"},
    "comma or end": {"comma", "close"},
}
"""What may come where something is expected."""
_BEHIND: Final = {"comma": {"[": "value", "{": "key"}, "open": {"[": "value or end", "{": "key or end"}, "colon": {"{": "value"}}
"""What is expected behind a sign, by the innermost bracket; behind all else a comma or an end."""


def fields(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the fields of a JSON object: the name, and where the value begins and ends.

    Raises:
        ValueError: the text is no JSON object; fields before the fault have been yielded by then.
    """
    key, start = "", -1
    for depth, kind, at, end in _tokens(text):
        if depth > 1 or kind in {"comma", "colon"}:
            continue
        if kind == "key":
            key, start = json.loads(text[at:end]), -1
            continue
        start = at if start < 0 else start  # a list or object begins at its bracket
        if kind != "open" and depth:
            yield key, start, end


def _tokens(text: str) -> Iterator[tuple[int, str, int, int]]:
    """Yield what a JSON object consists of: how many brackets are open around it, what it is, where it begins and ends.

    Raises:
        ValueError: the text is no JSON object.
    """
    if not text.lstrip(" \t\n\r").startswith("{"):
        raise ValueError("no JSON object")
    brackets: list[str] = []
    expected, at = "value", 0
    match: Callable[[str, int], Any] = _TOKEN.match
    while brackets or not at:
        found = match(text, at)
        kind = found.lastgroup if found else ""
        if kind not in _ALLOWED[expected] or (kind == "close" and _CLOSING[brackets.pop()] != found["close"]):
            raise ValueError("no JSON object")
        at, depth = found.end(), len(brackets)
        if kind == "open":
            brackets.append(found["open"])
        if kind == "string" and expected.startswith("key"):
            kind, expected = "key", "colon"
        else:
            expected = _BEHIND[kind][brackets[-1]] if kind in _BEHIND else "comma or end"
        yield depth, kind, found.start(found.lastgroup), at
    if _BLANK.fullmatch(text, at) is None:
        raise ValueError("more behind a JSON object")
