"""Parts of documentation pages that a tool writes: tables, and what stands between two marks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def rendered(page: str, tool: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with its parts between `<!-- TOOL: NAME -->` and `<!-- end -->` written anew.

    Raises:
        KeyError: the page has a part of the tool's that nobody writes.
    """
    marks = re.compile(rf"(?<=<!-- {tool}: )([\w-]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}{found[2]}\n{parts[found[1]]()}\n\n", page)
