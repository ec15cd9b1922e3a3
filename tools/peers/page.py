"""Write the measurements into docs/comparison.md: the parts from `<!-- peers.

NAME -->` to `<!-- end -->`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pages
from pages import table
from peers.rows import FIRST_ROWS, ROWS
from peers.systems import ROOT, SYSTEMS
from sparekey.lab.drill.verdict import Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from peers.systems import System
    from sparekey.lab.drill.row import Row

PAGE: Final = ROOT / "docs" / "comparison.md"
_FAMILIES: Final = {"S": "S rows (streams and transport)", "K": "K rows (credentials)"}


def write(results: Mapping[str, Any]) -> None:
    """Rewrite the measured parts of the page."""
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), results), "utf-8")


def rendered(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with its measured parts taken from the results."""
    return pages.rendered(page, "peers", {name: partial(shown, results["systems"]) for name, shown in _PARTS.items()})


def verdict_of(runs: Iterable[Mapping[str, Any]]) -> Verdict:
    """Return the verdict of a row: the worst of its runs."""
    return worst(Verdict(run["verdict"]) for run in runs)


def _counts(systems: Mapping[str, Any]) -> str:
    rows = []
    for system in _measured(systems):
        counts = [_count(systems[system.name]["rows"], family) for family in _FAMILIES]
        rows.append((system.title, *counts))
    return table(("pass / partial / safe / fail", *_FAMILIES.values()), rows)


def _count(played: Mapping[str, Any], family: str) -> str:
    marks = [verdict_of(runs) for name, runs in played.items() if name[0] == family]
    return " / ".join(str(marks.count(mark)) for mark in Verdict)


def _verdicts(systems: Mapping[str, Any]) -> str:
    shown = list(_measured(systems))
    rows = [(row.id, row.fault, *(_mark(systems[s.name]["rows"].get(row.id)) for s in shown)) for row in ROWS]
    return table(("row", "fault", *(s.title for s in shown)), rows)


def _mark(runs: list[Mapping[str, Any]] | None) -> str:
    """Return the verdict of a row, or both verdicts if its modes differ."""
    if not runs:
        return "not played"
    marks = [run["verdict"] for run in runs]
    return marks[0] if len(set(marks)) == 1 else ", ".join(f"{run['mode']}: {run['verdict']}" for run in runs)


def _asked(systems: Mapping[str, Any]) -> str:
    del systems
    return table(("row", "the caller must see", "the provider must see"), [(row.id, row.caller, row.provider) for row in ROWS])


def _seen(systems: Mapping[str, Any]) -> str:
    """Return a table for each system: what both sides saw in each row that did not pass."""
    parts = []
    for system in _measured(systems):
        rows = [line for row in ROWS for line in _lines(row, systems[system.name]["rows"].get(row.id, ()))]
        shown = table(("row", "mark", "what did not hold", "the caller saw", "requests seen"), rows) if rows else "Every row passed."
        parts.append(f"### {system.title}\n\n{shown}")
    return "\n\n".join(parts)


def _lines(row: Row, runs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield a line for the mode that decided, if the row did not pass."""
    runs = list(runs)
    if runs and verdict_of(runs) is not Verdict.PASS:
        run = next(run for run in runs if Verdict(run["verdict"]) is verdict_of(runs))
        yield row.id, run["verdict"], "; ".join(run["broken"]), run["caller_saw"], run["provider_saw"]


def _first(systems: Mapping[str, Any]) -> str:
    rows = []
    for system in (s for s in _measured(systems) if "first" in systems[s.name]):
        for row in (row for row in ROWS if row.id in FIRST_ROWS):
            now = systems[system.name]["first"].get(row.id, [])
            saw = "; ".join(f"{run['mode']}: {run['caller_saw']}" for run in now)
            rows.append((system.title, row.id, _mark(systems[system.name]["rows"].get(row.id)), _mark(now), saw))
    return table(("system", "row", "as it comes", "with the limit", "the caller saw"), rows)


def _cost(systems: Mapping[str, Any]) -> str:
    rows = []
    for system in (s for s in _measured(systems) if "cost" in systems[s.name]):
        for mode, cost in systems[system.name]["cost"].items():
            plain, through = cost["plain"], cost["through"]
            rows.append((system.title, mode, f"{plain:.0f}", f"{through:.0f}", f"{through - plain:+.0f}", f"{through / plain:.2f}"))
    return table(("system", "mode", "plain SDK, µs", "through it, µs", "difference, µs", "ratio"), rows)


def _versions(systems: Mapping[str, Any]) -> str:
    rows = []
    for system in _measured(systems):
        facts = systems[system.name]
        packages = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
        rows.append((system.title, packages, " and ".join(facts["modes"]), f"Python {facts['python']}, {facts['machine']}", facts["date"]))
    return table(("system", "versions", "modes played", "where", "when"), rows)


def _measured(systems: Mapping[str, Any]) -> Iterator[System]:
    return (system for system in SYSTEMS if "rows" in systems.get(system.name, {}))


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "counts": _counts,
    "verdicts": _verdicts,
    "asked": _asked,
    "seen": _seen,
    "first": _first,
    "cost": _cost,
    "versions": _versions,
}
