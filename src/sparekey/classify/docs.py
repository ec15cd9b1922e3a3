"""Write docs/errors.md from the rules, so that what users read is what runs: `python -m sparekey.classify.docs > docs/errors.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from sparekey.classify.codes import EMPTY, TELLING, VAGUE
from sparekey.classify.providers import VENDORS
from sparekey.classify.rulebook import WORDS
from sparekey.classify.statuses import STATUSES
from sparekey.classify.transports import EXCEPTIONS
from sparekey.classify.words_faults import LAST
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparekey.classify.model import Meaning
    from sparekey.classify.rulebook import Table

_INTRO: Final = """\
# How errors are read

This page is generated from the rules (`python -m sparekey.classify.docs`); a test keeps it current. `sparekey explain` shows for one
error which of these rules decided.

Evidence is asked in this order; the innermost error of a wrapped one first:

1. an operator's own rules ([`[[rules]]`](configuration.md#own-rules-about-errors-rules));
2. a vendor's own codes (by number and place, or by name);
3. telling codes, whoever sends them;
4. words, in the order of the tables below;
5. vague codes, then the HTTP status, then empty codes;
6. the name of the exception;
7. a wait that is stated: what states its end will pass.

An exception of the transport (the last table) that brings no answer of a provider decides before all that.

Under 400, 404 and 422 a provider may repeat the caller's words: quoted parts are left out, and a verdict on words alone is *weak* there.

In a phrase `(a|b)` is a choice, `(|a)` may be missing, ` * ` is a gap of at most 60 characters. `_` and `-` are read as spaces,
codes as words.
"""
_WHAT: Final = {
    ErrorClass.PERMANENT: "the request is at fault: fail fast, the original error",
    ErrorClass.CONTENT_SAFETY: "the content was refused: fail fast, the original error",
    ErrorClass.INPUT_TOO_LARGE: "the request is too big: only a credential with another model may help",
    ErrorClass.AUTH: "the key or its account is refused: the next credential, at once",
    ErrorClass.QUOTA_EXCEEDED: "an allowance is used up: the next credential, at once",
    ErrorClass.MODEL_NOT_FOUND: "this key does not have this model: the next credential, at once",
    ErrorClass.TRANSIENT: "it will pass: once more if the wait is short, then the next credential",
    ErrorClass.UNKNOWN: "the text does not tell: the next credential",
}


def page() -> str:
    """Return the whole page."""
    parts = [_INTRO, "## Classes\n", _table(("class", "what the chain does"), ((c.value, what) for c, what in _WHAT.items()))]
    for title, tables in (
        ("Words", WORDS),
        ("Telling codes", (TELLING,)),
        ("Vague codes (after the words)", (VAGUE,)),
        ("Empty codes (after the status)", (EMPTY,)),
        ("Last words", (LAST,)),
    ):
        parts += [f"## {title}\n", _table(("if it says", *_HEADS), _rows(tables))]
    parts += ["## Vendors' own codes\n", *(_vendor(vendor) for vendor in VENDORS)]
    parts += ["## HTTP statuses\n", _table(("status", *_HEADS), ((str(code), *_cells(row)) for code, row in STATUSES.items()))]
    wires = sorted((name, *_cells(wire.meaning), "yes" if wire.unreached else "") for name, wire in EXCEPTIONS.items())
    parts += ["## Exceptions of transports and of Python\n", _table(("exception", *_HEADS, "nothing reached"), wires)]
    return "\n".join(parts)


_HEADS: Final = ("class", "reason", "blames", "seen at")


def _rows(tables: Iterable[Table]) -> Iterator[tuple[str, ...]]:
    for table in tables:
        for row, phrases in table:
            yield "<br>".join(f"`{phrase}`" for phrase in phrases), *_cells(row)


def _cells(row: Meaning) -> tuple[str, str, str, str]:
    return row.error_class.value, row.reason, row.scope.value, row.seen


def _vendor(vendor: object) -> str:
    codes = {**getattr(vendor, "NUMBERS", {}), **getattr(vendor, "STRINGS", {})}
    title = (getattr(vendor, "__doc__", "") or "").strip()
    return f"{title}\n\n" + _table(("code", *_HEADS), ((f"`{code}`", *_cells(row)) for code, row in codes.items()))


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    cells = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines]
    return "\n".join([f"| {cells[0]} |", "|" + " --- |" * len(lines[0]), *(f"| {cell} |" for cell in cells[1:])]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
