"""The classifier: evidence in, `Failure` out.

It is pure except for the time of day, which turns stated dates into waits.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.certainty import fingerprint, names_one_model, of_a_minute
from sparekey.classify.evidence import ErrorReading, lower_headers
from sparekey.classify.exceptions import (
    NAMES_OF_STATUSES,
    chain,
    classify_ours,
    held,
    kind_of,
    ours_within,
    read_exception,
    text_of,
    wire_of,
)
from sparekey.classify.reasons import Reason
from sparekey.classify.tables import words
from sparekey.classify.text_model import model
from sparekey.classify.verdict import GARBLED, LASTING, UNTOLD, WAITING, ErrorVerdict, judge
from sparekey.classify.waits import Stated, stated
from sparekey.masking import mask
from sparekey.types import ErrorClass, Evidence, Failure, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sparekey.classify.user_rules import Rule

_MAX_MESSAGE, _MASKED, _WORDS_SHOWN = 300, 450, 8
_LONG_WAIT: Final = 3600.0
"""Seconds: a rate limit with a longer wait is a quota, whatever the provider calls it.

Azure, for one, says "token rate limit" and 86,400 seconds.
"""
_WAITABLE: Final = (ErrorClass.TRANSIENT, ErrorClass.QUOTA_EXCEEDED, ErrorClass.UNKNOWN)


class Classifier:
    """Classifies failures.

    Args:
        rules: a user's own rules; the first one that applies overrules the verdict.
        now: returns the Unix time, to turn stated dates into waits.
    """

    def __init__(self, rules: Iterable[Rule] = (), *, now: Callable[[], float] = time.time) -> None:
        """Keep rules and clock."""
        self._rules, self._now = tuple(rules), now

    def classify(self, exc: BaseException | str, *, trace: bool = False) -> Failure:
        """Return what an exception means. Never raises.

        Args:
            exc: any exception: its attributes, causes and text are read, and nothing from the
                network. A text alone is read too.
            trace: also fill `Failure.trace`, for people.
        """
        if isinstance(exc, str):
            return self.classify_response(None, None, exc, trace=trace)
        try:
            return ours_within(exc) or self._classify(exc, trace=trace)
        except Exception as bug:  # noqa: BLE001 - a bug here must not hide the failure
            return _unreadable(bug)

    def classify_response(self, status: int | None, headers: Any, body: bytes | str | None, *, trace: bool = False) -> Failure:
        """Return what an HTTP response means. Never raises.

        A success is read too, because its body may hold an error.

        Args:
            status: the HTTP status; None if it is not known.
            headers: a mapping or pairs; None if there are none.
            body: the body, whole or cut short.
            trace: also fill `Failure.trace`, for people.
        """
        try:
            reading = ErrorReading(status if isinstance(status, int) else None, lower_headers(headers) if headers else None)
            reading.add_body(body)
            wait = stated(reading, self._now())
            return self._failure(reading, judge(reading, wait=wait.seconds) or _of_silence(reading, wait), wait, trace=trace)
        except Exception as bug:  # noqa: BLE001 - as above
            return _unreadable(bug)

    def _classify(self, exc: BaseException, *, trace: bool) -> Failure:
        exceptions = chain(exc)
        wire = wire_of(exceptions)
        reading, verdict, wait = _first_telling(exceptions, self._now())
        if (
            wire
            and reading.status is None
            and not (wire.wrapper and verdict and verdict.meaning.reason.error_class not in {ErrorClass.TRANSIENT, ErrorClass.UNKNOWN})
        ):
            verdict = ErrorVerdict(wire, Evidence.CERTAIN, f"exception: {type(exc).__name__} ({wire.row})")
        if verdict is None and (ours := next(filter(None, map(classify_ours, exceptions)), None)):
            return ours  # the outer exception says nothing, and was raised while one of ours was handled
        return self._failure(reading, verdict or _of_silence(reading, wait), wait, trace=trace, unreached=bool(wire and wire.unreached))

    def _failure(self, reading: ErrorReading, verdict: ErrorVerdict, wait: Stated, *, trace: bool, unreached: bool = False) -> Failure:
        if verdict.meaning.reason is Reason.RATE_LIMITED and (wait.seconds or 0.0) >= _LONG_WAIT:
            verdict = verdict._replace(meaning=LASTING)
        meaning, reason = verdict.meaning, verdict.meaning.reason
        if reason.error_class not in _WAITABLE:
            wait = Stated(None)
        text = next((layer.texts[0] for layer in reading.innermost() if layer.texts), "")
        status = reading.status or reading.inner_status()
        words_and_codes = [one for layer in reading.layers for one in (*layer.texts, *layer.codes)]
        failure = Failure(
            error_class=reason.error_class,
            reason=reason.value,
            # an input that is too large for one account's tokens a minute may fit another account
            scope=Scope.ACCOUNT if reason.error_class is ErrorClass.INPUT_TOO_LARGE and of_a_minute(words_and_codes) else meaning.scope,
            retry_after=wait.seconds,
            status=status,
            message=" ".join(mask(text[:_MASKED]).split())[:_MAX_MESSAGE],
            evidence=verdict.evidence,
            wait_is_certain=wait.certain,
            one_model=reason in words("limit of a model") and names_one_model(words_and_codes, reading.headers),
            unreached=unreached or (meaning.unreached and reading.status is None),
            timed_out=reason is Reason.TIMEOUT,
            fingerprint="" if verdict.evidence is Evidence.CERTAIN else fingerprint(status, text),
            rule=verdict.rule,
            trace=_trace(reading, verdict) if trace else (),
        )
        return self._overruled(reading, failure) if self._rules else failure

    def _overruled(self, reading: ErrorReading, failure: Failure) -> Failure:
        text = " ".join([*(t for layer in reading.layers for t in (*layer.texts, *layer.codes, *layer.numbers)), failure.message])
        rule = next((rule for rule in self._rules if rule.applies_to(failure.status, text)), None)
        return rule.overrule(failure) if rule else failure


def _of_silence(reading: ErrorReading, wait: Stated) -> ErrorVerdict:
    """Return the verdict where neither codes nor words nor the status tell anything."""
    success = reading.status is not None and 200 <= reading.status < 300  # noqa: PLR2004 - RFC 9110
    if success and not any(layer.texts for layer in reading.layers if layer.where != "text"):
        return GARBLED
    return UNTOLD if wait.seconds is None else WAITING


def _first_telling(exceptions: Iterable[BaseException], now: float) -> tuple[ErrorReading, ErrorVerdict | None, Stated]:
    """Return the reading, the verdict and the wait of the exception that tells most.

    That is the outermost one whose structure tells, else the first whose words do. An exception
    that carries a response speaks for itself; one without is a wrapper, and its explicit cause is
    asked as well.
    """
    first: tuple[ErrorReading, ErrorVerdict | None, Stated] | None = None
    for current in exceptions:
        if classify_ours(current):
            continue
        reading, worded = read_exception(current)
        structured = reading.status is not None or bool(reading.layers)
        wait = stated(reading, now) if worded else Stated(None)
        verdict = judge(reading, wait=wait.seconds) if worded else None
        if verdict is None:
            kind = kind_of(current)
            restates = kind.code in NAMES_OF_STATUSES and reading.status is not None
            if not (
                worded and (restates or isinstance(held(current).get("body"), bytes))
            ):  # else the response is read: the text repeats it
                reading.add_text(text_of(current))
            wait, name = stated(reading, now), "" if restates else kind.code
            verdict = judge(reading, name, foreign=kind.foreign, wait=wait.seconds)
            if kind.wire and kind.wire.wrapper and verdict and verdict.meaning.reason.error_class is ErrorClass.TRANSIENT:
                verdict = None  # this name covers whatever went wrong: the cause may tell more
        if structured and verdict:
            return reading, verdict, wait
        if first is None or (verdict and first[1] is None):
            first = (reading, verdict, wait)
        if current.__cause__ is None and (first[1] or reading.status is not None):
            break  # an implicit context does not overrule a response, even one that says nothing
    return first or (ErrorReading(), None, Stated(None))


def _trace(reading: ErrorReading, verdict: ErrorVerdict) -> tuple[str, ...]:
    lines = [f"status {reading.status}" if reading.status is not None else "no HTTP status"]
    for layer in reading.innermost():
        found = [*layer.codes, *layer.numbers, *(f"status {s}" for s in layer.statuses), *(repr(mask(t[:160])) for t in layer.texts)]
        lines.append(f"{'  ' * min(layer.depth, 8)}{layer.where or 'body'}: {', '.join(found)}")
    if verdict.features:
        weighed = model().weights(verdict.features, verdict.meaning.reason.error_class)
        for side, sign in (("for", 1), ("against", -1)):
            shown = [f"{mask(word)} {weight:+.1f}" for word, weight in weighed if weight * sign > 0]
            lines.append(f"words {side} it: " + ", ".join(shown[:_WORDS_SHOWN]))
    lines.append(f"decided by {verdict.rule} -> {verdict.meaning.reason.error_class} / {verdict.meaning.reason}, {verdict.evidence}")
    return tuple(lines)


def _unreadable(bug: Exception) -> Failure:
    return Failure(ErrorClass.UNKNOWN, "unreadable", message=type(bug).__name__, evidence=Evidence.POSSIBLE, rule="unreadable")
