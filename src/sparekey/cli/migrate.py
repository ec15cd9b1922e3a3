"""`sparekey migrate`: prints or writes an older configuration in the present form."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Any, Final

from sparekey.cli import render, toml
from sparekey.config import Config, SecretRef, openviking, variables
from sparekey.config.faults import line
from sparekey.config.files import migrated, read_file
from sparekey.config.litellm import convert
from sparekey.errors import ConfigError, MissingExtraError
from sparekey.masking import MASK, mask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.config.legacy import Modern


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the plain content of a YAML file.

    Raises:
        ConfigError: it cannot be read, is not YAML (with line and column), or is no table.
        MissingExtraError: the extra `yaml` is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("reading YAML", "yaml") from None
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read ({getattr(exc, 'strerror', None) or 'not UTF-8 text'})") from None
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f" (at line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ConfigError(f"{file}: not valid YAML: {exc.problem or exc.context}{where}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{file}: not valid YAML") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: is no table of names and values")
    return data


_KEYS: Final = frozenset({"api_key", "ak", "sk"})


def run_migrate(old: Path, *, write: bool = False, to: str | None = None, show_keys: bool = False) -> None:
    """Print `old` in the present form, or write it.

    Args:
        old: the file.
        write: write it, and keep the old file beside it.
        to: `toml` or `json`; None: as the file is.
        show_keys: show keys on a terminal, too.

    Raises:
        ConfigError: the file cannot be read or written, or what becomes of it is no sound configuration (it is printed all the same).
    """
    if old.suffix in {".yaml", ".yml"}:
        _run_litellm(old, write=write, to=to, show_keys=show_keys)
        return
    data = read_file(old)
    modern = migrated(data, old.name)
    new, form = modern.data, to or form_of(old)
    if write:
        _refuse_foreign(data, old)
        _check(new, old)
        _write(old, new, form)
        _tell(modern)
        return
    _print(new, form, show_keys=show_keys)
    _tell(modern)
    _check(new, old)


def _tell(modern: Modern) -> None:
    """Print what was left out, and why, to standard error."""
    for one in (*modern.unused, *modern.left_out):
        render.note(f"left out: {line(one.path, one.text)}")


def _run_litellm(old: Path, *, write: bool, to: str | None, show_keys: bool) -> None:
    """Print a LiteLLM configuration in sparekey's form, and remaining steps to standard error."""
    if write:
        raise ConfigError(f"{old}: is LiteLLM's own file; write a file of your own: sparekey migrate {old} > sparekey.toml")
    data = read_yaml(old)
    try:
        done = convert(data, os.environ)
    except ConfigError as exc:
        raise ConfigError(f"{old}: {exc}") from None
    _print(done.config, to or "toml", show_keys=show_keys)
    for text in done.left_out:
        render.note(f"left out: {text}")
    for text in done.to_do:
        render.note(f"to do: {text}")
    _check(done.config, old)
    render.note("next: with it as sparekey.toml, and the keys in the environment: `sparekey check`, then `sparekey serve`")


def _print(new: Mapping[str, Any], form: str, *, show_keys: bool) -> None:
    hidden = sys.stdout.isatty() and not show_keys
    sys.stdout.write(rendered(masked(new) if hidden else new, form))
    if hidden and masked(new) != new:
        render.note("keys are shown as ***; a pipe, a file or --show-keys gets them")


def form_of(file: Path) -> str:
    """Return `json` or `toml` by content, as the configuration's own reader does."""
    return "json" if file.read_text(encoding="utf-8-sig").lstrip()[:1] == "{" else "toml"


def rendered(config: Mapping[str, Any], form: str) -> str:
    """Return a configuration as text."""
    return toml.dumps(config) if form == "toml" else json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def masked(value: Any, name: str = "", *, header: bool = False) -> Any:
    """Mask keys and header values (they may be keys) in a configuration; keep references."""
    if isinstance(value, dict):
        return {k: masked(v, k, header=name == "extra_headers") for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v, name) for v in value]
    if not isinstance(value, str):
        return value
    if name in _KEYS:
        return SecretRef(value).shown
    return MASK if header else mask(value)


def _check(new: Mapping[str, Any], old: Path) -> None:
    """Refuse a configuration that would not load; variables need not be set here."""
    filled, _ = variables.expanded(new, _Anything(os.environ))
    try:
        Config.model_validate(filled)
    except ConfigError as exc:
        lines = str(exc).replace("Config: ", "")
        raise ConfigError(f"{old}: in the present form it would be refused:\n{lines}") from None


class _Anything(dict[str, str]):
    """An environment in which each variable is set: to its value, else to a valid address."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __missing__(self, _name: str) -> str:
        return "https://variable.invalid"


# ── writing ──


def _refuse_foreign(data: Mapping[str, Any], old: Path) -> None:
    if openviking.is_one(data, old.name):
        raise ConfigError(
            f"{old}: is OpenViking's own file, whose other sections it needs; write a file of your own: "
            f"sparekey migrate {old} --to toml > sparekey.toml"
        )


def _write(old: Path, new: Mapping[str, Any], form: str) -> None:
    """Write the new form, keeping the old file as a backup; an interruption loses nothing."""
    old = old.resolve()  # replace the target of a link, not the link
    target = old if form == form_of(old) else old.with_suffix(f".{form}")
    if target == old and read_file(old) == new:
        render.note(f"{old} is in the present form already; nothing was written")
        return
    if target != old and target.exists():
        raise ConfigError(f"{target}: exists already; move it away first")
    try:
        backup = _copy(old)
        _replace(target, rendered(new, form), like=old)
        if target != old:
            old.unlink()
    except OSError as exc:
        raise ConfigError(f"{exc.filename or target}: cannot be written ({exc.strerror})") from exc
    render.note(f"wrote {target}; the old file is now {backup}")


def _copy(old: Path) -> Path:
    """Copy the old file to the first free name; older backups are kept."""
    content, mode = old.read_bytes(), old.stat().st_mode & 0o777
    for number in range(1000):
        backup = old.with_name(f"{old.name}.bak{f'.{number}' if number else ''}")
        with suppress(FileExistsError), _opened(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)) as file:
            file.write(content)
            backup.chmod(mode)  # undo the umask
            return backup
    raise ConfigError(f"{old}: has a thousand backups; move some away")


def _replace(target: Path, text: str, *, like: Path) -> None:
    """Replace `target` atomically by a file with the permissions and owner of `like`."""
    status = like.stat()
    handle, name = mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with _opened(handle) as file:
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
        with suppress(PermissionError, AttributeError):  # not permitted, or a system without owners
            os.chown(name, status.st_uid, status.st_gid)
        Path(name).chmod(status.st_mode & 0o777)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _opened(handle: int) -> Any:
    return os.fdopen(handle, "wb")
