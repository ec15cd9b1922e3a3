"""Words and regular expressions that are read and compiled when they are first used: most errors need few of them.

Lists of words stand in tables/phrases.tsv, each with the reason why it is one; `<<name>>` in a pattern stands for a list's alternatives.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.reasons import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_METHODS: Final = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub")
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


class Pattern:
    """Stands for `re.compile(source, flags)` and has those of its methods that are used here."""

    __slots__ = ("_flags", "_source", *_METHODS)

    finditer: Callable[..., Iterator[re.Match[str]]]
    findall: Callable[..., list[Any]]
    match: Callable[..., re.Match[str] | None]
    search: Callable[..., re.Match[str] | None]
    split: Callable[..., list[str]]
    fullmatch: Callable[..., re.Match[str] | None]
    sub: Callable[..., str]

    def __init__(self, source: str, flags: int = 0) -> None:
        """Keep `source` and `flags`."""
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        """Compile; this is asked only while the methods are not there yet."""
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(_LIST.sub(lambda found: _phrases()[found[1]], self._source), self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)
