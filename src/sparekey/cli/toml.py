"""A configuration as TOML: the standard library reads TOML and does not write it.

Enough for configurations: tables, lists of tables, inline values. `tomllib.loads(dumps(x)) == x` for every tree of dictionaries,
lists, texts, finite numbers and booleans.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_DELETE: Final = "\x7f"
"""The one character that JSON may write as it is and TOML may not."""


def dumps(data: Mapping[str, Any]) -> str:
    """Return a tree as TOML. A value of None raises TypeError: TOML has no such thing."""
    return "\n".join(_table(data, ())).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield plain values first, then what has a heading of its own."""
    inner = {name: value for name, value in table.items() if _has_heading(value)}
    for name, value in table.items():
        if name not in inner:
            yield f"{_key(name)} = {_value(value)}"
    for name, value in inner.items():
        heading = ".".join(map(_key, (*path, name)))
        rows, brackets = (value, "[[{}]]") if isinstance(value, list) else ([value], "[{}]")
        for row in rows:
            if isinstance(value, list) or not row or not all(map(_has_heading, row.values())):
                yield ""
                yield brackets.format(heading)
            yield from _table(row, (*path, name))


def _has_heading(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """JSON's escapes are TOML's; surrogate pairs are avoided by writing characters as they are."""
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007f")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return _text(value)
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}" if value else "{}"
    raise TypeError(f"TOML has no form for {type(value).__name__}")
