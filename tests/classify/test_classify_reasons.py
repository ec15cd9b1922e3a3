"""Remedies are complete, and sentences."""

import re

from sparekey.classify.reasons import Reason, remedy
from sparekey.types import ErrorClass, Failure

FAILURES = [*(Failure(error_class, "a_reason_nobody_knows") for error_class in ErrorClass), *(Failure(r.error_class, r) for r in Reason)]


def test_whatever_happens_a_person_is_told_what_to_do():
    """By a sentence that begins with a capital letter, ends with a stop, and fits a line or two; also of reasons that nobody knows."""
    for failure in FAILURES:
        assert re.fullmatch(r"[A-Z].{10,120}[.)]", remedy(failure)), failure.reason


def test_connection_that_never_came_about_is_told_from_one_that_broke():
    """What to check first differs: the address, or nothing at all."""
    refused, broken = (Failure(ErrorClass.TRANSIENT, "connection", unreached=unreached) for unreached in (True, False))
    assert "api_base" in remedy(refused)
    assert "broke off" in remedy(broken)
