"""Phrases: the small language in which rules name the words of a provider, and the book that looks many of them up at once.

A phrase is matched against *normal* text (see `normal`): lower case, one space between words, `_` and `-` read as spaces, URLs and
quoted parts left out. In a phrase

* `(a|b)` stands for either;
* `(|a|b)` may be missing: other words not longer than the longest of them, but no punctuation, may stand there;
* ` * ` stands for a gap of at most 60 characters;
* a phrase begins at the beginning of a word and may end inside one: `rate limit` is found in "rate limited".

Looking up costs one pass over the text, however many phrases a book holds: a phrase is tried only if the text holds, for each of its
parts, a word that begins like one of it. There is no backtracking: each part takes the nearest place where it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

GAP: Final = 60
_PREFIX, _SHORT = 4, 3
_TRIES: Final = 6
_SLOTS: Final = 4
_PUNCTUATION: Final = frozenset(".:;,()")
_TOKEN: Final = re.compile(r"\(([^()]*)\)|(\*)|([^()*]+)")
_WORD: Final = re.compile(r"[a-z0-9]{3,}")
_BEGINNING: Final = re.compile(r"(?<![a-z0-9])[a-z0-9]{3,4}")
_URL: Final = re.compile(r"\bhttps?://[^\s\"'<>)\]]*+")
_QUOTED: Final = re.compile(r'"[^"]*+"|`[^`]*+`|“[^”]*+”|「[^」]*+」' r"|(?<![a-z0-9])'[^']*+'(?![a-z0-9])")
_PLAIN: Final = str.maketrans({"_": " ", "-": " ", "’": "'", "‘": "'", "\\": " "})  # noqa: RUF001 - typographic apostrophes


def normal(text: str, *, quoted: bool = False) -> str:
    """Return `text` as phrases see it; quoted parts become `~` unless `quoted` is true, because they may be the caller's words."""
    text = text.lower()
    if "://" in text:
        text = _URL.sub(" ", text)
    if "got -" in text:
        text = text.replace("got -", "got minus ")  # "max_tokens must be at least 1, got -186" tells an overflow
    text = text.translate(_PLAIN)
    if not quoted and ('"' in text or "'" in text or "`" in text or "“" in text or "「" in text):
        text = _QUOTED.sub(" ~ ", text)
    return " ".join(text.split())


class Part(NamedTuple):
    """One of several words in a row: the longer first, so that `tokens` is tried before `token`."""

    words: tuple[str, ...]
    starts: tuple[tuple[str, str], ...]
    """Each word with the beginning that the text must hold for it, or "" if it is too short to be indexed."""
    gap: int
    """How many characters may stand between it and the part before."""
    strict: bool = False
    """No punctuation may stand between."""


class Phrase(Generic[T]):
    """A phrase, taken apart when it is first needed."""

    __slots__ = ("_parts", "meaning", "prefixes", "source")

    def __init__(self, source: str, meaning: T) -> None:
        """Read `source`."""
        self.source, self.meaning = source, meaning
        self._parts: tuple[Part, ...] = ()
        self.prefixes = tuple(_needed(source)) if source.isascii() else ()

    def stands_in(self, text: str, present: set[str]) -> bool:
        """Tell whether the normal `text`, whose words begin with `present`, holds this phrase."""
        parts = self._parts = self._parts or tuple(_parts(self.source))
        for word, prefix in parts[0].starts:
            if prefix and prefix not in present:
                continue
            start = text.find(word)
            for _ in range(_TRIES):
                if start < 0:
                    break
                if _begins_word(text, start) and (len(parts) == 1 or _goes_on(parts, text, start + len(word), present)):
                    return True
                start = text.find(word, start + 1)
        return False


def _goes_on(parts: tuple[Part, ...], text: str, end: int, present: set[str]) -> bool:
    for part in parts[1:]:
        end = _next(part, text, end, present) if part.gap > 1 else _adjacent(part, text, end)
        if end < 0:
            return False
    return True


def _begins_word(text: str, at: int) -> bool:
    return at == 0 or not text[at].isascii() or not text[at - 1].isalnum() or not text[at - 1].isascii()


def _adjacent(part: Part, text: str, end: int) -> int:
    """Return where `part` ends if it stands at `end`, or -1."""
    at = end + 1 if text[end : end + 1] == " " else end
    if not text.startswith(part.words, at):
        return -1
    return next(at + len(word) for word in part.words if text.startswith(word, at))


def _next(part: Part, text: str, end: int, present: set[str]) -> int:
    """Return where the nearest word of `part` within its gap ends, or -1."""
    nearest, after = len(text), -1
    for word, prefix in part.starts:
        if prefix and prefix not in present:
            continue
        at = text.find(word, end, end + part.gap + len(word))
        if 0 <= at < nearest and _begins_word(text, at):
            nearest, after = at, at + len(word)
    return -1 if part.strict and after >= 0 and not _PUNCTUATION.isdisjoint(text[end:nearest]) else after


def _parts(source: str) -> Iterator[Part]:
    gap, first, strict = 0, True, True
    for choice, star, literal in _TOKEN.findall(source):
        words = [w for option in (choice or literal).split("|") if (w := option.strip())]
        if star:
            gap, strict = GAP, False
        elif choice and "" in choice.split("|"):
            gap = max(gap, 2 + max(map(len, choice.split("|"))))
        elif words:
            words.sort(key=len, reverse=True)
            yield Part(tuple(words), tuple((word, _prefix(word)) for word in words), 0 if first else max(gap, 1), strict)
            gap, first, strict = 0, False, True


def _prefix(word: str) -> str:
    """Return how the longest whole word of `word` begins, or "" if all are too short to be indexed."""
    return max(_WORD.findall(word), key=len, default="")[:_PREFIX] if word.isascii() else ""


def _needed(source: str) -> Iterator[frozenset[str]]:
    """Yield sets of beginnings, of each of which the text must hold one."""
    for choice, _, literal in _TOKEN.findall(source):
        if literal:
            yield from (frozenset({word[:_PREFIX]}) for word in _WORD.findall(literal))
        elif choice and all(found := [_prefix(word) for word in choice.split("|")]):
            yield frozenset(found)


class PhraseBook(Generic[T]):
    """Phrases in order of precedence, each with what it means.

    Phrases are bits of a number, the earliest the lowest. A phrase needs up to `_SLOTS` beginnings; each slot has a stretch of bits of its
    own, and a beginning knows all bits that it satisfies. So finding who may stand in a text is one `or` a word and one `and` a slot.
    """

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        """Index `entries` (phrase, meaning); the earlier wins."""
        self.phrases = tuple(Phrase(source, meaning) for source, meaning in entries)
        self._width = len(self.phrases)
        self._mask = (1 << self._width) - 1
        self._bits: dict[str, int] = {}
        self._free = self._wide = 0
        for rank, phrase in enumerate(self.phrases):
            if phrase.source.isascii():
                self._index(rank, sorted(phrase.prefixes, key=len)[:_SLOTS])
            else:
                self._wide |= 1 << rank

    def _index(self, rank: int, needed: list[frozenset[str]]) -> None:
        for slot in range(_SLOTS):
            bit = 1 << (rank + slot * self._width)
            if slot >= len(needed):
                self._free |= bit
            for prefix in needed[slot] if slot < len(needed) else ():
                self._bits[prefix] = self._bits.get(prefix, 0) | bit

    def all(self, text: str) -> Iterator[Phrase[T]]:
        """Yield every phrase that the normal `text` holds, in order of precedence."""
        index, present = self._bits, set(_BEGINNING.findall(text))
        present.update([word[:_SHORT] for word in present])
        satisfied = self._free
        for prefix in present & index.keys():
            satisfied |= index[prefix]
        candidates, width = satisfied, self._width
        for _ in range(_SLOTS - 1):
            satisfied >>= width
            candidates &= satisfied
        candidates &= self._mask
        if not text.isascii():
            candidates |= self._wide
        while candidates:
            lowest = candidates & -candidates
            phrase = self.phrases[lowest.bit_length() - 1]
            if phrase.stands_in(text, present):
                yield phrase
            candidates ^= lowest
