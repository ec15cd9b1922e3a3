"""The exceptions: what they are, what they hold, what they say."""

import inspect
import pickle

import pytest

from sparekey import errors
from sparekey.errors import (
    AllCredentialsFailedError,
    CredentialError,
    CredentialParkedError,
    MissingExtraError,
    SparekeyError,
    describe_exception,
)
from sparekey.types import ErrorClass

OURS = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Exception) and c.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", OURS, ids=lambda c: c.__name__)
def test_one_root(cls):
    """Everything that sparekey raises itself can be caught as SparekeyError, and is drawn in the tree."""
    assert issubclass(cls, SparekeyError)
    assert cls.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("DeadlineExceeded", TimeoutError),
        ("ConfigError", ValueError),
        ("MissingExtraError", ImportError),
        ("InvalidInputError", ValueError),
        ("UnsupportedMediaInputError", RuntimeError),
        ("VectorSpaceError", ValueError),
    ],
)
def test_some_are_what_python_calls_them(name, base):
    """A caller that knows the standard exceptions catches them, too."""
    assert issubclass(getattr(errors, name), base)


def failed(**more):
    return AllCredentialsFailedError(
        [("a", ErrorClass.AUTH, ValueError("bad key"), 0), ("b", ErrorClass.TRANSIENT, TimeoutError(), 1)], **more
    )


def test_an_exhausted_chain_holds_its_causes():
    """As tuples with names."""
    error = failed(retry_after=12.4)
    assert error.errors[0] == ("a", ErrorClass.AUTH, error.errors[0].exception, 0)
    assert isinstance(error.errors[0], CredentialError)
    assert [(e.credential_id, e.error_class, e.index) for e in error.errors] == [("a", "auth", 0), ("b", "transient", 1)]
    assert error.retry_after == 12.4


def test_an_exhausted_chain_says_all():
    """One line a credential."""
    assert str(failed(retry_after=12.4)).splitlines() == [
        "all 2 credentials failed; the soonest returns in 12 s",
        "  [0] a: auth (ValueError: bad key)",
        "  [1] b: transient (TimeoutError: )",
    ]
    assert str(failed()).splitlines()[0] == "all 2 credentials failed"


def test_an_exhausted_chain_shows_no_key():
    """K15: a provider that repeats the key is masked."""
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
    error = AllCredentialsFailedError([("a", ErrorClass.AUTH, ValueError(f"Incorrect API key provided: {key}"), 0)])
    assert key not in str(error)
    assert key not in repr(error)


def test_a_description_is_one_bounded_line():
    """However long and broken the provider's text is."""
    text = describe_exception(ValueError("line one\n\n  line two " + "x" * 1000))
    assert text.startswith("ValueError: line one line two xxx")
    assert len(text) == len("ValueError: ") + 200
    assert text.endswith("…")
    assert describe_exception(ValueError("y" * 200)).endswith("y")


def test_a_description_never_raises():
    """A foreign __str__ may be broken."""

    class BrokenError(Exception):
        def __str__(self):
            raise RuntimeError

    assert describe_exception(BrokenError()) == "BrokenError: <no text>"


def test_a_parked_entry_says_until_when():
    """In whole seconds, with the cause."""
    error = CredentialParkedError("a", "auth: invalid_key", 12.6)
    assert str(error) == "not tried: 'a' is parked for 13 s more (auth: invalid_key)"
    assert (error.credential_id, error.cause, error.seconds) == ("a", "auth: invalid_key", 12.6)


def test_a_missing_extra_says_what_to_install():
    """The feature and both ways to get it."""
    error = MissingExtraError("the voyage backend", "voyage")
    assert (error.feature, error.extra) == ("the voyage backend", "voyage")
    assert "the voyage backend" in str(error)
    assert "'sparekey[voyage]'" in str(error)
    assert "'.[voyage]'" in str(error)


SAMPLES = [
    failed(retry_after=3.5),
    CredentialParkedError("a", "auth: invalid_key", 12.0),
    MissingExtraError("the openai backend", "openai"),
    errors.DisguisedError("error inside 200", {"error": "x"}),
    errors.CircuitBreakerOpen("open", 7.0),
    errors.VectorSpaceError("3 is not 4"),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda e: type(e).__name__)
def test_errors_survive_pickling(error):
    """An error that crosses a process says and holds the same on the other side."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__.keys()) == (type(error), str(error), error.__dict__.keys())
    assert getattr(copy, "retry_after", None) == getattr(error, "retry_after", None)
