"""An operator's own rules: tried first, validated when made, visible in the verdict."""

import pytest

from sparekey.classify import Classifier
from sparekey.classify.user_rules import Rule
from sparekey.errors import ConfigError
from sparekey.types import ErrorClass, Evidence

BODY = b'{"error":{"message":"The hamster sleeps","code":"HAMSTER_7"}}'


def read(*rules, status=418, body=BODY):
    return Classifier(rules).classify_response(status, {}, body, trace=True)


@pytest.mark.parametrize(
    "rule",
    [Rule("quota_exceeded", status=418), Rule("quota_exceeded", contains="hamster SLEEPS"), Rule("quota_exceeded", regex=r"hamster_\d")],
)
def test_a_rule_decides(rule):
    """Status, substring or pattern gives the class, and the verdict says so."""
    failure = read(rule)
    assert failure.error_class == ErrorClass.QUOTA_EXCEEDED
    assert failure.rule.startswith("operator: ")
    assert "overruled by operator rule" in failure.trace[-1]


@pytest.mark.parametrize(
    ("then", "expected", "scope"),
    [
        ("stop", "permanent", "request"),
        ("stop-and-park", "auth", "credential"),
        ("next", "unknown", "request"),
        ("next-and-park", "auth", "credential"),
    ],
)
def test_actions(then, expected, scope):
    """An action is told to the engine, with a class and a scope of that reaction."""
    failure = read(Rule(then, contains="hamster"))
    assert (failure.error_class, failure.scope, failure.action, failure.evidence) == (expected, scope, then, Evidence.CERTAIN)
    assert failure.reason == f"operator_{then.replace('-', '_')}"


def test_all_conditions_must_hold_and_the_first_rule_wins():
    """Conditions are joined by and, rules by or, in order."""
    rules = (Rule("auth", status=500, contains="hamster"), Rule("transient", contains="hamster", name="rodent"), Rule("auth", status=418))
    assert (read(*rules).error_class, read(*rules).rule) == (ErrorClass.TRANSIENT, "operator: rodent")


def test_no_rule_no_change():
    """Where none speaks, the verdict stands."""
    assert read(Rule("auth", contains="cat"), status=503).error_class == ErrorClass.TRANSIENT


@pytest.mark.parametrize(
    "wrong",
    [
        {"then": "explode", "status": 400},
        {"then": "auth"},
        {"then": "auth", "status": 99},
        {"then": "auth", "regex": "(unclosed"},
        {"then": "auth", "regex": "(a+)+b"},
        {"then": "auth", "regex": "(a|aa)*b"},
        {"then": "auth", "regex": "((a)*)*"},
        {"then": "auth", "regex": ".*a.*b.*c.*d.*e"},
        {"then": "auth", "regex": "a" * 600},
    ],
)
def test_a_wrong_rule_is_refused_when_it_is_made(wrong):
    """Unknown actions, no condition, impossible statuses and patterns that could run for ever."""
    with pytest.raises(ConfigError):
        Rule(**wrong)
