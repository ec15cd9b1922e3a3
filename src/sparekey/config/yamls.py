"""YAML files, read with PyYAML's safe loader only (extra `yaml`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path


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
