"""The configuration of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparekey.cli.problems import NoConfigError
from sparekey.config import Config, load_config
from sparekey.config.files import find_file
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def opened(path: Path | None) -> tuple[Path, Config]:
    """Return the file and the configuration: the one that is named, else the one that is found.

    Raises:
        NoConfigError: there is no such file; shown with an example of one.
        ConfigError: it is wrong.
    """
    file = named(path)
    return file, load_config(file)


def named(path: Path | None) -> Path:
    """Return the file of the configuration: the one that is named, else the one that is found.

    Raises:
        NoConfigError: there is no such file.
    """
    file = path.expanduser() if path else _found()
    if not file.exists():
        raise NoConfigError(f"{file}: there is no such file")
    return file


def _found() -> Path:
    try:
        return find_file()
    except ConfigError as exc:
        raise NoConfigError(str(exc)) from None
