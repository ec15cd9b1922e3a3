"""What a command reads: an argument, a file, standard input, the configuration."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from sparekey.cli.problems import NoConfigError
from sparekey.config import Config, load_config
from sparekey.config.files import find_file
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from sparekey.classify.user_rules import Rule


def text_of(given: str) -> str:
    """Return an argument, or standard input for `-`.

    Raises:
        BadParameter: it is empty.
    """
    text = sys.stdin.read() if given == "-" else given
    if not text.strip():
        raise typer.BadParameter("the text is empty")
    return text


def error_of(text: str | None, file: Path | None) -> str:
    """Return an error from the argument, from a file, or from standard input.

    Raises:
        BadParameter: it is given twice or not at all, or the file cannot be read.
    """
    if text is not None and file is not None:
        raise typer.BadParameter("give the error as an argument or as --file, not both")
    if file is not None:
        return _content(file)
    if text is None and sys.stdin.isatty():
        raise typer.BadParameter("give an error as an argument, with --file, or on standard input")
    return text_of("-" if text is None else text)


def _content(file: Path) -> str:
    try:
        return text_of(file.read_text(encoding="utf-8", errors="replace"))
    except OSError as exc:
        raise typer.BadParameter(f"{file} cannot be read ({exc.strerror})") from None


def rules_of(file: Path) -> list[Rule]:
    """Return every rule of a configuration: those of its chains, then those of the whole file.

    Raises:
        ConfigError: the file or one of its rules is wrong.
    """
    from sparekey.config.files import chains, load_config  # noqa: PLC0415 - an error is read without any configuration, too

    config = load_config(file)
    return [one.rule for rules in (*(chain.rules for _, chain in chains(config)), config.rules) for one in rules]


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
