"""Judge the evidence: codes first, then words, then the status, then the name of the exception; the innermost error first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.model import PERMANENT
from sparekey.classify.phrases import normal
from sparekey.classify.proof import ECHOING, OWN, evidence_of, says_something
from sparekey.classify.prose import codes as codes_in
from sparekey.classify.rulebook import Rulebook
from sparekey.classify.statuses import of_status
from sparekey.types import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.classify.evidence import Level, Reading
    from sparekey.classify.model import Meaning
    from sparekey.classify.phrases import PhraseBook
    from sparekey.classify.rulebook import CodeBook

DEFAULT_RULES: Final = Rulebook()
_MAX_WORDS: Final = 3000
_MUTE: Final = frozenset({0, 200, 400, 500})
"""Statuses that are sent with anything: a code is believed before them."""
_STATUS_DIGITS: Final = ("400", "401", "402", "403", "404", "413", "422", "429", "500", "503")


class Verdict(NamedTuple):
    """What was decided, and why."""

    meaning: Meaning
    evidence: Evidence
    rule: str


def _is_bare(level: Level) -> bool:
    """Tell whether it is prose that no provider has marked as its own.

    "invalid prompt" without a status and without a provider's structure may be a bug of one backend: no reason to fail fast. What calls
    itself `...Exception` comes from a service (aws, aliyun), what complains of a request's body speaks HTTP, and Python's own messages
    are English.
    """
    text = level.texts[0] if level.texts else ""
    return level.where == "text" and "Exception" not in text and "request body" not in text and text.isascii()


class Judge:
    """One judgement: the levels of a reading, innermost first, the status that counts, and the rules."""

    __slots__ = ("bare", "echoing", "levels", "named", "rules", "status")

    def __init__(self, reading: Reading, rules: Rulebook, *, foreign: bool) -> None:
        """Sort the evidence; `foreign` says that it came from a provider or an SDK, whatever it looks like."""
        self.levels = reading.innermost()
        self.status = reading.inner_status() or 0
        self.echoing = self.status in ECHOING or reading.status in ECHOING
        self.named = reading.status is None
        self.rules = rules
        self.bare = not foreign and not self.status and all(map(_is_bare, self.levels))

    def verdict(self, class_name: str) -> Verdict | None:
        """Ask codes and words of each level, then what is left; `class_name` is the exception's, the last to be asked."""
        for level in self.levels:
            if verdict := self._of_level(level):
                return verdict
        if self.status not in ECHOING:
            for level in self.levels:
                if verdict := self._by_words(level, self.rules.words, quoted=True):
                    return verdict
        return self._by_what_is_left(class_name)

    def _of_level(self, level: Level) -> Verdict | None:
        if verdict := self._by_numbers(level):
            return verdict
        if level.where == "text":  # names in prose are as good as the words around them, and less than a field
            return self._by_words(level, self.rules.words) or self._by_codes(level, self.rules.telling)
        return self._by_codes(level, self.rules.telling) or self._by_words(level, self.rules.words)

    def _by_what_is_left(self, class_name: str) -> Verdict | None:
        if verdict := next(self._all_codes(self.rules.vague), None):
            return verdict
        told = of_status(self.status)
        by_status = Verdict(told, self._of_bare_status(told), f"status: {self.status}") if told else None
        if by_status and self.status not in _MUTE:
            return by_status
        if class_name and (meaning := self.rules.telling.read(class_name) or self.rules.vague.read(class_name)):
            return Verdict(meaning, self._weaker(meaning), f"exception: {class_name}")
        if verdict := next(self._all_codes(self.rules.empty), None):
            return verdict
        for level in self.levels:
            if verdict := self._by_words(level, self.rules.last):
                return verdict
        meaning = self.rules.empty.read(class_name) if class_name and not by_status else None
        return Verdict(meaning, self._weaker(meaning), f"exception: {class_name}") if meaning else by_status

    def _weaker(self, told: Meaning) -> Evidence:
        return evidence_of(told, "", place=OWN, prose=True, echoing=self.echoing)

    def _of_bare_status(self, told: Meaning) -> Evidence:
        """A 400 whose text says nothing could be anything; one that says at least "400" or "bad request" is about the request."""
        if told.error_class is not PERMANENT:
            return self._weaker(told)
        for level in self.levels:
            stated = level.statuses and (self.named or level.where != "text")
            if not level.page and (stated or level.codes or any(map(says_something, level.texts))):
                return Evidence.LIKELY
        return Evidence.POSSIBLE

    def _all_codes(self, book: CodeBook) -> Iterator[Verdict]:
        for level in self.levels:
            if verdict := self._by_codes(level, book):
                yield verdict

    def _by_numbers(self, level: Level) -> Verdict | None:
        for number in level.numbers:
            if meaning := self.rules.numbers.get(number):
                return Verdict(meaning, self._strength(level, meaning, number), f"number: {number}")
            # many vendors append digits of their own to the status: 40102, 402001
            digits = number.rpartition("=")[2]
            if len(digits) in {5, 6} and digits.startswith(_STATUS_DIGITS) and not level.statuses:
                level.statuses.append(int(digits[:3]))
                self.status = self.status if self.status >= 400 else int(digits[:3])  # noqa: PLR2004 - the first error of RFC 9110
        return None

    def _by_codes(self, level: Level, book: CodeBook) -> Verdict | None:
        if level.where == "text" and not level.codes:
            level.codes = [code for text in level.texts for code in codes_in(text)]
        for code in level.codes:
            if (meaning := book.read(code)) and not (self.bare and meaning.error_class is PERMANENT):
                return Verdict(meaning, self._strength(level, meaning), f"code: {code}")
        return None

    def _by_words(self, level: Level, book: PhraseBook[Meaning], *, quoted: bool = False) -> Verdict | None:
        if not level.texts:
            return None
        if quoted or not level.plain:
            text = level.texts[0] if len(level.texts) == 1 else " ; ".join(level.texts)
            level.plain = normal(text[:_MAX_WORDS], quoted=quoted)
        for phrase in book.all(level.plain):
            if self.bare and phrase.meaning.error_class is PERMANENT:
                return None
            if not phrase.meaning.statuses or self.status in phrase.meaning.statuses:
                return Verdict(phrase.meaning, self._of_words(phrase.meaning, level), f"words: {phrase.source}")
        return None

    def _of_words(self, told: Meaning, level: Level) -> Evidence:
        if told.error_class is not PERMANENT:
            return self._weaker(told)
        if level.page:
            return Evidence.POSSIBLE
        own = (code for one in self.levels if one.quoted == OWN and one.where != "text" for code in one.codes)
        return Evidence.CERTAIN if any((row := self.rules.empty.read(code)) and row.certain for code in own) else Evidence.LIKELY

    def _strength(self, level: Level, told: Meaning, number: str = "") -> Evidence:
        texts = [text for one in self.levels for text in one.texts]
        prose = level.where == "text" or number.startswith("text=")
        return evidence_of(told, " ".join(texts)[:_MAX_WORDS], place=level.quoted, prose=prose, echoing=self.echoing)


def judge(reading: Reading, class_name: str = "", rules: Rulebook = DEFAULT_RULES, *, foreign: bool = True) -> Verdict | None:
    """Return the verdict on a reading, or None if nothing in it tells.

    Args:
        reading: the evidence.
        class_name: the name of the exception's class, if it is a provider's or an SDK's.
        rules: the built-in rules.
        foreign: the evidence came from a provider or an SDK; else bare words about the request are not believed.
    """
    return Judge(reading, rules, foreign=foreign).verdict(class_name)
