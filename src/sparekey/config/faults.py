"""Faults of a configuration as lines: `file: path.to.key: what is wrong; what to do`. No line ever holds a value of a text.

pydantic's own report repeats its input, and an input may be a key. So each kind of fault is worded here.

pydantic checks a whole model only when each of its fields is sound, so one misspelt key would hide that a credential has no provider.
`every_fault` takes out what is known to be wrong and looks again. Of a text that is no TOML, `read_faulty` says what is wrong with
it, and reads the rest.
"""

from __future__ import annotations

import re
import tomllib
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from sparekey.errors import ConfigError
from sparekey.masking import mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


_LONGEST_LINE: Final = 600
"""The most characters of one line: a file's values can be of any length."""
_ROUNDS: Final = 8
"""The most checks of a wrong configuration: each may find faults that the last one could not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its path below the model that found it, and a message."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where a chain's configuration comes from.

    Attributes:
        file: the file as the person named it; empty for a configuration made in code.
        section: the path of the chain in the file (`("vlm",)`, `("embedding", "dense")`).
        folder: what relative paths in it are relative to.
        origins: where a part of the checked data stands in the file, if an older form was rewritten on the way.
    """

    file: str = ""
    section: Path = ()
    folder: Folder = Folder()
    origins: Mapping[Path, Path] = field(default_factory=dict)

    def place(self, path: Path) -> str:
        """Return file and path of a part of the chain, as a person looks for it."""
        return ": ".join(filter(None, (self.file, dotted(translated(self.section + path, self.origins)))))


class Faults(ValueError):  # noqa: N818 - many, not one
    """The faults that a check over a whole model found; pydantic passes it on."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Keep the faults in the order in which they were found."""
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{dotted(f.path)}: {f.text}" for f in self.faults))


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as a person writes it: `vlm.credentials[0].api_key`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def as_lines(faults: Iterable[Fault], origins: Mapping[Path, Path] | None = None) -> list[str]:
    """Return a line for each fault.

    Args:
        faults: what is wrong.
        origins: where a part of the checked data stands in the file, if an older form was rewritten on the way.
    """
    return list(dict.fromkeys(line(translated(f.path, origins or {}), f.text) for f in faults))


searching: Final = ContextVar("searching", default=False)
"""Set while a model that was refused is read again to find its other faults: whoever writes to the log then has done it before."""


def every_fault(model: type[BaseModel], data: Any) -> list[Fault]:
    """Return all that is wrong with the data of a model, in the order in which it is found; the data stays as it is."""
    left, faults, removed = _copied(data), list[Fault](), list[Path]()
    for _ in range(_ROUNDS):
        errors = _errors(model, left)
        fresh = [fault for error in errors for fault in _faults(error, model) if not _follows(fault, removed)]
        faults += [fault for fault in fresh if fault not in faults]
        taken = [path for error in errors if _remove(left, path := _place(error))]
        if not taken:
            break
        removed += taken
    return faults


def without_unknown(model: type[BaseModel], data: Any) -> tuple[Any, list[Fault]]:
    """Return a copy of the data of a model without the keys that the model does not have, and these with a word each."""
    left, found = _copied(data), list[Fault]()
    for _ in range(_ROUNDS):
        unknown = [error for error in _errors(model, left) if error["type"] == "extra_forbidden"]
        found += [fault for error in unknown for fault in _faults(error, model) if _remove(left, _place(error))]
        if not unknown:
            break
    return left, found


def _errors(model: type[BaseModel], data: Any) -> list[ErrorDetails]:
    token = searching.set(True)
    try:
        BaseModel.model_validate.__func__(model, data)  # type: ignore[attr-defined]  # a model's own raises `ConfigError`
    except ValidationError as exc:
        return exc.errors(include_url=False)
    finally:
        searching.reset(token)
    return []


def _place(error: ErrorDetails) -> Path:
    return tuple(part for part in error["loc"] if part != "[key]")


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list | tuple) else value


def _remove(data: Any, path: Path) -> bool:
    """Take the value at a path out of tables; tell whether it was there. An entry of a list stays, as the others are known by number."""
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    if not path or not isinstance(data, dict) or path[-1] not in data:
        return False
    del data[path[-1]]
    return True


def _follows(fault: Fault, removed: Sequence[Path]) -> bool:
    """Return whether a fault may exist only because another value was removed."""
    if any(path[: len(fault.path)] == fault.path or fault.path[: len(path)] == path for path in removed):
        return True
    if not fault.path or not fault.text.startswith("is missing"):
        return False
    *parent, name = fault.path
    misspelt = [str(path[-1]) for path in removed if [*path[:-1]] == parent[: len(path) - 1]]  # there, or in a table above: it is inherited
    return bool(get_close_matches(str(name), misspelt, n=1, cutoff=0.6)) or any(path[-1] == name for path in removed)


def as_config_error(model: type[BaseModel], data: Any) -> ConfigError:
    """Return the `ConfigError` with all faults of a model that was created in code."""
    return ConfigError("\n".join(f"{model.__name__}: {text}" for text in as_lines(every_fault(model, data))))


def line(path: Path, text: str) -> str:
    """Return one fault as a person reads it: masked, should a key stand where a name belongs, and bounded."""
    return mask(f"{dotted(path)}: {text}" if path else text)[:_LONGEST_LINE]


def translated(path: Path, origins: Mapping[Path, Path]) -> Path:
    """Return where a path of the checked data stands in the file."""
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]] + path[length:]
    return path


def _faults(error: ErrorDetails, model: type[BaseModel]) -> list[Fault]:
    path = _place(error)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Faults):
        return [Fault(path + f.path, f.text) for f in cause.faults]
    if error["type"] == "extra_forbidden":
        return [Fault(path, _unknown_key(path, model))]
    text = str(cause) if cause is not None else _worded(error)
    if error["type"] == "list_type" and isinstance(error["input"], dict):
        text += f"; in TOML each entry begins with [[{dotted(path)}]]"
    return [Fault(path, text)]


_WANTED: Final = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number that is not infinite",
    "dict_type": "must be a table of names and values",
    "mapping_type": "must be a table of names and values",
    "list_type": "must be a list",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
}


def _worded(error: ErrorDetails) -> str:
    kind, ctx = error["type"], error.get("ctx", {})
    if kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        bound = next(iter(ctx.values()))
        sign = {"greater_than": "more than", "greater_than_equal": "at least", "less_than": "less than", "less_than_equal": "at most"}[kind]
        return f"must be {sign} {bound:g}{_given(error['input'])}"
    if kind in {"literal_error", "enum"}:
        return f"must be {ctx['expected']}"
    return _WANTED.get(kind, error["msg"])


def _given(value: Any) -> str:
    return f", not {value:g}" if isinstance(value, int | float) else ""


def _unknown_key(path: Path, model: type[BaseModel]) -> str:
    """Say what to do about a key that a model does not have: it was misspelt, or it belongs to the model above."""
    name = str(path[-1])
    owner, parent = _models_at(path[:-1], model)
    if "credentials" in path and parent is not None and name in parent.model_fields:
        above = (*path[: path.index("credentials")], name)
        return f"belongs to the model, not to one credential; set {dotted(above)}"
    close = get_close_matches(name, list(owner.model_fields) if owner else [], n=1, cutoff=0.6)
    return f"unknown key; did you mean {close[0]!r}?" if close else "unknown key; remove it"


def _models_at(path: Path, model: type[BaseModel]) -> tuple[type[BaseModel] | None, type[BaseModel] | None]:
    """Return the model that a path leads to and the one above it."""
    here: type[BaseModel] | None = model
    above: type[BaseModel] | None = None
    for part in path:
        if isinstance(part, int) or here is None:
            continue
        field = here.model_fields.get(part)
        above, here = here, _model_in(field.annotation) if field else None
    return here, above


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)


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
            found.append(_toml_words(str(exc), place, faulty))
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


def _toml_words(said: str, place: re.Match[str] | None, faulty: str) -> str:
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
