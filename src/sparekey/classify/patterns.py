"""Regular expressions that are compiled when they are first used: most errors need few of them, most processes meet few errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_METHODS: Final = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub")


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
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)
