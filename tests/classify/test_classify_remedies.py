"""Remedies are complete, and sentences."""

import re

import pytest

from sparekey.classify.remedies import BY_CLASS, BY_REASON, remedy
from sparekey.types import ErrorClass, Failure


@pytest.mark.parametrize("error_class", ErrorClass)
def test_every_class_has_a_remedy(error_class):
    """Whatever happens, a person is told what to do."""
    assert remedy(Failure(error_class, "a_reason_nobody_knows")) == BY_CLASS[error_class]


@pytest.mark.parametrize("text", [*BY_CLASS.values(), *BY_REASON.values()])
def test_remedies_are_sentences(text):
    """A remedy begins with a capital letter, ends with a stop, and fits a line or two."""
    assert re.fullmatch(r"[A-Z].{10,120}[.)]", text)


def test_connection_that_never_came_about_is_told_from_one_that_broke():
    """What to check first differs: the address, or nothing at all."""
    refused, broken = (Failure(ErrorClass.TRANSIENT, "connection", unreached=unreached) for unreached in (True, False))
    assert "api_base" in remedy(refused)
    assert "broke off" in remedy(broken)
