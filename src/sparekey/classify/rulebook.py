"""All rules in one place: the tables of words and codes as books that can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.codes import EMPTY, TELLING, VAGUE
from sparekey.classify.patterns import Pattern
from sparekey.classify.phrases import PhraseBook
from sparekey.classify.providers import NUMBERS, STRINGS
from sparekey.classify.words import FIRST
from sparekey.classify.words_asia import ASIAN
from sparekey.classify.words_faults import FAULTS, LAST
from sparekey.classify.words_key import KEYS, STATUS_NAMES
from sparekey.classify.words_request import REQUEST_FAULTS
from sparekey.classify.words_size import MODELS, SIZES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sparekey.classify.model import Meaning

Table = tuple[tuple["Meaning", tuple[str, ...]], ...]

WORDS: Final[tuple[Table, ...]] = (FIRST, SIZES, MODELS, KEYS, ASIAN, STATUS_NAMES, REQUEST_FAULTS, FAULTS)
_MAX_CACHED: Final = 4096
_CAMEL_SEAM: Final = Pattern(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = Pattern(r"[^a-z0-9]+")


def code_words(code: str) -> str:
    """Return a code as words: `AllocationQuota.FreeTierOnly` becomes "allocation quota free tier only"."""
    return _SEPARATORS.sub(" ", _CAMEL_SEAM.sub(" ", code[:200]).lower()).strip()


class CodeBook:
    """Codes and what they mean; a provider has few, so answers are remembered."""

    def __init__(self, table: Iterable[tuple[str, Meaning]], exact: Mapping[str, Meaning]) -> None:
        """Take phrases over a code's words, and whole codes, which go first."""
        self._book, self._exact = PhraseBook(table), exact
        self._known: dict[str, Meaning | None] = {}

    def forget(self, codes: Iterable[str]) -> None:
        """Read these codes as if nobody knew them."""
        self._known.update(dict.fromkeys(codes))

    def read(self, code: str) -> Meaning | None:
        """Return what `code` means, or None."""
        if code not in self._known:
            if len(self._known) >= _MAX_CACHED:
                self._known.clear()  # someone sends a new code each time: forgetting is cheaper than keeping order
            words = code_words(code)
            self._known[code] = self._exact.get(words) or next((p.meaning for p in self._book.all(words)), None)
        return self._known[code]


class Rulebook:
    """Every rule, ready to be asked.

    Args:
        without: names of rules to leave out, as in `Failure.rule`; for tests of how much rests on one rule.
    """

    def __init__(self, without: Collection[str] = ()) -> None:
        """Build the books."""

        def entries(prefix: str, *tables: Table) -> Iterable[tuple[str, Meaning]]:
            return (
                (phrase, row) for table in tables for row, phrases in table for phrase in phrases if f"{prefix}: {phrase}" not in without
            )

        self.words = PhraseBook(entries("words", *WORDS))
        self.last = PhraseBook(entries("words", LAST))
        strings = {words: row for words, row in STRINGS.items() if f"string: {words}" not in without}
        self.telling = CodeBook(entries("code", TELLING), strings)
        self.vague = CodeBook(entries("code", VAGUE), {})
        self.empty = CodeBook(entries("code", EMPTY), {})
        self.numbers = {place: row for place, row in NUMBERS.items() if f"number: {place}" not in without}
        for book in (self.telling, self.vague, self.empty):
            book.forget(name.removeprefix("code: ") for name in without if name.startswith("code: "))
