"""What is shown, and where: answers on standard output, everything else on standard error.

Colour only repeats what symbols and words say, so nothing is lost without it (`NO_COLOR`, pipes, files). Text of providers is
untrusted: it is stripped of control characters and never read as markup.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, Literal

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.cli.problems import Problem

_PIPED_WIDTH: Final = 120
"""Columns without a terminal; `COLUMNS` overrides it."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that control a terminal or reorder a line; tab and line feed are allowed."""

GOOD, BAD, DIM, WARN = "green", "red", "dim", "yellow"


def out() -> Console:
    """Return the console of answers and tables (standard output)."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console of notes, progress and problems (standard error)."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Without a colour system no escape is written at all; rich's own reading of NO_COLOR leaves dim and bold.
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    console = Console(stderr=stderr, highlight=False, emoji=False, markup=False, color_system=colours)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPED_WIDTH
    return console


def clean(text: object) -> str:
    """Return a text without characters that control a terminal."""
    return _CONTROL.sub("", str(text))


def note(text: str) -> None:
    """Write one line about what happened to standard error."""
    err().print(Text(clean(text), style=DIM), soft_wrap=True)


def as_json(value: Any, *, indent: int | None = 2) -> None:
    """Write a value as JSON to standard output, whatever the terminal."""
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=False, default=str) + "\n")


def sign(ok: bool | None, console: Console) -> str:
    """Return the symbol for yes, no or neither, in ASCII if the output takes nothing else."""
    if console.options.ascii_only:
        return {True: "+", False: "x", None: "-"}[ok]
    return {True: "✓", False: "✗", None: "·"}[ok]


def facts(console: Console, rows: Iterable[tuple[str, str]], *, title: str = "") -> None:
    """Print names and values side by side, a row each; rows without a value are left out, long values go on below themselves.

    What has no blanks (a path, an address) stays in one piece, for whoever copies it.
    """
    shown = [(name, clean(value)) for name, value in rows if value]
    indent = max((len(name) for name, _ in shown), default=0) + 2
    if title:
        console.print(Text(title, style="bold"))
    for name, value in shown:
        width = max(console.width - indent, 20)
        lines = Text(value).wrap(console, width) if " " in value else [Text(value)]
        console.print(Text.assemble((name.ljust(indent), DIM), lines[0]), soft_wrap=True)
        for line in lines[1:]:
            console.print(Text.assemble(" " * indent, line), soft_wrap=True)


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `1.5 s`, `10 min`, `1 h`, `3 days`."""
    for size, word in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0 and word != "days"):
            return f"{seconds / size:.3g} {word}"
    return f"{seconds:.3g} s"


def show(problem: Problem, *, json: bool = False) -> None:
    """Write a problem to standard error, or as JSON to standard output."""
    if json:
        as_json(problem.as_dict())
        return
    console = err()
    heading = (f"{sign(False, console)} error: ", BAD)
    console.print(Text.assemble(heading, clean(problem.what)), soft_wrap=True)
    for line in problem.details:
        console.print(Text(f"  {clean(line)}"), soft_wrap=True)
    if problem.advice:
        console.print(Text(clean(problem.advice)), soft_wrap=True)
