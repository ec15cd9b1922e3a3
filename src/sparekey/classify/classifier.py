"""The classifier: evidence in, `Failure` out. Pure but for the time of day, which turns stated dates into waits."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import waits
from sparekey.classify.evidence import Reading
from sparekey.classify.exceptions import chain, names_of, read_exception
from sparekey.classify.headers import lower_headers
from sparekey.classify.model import QUOTA, TRANSIENT
from sparekey.classify.statuses import EXCEPTIONS, Wire
from sparekey.classify.verdict import Verdict, judge
from sparekey.classify.words_more import SAID_NOTHING
from sparekey.masking import mask
from sparekey.types import ErrorClass, Evidence, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_MESSAGE: Final = 300
_MASKED: Final = 1200
_NOTHING: Final = Verdict(SAID_NOTHING, Evidence.WEAK, "nothing told")
_NOT_A_FINGERPRINT: Final = re.compile(r"\"[^\"]*+\"|`[^`]*+`|(?<!\w)'[^']*+'|\w*\d[\w\-]*|[^\w\s]")


class Classifier:
    """Classifies failures.

    Args:
        now: the Unix time, to turn stated dates into waits.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        """Keep the clock."""
        self._now = now

    def classify(self, exc: BaseException) -> Failure:
        """Return what an exception means. Never raises."""
        try:
            return self._classify(exc)
        except Exception as bug:  # noqa: BLE001 - a failure must never be hidden by the one who reads it
            return Failure(ErrorClass.UNKNOWN, "unreadable", message=type(bug).__name__, evidence=Evidence.WEAK)

    def classify_response(self, status: int | None, headers: Any, body: bytes | str) -> Failure:
        """Return what an HTTP response means. Never raises."""
        try:
            reading = Reading(status=status if isinstance(status, int) else None, headers=lower_headers(headers))
            reading.add_body(body)
            return self._failure(reading, judge(reading) or _NOTHING)
        except Exception as bug:  # noqa: BLE001 - as above
            return Failure(ErrorClass.UNKNOWN, "unreadable", message=type(bug).__name__, evidence=Evidence.WEAK)

    def _classify(self, exc: BaseException) -> Failure:
        first: tuple[Reading, Verdict | None] | None = None
        wire: Wire | None = None
        for current in chain(exc):
            known = next((EXCEPTIONS[name] for name in names_of(current) if name in EXCEPTIONS), None)
            if known and (wire is None or (known.unreached and not wire.unreached)):
                wire = known
            reading = read_exception(current)
            verdict = judge(reading)
            if first is None or (first[1] is None and verdict):
                first = (reading, verdict)
        reading, verdict = first or (Reading(), None)
        if wire and reading.status is None:
            verdict = Verdict(wire.meaning, Evidence.STRUCTURED, "exception")
        return self._failure(reading, verdict or _NOTHING, unreached=bool(wire and wire.unreached))

    def _failure(self, reading: Reading, verdict: Verdict, *, unreached: bool = False) -> Failure:
        meaning = verdict.meaning
        text = next((t for level in reading.innermost() for t in level.texts if t.strip()), "")
        message = " ".join(mask(text[:_MASKED]).split())[:_MAX_MESSAGE]
        return Failure(
            error_class=meaning.error_class,
            reason=meaning.reason,
            scope=meaning.scope,
            retry_after=self._wait(reading) if meaning.error_class in {TRANSIENT, QUOTA} else None,
            status=reading.status or reading.inner_status(),
            message=message,
            evidence=verdict.evidence,
            unreached=unreached,
            timed_out=meaning.reason == "timeout",
            fingerprint=" ".join(_NOT_A_FINGERPRINT.sub(" ", message.lower()).split())[:120],
            rule=verdict.rule,
        )

    def _wait(self, reading: Reading) -> float | None:
        now = self._now()
        stated = [waits.from_headers(reading.headers, now), waits.from_fields(reading.waits, now)]
        stated += [waits.from_text(text, now) for level in reading.innermost() for text in level.texts]
        known = [wait for wait in stated if wait is not None]
        return max(known) if known else waits.from_limits(reading.headers, now)
