"""`sparekey drill`: the fault catalogue against a configuration, with simulated providers in the places of the real ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sparekey.cli import exits, render
from sparekey.cli.settings import opened
from sparekey.config.files import find_file
from sparekey.drill import NOT_RUN, ROWS, Profile, Result, Row, Verdict, run
from sparekey.drill.cast import stand_ins
from sparekey.drill.runner import FAST, REAL
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from sparekey.config import Config

_STYLES: Final = {Verdict.PASS: render.GOOD, Verdict.PARTIAL: render.WARN, Verdict.SAFE: render.WARN, Verdict.FAIL: render.BAD}
_WIDE: Final = 110
"""Columns from which the table has room for what the provider saw."""


def run_drill(path: Path | None, *, only: Sequence[str] = (), real_time: bool = False, fast: bool = False, json: bool = False) -> int:
    """Play the rows and show what came of them; return the exit code.

    Args:
        path: the configuration; None: the one that is found, else the built-in one.
        only: ids of rows, or families (`S`), each possibly several with commas between them; empty: all.
        real_time: wait for everything that the catalogue waits for.
        fast: there is less load.
        json: print JSON instead of a table.

    Raises:
        ConfigError: the configuration is wrong.
        BadParameter: there is no row of such a name, or it is one that is not played.
    """
    rows = chosen(only)
    where, config = _configuration(path)
    if not json:
        _introduce(where, config)
    profile = REAL if real_time else FAST if fast else Profile()
    console = render.err()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("drilling", total=len(rows))

        def tick(result: Result) -> None:
            progress.update(task, advance=1, description=f"{result.row.id} {result.verdict.value}")

        results = run(config, rows, profile, tick)
    if json:
        render.as_json(as_dict(where, results, real_time=real_time))
    else:
        show(render.out(), results)
    return exits.FAILED if any(r.verdict is Verdict.FAIL for r in results) else exits.OK


def run_list(*, json: bool = False) -> None:
    """Show the rows and what they ask for, without playing them."""
    if json:
        rows = [{"id": r.id, "fault": r.fault, "must": {"caller": r.caller, "provider": r.provider}} for r in ROWS]
        render.as_json({"rows": rows, "not_run": NOT_RUN})
        return
    table = _table("id", "fault", "the caller must see", "the provider must see")
    for row in ROWS:
        table.add_row(row.id, row.fault, row.caller, row.provider)
    render.out().print(table)
    render.facts(render.out(), NOT_RUN.items(), title="Not played")


def chosen(only: Sequence[str]) -> list[Row]:
    """Return the rows of some names, in the order of the catalogue.

    Raises:
        BadParameter: there is no such row, or it is not played.
    """
    wanted = [name.strip().upper() for text in only for name in text.split(",") if name.strip()]
    for name in wanted:
        if name in NOT_RUN:
            raise typer.BadParameter(f"{name} is not played: it {NOT_RUN[name]}")
        if not any(row.id.startswith(name) for row in ROWS):
            raise typer.BadParameter(f"there is no row {name!r}; `sparekey drill --list` shows them")
    return [row for row in ROWS if not wanted or any(row.id == name or row.id[0] == name for name in wanted)]


def as_dict(where: str, results: Sequence[Result], *, real_time: bool) -> dict[str, Any]:
    """Return what `--json` prints."""
    counts = Counter(r.verdict for r in results)
    return {
        "config": where,
        "time": "real" if real_time else "virtual",
        "ok": not counts[Verdict.FAIL],
        "summary": {v.value: counts[v] for v in Verdict},
        "rows": [r.as_dict() for r in results],
        "not_run": NOT_RUN,
    }


def show(console: Console, results: Sequence[Result]) -> None:
    """Print the table, what did not hold, and a summary."""
    wide = console.width >= _WIDE
    table = _table("id", "fault", "caller saw", *(["provider saw"] if wide else []), "verdict")
    for result in results:
        told, found = result.telling, result.verdict
        seen = [Text(render.clean(text)) for text in (told.caller, *([told.provider] if wide else []))]
        mark = Text(f"{render.sign(_good(found), console)} {found.value}", style=_STYLES[found])
        table.add_row(result.row.id, Text(result.row.fault), *seen, mark)
    console.print(table)
    console.print()
    if missed := [(r.row.id, _missed(r)) for r in results if r.verdict is not Verdict.PASS]:
        render.facts(console, missed, title="What did not hold")
        console.print()
    counts = Counter(r.verdict for r in results)
    style = next((_STYLES[v] for v in reversed(Verdict) if counts[v]), render.GOOD)
    console.print(Text(" · ".join(f"{counts[v]} {v.value}" for v in Verdict), style=style))
    render.facts(console, [("not played", ", ".join(NOT_RUN))])


def _configuration(path: Path | None) -> tuple[str, Config | None]:
    """Return the configuration and what to call it; None if there is none but the built-in one."""
    if path is None:
        try:
            find_file()
        except ConfigError:
            return "built-in", None
    file, config = opened(path)
    return str(file), config


def _introduce(where: str, config: Config | None) -> None:
    if config is None:
        render.note("no configuration here: drilling the built-in chains (--config FILE drills yours)")
        return
    render.note(f"drilling the chains of {where}; keys and addresses are replaced by simulated ones, own headers left out")
    for name in ("vlm", "embedding"):
        if getattr(config, name) is None:
            render.note(f"it has no {name}: those rows play with the built-in chain")
    for line in stand_ins(config):
        render.note(line)


def _good(verdict: Verdict) -> bool | None:
    return {Verdict.PASS: True, Verdict.FAIL: False}.get(verdict)


def _missed(result: Result) -> str:
    """Return what did not hold, each once, with the mode where it is only one."""
    modes: dict[str, list[str]] = {}
    for one in result.runs:
        for what in one.broken:
            modes.setdefault(what, []).append(one.mode)
    return "; ".join(what if len(found) == len(result.runs) else f"{what} ({', '.join(found)})" for what, found in modes.items())


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in {"id", "verdict"})
    return table
