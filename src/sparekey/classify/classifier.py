"""The classifier: evidence in, `Failure` out. Pure but for the time of day, which turns stated dates into waits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import waits
from sparekey.classify.causes import chain, kind_of, wire_of
from sparekey.classify.evidence import Reading
from sparekey.classify.exceptions import read_exception, text_of
from sparekey.classify.headers import lower_headers
from sparekey.classify.model import LARGE, QUOTA, TRANSIENT, UNKNOWN, meaning
from sparekey.classify.ours import classify_ours, ours_within
from sparekey.classify.proof import WAIT_UNCERTAIN, fingerprint, names_one_model, of_a_minute
from sparekey.classify.verdict import DEFAULT_RULES, Verdict, judge
from sparekey.masking import mask
from sparekey.types import ErrorClass, Evidence, Failure, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sparekey.classify.evidence import Level
    from sparekey.classify.operator import Rule
    from sparekey.classify.rulebook import Rulebook

_MAX_MESSAGE: Final = 300
_MASKED: Final = 450
_LONG_WAIT: Final = 3600.0
"""A rate limit whose wait is longer than this is a quota, whatever it calls itself (azure says "token rate limit" and 86,400 seconds)."""
_WAITABLE: Final = (TRANSIENT, QUOTA, UNKNOWN)
_NOTHING: Final = Verdict(meaning(UNKNOWN, "unknown"), Evidence.POSSIBLE, "nothing told")
_WAITING: Final = Verdict(meaning(TRANSIENT, "stated_wait"), Evidence.POSSIBLE, "a stated wait: what states its end will pass")
_GARBLED: Final = Verdict(meaning(TRANSIENT, "bad_response"), Evidence.LIKELY, "a success that is no answer")
_OF_A_MODEL: Final = frozenset(
    {
        "rate_limited",
        "quota_exceeded",
        "usage_limit",
        "daily_quota",
        "period_quota",
        "free_tier_exhausted",
        "long_wait",
        "spend_limit",
    }
)
"""Reasons of limits that a provider may set for one model."""
_DAILY: Final = meaning(QUOTA, "long_wait")


class Classifier:
    """Classifies failures.

    Args:
        rules: an operator's own rules, tried first, in order.
        now: gives the Unix time, to turn stated dates into waits.
        book: the built-in rules; another one leaves some out, for tests.
    """

    def __init__(self, rules: Iterable[Rule] = (), *, now: Callable[[], float] = time.time, book: Rulebook = DEFAULT_RULES) -> None:
        """Keep rules and clock."""
        self._rules = tuple(rules)
        self._book = book
        self._now = now

    def classify(self, exc: BaseException, *, trace: bool = False) -> Failure:
        """Return what an exception means. Never raises.

        Args:
            exc: any exception; its attributes, its causes and its text are read, and no network.
            trace: also fill `Failure.trace`, for people.
        """
        try:
            return ours_within(exc) or self._classify(exc, trace=trace)
        except Exception as bug:  # noqa: BLE001 - a failure must never be hidden by the one who reads it
            return _unreadable(bug)

    def classify_response(self, status: int | None, headers: Any, body: bytes | str | None, *, trace: bool = False) -> Failure:
        """Return what an HTTP response means; a status of 200 is read, too, because its body may hold an error. Never raises."""
        try:
            reading = Reading(status if isinstance(status, int) else None, lower_headers(headers) if headers else None)
            reading.add_body(body)
            return self._failure(reading, judge(reading, "", self._book) or self._of_silence(reading), trace=trace)
        except Exception as bug:  # noqa: BLE001 - as above
            return _unreadable(bug)

    def _classify(self, exc: BaseException, *, trace: bool) -> Failure:
        exceptions = chain(exc)
        wire = wire_of(exceptions)
        reading, verdict = _first_telling(exceptions, self._book)
        if wire and reading.status is None and not (wire.wrapper and verdict and verdict.meaning.error_class != TRANSIENT):
            verdict = Verdict(wire.meaning, Evidence.CERTAIN, f"exception: {type(exc).__name__}")
        if verdict is None and (ours := next(filter(None, map(classify_ours, exceptions)), None)):
            return ours  # an outer exception that says nothing, raised while one of ours was handled
        return self._failure(reading, verdict or self._of_silence(reading), trace=trace, unreached=bool(wire and wire.unreached))

    def _of_silence(self, reading: Reading) -> Verdict:
        """Return what it means that neither codes nor words nor the status told."""
        success = reading.status is not None and 200 <= reading.status < 300  # noqa: PLR2004 - RFC 9110
        if success and not any(level.texts for level in reading.levels if level.where != "text"):
            return _GARBLED
        return _WAITING if any(self._stated(reading, self._now())) else _NOTHING

    def _failure(self, reading: Reading, verdict: Verdict, *, trace: bool, unreached: bool = False) -> Failure:
        wait, certain = self._wait(reading) if verdict.meaning.error_class in _WAITABLE else (None, True)
        if wait is not None and wait >= _LONG_WAIT and verdict.meaning.reason == "rate_limited":
            verdict = verdict._replace(meaning=_DAILY)
        told = verdict.meaning
        level = _worded(reading)
        status = reading.status or reading.inner_status()
        failure = Failure(
            error_class=told.error_class,
            reason=told.reason,
            # too much for one account's minute: another account may have room
            scope=Scope.ACCOUNT if told.error_class == LARGE and of_a_minute(_said(reading)) else told.scope,
            retry_after=wait,
            status=status,
            message=" ".join(mask(level.texts[0][:_MASKED]).split())[:_MAX_MESSAGE] if level else "",
            evidence=verdict.evidence,
            unreached=unreached or (told.unreached and reading.status is None),
            timed_out=told.reason == "timeout",
            wait_is_certain=certain,
            one_model=told.reason in _OF_A_MODEL and names_one_model(_said(reading), reading.headers),
            fingerprint="" if verdict.evidence is Evidence.CERTAIN else fingerprint(status, level.texts[0] if level else ""),
            rule=verdict.rule,
            trace=_trace(reading, verdict) if trace else (),
        )
        return self._overruled(reading, failure) if self._rules else failure

    def _overruled(self, reading: Reading, failure: Failure) -> Failure:
        text = " ".join([*(t for level in reading.levels for t in (*level.texts, *level.codes, *level.numbers)), failure.message])
        rule = next((rule for rule in self._rules if rule.speaks(failure.status, text)), None)
        return rule.overrule(failure) if rule else failure

    def _wait(self, reading: Reading) -> tuple[float | None, bool]:
        """Return the longest wait that was stated, and whether it stands where no caller's words can; announced limits count last."""
        now = self._now()
        sure, told = self._stated(reading, now)
        if reading.headers and (wait := waits.from_headers(reading.headers, now)) is not None:
            sure.append(wait)
        if sure or told:
            return max(sure or told), bool(sure)
        return waits.from_limits(reading.headers, now) if reading.headers else None, True

    @staticmethod
    def _stated(reading: Reading, now: float) -> tuple[list[float], list[float]]:
        """Return the waits that fields and texts state: the certain ones, and those that may be a caller's words."""
        sure: list[float] = []
        echoed: list[float] = []
        in_text = echoed if WAIT_UNCERTAIN & {reading.status, reading.inner_status()} else sure
        in_text += [wait for level in reading.levels for text in level.texts if (wait := waits.from_text(text, now)) is not None]
        for fields, found in ((reading.waits, sure), (reading.told_waits, in_text)):
            if fields and (wait := waits.from_fields(fields, now)) is not None:
                found.append(wait)
        return sure, echoed


def _first_telling(exceptions: Iterable[BaseException], book: Rulebook) -> tuple[Reading, Verdict | None]:
    """Return the reading and the verdict of the outermost exception whose structure tells, else of the first whose words do.

    An exception that carries a response speaks for itself. One without is a wrapper: its explicit cause is asked first.
    """
    first: tuple[Reading, Verdict | None] | None = None
    for current in exceptions:
        reading, worded = read_exception(current)
        structured = reading.status is not None or bool(reading.levels)
        verdict = judge(reading, "", book) if worded else None
        if verdict is None:
            reading.add_text(text_of(current))
            kind = kind_of(current)
            verdict = judge(reading, kind.code, book, foreign=kind.foreign)
        if structured and verdict:
            return reading, verdict
        if first is None or (verdict and first[1] is None):
            first = (reading, verdict)
        if current.__cause__ is None and first[1]:
            break
    return first or (Reading(), None)


def _worded(reading: Reading) -> Level | None:
    for level in reading.innermost():
        if level.texts:
            return level
    return None


def _said(reading: Reading) -> list[str]:
    return [said for level in reading.levels for said in (*level.texts, *level.codes)]


def _trace(reading: Reading, verdict: Verdict) -> tuple[str, ...]:
    lines = [f"status {reading.status}" if reading.status is not None else "no HTTP status"]
    for level in reading.innermost():
        found = [*level.codes, *level.numbers, *(f"status {s}" for s in level.statuses), *(repr(mask(t[:160])) for t in level.texts)]
        lines.append(f"{'  ' * min(level.depth, 8)}{level.where or 'body'}: {', '.join(found)}")
    lines.append(f"decided by {verdict.rule} -> {verdict.meaning.error_class} / {verdict.meaning.reason}, {verdict.evidence}")
    return tuple(lines)


def _unreadable(bug: Exception) -> Failure:
    return Failure(ErrorClass.UNKNOWN, "unreadable", message=type(bug).__name__, evidence=Evidence.POSSIBLE, rule="unreadable")
