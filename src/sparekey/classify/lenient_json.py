"""Read what looks like data in a text: JSON, reprs of Python and JavaScript, protobuf text, Go maps.

The data may be whole or cut short. A tokenizer goes over it once and never raises: what it cannot
understand is left out. The result is plain dicts, lists and strings, as from `json.loads`, which is
tried first where the text is nothing but JSON.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.tables import compiled

if TYPE_CHECKING:
    import re

MAX_TOKENS: Final = 1500
MAX_DEPTH: Final = 12
_DECODER: Final = json.JSONDecoder()
_LEXEME: Final = (
    r'(?s)(?:b?"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)'  # a string, or the rest of one that was cut off
    r"|b?'((?:[^'\\]++|\\.)*+)(?:'|\\?\Z)"
    r"|([A-Za-z_@$][\w.@$-]*+)"
    r"|(-?\d[\d.]*+(?:e[+-]?\d{1,4})?))\s*+([:=])?"  # with the colon that makes it a key
    r"|([{}\[\],:=])"
)
# Consoles show an exception as `[Error: ...]`: so a word after a square bracket opens data only in
# Go's `map[`. A pattern that begins with one class of characters is searched several times as fast
# as one that begins with a choice.
_OPENS: Final = (
    r"[{\[](?:(?<=\{)\s*+(?:[\"'{\[\]}]|[A-Za-z_@$]\w*+\s*+[:{]|\\+[\"'nrt])|(?<=\[)\s*+[\"'{\]]|(?<=map\[)\s*+[A-Za-z_@$]\w*+:)"
)
_GO_STRUCT: Final = r"\{[A-Z]\w{0,40}:(?:[^\s\"'{\[]|\{[A-Z])"
_ESCAPE: Final = r"(?s)\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})*+|.)"
_GO_KEY: Final = r"(?:^|[\s\[{])([A-Za-z_]\w{0,40}):"
_PLAIN_WORDS: Final = dict.fromkeys(("null", "None", "nil", "undefined")) | {"true": True, "True": True, "false": False, "False": False}


def unescape(text: str) -> str:
    """Undo one level of backslash escapes; escaped white space becomes one space."""
    return compiled(_ESCAPE).sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    char = match[1]
    if char[0] == "x" and len(char) > 1:  # escapes of bytes, which are UTF-8
        data = bytes.fromhex(char[1:].replace("\\x", ""))
        with suppress(UnicodeDecodeError):
            return data.decode()
        return data.decode("latin-1")
    if len(char) > 1:
        return chr(int(char[1:], 16))
    return " " if char in "nrt" else char


def find_data(text: str, start: int = 0) -> int:
    """Return the place where an object or a list seems to begin; -1 if there is none."""
    return match.start() if (match := compiled(_OPENS).search(text, start)) else -1


def read_data(text: str, start: int) -> tuple[Any, int]:
    """Return the object or list that begins at `start`, and the place where it ends.

    If nothing can be made of it, return (None, start + 1).
    """
    if start and text.startswith("map[", start - 3):
        return _read_go(text, start, "]")
    if compiled(_GO_STRUCT).match(text, start):
        return _read_go(text, start, "}")
    if found := _read_strict(text, start):
        return found
    reader = _Reader()
    end = len(text)
    for count, match in enumerate(compiled(_LEXEME).finditer(text, start)):
        if reader.take(match) or count > MAX_TOKENS:
            end = match.end()
            break
    return reader.root, max(end, start + 1)


def _read_strict(text: str, start: int) -> tuple[Any, int] | None:
    """Read JSON, or what becomes JSON with other quotes (most of Python's reprs), the quick way.

    Return None if the text is neither.
    """
    quote = text[start + 1 : start + 2]
    if quote == "'":
        if '"' in text or "\\" in text:
            return None
        text = text.replace("': None", "': null").replace("': True", "': true").replace("': False", "': false").replace("'", '"')
    elif quote != '"':
        return None
    with suppress(ValueError, RecursionError):
        return _DECODER.raw_decode(text, start)
    return None


def read_json(text: str) -> Any:
    """Return the value of a text that is JSON; None if it is not."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


class _Reader:
    """Builds the value token by token; `take` returns True once the outermost container is closed.

    Attributes:
        root: the outermost container; None before the first bracket.
        here: the container that is open now.
        stack: the open containers, outermost first.
        key: the key that waits for its value, in an object.
        pending: a scalar in an object that becomes the key when its colon comes.
    """

    __slots__ = ("here", "key", "pending", "root", "stack")

    def __init__(self) -> None:
        self.root: Any = None
        self.here: Any = None
        self.stack: list[Any] = []
        self.key: str | None = None
        self.pending: str | None = None

    def take(self, match: re.Match[str]) -> bool:
        double, single, word, number, colon, char = match.groups()
        if char in {",", "{", "[", "}", "]"}:
            return self._punctuation(char)
        if word is not None:
            if word not in _PLAIN_WORDS or self.key is not None:
                self._scalar(_PLAIN_WORDS.get(word, word))
        elif number is not None:
            self._scalar(_number(number))
        elif char is None:
            self._scalar(unescape(single if double is None else double))
        if (colon or char) and self.pending is not None:
            self.key, self.pending = self.pending, None
        return False

    def _punctuation(self, char: str) -> bool:
        if char in "{[":
            container: Any = {} if char == "{" else []
            if self.root is None:
                self.root = container
            elif len(self.stack) < MAX_DEPTH:
                self.key = self.key or self.pending  # protobuf text opens a message without a colon: `error {`
                self._put(container)
            self.stack.append(container)
        elif char in "}]":
            self.stack.pop()
        self.here = self.stack[-1] if self.stack else None
        self.key = self.pending = None
        return not self.stack

    def _scalar(self, value: Any) -> None:
        if self.key is None and type(self.here) is dict:
            self.pending = str(value)[:200]
        else:
            self._put(value)

    def _put(self, value: Any) -> None:
        if type(self.here) is list:
            self.here.append(value)
        elif self.key is not None and type(self.here) is dict:
            self.here.setdefault(self.key, value)
            self.key = None


def _number(digits: str) -> int | float | str:
    try:
        return float(digits) if "." in digits or "e" in digits else int(digits[:18])
    except ValueError:
        return digits


def _read_go(text: str, start: int, close: str) -> tuple[dict[str, str], int]:
    """Read Go's print of a map or a struct; return its fields, and the place where it ends.

    Examples are `map[code:429 message:too many requests]` and `{Code:429 Message:too many
    requests}`.
    """
    end = text.find(close, start) if close == "]" else text.rfind(close, start)
    end = len(text) if end < 0 else end
    keys = list(compiled(_GO_KEY).finditer(text, start, end))
    stops = [key.start() for key in keys[1:]] + [end]
    return {key[1]: text[key.end() : stop].strip(" {}") for key, stop in zip(keys, stops, strict=True)}, end + 1
