"""Configuration files: found, read, checked."""

from __future__ import annotations

import json
import os
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, Field, ValidationError, model_validator

from sparekey.config import legacy, openviking, variables
from sparekey.config.base import Strict
from sparekey.config.embedding import EmbeddingConfig
from sparekey.config.faults import ConfigSource, Fault, Faults, as_lines, every_fault, line, read_faulty, translated, without_unknown
from sparekey.config.gateway import GatewayConfig, gateway_chains
from sparekey.config.rules import RuleConfig
from sparekey.config.vlm import VLMConfig
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from sparekey.config.chain import BaseChain
    from sparekey.config.faults import Path as KeyPath

FILE_NAMES: Final = ("sparekey.toml", "sparekey.json")
"""What `load_config()` looks for in the working directory, in this order."""
ENVIRONMENT_VARIABLE: Final = "SPAREKEY_CONFIG"
"""The environment variable that names the file instead."""

_TRAILING_COMMA: Final = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')


class Config(Strict):
    """A whole configuration.

    Raises:
        ConfigError: something is wrong; one line a fault, never a key.
    """

    vlm: VLMConfig | None = Field(None, description="The chat and vision model.")
    embedding: EmbeddingConfig | None = Field(None, description="The embeddings.")
    gateway: GatewayConfig | None = Field(None, description="The gateway.")
    rules: list[RuleConfig] = Field(default_factory=list, description="Own rules about errors, for every chain.")
    strict: bool = Field(False, description="Refuse a chain of which one key cannot be found; else its other credentials serve.")

    @model_validator(mode="before")
    @classmethod
    def _modern(cls, data: Any) -> Any:
        return legacy.document_on_the_way_in(data)

    @model_validator(mode="after")
    def _hand_down(self) -> Self:
        if self.strict and (faults := [*self._unset()]):
            raise Faults(faults)
        for _, chain in chains(self):
            chain._handed_down, chain._strict = tuple(self.rules), self.strict  # noqa: SLF001 - one package
        return self

    def _unset(self) -> Iterator[Fault]:
        for path, chain in chains(self):
            if chain.strict is None:
                yield from (Fault((*path, *fault.path), fault.text) for fault in chain.unset_faults())

    def key_files(self) -> set[Path]:
        """Return the files that `file:` references name, whether or not they exist."""
        found = self.gateway.key_files() if self.gateway else set()
        return found.union(*(chain.key_files() for _, chain in chains(self)))

    def close(self) -> None:
        """Close whatever was built from it."""
        for part in (self.vlm, self.embedding, *(chain for _, chain in gateway_chains(self.gateway or GatewayConfig()))):
            if part is not None:
                part.close()


def load_config(path: str | os.PathLike[str] | None = None) -> Config:
    """Read a configuration from a TOML or JSON file.

    Keys are not looked up yet, so a configuration can be loaded where its keys are not.

    Args:
        path: the file. Without it: what `SPAREKEY_CONFIG` names, else `sparekey.toml`, else `sparekey.json` in the working directory.

    Returns:
        The checked configuration; older forms are rewritten, with one line on the logger `sparekey.config`.

    Raises:
        ConfigError: there is no such file, or it is wrong; one line a fault: `file: path.to.key: what is wrong; what to do`.
    """
    file = find_file() if path is None else Path(path).expanduser()
    return _made(_read(file), file)


def config_of(data: Mapping[str, Any], filename: str = "sparekey.json") -> Config:
    """Return the configuration that a file with this content would give, in code.

    Args:
        data: the content.
        filename: the file's name, for messages; `ov.conf` makes it OpenViking's, whatever its sections.

    Raises:
        ConfigError: it is wrong; one line a fault, as `load_config` tells them.
    """
    return _made(data, Path(filename))


def _made(data: Mapping[str, Any], file: Path) -> Config:
    modern = modernise(data, file.name)
    legacy.warn(modern, str(file))
    config = None
    with suppress(ValidationError):
        config = super(Strict, Config).model_validate(modern.data)
    if config is None or modern.faults:
        raise ConfigError("\n".join(f"{file}: {text}" for text in _all_faults(modern)))
    for section, chain in chains(config):
        chain._locate(ConfigSource(str(file), section, file.parent, modern.origins))  # noqa: SLF001 - one package
    if config.gateway:
        config.gateway._locate(ConfigSource(str(file), ("gateway",), file.parent))  # noqa: SLF001 - as above
    return config


def _all_faults(modern: legacy.Modern) -> list[str]:
    """Return a line for each thing that is wrong with a configuration: older forms that cannot be read, then all else.

    A section whose older form cannot be read is not looked at any further.
    """
    unread = {fault.path[0] for fault in modern.faults if fault.path}
    rest = [fault for fault in every_fault(Config, modern.data) if not fault.path or fault.path[0] not in unread]
    return [*(line(fault.path, fault.text) for fault in modern.faults), *as_lines(rest, modern.origins)]


def find_file() -> Path:
    """Return the file that `load_config()` reads when none is named.

    Raises:
        ConfigError: there is none.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return Path(named).expanduser()
    for name in FILE_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise ConfigError(f"no configuration: write {FILE_NAMES[0]} here, or name a file with {ENVIRONMENT_VARIABLE}")


def modernise(data: Mapping[str, Any], filename: str = "", *, keep: bool = True) -> legacy.Modern:
    """Return a configuration as read from a file in the present form; OpenViking's other sections are left out.

    Args:
        data: the content of the file.
        filename: its name; `ov.conf` makes it OpenViking's.
        keep: whether the configuration is to be used: variables are replaced then, and stay if it is to be written down.
    """
    if not openviking.is_one(data, filename):
        data, faults = variables.expanded(data, os.environ) if keep else (data, [])
        modern = legacy.document(data, keep=keep)
        modern.faults = [*faults, *modern.faults]
        return modern
    read = openviking.ours(data, os.environ, keep=keep)
    modern = legacy.document(read.data, keep=keep)
    modern.forms, modern.faults = [*read.forms, *modern.forms], [*read.faults, *modern.faults]
    # OpenViking takes keys that it does not know with a warning, and so does whoever takes its files
    modern.data, unknown = without_unknown(Config, modern.data)
    modern.left_out += [Fault(translated(one.path, modern.origins), f"{one.text} (OpenViking ignores it)") for one in unknown]
    if not keep:
        modern.data, unkept = variables.written(modern.data)
        modern.left_out += [Fault(translated(one.path, modern.origins), one.text) for one in unkept]
    return modern


def migrate(old: Mapping[str, Any], filename: str = "") -> dict[str, Any]:
    """Return an older configuration in the present form, for a person to keep. Pure: `old` stays as it is.

    Args:
        old: the configuration as read from its file.
        filename: the file's name, if there is one; `ov.conf` is known by it.

    Raises:
        ConfigError: the older form cannot be read.
    """
    return migrated(old, filename).data


def migrated(old: Mapping[str, Any], filename: str = "") -> legacy.Modern:
    """Return the same as `migrate`, with a list of what was left out.

    Raises:
        ConfigError: the older form cannot be read.
    """
    modern = modernise(old, filename, keep=False)
    if modern.faults:
        raise ConfigError("\n".join(line(fault.path, fault.text) for fault in modern.faults))
    modern.data = _without_nothing(modern.data)
    return modern


def read_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the plain content of a TOML or JSON file, unchecked; of variables outside of texts only numbers, true and false.

    Raises:
        ConfigError: it cannot be read, or is neither.
    """
    return _read(Path(path).expanduser(), plain=True)


def chains(config: Config) -> list[tuple[KeyPath, BaseChain[Any]]]:
    """Return every chain of a configuration with its path in the file."""
    found: list[tuple[KeyPath, BaseChain[Any]]] = [(("vlm",), config.vlm)] if config.vlm else []
    if config.embedding:
        found += [(("embedding", kind), chain) for kind, chain in config.embedding.chains.items()]
    if config.gateway:
        found += [(("gateway", *path), chain) for path, chain in gateway_chains(config.gateway)]
    return found


def _read(file: Path, *, plain: bool = False) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read ({getattr(exc, 'strerror', None) or 'not UTF-8 text'})") from None
    return _json(text, file, plain=plain) if text.lstrip()[:1] == "{" else _toml(text, file, plain=plain)


def _toml(text: str, file: Path, *, plain: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        read = read_faulty(text)
        lines = [*read.faults, *(_faults_of_the_rest(read.rest, read.left) if read.rest and not plain else ())]
        raise ConfigError("\n".join(f"{file}: {fault}" for fault in lines)) from None
    except RecursionError:
        raise ConfigError(f"{file}: nested too deeply") from None


def _json(text: str, file: Path, *, plain: bool) -> dict[str, Any]:
    try:
        return _loaded(text, file)
    except json.JSONDecodeError as exc:
        # OpenViking replaces variables before it reads the file, so one may stand where a number belongs
        filled, unset = variables.outside_texts(text, os.environ, plain=plain)
        lines = [variables.unset_words(name) if name not in os.environ else _NOT_PLAIN.format(name=name) for name in unset]
        words = _not_json(exc)
    if filled != text:
        try:
            return _loaded(filled, file)
        except json.JSONDecodeError as exc:
            words = _not_json(exc)
    raise ConfigError("\n".join(f"{file}: {one}" for one in lines or [words])) from None


def _faults_of_the_rest(rest: Mapping[str, Any], left: frozenset[str]) -> list[str]:
    """Return a line for each fault of a file without its faulty lines that does not follow from a line being left out."""
    modern = modernise(rest)
    unread = {fault.path[0] for fault in modern.faults if fault.path}
    found = [one for one in every_fault(Config, modern.data) if one.path and one.path[0] not in unread]
    follows = [one for one in found if one.text.startswith("is empty") or (one.text.startswith("is missing") and one.path[-1] in left)]
    return as_lines((one for one in found if one not in follows), modern.origins)


_NOT_PLAIN: Final = "the variable {name} holds more than a number, true or false; write it as a text in quotes, or its value"


def _not_json(exc: json.JSONDecodeError) -> str:
    return f"not valid JSON: {exc.msg} (at line {exc.lineno}, column {exc.colno})"


def _loaded(text: str, file: Path) -> dict[str, Any]:
    try:
        # OpenViking's own example ends its lists with a comma, so that much is forgiven.
        data: dict[str, Any] = json.loads(_TRAILING_COMMA.sub(lambda m: m.group(1) or "", text), object_pairs_hook=_unique)
    except _TwiceError as exc:
        raise ConfigError(f"{file}: the key {exc} is there twice in one table") from None
    except RecursionError:
        raise ConfigError(f"{file}: nested too deeply") from None
    return data


class _TwiceError(Exception):
    """A table of a JSON file has a key twice; the last would win unseen."""


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise _TwiceError(repr(name))
        table[name] = value
    return table


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nothing(inner) for inner in value]
    return value.model_dump(exclude_none=True) if isinstance(value, BaseModel) else value
