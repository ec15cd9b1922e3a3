"""Words and regular expressions that are read and compiled when they are first used: most errors need few of them.

Lists of words stand in tables/phrases.tsv, each with the reason why it is one; `<<name>>` in a pattern stands for a list's alternatives.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from sparekey.classify.reasons import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIST: Final = re.compile(r"<<([a-z ]+)>>")


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
