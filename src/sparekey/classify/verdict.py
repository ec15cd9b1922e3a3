"""The order of evidence: what decides which error it is, and how much that proves.

1. A vendor's own code decides first, in a field or as a number at its place (tables/codes.tsv). The
   innermost error of a wrapped one is asked first.
2. The words decide next, as the learned model reads them together with statuses, other codes and
   the exception's name. The model is believed when it is confident. That the request is at fault
   needs more: a wrong "fail fast" loses an answer, which costs ten times as much as a wasted call.
   So the model must be nearly sure; all but certain under a 5xx or beside words of an outage; and
   under a 404 it is believed only about things that a request names.
3. The HTTP status decides where there are no words, or the model is not confident. A 400 with words
   that the model does not understand says nothing.

The name of the exception's class counts as one of the words. The transport's own exceptions
(timeouts, refused connections) decide before all this (`classifier.py`).

How much it proves: only a code that can mean nothing else, in a field where no caller's words can
stand, is certain.
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
_ALL_BUT: Final = 0.1  # the share of the usual doubt that is allowed under a 5xx or beside words of an outage
_OUTAGE: Final = "<<outage>>"
_NAMED: Final = frozenset({"unknown_reference", "resource_fetch_failed"})  # the parts of a request that a 404 can be about
_UNDERSTOOD: Final = 0.25  # the share of the features that the model must know to blame the request
_STATUS_DIGITS: Final = ("400", "401", "402", "403", "404", "413", "422", "429", "500", "503")
_MAX_TEXT: Final = 3000


class ErrorVerdict(NamedTuple):
    """What was decided.

    Attributes:
        meaning: the reason and whom it blames.
        evidence: how much it proves.
        rule: what decided, for people.
        features: the features that the model was asked about; empty if it was not asked.
    """

    meaning: Meaning
    evidence: Evidence
    rule: str
    features: tuple[str, ...] = ()


class _Judge:
    """One judgement about one reading.

    Attributes:
        reading: the evidence.
        class_name: the name of the exception's class; "" if it tells nothing.
        wait: the stated wait in seconds; None if there is none.
        text_model: the model to ask; None: the package's own.
        layers: the layers of the reading, innermost first.
        status: the status that counts, 0 if there is none; a code like 40102 can set it.
        echoing: whether a provider may repeat the caller's words under this status.
        bare: whether there is only prose of unknown origin, and no status.
    """

    def __init__(self, reading: ErrorReading, class_name: str, wait: float | None, text_model: Model | None, *, foreign: bool) -> None:
        self.reading, self.class_name, self.wait, self.text_model = reading, class_name, wait, text_model
        self.layers = reading.innermost()
        self.status = reading.inner_status() or 0
        self.echoing = self.status in ECHOING or reading.status in ECHOING
        self.bare = not foreign and not self.status and all(map(_is_bare, self.layers))

    def verdict(self) -> ErrorVerdict | None:
        """Ask the codes, then the text, then the status; return None if none of them tells."""
        for layer in self.layers:
            if verdict := self._by_code(layer):
                return verdict
        if self.reading.status is not None and 300 <= self.reading.status < 400:  # noqa: PLR2004 - redirects are not followed, whatever they say
            return self._by_status(words_tell=False)
        words_tell = any(layer.codes or any(says_something(t) and not says_bad_request(t) for t in layer.texts) for layer in self.layers)
        named = self.class_name and not says_bad_request(self.class_name)
        return (self._by_text() if words_tell or named else None) or self._by_status(words_tell=words_tell)

    def _by_code(self, layer: ErrorLayer) -> ErrorVerdict | None:
        table = codes()
        for number in layer.numbers:
            if found := table.numbers.get(number):
                return ErrorVerdict(found, self._strength(found, layer, number), f"number: {number} ({found.row})")
            # many vendors append digits of their own to the status: 40102, 402001
            digits = number.rpartition("=")[2]
            if len(digits) in {5, 6} and digits.startswith(_STATUS_DIGITS) and not layer.statuses:
                layer.statuses.append(int(digits[:3]))
                self.status = self.status if self.status >= 400 else int(digits[:3])  # noqa: PLR2004 - the first error of RFC 9110
        fields_count = layer.where != "text" and not (layer.quoted == QUOTED and self.echoing)  # prose may quote the caller there
        for code in layer.codes if fields_count else ():
            found = table.read(code)
            if found and found.reason is not Reason.UNKNOWN and not (self.bare and found.reason.error_class is ErrorClass.PERMANENT):
                return ErrorVerdict(found, self._strength(found, layer), f"code: {code} ({found.row})")
        return None

    def _strength(self, found: Meaning, layer: ErrorLayer, number: str = "") -> Evidence:
        texts = " ".join(text for one in self.layers for text in one.texts if says_something(text))[:_MAX_TEXT]
        prose = layer.where == "text" or number.startswith("text=")
        return evidence_of(found, texts, place=layer.quoted, prose=prose, echoing=self.echoing)

    def _by_text(self) -> ErrorVerdict | None:
        text_model = self.text_model or model()
        seen = features(self.reading, self.class_name, self.wait)
        guess = text_model.guess(seen)
        error_class, confidence = guess.error_class, guess.confidence
        named = self.status != 404 or error_class is not ErrorClass.PERMANENT or text_model.cause(guess, error_class) in _NAMED  # noqa: PLR2004
        if error_class in OF_REQUEST and (not named or guess.of_request < self._least_of_request(text_model, error_class, seen)):
            error_class, confidence = guess.other, guess.other_confidence
        if confidence < text_model.least or error_class is ErrorClass.UNKNOWN:
            return None
        found = meaning(text_model.cause(guess, error_class))
        evidence = evidence_of(found, "", place=OWN, prose=True, echoing=self.echoing or confidence < text_model.likely)
        if error_class is ErrorClass.PERMANENT and any(layer.page for layer in self.layers):
            evidence = Evidence.POSSIBLE
        elif error_class is ErrorClass.PERMANENT:
            own = (codes().read(code) for layer in self.layers if layer.quoted == OWN and layer.where != "text" for code in layer.codes)
            evidence = Evidence.CERTAIN if any(row and row.certain for row in own) else Evidence.LIKELY
        return ErrorVerdict(found, evidence, f"words ({confidence:.0%})", tuple(seen))

    def _least_of_request(self, text_model: Model, error_class: ErrorClass, seen: Sequence[str]) -> float:
        """Return how sure the model must be that the request is at fault.

        The bar is higher where the status or the words speak of something else.
        """
        surer = (1.0 + text_model.fail_fast_at) / 2
        if self.reading.status is not None and self.reading.status < 300 and not self.reading.streamed:  # noqa: PLR2004 - an answer that was cut off may say anything
            return _NEVER if all(layer.where == "text" for layer in self.layers) else surer
        outage = self.status >= 500 or any(compiled(_OUTAGE).search(t.lower()) for layer in self.layers for t in layer.texts)  # noqa: PLR2004
        least = 1.0 - (1.0 - text_model.fail_fast_at) * _ALL_BUT if outage else text_model.fail_fast_at
        if error_class is not ErrorClass.PERMANENT:
            return least
        if self.bare or text_model.knows(seen) < _UNDERSTOOD:
            return _NEVER
        return max(surer, least) if self.status in _OF_CREDENTIAL else least

    def _by_status(self, *, words_tell: bool) -> ErrorVerdict | None:
        """Return the verdict of the status; None if it tells nothing.

        A 400 without words could be anything. One that says at least "400" is about the request.
        """
        named = self.reading.status is None
        says_400 = any(
            not layer.page and ((layer.statuses and (named or layer.where != "text")) or any(map(says_bad_request, layer.texts)))
            for layer in self.layers
        )
        found = of_status(self.status or (400 if says_400 and not words_tell and not self.bare else 0))
        if found is None or (words_tell and found.reason.error_class is ErrorClass.PERMANENT):
            return None
        evidence = evidence_of(found, "", place=OWN, prose=True, echoing=self.echoing)
        if found.reason.error_class is ErrorClass.PERMANENT and not says_400:
            evidence = Evidence.POSSIBLE
        return ErrorVerdict(found, evidence, f"status: {self.status}")


def _is_bare(layer: ErrorLayer) -> bool:
    """Return whether a layer is prose that no provider has marked as its own.

    "invalid prompt" without a status or a provider's structure may be a bug of one backend, and is
    no reason to fail fast. Three signs speak for a provider: a name like `...Exception` comes from
    a service, a complaint about a request's body comes from HTTP, and text that is not ASCII does
    not come from Python.
    """
    text = layer.texts[0] if layer.texts else ""
    return layer.where == "text" and "Exception" not in text and "request body" not in text and text.isascii()


def judge(
    reading: ErrorReading, class_name: str = "", *, foreign: bool = True, wait: float | None = None, text_model: Model | None = None
) -> ErrorVerdict | None:
    """Return the verdict on a reading; None if nothing in it tells.

    Args:
        reading: the evidence.
        class_name: the name of the exception's class, if it is a provider's or an SDK's.
        foreign: whether the exception may come from a provider or an SDK; otherwise bare words
            about the request are not believed.
        wait: the stated wait in seconds: it distinguishes a limit of a second from one of a day.
        text_model: the model to ask; None: the package's own.
    """
    return _Judge(reading, class_name, wait, text_model, foreign=foreign).verdict()


UNTOLD: Final = ErrorVerdict(meaning(Reason.UNKNOWN), Evidence.POSSIBLE, "nothing told")
WAITING: Final = ErrorVerdict(meaning(Reason.STATED_WAIT), Evidence.POSSIBLE, "a stated wait: what states its end will pass")
GARBLED: Final = ErrorVerdict(meaning(Reason.BAD_RESPONSE), Evidence.LIKELY, "a success that is no answer")
LASTING: Final = meaning(Reason.LONG_WAIT)
