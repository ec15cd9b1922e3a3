"""`sparekey drill`: plays the fault catalogue against a configuration, on simulated providers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sparekey.cli import exits, render
from sparekey.cli.inputs import opened
from sparekey.config.files import find_file
from sparekey.errors import ConfigError
from sparekey.lab.drill import EVERY_ROW, GATEWAY_ROWS, NOT_RUN, NOT_THROUGH, ROWS, Profile, Result, Row, Verdict, run
from sparekey.lab.drill.fixtures import stand_ins
from sparekey.lab.drill.runner import FAST, REAL, drilled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from sparekey.config import Config

_STYLES: Final = {Verdict.PASS: render.GOOD, Verdict.PARTIAL: render.WARN, Verdict.SAFE: render.WARN, Verdict.FAIL: render.BAD}
_LONGEST: Final = 8
"""The most broken promises of one row that the table shows."""
_WIDE: Final = 110
"""Terminal columns from which the table shows what the provider saw."""


def run_drill(
    path: Path | None,
    *,
    only: Sequence[str] = (),
    gateway: bool = False,
    real_time: bool = False,
    fast: bool = False,
    full: bool = False,
    json: bool = False,
) -> int:
    """Play the rows and print the results; return the exit code.

    Args:
        path: the configuration; None: the one that is found, else the built-in one.
        only: ids of rows, or families (`S`), each possibly several with commas between them; empty: all.
        gateway: play against the gateway, as a client of it.
        real_time: wait for everything that the catalogue waits for.
        fast: play with less load.
        full: play every case of the rows P, and not a few of each; without `gateway`, play all rows in both ways.
        json: print JSON instead of a table.

    Raises:
        ConfigError: the configuration is wrong, or the gateway cannot serve it.
        MissingExtraError: a provider's SDK, or the gateway's packages, are not installed.
        BadParameter: there is no row of such a name, or it is one that is not played.
    """
    rows = chosen(only, gateway=gateway, full=full)
    where, config = _configuration(path)
    if not json:
        _introduce(where, config, gateway=gateway)
    profile = replace(REAL if real_time else FAST if fast else Profile(), full=full)
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
        render.as_json(as_dict(where, results, gateway=gateway, real_time=real_time, full=full))
    else:
        show(render.out(), results, gateway=gateway, full=full)
    return exits.FAILED if any(r.verdict is Verdict.FAIL for r in results) else exits.OK


def catalogue(*, gateway: bool, full: bool = False) -> tuple[Sequence[Row], dict[str, str]]:
    """Return the rows that are played, and the others with the reason."""
    if full and not gateway:
        return EVERY_ROW, {}
    return (GATEWAY_ROWS, NOT_THROUGH) if gateway else (ROWS, NOT_RUN)


def run_list(*, gateway: bool = False, json: bool = False) -> None:
    """Print the rows and what they require, without playing them."""
    rows, not_run = catalogue(gateway=gateway)
    if json:
        shown = [{"id": r.id, "fault": r.fault, "must": {"caller": r.caller, "provider": r.provider}, "modes": list(r.modes)} for r in rows]
        render.as_json({"rows": shown, "not_run": not_run})
        return
    table = _table("id", "fault", "the client must see" if gateway else "the caller must see", "the provider must see")
    for row in rows:
        table.add_row(row.id, row.fault, row.caller, row.provider)
    render.out().print(table)
    if not_run:
        render.facts(render.out(), not_run.items(), title="Not played")


def chosen(only: Sequence[str], *, gateway: bool = False, full: bool = False) -> list[Row]:
    """Return the rows with these names, in the order of the catalogue.

    Raises:
        BadParameter: there is no such row, or it is not played.
    """
    rows, not_run = catalogue(gateway=gateway, full=full)
    wanted = [name.strip().upper() for text in only for name in text.split(",") if name.strip()]
    for name in wanted:
        if name in not_run:
            raise typer.BadParameter(f"{name} is not played: it {not_run[name]}")
        if not any(row.id.startswith(name) for row in (*rows, *GATEWAY_ROWS)):
            raise typer.BadParameter(f"there is no row {name!r}; `sparekey drill --list` shows them")
        if not any(row.id.startswith(name) for row in rows):
            raise typer.BadParameter(f"the rows {name} need the gateway: `sparekey drill --gateway --only {name}` plays them")
    return [row for row in rows if not wanted or any(row.id == name or row.id[0] == name for name in wanted)]


def as_dict(where: str, results: Sequence[Result], *, real_time: bool, gateway: bool = False, full: bool = False) -> dict[str, Any]:
    """Return what `--json` prints."""
    counts = Counter(r.verdict for r in results)
    return {
        "config": where,
        "against": "gateway" if gateway else "library and gateway" if full else "library",
        "time": "real" if real_time else "virtual",
        "ok": not counts[Verdict.FAIL],
        "summary": {v.value: counts[v] for v in Verdict},
        "rows": [r.as_dict() for r in results],
        "not_run": catalogue(gateway=gateway, full=full)[1],
    }


def show(console: Console, results: Sequence[Result], *, gateway: bool = False, full: bool = False) -> None:
    """Print the table, the broken promises, and a summary."""
    wide = console.width >= _WIDE
    table = _table("id", "fault", "client of the gateway saw" if gateway else "caller saw", *(["provider saw"] if wide else []), "verdict")
    for result in results:
        shown, found = result.telling, result.verdict
        seen = [Text(render.clean(text)) for text in (shown.caller, *([shown.provider] if wide else []))]
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
    if not_run := {} if full else catalogue(gateway=gateway)[1]:
        render.facts(console, [("not played", ", ".join(not_run))])


def _configuration(path: Path | None) -> tuple[str, Config | None]:
    """Return the configuration's name and the configuration; None: the built-in one."""
    if path is None:
        try:
            find_file()
        except ConfigError:
            return "built-in", None
    file, config = opened(path)
    return str(file), config


def _introduce(where: str, config: Config | None, *, gateway: bool) -> None:
    through = ", through a gateway" if gateway else ""
    if config is None:
        render.note(f"no configuration here: drilling the built-in chains{through} (--config FILE drills yours)")
        return
    render.note(f"drilling the chains of {where}{through}; keys and addresses are replaced by simulated ones, own headers left out")
    for name, chain in drilled(config).items():
        if chain is None:
            render.note(f"it has no {name}: those rows play with the built-in chain")
        elif chain != name:
            render.note(f"it has no {name}: those rows play with the chain {chain}")
    for line in stand_ins(config):
        render.note(line)


def _good(verdict: Verdict) -> bool | None:
    return {Verdict.PASS: True, Verdict.FAIL: False}.get(verdict)


def _missed(result: Result) -> str:
    """Return each broken promise once, with the mode if only one mode broke it."""
    modes: dict[str, list[str]] = {}
    for one in result.runs:
        for what in one.broken:
            modes.setdefault(what, []).append(one.mode)
    shown = [what if len(found) == len(result.runs) else f"{what} ({', '.join(found)})" for what, found in modes.items()]
    more = len(shown) - _LONGEST
    return "; ".join(shown if more <= 0 else [*shown[:_LONGEST], f"and {more} more (--json has them)"])


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in {"id", "verdict"})
    return table
