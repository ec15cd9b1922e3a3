"""Judge the evidence: codes first, then words, then the status, then the name of the exception; the innermost error first."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.codes import EMPTY, TELLING, VAGUE
from sparekey.classify.phrases import PhraseBook, normal
from sparekey.classify.prose import codes as codes_in
from sparekey.classify.providers import NUMBERS, STRINGS
from sparekey.classify.statuses import of_status
from sparekey.classify.words import ENGLISH, REQUEST_FAULTS
from sparekey.classify.words_asia import ASIAN
from sparekey.classify.words_faults import FAULTS, LAST
from sparekey.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sparekey.classify.evidence import Level, Reading
    from sparekey.classify.model import Meaning


class Verdict(NamedTuple):
    """What was decided, and why."""

    meaning: Meaning
    evidence: Evidence
    rule: str


def _book(*tables: Iterable[tuple[Meaning, tuple[str, ...]]]) -> PhraseBook[Meaning]:
    return PhraseBook((phrase, row) for table in tables for row, phrases in table for phrase in phrases)


WORD_BOOK: Final = _book(ENGLISH, ASIAN, REQUEST_FAULTS, FAULTS, LAST)
_TELLING_BOOK: Final = _book(TELLING)
_VAGUE_BOOK: Final = _book(VAGUE)
_EMPTY_BOOK: Final = _book(EMPTY)

_MAX_WORDS: Final = 3000
_CACHED: Final = 4096
_CAMEL_SEAM: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
# Under these a provider tells what is wrong with the request and may repeat the caller's words while doing so.
ECHOING: Final = frozenset({400, 404, 405, 406, 409, 413, 415, 422})
_MUTE: Final = frozenset({0, 200, 400, 500})
"""Statuses that are sent with anything: a code is believed before them."""


def code_words(code: str) -> str:
    """Return a code as words: `AllocationQuota.FreeTierOnly` becomes "allocation quota free tier only"."""
    return _SEPARATORS.sub(" ", _CAMEL_SEAM.sub(" ", code[:200]).lower()).strip()


@lru_cache(_CACHED)
def telling(code: str) -> Meaning | None:
    """Return what a code means by itself, or None."""
    words = code_words(code)
    return STRINGS.get(words) or next((p.meaning for p in _TELLING_BOOK.all(words)), None)


@lru_cache(_CACHED)
def vague(code: str) -> Meaning | None:
    """Return what a code means when the words beside it say nothing, or None."""
    return next((p.meaning for p in _VAGUE_BOOK.all(code_words(code))), None)


@lru_cache(_CACHED)
def empty(code: str) -> Meaning | None:
    """Return what a code means when neither words nor status say anything, or None."""
    return next((p.meaning for p in _EMPTY_BOOK.all(code_words(code))), None)


def judge(reading: Reading, class_name: str = "") -> Verdict | None:
    """Return the verdict on a reading, or None if nothing in it tells.

    Args:
        reading: the evidence.
        class_name: the name of the exception's class, the last to be asked.
    """
    levels = reading.innermost()
    status = reading.inner_status() or 0
    for level in levels:
        if verdict := _of_level(level, status):
            return verdict
    if status not in ECHOING:
        for level in levels:
            if verdict := _by_words(level, status, quoted=True):
                return verdict
    return _by_what_is_left(levels, status, class_name)


def _of_level(level: Level, status: int) -> Verdict | None:
    if level.where == "text":  # names in prose are as good as the words around them, and less than a field
        return _by_numbers(level, status) or _by_words(level, status, quoted=False) or _by_codes(level, status, telling)
    return _by_numbers(level, status) or _by_codes(level, status, telling) or _by_words(level, status, quoted=False)


def _by_what_is_left(levels: list[Level], status: int, class_name: str) -> Verdict | None:
    if verdict := next(_all_codes(levels, status, vague), None):
        return verdict
    told = of_status(status)
    if told and status not in _MUTE:
        return Verdict(told, Evidence.STATUS, f"status: {status}")
    if class_name and (meaning := telling(class_name) or vague(class_name)):
        return Verdict(meaning, Evidence.STRUCTURED, f"exception: {class_name}")
    if verdict := next(_all_codes(levels, status, empty), None):
        return verdict
    if told:
        return Verdict(told, Evidence.STATUS, f"status: {status}")
    meaning = empty(class_name) if class_name else None
    return Verdict(meaning, Evidence.STRUCTURED, f"exception: {class_name}") if meaning else None


def _all_codes(levels: list[Level], status: int, read: Callable[[str], Meaning | None]) -> Iterator[Verdict]:
    for level in levels:
        if verdict := _by_codes(level, status, read):
            yield verdict


def _by_numbers(level: Level, status: int) -> Verdict | None:
    for number in level.numbers:
        if meaning := NUMBERS.get(number):
            return Verdict(meaning, _strength(level, status), f"number: {number}")
        # many vendors append digits of their own to the status: 40102, 402001
        digits = number.rpartition("=")[2]
        if len(digits) in {5, 6} and digits.startswith(("400", "401", "402", "403", "404", "413", "422", "429", "500", "503")):
            level.statuses.append(int(digits[:3]))
    return None


def _by_codes(level: Level, status: int, read: Callable[[str], Meaning | None]) -> Verdict | None:
    codes = level.codes
    if level.where == "text" and not codes:
        codes = level.codes = [code for text in level.texts for code in codes_in(text)]
    for code in codes:
        if meaning := read(code):
            return Verdict(meaning, _strength(level, status), f"code: {code}")
    return None


def _strength(level: Level, status: int) -> Evidence:
    if level.where != "text" and not level.quoted:
        return Evidence.STRUCTURED
    return Evidence.WEAK if status in ECHOING else Evidence.PHRASE


def _by_words(level: Level, status: int, *, quoted: bool) -> Verdict | None:
    for text in level.texts:
        for phrase in WORD_BOOK.all(normal(text[:_MAX_WORDS], quoted=quoted)):
            if not phrase.meaning.statuses or status in phrase.meaning.statuses:
                strength = Evidence.WEAK if status in ECHOING else Evidence.PHRASE
                return Verdict(phrase.meaning, strength, f"words: {phrase.source}")
    return None
