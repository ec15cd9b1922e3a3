"""What is known without reading any text: vendors' codes, HTTP statuses, names of exceptions and fields, from tables beside this file.

A row is a line of tab-separated fields; the first lines of each table say which. The tables are read when the first error comes. Lists of
words (phrases.tsv) have the reason why each is one; `<<name>>` in a pattern stands for a list's alternatives.
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
_LONGEST: Final = 8  # words of the longest code in the table
CODE, MESSAGE, STATUS, WAIT, WAIT_MS, SKIP, EITHER = range(7)
_ROLES: Final = {"code": CODE, "message": MESSAGE, "status": STATUS, "wait": WAIT, "wait ms": WAIT_MS, "skip": SKIP, "either": EITHER}


class Meaning(NamedTuple):
    """What a row says."""

    reason: Reason
    scope: Scope  # whom it blames
    certain: bool = False  # the code can mean nothing else: proof at once (DESIGN.md 3.1)
    unreached: bool = False  # no connection came about
    reached: bool = False  # one did, whatever the exception was raised from
    wrapper: bool = False  # raised around anything, so words that tell more are believed first
    row: str = ""  # where it stands, as `codes.tsv:12`; empty for what no table says


@cache
def meaning(reason: Reason) -> Meaning:
    """Return what a reason means by itself."""
    return Meaning(reason, reason.scope)


class Codes:
    """The table of codes, read once; `numbers` are those at a place, as `error.code=1113`."""

    def __init__(self) -> None:
        """Read the table."""
        self.numbers: dict[str, Meaning] = {}
        self._whole: dict[str, Meaning] = {}
        self._within: dict[str, Meaning] = {}
        for row, (mark, place, names, reason, scope, _) in rows("codes.tsv"):
            found = Reason(reason)
            told = Meaning(found, Scope(scope) if scope else found.scope, certain=mark == "!", row=row)
            if place.endswith("=") and place != "=":
                self.numbers |= {f"{at}{number}": told for at in place.split("|") for number in names.split("|")}
            else:
                book = self._within if place == "*" else self._whole
                for code in _expanded(names):
                    book.setdefault(code, told)
        self.read = lru_cache(_MAX_KNOWN)(self._read)  # a provider has few codes

    def _read(self, code: str) -> Meaning | None:
        """Return what `code` means, or None."""
        words = _SEPARATORS.sub(" ", _SEAM.sub(" ", code[:200]).lower()).strip()  # `FreeTierOnly` becomes "free tier only"
        if told := self._whole.get(words):
            return told
        parts = words.split()[:_MAX_WORDS]
        spans = ((at, length) for length in range(min(len(parts), _LONGEST), 0, -1) for at in range(len(parts) - length + 1))
        return next((told for at, length in spans if (told := self._within.get(" ".join(parts[at : at + length])))), None)


def _expanded(codes: str) -> Iterator[str]:
    """Yield each code that braces stand for: `{a,b} c` is `a c` and `b c`."""
    for code in re.split(r"\|(?![^{]*\})", codes):
        choices = [part.split(",") if at % 2 else [part] for at, part in enumerate(_CHOICE.split(code))]
        yield from map("".join, product(*choices))


codes: Final = cache(Codes)  # returns the table, which is read once


@cache
def _fields() -> Mapping[str, int]:
    return {name: _ROLES[role] for _, (role, names, _) in rows("fields.tsv") for name in names.split()}


@lru_cache(_MAX_KNOWN)
def role_of(name: str) -> int | None:
    """Return what the field of this name (in small letters) holds, or None; names that nobody has listed are read by their ends."""
    known = _fields().get(name)
    return MESSAGE if known is None and name.endswith(("message", "msg", "error", "description")) else known


@cache
def _statuses() -> Mapping[str, Meaning]:
    found = rows("statuses.tsv")
    return {status: meaning(Reason(reason))._replace(row=row) for row, (all_of, reason, _) in found for status in all_of.split("|")}


@cache
def of_status(status: int) -> Meaning | None:
    """Return what an HTTP status means where nothing else tells, or None for success, redirects and numbers that are none."""
    known = _statuses()
    return known.get(str(status)) or (known.get(f"{status // 100}xx") if 400 <= status < 600 else None)  # noqa: PLR2004 - RFC 9110


@cache
def exceptions() -> Mapping[str | int, Meaning]:
    """Return what the names of exceptions mean, and by number those of the operating system."""
    found: dict[str | int, Meaning] = {}
    for row, (kind, reason, names, _) in rows("exceptions.tsv"):
        told = meaning(Reason(reason))._replace(
            certain=True, unreached=kind.endswith("unreached"), reached=kind == "reached", wrapper=kind == "wrapper", row=row
        )
        # the numbers of Windows sockets, too
        numbers = (getattr(errno, prefix + name, None) for name in names.split() for prefix in ("", "WSA"))
        found |= dict.fromkeys(filter(None, numbers) if kind.startswith("errno") else names.split(), told)
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
    """Return the compiled pattern, lists of words put in."""
    return re.compile(_LIST.sub(lambda found: _phrases()[found[1]], source))
