"""Tables and a picture out of the results: docs/quality.md between its marks, and docs/quality.svg."""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from typing import TYPE_CHECKING, Any

from quality.systems import SYSTEMS
from quality.world import TRACES

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[dict[str, Any]]
Cells = dict[tuple[str, str], dict[str, float]]
_BAR, _GAP, _LEFT, _WIDE, _MOST = 14, 22, 150, 520, 100.0
_COLOURS = ("#2a6f97", "#61a5c2", "#a9d6e5", "#468faf", "#b08968", "#ddb892", "#7f5539")


def cells(rows: Rows) -> Cells:
    """Return the sums over all seeds, by trace and system."""
    found: Cells = defaultdict(lambda: defaultdict(float))
    for row in rows:
        for key, value in row.items():
            if isinstance(value, (int, float)) and key != "seed":
                found[row["trace"], row["system"]][key] += value
    return found


def regret(cell: dict[str, float]) -> float:
    """Return the cost beyond the oracle's, in per cent of it."""
    return 100 * (cell["cost"] / cell["ideal"] - 1)


def write(page: Path, picture: Path, rows: Rows) -> None:
    """Put the tables between the marks of the page, and draw the picture."""
    sums, systems = cells(rows), [name for name in SYSTEMS if any(row["system"] == name for row in rows)]
    tables = {
        "regret": _table(sums, systems, lambda cell: f"{regret(cell):.1f}", _whole),
        "calls": _table(sums, systems, lambda cell: f"{100 * (cell['calls'] / cell['requests'] - 1):.1f}", _calls),
        "unanswered": _table(
            sums, systems, lambda cell: f"{cell['unanswered']:.0f}", lambda found: f"{sum(c['unanswered'] for c in found):.0f}"
        ),
        "uncached": _table(sums, systems, lambda cell: f"{cell['uncached tokens'] / cell['requests']:.1f}", _uncached),
        "traces": _traces(),
    }
    text = page.read_text("utf-8")
    for name, table in tables.items():
        text = re.sub(
            rf"(<!-- quality: {name} -->\n).*?(<!-- end -->)", lambda m, table=table: f"{m[1]}\n{table}\n{m[2]}", text, flags=re.DOTALL
        )
    page.write_text(text, "utf-8")
    picture.write_text(_drawn(sums, systems), "utf-8")


def _whole(found: list[dict[str, float]]) -> str:
    return f"{100 * (sum(c['cost'] for c in found) / sum(c['ideal'] for c in found) - 1):.1f}"


def _calls(found: list[dict[str, float]]) -> str:
    return f"{100 * (sum(c['calls'] for c in found) / sum(c['requests'] for c in found) - 1):.1f}"


def _uncached(found: list[dict[str, float]]) -> str:
    return f"{sum(c['uncached tokens'] for c in found) / sum(c['requests'] for c in found):.1f}"


def _table(sums: Cells, systems: list[str], shown: Any, total: Any) -> str:
    lines = ["| trace | " + " | ".join(systems) + " |", "| --- |" + " ---: |" * len(systems)]
    counted = [t["name"] for t in TRACES["traces"] if t["use"] != "informational"]
    for trace in TRACES["traces"]:
        row = [shown(sums[trace["name"], system]) if (trace["name"], system) in sums else "" for system in systems]
        lines.append(f"| {trace['name']}{' (not counted)' if trace['use'] == 'informational' else ''} | " + " | ".join(row) + " |")
    played = [[sums[name, system] for name in counted if (name, system) in sums] for system in systems]
    lines.append("| **all** | " + " | ".join(f"**{total(found)}**" if found else "" for found in played) + " |")
    return "\n".join(lines)


def _traces() -> str:
    lines = ["| trace | what happens | hours | thresholds were |", "| --- | --- | ---: | --- |"]
    words = {"chosen": "chosen on it", "checked": "only checked on it", "informational": "neither; not counted"}
    lines += [f"| {t['name']} | {t['about']} | {t['hours']} | {words[t['use']]} |" for t in TRACES["traces"]]
    return "\n".join(lines)


def _drawn(sums: Cells, systems: list[str]) -> str:
    """The regret of each trace as bars, cut off at 100 %."""
    names = [t["name"] for t in TRACES["traces"] if any((t["name"], s) in sums for s in systems)]
    height = 40 + sum(_BAR * len(systems) + _GAP for _ in names) + 20 * len(systems)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDE + 70}" height="{height}" font-family="sans-serif" font-size="12">'
    ]
    parts.append('<rect width="100%" height="100%" fill="#ffffff"/>')
    y = 20
    for number, system in enumerate(systems):
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="12" height="12" fill="{_COLOURS[number]}"/>')
        parts.append(f'<text x="{_LEFT + 18}" y="{y + 11}">{escape(system)}</text>')
        y += 20
    for name in names:
        y += _GAP // 2
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>')
        for number, system in enumerate(systems):
            if (name, system) in sums:
                value = regret(sums[name, system])
                width = max(1.0, min(value, _MOST) / _MOST * _WIDE)
                parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" fill="{_COLOURS[number]}"/>')
                parts.append(f'<text x="{_LEFT + width + 4:.1f}" y="{y + 10}" font-size="10">{value:.1f} %</text>')
            y += _BAR
        y += _GAP // 2
    return "\n".join([*parts, "</svg>"]) + "\n"
