"""Judge the evidence: codes first, then words, then the status, then the name of the exception; the innermost error first."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.codes import EMPTY, TELLING, VAGUE
from sparekey.classify.phrases import PhraseBook, normal
from sparekey.classify.statuses import of_status
from sparekey.classify.words import ENGLISH
from sparekey.classify.words_more import CJK, FAULTS
from sparekey.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.classify.evidence import Level, Reading
    from sparekey.classify.model import Meaning


class Verdict(NamedTuple):
    """What was decided, and why."""

    meaning: Meaning
    evidence: Evidence
    rule: str


def _book(*tables: Iterable[tuple[Meaning, tuple[str, ...]]]) -> PhraseBook[Meaning]:
    return PhraseBook((phrase, row) for table in tables for row, phrases in table for phrase in phrases)


WORD_BOOK: Final = _book(ENGLISH[:-4], CJK, ENGLISH[-4:], FAULTS)
TELLING_BOOK: Final = _book(TELLING)
VAGUE_BOOK: Final = _book(VAGUE)
EMPTY_BOOK: Final = _book(EMPTY)

_CAMEL_SEAM: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
# Under these a provider tells what is wrong with the request and may repeat the caller's words while doing so.
_ECHOING: Final = frozenset({400, 404, 405, 406, 409, 413, 415, 422})
_MUTE: Final = frozenset({0, 200, 400, 500})


@lru_cache(4096)
def code_words(code: str) -> str:
    """Return a code as words: `AllocationQuota.FreeTierOnly` becomes "allocation quota free tier only"."""
    return _SEPARATORS.sub(" ", _CAMEL_SEAM.sub(" ", code[:200]).lower()).strip()


@lru_cache(4096)
def _telling(code: str) -> Meaning | None:
    return next((p.meaning for p in TELLING_BOOK.all(code_words(code))), None)


@lru_cache(4096)
def _vague(code: str) -> Meaning | None:
    return next((p.meaning for p in VAGUE_BOOK.all(code_words(code))), None)


@lru_cache(4096)
def _empty(code: str) -> Meaning | None:
    return next((p.meaning for p in EMPTY_BOOK.all(code_words(code))), None)


def judge(reading: Reading) -> Verdict | None:
    """Return the verdict on a reading, or None if nothing in it tells."""
    levels = reading.innermost()
    status = reading.inner_status() or 0
    for level in levels:
        if verdict := by_telling_code(level, status) or by_words(level, status, quoted=False):
            return verdict
    if status not in _ECHOING:
        for level in levels:
            if verdict := by_words(level, status, quoted=True):
                return verdict
    return _by_what_is_left(levels, status)


def _by_what_is_left(levels: list[Level], status: int) -> Verdict | None:
    for level in levels:
        for code in level.codes:
            if meaning := _vague(code):
                return Verdict(meaning, _strength(level, status), f"code: {code}")
    told = of_status(status)
    if told and status not in _MUTE:
        return Verdict(told, Evidence.STATUS, f"status: {status}")
    for level in levels:
        for code in level.codes:
            if meaning := _empty(code):
                return Verdict(meaning, _strength(level, status), f"code: {code}")
    return Verdict(told, Evidence.STATUS, f"status: {status}") if told else None


def by_telling_code(level: Level, status: int) -> Verdict | None:
    """Return what the codes of one error say."""
    for code in level.codes:
        if meaning := _telling(code):
            return Verdict(meaning, _strength(level, status), f"code: {code}")
    return None


def _strength(level: Level, status: int) -> Evidence:
    if level.where != "text" and not level.quoted:
        return Evidence.STRUCTURED
    return Evidence.WEAK if status in _ECHOING else Evidence.PHRASE


def by_words(level: Level, status: int, *, quoted: bool) -> Verdict | None:
    """Return what the words of one error say."""
    for text in level.texts:
        plain = normal(text[:4000], quoted=quoted)
        for phrase in WORD_BOOK.all(plain):
            if not phrase.meaning.statuses or status in phrase.meaning.statuses:
                strength = Evidence.WEAK if status in _ECHOING else Evidence.PHRASE
                return Verdict(phrase.meaning, strength, f"words: {phrase.source[:120]}")
    return None
