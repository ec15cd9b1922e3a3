"""Variables in the texts of a configuration: `${NAME}` stands for what the environment holds.

Keys are not read here: `${NAME}` in the place of a key is a reference (see `secrets`), looked up when the key is needed.
A variable of a credential that is not set stays in its text, and the chain leaves that credential out (see `unset`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from sparekey.config.faults import Path

KEYS: Final = frozenset({"api_key", "ak", "sk", "key", "admin_key", "proxy"})
"""Names under which a key stands."""
_SECTIONS: Final = ("vlm", "embedding", "gateway")
_BODIES: Final = frozenset({"extra_request_body", "extra_body", "rules"})
"""Names under which a dollar may be just that."""
_NAMED: Final = re.compile(r"\$\{(\w+)\}", re.ASCII)
_OUTSIDE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\$(?:\{(\w+)\}|(\w+))', re.ASCII)
"""A text of a JSON file, or a variable outside of one."""
_SCALAR: Final = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null")
OF_A_CREDENTIAL: Final = frozenset(
    {"provider", "model", "account", "api_base", "api_version", "region", "host", "extra_headers", "reasoning_effort"}
)
"""Settings of a credential that are texts; one whose variable is not set costs the credential, not the file."""
_LISTS: Final = frozenset({"credentials", "backup", "providers"})
_DEPTH: Final = {"vlm": 1, "embedding": 2, "gateway": 3}
"""How deep a chain stands in each section."""


def expanded(data: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """Return a configuration with its variables replaced, and a fault for each that is not set.

    Args:
        data: the content of a file.
        environ: the environment.
    """
    faults: list[Fault] = []
    found = {name: _walked(value, (name,), environ, faults) if name in _SECTIONS else value for name, value in data.items()}
    return found, faults


def _walked(value: Any, path: Path, environ: Mapping[str, str], faults: list[Fault]) -> Any:
    if isinstance(value, dict):
        return {name: inner if name in _BODIES else _walked(inner, (*path, str(name)), environ, faults) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, (*path, index), environ, faults) for index, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value or path[-1] in KEYS:
        return value
    return _NAMED.sub(lambda found: looked_up(found, found[1], path, environ, faults), value)


def looked_up(found: re.Match[str], name: str, path: Path, environ: Mapping[str, str], faults: list[Fault]) -> str:
    """Return what a variable holds; where it is not set, leave the text as it is, and note the fault unless it is one of a credential."""
    if name in environ:
        return environ[name]
    if len(path) > (depth := _DEPTH.get(str(path[0]), 0)) and path[depth] in OF_A_CREDENTIAL | _LISTS:
        return found[0]
    faults.append(Fault(path, unset_words(name)))
    return found[0]


def outside_texts(text: str, environ: Mapping[str, str], *, plain: bool) -> tuple[str, list[str]]:
    """Return a JSON text with the variables replaced that stand outside of its texts, and the names of those that cannot be.

    Args:
        text: the content of a file.
        environ: the environment.
        plain: replace only what holds a number, true, false or null: anything else may hold a key.
    """
    missing: dict[str, None] = {}

    def put(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name is None:
            return found[0]
        value = environ.get(name)
        if value is None or (plain and not _SCALAR.fullmatch(value.strip())):
            missing[name] = None
            return found[0]
        return value

    return _OUTSIDE.sub(put, text), [*missing]


class TracedText(str):
    """What a text with variables holds now, with the text itself: decisions need the one, a file the other."""

    __slots__ = ("text",)

    def __new__(cls, value: str, _text: str) -> Self:
        """Create a text that compares as its present value."""
        return super().__new__(cls, value)

    def __init__(self, _value: str, text: str) -> None:
        """Take the text with the variables."""
        self.text = text


def written(value: Any, path: Path = ()) -> tuple[Any, list[Fault]]:
    """Return a configuration with its variables in their texts again, and what has to be left out: a body takes no variables.

    Args:
        value: the configuration, with `TracedText` texts.
        path: where it stands.
    """
    if isinstance(value, TracedText):
        return value.text, []
    left: list[Fault] = []
    if isinstance(value, dict):
        table: dict[str, Any] = {}
        for name, inner in value.items():
            if path and path[-1] in _BODIES and _holds_traced(inner):
                left.append(Fault((*path, str(name)), "holds a variable, which is not replaced in a body; write it there by hand"))
                continue
            table[name], more = written(inner, (*path, str(name)))
            left += more
        return table, left
    if isinstance(value, list):
        rows = []
        for index, inner in enumerate(value):
            row, more = written(inner, (*path, index))
            rows.append(row)
            left += more
        return rows, left
    return value, left


def _holds_traced(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_traced, value.values() if isinstance(value, dict) else value))
    return isinstance(value, TracedText)


def filled(value: Any, environ: Mapping[str, str]) -> Any:
    """Return a text, or a table of texts, with what its variables hold; a variable that is not set stays."""
    if isinstance(value, dict):
        return {name: filled(inner, environ) for name, inner in value.items()}
    if not isinstance(value, str) or "${" not in value:
        return value
    return _NAMED.sub(lambda found: environ.get(found[1], found[0]), value)


def unset(value: Any) -> list[str]:
    """Return the names of the variables that a text, or a table of texts, still holds: those that are not set."""
    if isinstance(value, dict):
        return [name for inner in value.values() for name in unset(inner)]
    return _NAMED.findall(value) if isinstance(value, str) else []


def unset_words(name: str) -> str:
    """Return what to say of a variable that is not set."""
    return f"the environment variable {name} is not set; export it, or write its value"
