"""What decides: the whole order of evidence on one page.

1. A vendor's own code, in a field or a number at its place (codes.tsv); the innermost error of a wrapped one first.
2. The text, read by the learned model together with statuses, other codes and the exception's name. It is believed when it is confident;
   that the request is at fault only when it is nearly sure, because a lost answer costs ten times a wasted call; under a 5xx, or where
   words of an outage stand beside, only when it is all but certain; and under a 404 only of a thing that the request names.
3. The HTTP status, where there are no words, or the model is not confident; but a 400 whose words nobody understands tells nothing.
4. The name of the exception's class is among the words; the transport's exceptions decide before all this (see `classifier`).

How much it proves: only codes that can mean nothing else, in a field where no caller's words can stand, are certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.certainty import ECHOING, OWN, QUOTED, evidence_of, says_bad_request, says_something
from sparekey.classify.features import features
from sparekey.classify.reasons import OF_REQUEST, Reason
from sparekey.classify.tables import Meaning, codes, compiled, meaning, of_status
from sparekey.classify.text_model import model
from sparekey.types import ErrorClass, Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.classify.evidence import ErrorLayer, ErrorReading
    from sparekey.classify.text_model import Model

_OF_CREDENTIAL: Final = frozenset({401, 402, 403, 407, 429})
_NEVER: Final = 2.0
_ALL_BUT: Final = 0.1  # of the doubt that is allowed else, so much is under a 5xx and beside words of an outage
_OUTAGE: Final = "<<outage>>"
_NAMED: Final = frozenset({"unknown_reference", "resource_fetch_failed"})  # what of a request a 404 can be about
_UNDERSTOOD: Final = 0.25  # share of the words that the model has to know: a 400 in a language of its own says nothing about the request
_STATUS_DIGITS: Final = ("400", "401", "402", "403", "404", "413", "422", "429", "500", "503")
_MAX_TEXT: Final = 3000


class ErrorVerdict(NamedTuple):
    """What was decided: the meaning, how much it proves, what decided, and the features that the model was asked about."""

    meaning: Meaning
    evidence: Evidence
    rule: str
    features: tuple[str, ...] = ()


class _Judge:
    """One judgement: the levels of a reading, innermost first, and the status that counts."""

    def __init__(self, reading: ErrorReading, class_name: str, wait: float | None, mind: Model | None, *, foreign: bool) -> None:
        self.reading, self.class_name, self.wait, self.mind = reading, class_name, wait, mind
        self.levels = reading.innermost()
        self.status = reading.inner_status() or 0
        self.echoing = self.status in ECHOING or reading.status in ECHOING
        self.bare = not foreign and not self.status and all(map(_is_bare, self.levels))

    def verdict(self) -> ErrorVerdict | None:
        """Ask codes, then the text, then the status; None if nothing tells."""
        for level in self.levels:
            if verdict := self._by_code(level):
                return verdict
        if self.reading.status is not None and 300 <= self.reading.status < 400:  # noqa: PLR2004 - nobody follows it, whatever it says
            return self._by_status(told=False)
        told = any(level.codes or any(says_something(t) and not says_bad_request(t) for t in level.texts) for level in self.levels)
        named = self.class_name and not says_bad_request(self.class_name)
        return (self._by_text() if told or named else None) or self._by_status(told=told)

    def _by_code(self, level: ErrorLayer) -> ErrorVerdict | None:
        table = codes()
        for number in level.numbers:
            if found := table.numbers.get(number):
                return ErrorVerdict(found, self._strength(found, level, number), f"number: {number} ({found.row})")
            # many vendors append digits of their own to the status: 40102, 402001
            digits = number.rpartition("=")[2]
            if len(digits) in {5, 6} and digits.startswith(_STATUS_DIGITS) and not level.statuses:
                level.statuses.append(int(digits[:3]))
                self.status = self.status if self.status >= 400 else int(digits[:3])  # noqa: PLR2004 - the first error of RFC 9110
        told = level.where != "text" and not (level.quoted == QUOTED and self.echoing)  # what prose quotes there may be the caller's
        for code in level.codes if told else ():
            found = table.read(code)
            if found and found.reason is not Reason.UNKNOWN and not (self.bare and found.reason.error_class is ErrorClass.PERMANENT):
                return ErrorVerdict(found, self._strength(found, level), f"code: {code} ({found.row})")
        return None

    def _strength(self, found: Meaning, level: ErrorLayer, number: str = "") -> Evidence:
        texts = " ".join(text for one in self.levels for text in one.texts if says_something(text))[:_MAX_TEXT]
        prose = level.where == "text" or number.startswith("text=")
        return evidence_of(found, texts, place=level.quoted, prose=prose, echoing=self.echoing)

    def _by_text(self) -> ErrorVerdict | None:
        mind = self.mind or model()
        seen = features(self.reading, self.class_name, self.wait)
        guess = mind.guess(seen)
        error_class, confidence = guess.error_class, guess.confidence
        named = self.status != 404 or error_class is not ErrorClass.PERMANENT or mind.cause(guess, error_class) in _NAMED  # noqa: PLR2004
        if error_class in OF_REQUEST and (not named or guess.of_request < self._least_of_request(mind, error_class, seen)):
            error_class, confidence = guess.other, guess.other_confidence
        if confidence < mind.least or error_class is ErrorClass.UNKNOWN:
            return None
        found = meaning(mind.cause(guess, error_class))
        evidence = evidence_of(found, "", place=OWN, prose=True, echoing=self.echoing or confidence < mind.likely)
        if error_class is ErrorClass.PERMANENT and any(level.page for level in self.levels):
            evidence = Evidence.POSSIBLE
        elif error_class is ErrorClass.PERMANENT:
            own = (codes().read(code) for level in self.levels if level.quoted == OWN and level.where != "text" for code in level.codes)
            evidence = Evidence.CERTAIN if any(row and row.certain for row in own) else Evidence.LIKELY
        return ErrorVerdict(found, evidence, f"words ({confidence:.0%})", tuple(seen))

    def _least_of_request(self, mind: Model, error_class: ErrorClass, seen: Sequence[str]) -> float:
        """Return how sure the model has to be that the request is at fault: surer where status or words speak of something else."""
        surer = (1.0 + mind.fail_fast_at) / 2
        if self.reading.status is not None and self.reading.status < 300 and not self.reading.streamed:  # noqa: PLR2004 - a success that is cut off may say anything
            return _NEVER if all(level.where == "text" for level in self.levels) else surer
        outage = self.status >= 500 or any(compiled(_OUTAGE).search(t.lower()) for level in self.levels for t in level.texts)  # noqa: PLR2004
        least = 1.0 - (1.0 - mind.fail_fast_at) * _ALL_BUT if outage else mind.fail_fast_at
        if error_class is not ErrorClass.PERMANENT:
            return least
        if self.bare or mind.knows(seen) < _UNDERSTOOD:
            return _NEVER
        return max(surer, least) if self.status in _OF_CREDENTIAL else least

    def _by_status(self, *, told: bool) -> ErrorVerdict | None:
        """A 400 whose text says nothing could be anything; one that says at least "400" is about the request."""
        named = self.reading.status is None
        says_400 = any(
            not level.page and ((level.statuses and (named or level.where != "text")) or any(map(says_bad_request, level.texts)))
            for level in self.levels
        )
        found = of_status(self.status or (400 if says_400 and not told and not self.bare else 0))
        if found is None or (told and found.reason.error_class is ErrorClass.PERMANENT):
            return None
        evidence = evidence_of(found, "", place=OWN, prose=True, echoing=self.echoing)
        if found.reason.error_class is ErrorClass.PERMANENT and not says_400:
            evidence = Evidence.POSSIBLE
        return ErrorVerdict(found, evidence, f"status: {self.status}")


def _is_bare(level: ErrorLayer) -> bool:
    """Tell whether it is prose that no provider has marked as its own.

    "invalid prompt" without a status and without a provider's structure may be a bug of one backend: no reason to fail fast. What calls
    itself `...Exception` comes from a service, what complains of a request's body speaks HTTP, and Python's own messages are English.
    """
    text = level.texts[0] if level.texts else ""
    return level.where == "text" and "Exception" not in text and "request body" not in text and text.isascii()


def judge(
    reading: ErrorReading, class_name: str = "", *, foreign: bool = True, wait: float | None = None, mind: Model | None = None
) -> ErrorVerdict | None:
    """Return the verdict on a reading, or None if nothing in it tells.

    `class_name` is that of the exception, if it is a provider's or an SDK's; if not `foreign`, bare words about the request are not
    believed; `wait` are the seconds that it states: a limit of a second and one of a day differ by it; `mind` stands for the model.
    """
    return _Judge(reading, class_name, wait, mind, foreign=foreign).verdict()


UNTOLD: Final = ErrorVerdict(meaning(Reason.UNKNOWN), Evidence.POSSIBLE, "nothing told")
WAITING: Final = ErrorVerdict(meaning(Reason.STATED_WAIT), Evidence.POSSIBLE, "a stated wait: what states its end will pass")
GARBLED: Final = ErrorVerdict(meaning(Reason.BAD_RESPONSE), Evidence.LIKELY, "a success that is no answer")
LASTING: Final = meaning(Reason.LONG_WAIT)
