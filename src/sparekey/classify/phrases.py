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
from collections import defaultdict
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from sparekey.classify.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

GAP: Final = 60
_SHORTEST: Final = 3
"""Words that are shorter stand in every text: they are not indexed."""
_LONGEST: Final = 24
_TRIES: Final = 6
_SLOTS: Final = 4
_MAX_KNOWN: Final = 4096
_PUNCTUATION: Final = frozenset(".:;,()")
_TOKEN: Final = Pattern(r"\(([^()]*)\)|(\*)|([^()*]+)")
_WORD: Final = re.compile(r"[a-z0-9]{3,}")
_CHOICE: Final = re.compile(r"\(([^()]*)\)")
_URL: Final = Pattern(r"\bhttps?://[^\s\"'<>)\]]*+")
_QUOTED: Final = Pattern(
    '["\'`“「](?:(?<=")[^"]*+"|(?<=`)[^`]*+`|(?<=“)[^”]*+”|(?<=「)[^」]*+」'
    "|(?<=')(?<![a-z0-9]')[^']*+'(?![a-z0-9]))"  # an apostrophe within a word quotes nothing
)


def normal(text: str, *, quoted: bool = False) -> str:
    """Return `text` as phrases see it; quoted parts become `~` unless `quoted` is true, because they may be the caller's words."""
    text = text.lower()
    if "://" in text:
        text = _URL.sub(" ", text)
    if "got -" in text:
        text = text.replace("got -", "got minus ")  # "max_tokens must be at least 1, got -186" tells an overflow
    text = text.replace("_", " ").replace("-", " ").replace("\\", " ")
    if not text.isascii():
        text = text.replace("’", "'").replace("‘", "'")  # noqa: RUF001 - typographic apostrophes
    if not quoted and ('"' in text or "'" in text or "`" in text or "“" in text or "「" in text):
        text = _QUOTED.sub(" ~ ", text)
    return " ".join(text.split())


class Part(NamedTuple):
    """One of several words in a row: the longer first, so that `tokens` is tried before `token`."""

    words: tuple[str, ...]
    gap: int
    """How many characters may stand between it and the part before."""
    strict: bool = False
    """No punctuation may stand between."""


class Phrase(Generic[T]):
    """A phrase, taken apart when it is first needed."""

    __slots__ = ("_first", "_others", "meaning", "source")

    def __init__(self, source: str, meaning: T) -> None:
        """Read `source`."""
        self.source, self.meaning = source, meaning
        self._first: tuple[str, ...] = ()
        self._others: tuple[Part, ...] = ()

    def stands_in(self, text: str) -> bool:
        """Tell whether the normal `text` holds this phrase."""
        if not self._first:
            first, *others = _parts(self.source)
            self._others = tuple(others)  # before the first, which says to other threads that all is there
            self._first = first.words
        for word in self._first:  # noqa: SIM110 - a generator costs more than what is looked up
            if word in text and self._from(word, text):
                return True
        return False

    def _from(self, word: str, text: str) -> bool:
        start = text.find(word)
        for _ in range(_TRIES):
            if start < 0:
                return False
            if _begins_word(text, start) and (not self._others or _goes_on(self._others, text, start + len(word))):
                return True
            start = text.find(word, start + 1)
        return False


def _goes_on(parts: tuple[Part, ...], text: str, end: int) -> bool:
    for words, gap, strict in parts:
        end = _next(words, gap, text, end, strict=strict) if gap > 1 else _adjacent(words, text, end)
        if end < 0:
            return False
    return True


def _begins_word(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum() or not text[at].isascii() or not text[at - 1].isascii()


def _adjacent(words: tuple[str, ...], text: str, end: int) -> int:
    """Return where the first of `words` that stands at `end` ends, or -1."""
    at = end + 1 if text[end : end + 1] == " " else end
    if not text.startswith(words, at):
        return -1
    return next(at + len(word) for word in words if text.startswith(word, at))


def _next(words: tuple[str, ...], gap: int, text: str, end: int, *, strict: bool) -> int:
    """Return where the nearest of `words` within the gap ends, or -1."""
    nearest, after = len(text), -1
    window = text[end : end + gap + len(words[0])]
    for word in words:
        if word not in window:
            continue
        at = text.find(word, end, end + gap + len(word))
        if 0 <= at < nearest and _begins_word(text, at):
            nearest, after = at, at + len(word)
    return -1 if strict and after >= 0 and not _PUNCTUATION.isdisjoint(text[end:nearest]) else after


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
            yield Part(tuple(words), 0 if first else max(gap, 1), strict)
            gap, first, strict = 0, False, True


def _needed(source: str) -> list[list[str]]:
    """Return lists of keys, of each of which the text must hold one: the shortest lists first, no more than there are slots.

    The key of a word is the word itself: some word of the text begins like it. The key of letters that stand without spaces
    between words (Chinese, Japanese, Korean) is the first two of them.
    """
    if not source.isascii():
        return _needed_letters(source)
    found = [[word] for word in _WORD.findall(_CHOICE.sub(" ", source))]
    if len(found) < _SLOTS:
        found += [keys for choice in _CHOICE.findall(source) if all(keys := [_word_key(option) for option in choice.split("|")])]
    return sorted(found, key=len)[:_SLOTS]


def _needed_letters(source: str) -> list[list[str]]:
    parts = source.replace(")", "*").replace("(", "*").split("*")
    return sorted(([option.strip()[:2] for option in part.split("|")] for part in parts if part.strip()), key=len)[:_SLOTS]


def _word_key(words: str) -> str:
    """Return the longest of `words`, or "" if all are too short to be indexed."""
    if words.isalnum():
        return words if len(words) >= _SHORTEST else ""
    return max(_WORD.findall(words), key=len, default="")


class PhraseBook(Generic[T]):
    """Phrases in order of precedence, each with what it means.

    Phrases are bits of a number, the earliest the lowest. A phrase needs up to `_SLOTS` keys; each slot has a stretch of bits of its
    own, and a key knows the places of all bits that it satisfies. So finding who may stand in a text is one `or` a word and one
    `and` a slot.
    """

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        """Take `entries` (phrase, meaning); the earlier wins."""
        self.phrases = tuple(Phrase(source, meaning) for source, meaning in entries)
        self._width = len(self.phrases)
        self._mask = (1 << self._width) - 1
        self._places: dict[str, list[int]] = {}
        self._free = 0
        self._of_key: dict[str, int] = {}
        self._known: dict[str, int] = {}
        """The bits of the words that were met: errors repeat the same few hundred."""

    def _index(self) -> None:
        """Note which keys each phrase needs; done when the book is first opened."""
        places, width = defaultdict[str, list[int]](list), self._width
        free = ["1"] * (width * _SLOTS)  # what a phrase does not need, every text satisfies
        for rank, phrase in enumerate(self.phrases):
            for slot, keys in enumerate(_needed(phrase.source)):
                place = rank + slot * width
                free[~place] = "0"
                for key in keys:
                    places[key].append(place)
        self._free, self._places = int("".join(free) or "0", 2), dict(places)

    def all(self, text: str) -> Iterator[Phrase[T]]:
        """Yield every phrase that the normal `text` holds, in order of precedence."""
        if not self._places:
            self._index()
        candidates = self._candidates(text)
        while candidates:
            lowest = candidates & -candidates
            phrase = self.phrases[lowest.bit_length() - 1]
            if phrase.stands_in(text):
                yield phrase
            candidates ^= lowest

    def _candidates(self, text: str) -> int:
        satisfied, width, words = self._free, self._width, text.split()
        found = list(map(self._known.get, words))
        if None in found:
            found = [self._meet(word) if bits is None else bits for word, bits in zip(words, found, strict=True)]
        for bits in filter(None, found):
            satisfied |= bits
        if not text.isascii():
            for letters in {*text, *map("".join, pairwise(text))} & self._places.keys():
                satisfied |= self._bits_of(letters)
        candidates = satisfied
        for _ in range(_SLOTS - 1):
            satisfied >>= width
            candidates &= satisfied
        return candidates & self._mask

    def _meet(self, word: str) -> int:
        """Return the bits of all keys that begin a word in `word`, which may hold punctuation."""
        found = 0
        for piece in _WORD.findall(word):
            for end in range(_SHORTEST, min(len(piece), _LONGEST) + 1):
                if piece[:end] in self._places:
                    found |= self._bits_of(piece[:end])
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[word] = found
        return found

    def _bits_of(self, key: str) -> int:
        bits = self._of_key.get(key)
        if bits is None:
            bits = self._of_key[key] = reduce(or_, (1 << place for place in self._places[key]))
        return bits
