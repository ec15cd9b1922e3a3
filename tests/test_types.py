"""The words as values."""

import copy
import dataclasses
import pickle

import pytest

import sparekey
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope, Secret, Usage

KEY = "sk-sim-0123456789abcdef"


def test_the_eight_classes():
    """Their constants are the same strings."""
    assert [c.value for c in ErrorClass] == [
        "permanent",
        "content_safety",
        "input_too_large",
        "auth",
        "quota_exceeded",
        "model_not_found",
        "transient",
        "unknown",
    ]
    for c in ErrorClass:
        assert getattr(sparekey, f"ERROR_CLASS_{c.name}") is c
        assert c == c.value


def test_scopes_and_evidence_are_strings():
    """For logs and JSON."""
    assert [s.value for s in Scope] == ["request", "credential", "account", "endpoint", "egress", "unknown"]
    assert [e.value for e in Evidence] == ["certain", "likely", "possible"]


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, "{!r}".format], ids=["repr", "str", "format", "percent", "r"])
def test_a_secret_does_not_show_itself(show):
    """However it is printed; only `reveal` gives the value."""
    assert KEY not in show(Secret(KEY))
    assert KEY not in show(Credential("a", api_key=Secret(KEY), headers={"authorization": KEY}))
    assert Secret(KEY).reveal() == KEY


def test_a_pickled_secret_is_empty_of_its_value():
    """What leaves the process leaves without the key."""
    assert KEY.encode() not in pickle.dumps(Secret(KEY))
    lost = pickle.loads(pickle.dumps(Secret(KEY)))
    assert str(lost) == "***"
    with pytest.raises(ValueError, match="left out of a pickle"):
        lost.reveal()


def test_a_copy_of_a_secret_keeps_it():
    """It does not leave the process."""
    assert copy.copy(Secret(KEY)).reveal() == copy.deepcopy({"a": [Secret(KEY)]})["a"][0].reveal() == KEY


def test_secrets_compare_by_value():
    """Equal keys are equal secrets, and neither equals its text."""
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY


def test_an_empty_secret_is_false():
    """It is a legal value, and it says that it is empty."""
    assert not Secret("")
    assert Secret(KEY)
    assert (repr(Secret("")), str(Secret("")), repr(Secret(KEY)), str(Secret(KEY))) == ("Secret('')", "", "Secret('***')", "***")


@pytest.mark.parametrize("value", [Failure(ErrorClass.AUTH), Credential("a"), Usage()], ids=lambda v: type(v).__name__)
def test_values_are_frozen(value):
    """Nobody changes what others hold; a copy is equal."""
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        setattr(value, dataclasses.fields(value)[0].name, None)
    assert copy.copy(value) == value


def test_a_failures_defaults_claim_nothing():
    """Unknown scope, no wait, reached, answered, and no certainty."""
    f = Failure(ErrorClass.TRANSIENT)
    assert (f.reason, f.scope, f.retry_after, f.status, f.evidence) == ("unknown", Scope.UNKNOWN, None, None, Evidence.LIKELY)
    assert (f.unreached, f.timed_out, f.message, f.fingerprint, f.rule, f.trace, f.action) == (False, False, "", "", "", (), None)


def test_total_tokens():
    """Prompt and completion; parts of them are not counted twice."""
    assert Usage(10, 4, 3, 2).total_tokens == 14
