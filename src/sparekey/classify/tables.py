"""The tables: vendors' codes, HTTP statuses, names of exceptions and fields, and lists of words.

A row is a line of tab-separated fields; the first lines of each table explain them. A table is read
when the first error needs it. Lists of words (phrases.tsv) give the reason for each word;
`<<name>>` in a pattern stands for the alternatives of a list.
"""

from __future__ import annotations

import errno
import re
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.reasons import Reason, rows
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SEAM: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_LIST: Final = re.compile(r"<<([a-z ]+)>>")
_CHOICE: Final = re.compile(r"\{([^}]*)\}")
_MAX_KNOWN: Final = 4096
_MAX_WORDS: Final = 16
_LONGEST: Final = 8  # the number of words in the longest code
CODE, MESSAGE, STATUS, WAIT, WAIT_MS, SKIP, EITHER = range(7)
_ROLES: Final = {"code": CODE, "message": MESSAGE, "status": STATUS, "wait": WAIT, "wait ms": WAIT_MS, "skip": SKIP, "either": EITHER}


class Meaning(NamedTuple):
    """The meaning of a row."""

    reason: Reason
    scope: Scope  # whom it blames
    certain: bool = False  # the code can mean nothing else, so it proves its meaning at once
    unreached: bool = False  # no connection came about
    reached: bool = False  # a connection came about, whatever the exception was raised from
    wrapper: bool = False  # an SDK raises it around anything, so words that tell more decide
    row: str = ""  # the place of the row, as `codes.tsv:12`; empty for what no table says


@cache
def meaning(reason: Reason) -> Meaning:
    """Return the meaning of a reason by itself."""
    return Meaning(reason, reason.scope)


class Codes:
    """The table of codes, read once.

    Attributes:
        numbers: the meanings of numeric codes by place and number, as `error.code=1113`.
        read: returns the meaning of a code in words, or None; it remembers the last few thousand.
    """

    def __init__(self) -> None:
        """Read the table."""
        self.numbers: dict[str, Meaning] = {}
        self._whole: dict[str, Meaning] = {}
        self._within: dict[str, Meaning] = {}
        for row, (mark, place, names, reason, scope, _) in rows("codes.tsv"):
            found = Reason(reason)
            row_meaning = Meaning(found, Scope(scope) if scope else found.scope, certain=mark == "!", row=row)
            if place.endswith("=") and place != "=":
                self.numbers |= {f"{at}{number}": row_meaning for at in place.split("|") for number in names.split("|")}
            else:
                table = self._within if place == "*" else self._whole
                for code in _expanded(names):
                    table.setdefault(code, row_meaning)
        self.read = lru_cache(_MAX_KNOWN)(self._read)  # a provider has few codes

    def _read(self, code: str) -> Meaning | None:
        """Return the meaning of a code; None if the table does not know it."""
        words = _SEPARATORS.sub(" ", _SEAM.sub(" ", code[:200]).lower()).strip()  # `FreeTierOnly` becomes "free tier only"
        if row_meaning := self._whole.get(words):
            return row_meaning
        parts = words.split()[:_MAX_WORDS]
        spans = ((at, length) for length in range(min(len(parts), _LONGEST), 0, -1) for at in range(len(parts) - length + 1))
        return next((row_meaning for at, length in spans if (row_meaning := self._within.get(" ".join(parts[at : at + length])))), None)


def _expanded(codes: str) -> Iterator[str]:
    """Yield every code that braces stand for: `{a,b} c` stands for `a c` and `b c`."""
    for code in re.split(r"\|(?![^{]*\})", codes):
        choices = [part.split(",") if at % 2 else [part] for at, part in enumerate(_CHOICE.split(code))]
        yield from map("".join, product(*choices))


codes: Final = cache(Codes)  # returns the table, which is read once


@cache
def _fields() -> Mapping[str, int]:
    return {name: _ROLES[role] for _, (role, names, _) in rows("fields.tsv") for name in names.split()}


@lru_cache(_MAX_KNOWN)
def role_of(name: str) -> int | None:
    """Return the role of the field with this name (in lower case); None if it has none.

    A name that is not in the table is judged by its end.
    """
    known = _fields().get(name)
    return MESSAGE if known is None and name.endswith(("message", "msg", "error", "description")) else known


@cache
def _statuses() -> Mapping[str, Meaning]:
    found = rows("statuses.tsv")
    return {status: meaning(Reason(reason))._replace(row=row) for row, (all_of, reason, _) in found for status in all_of.split("|")}


@cache
def of_status(status: int) -> Meaning | None:
    """Return the meaning of an HTTP status; None for success, redirects and numbers that are none."""
    known = _statuses()
    return known.get(str(status)) or (known.get(f"{status // 100}xx") if 400 <= status < 600 else None)  # noqa: PLR2004 - RFC 9110


@cache
def exceptions() -> Mapping[str | int, Meaning]:
    """Return the meanings of exceptions by name, and those of the operating system by number."""
    found: dict[str | int, Meaning] = {}
    for row, (kind, reason, names, _) in rows("exceptions.tsv"):
        row_meaning = meaning(Reason(reason))._replace(
            certain=True, unreached=kind.endswith("unreached"), reached=kind == "reached", wrapper=kind == "wrapper", row=row
        )
        # the numbers of Windows sockets too
        numbers = (getattr(errno, prefix + name, None) for name in names.split() for prefix in ("", "WSA"))
        found |= dict.fromkeys(filter(None, numbers) if kind.startswith("errno") else names.split(), row_meaning)
    return found


@cache
def _phrases() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for _, (name, alternatives, _) in rows("phrases.tsv"):
        found[name] = f"{found[name]}|{alternatives}" if name in found else alternatives
    return found


@cache
def words(name: str) -> frozenset[str]:
    """Return the words of a list of tables/phrases.tsv."""
    return frozenset(_phrases()[name].split("|"))


@cache
def compiled(source: str) -> re.Pattern[str]:
    """Return the compiled pattern, with the lists of words filled in."""
    return re.compile(_LIST.sub(lambda found: _phrases()[found[1]], source))
