"""Nothing that comes in makes the classifier raise, and what it gives back keeps its promises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.classify import Classifier, classify, classify_response
from sparekey.classify.features import of_text
from sparekey.types import ErrorClass, Evidence, Failure

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["error", "code", "message", "type", "status", "details", "raw", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "Retry-After-Ms", "x-ratelimit-reset", "x-ratelimit-reset-tokens", "x"]),
    st.text(max_size=30),
    max_size=4,
)


def is_sound(failure):
    assert isinstance(failure, Failure)
    assert isinstance(failure.error_class, ErrorClass)
    assert isinstance(failure.evidence, Evidence)
    assert failure.reason != "unreadable"
    assert failure.retry_after is None or 0 <= failure.retry_after <= 366 * 86400
    assert len(failure.message) <= 300
    assert len(failure.fingerprint) <= 120


@given(st.none() | st.integers(-5, 700), HEADERS, st.binary(max_size=400))
def test_any_bytes(status, headers, body):
    """Bytes of any kind are a failure like any other."""
    is_sound(classify_response(status, headers, body))


@given(st.integers(100, 599), JSON)
def test_any_json(status, value):
    """So is JSON of any form."""
    is_sound(classify_response(status, {}, json.dumps(value).encode()))


@given(st.text(max_size=400), JSON, st.none() | st.integers() | st.text(max_size=9))
def test_any_exception(text, body, status):
    """So is an exception with any text, body and status."""
    exc = Exception(text)
    exc.body, exc.status_code, exc.code = body, status, status
    is_sound(classify(exc))


@given(st.text(alphabet="{}[]\"'\\:,=abm p0123", max_size=300))
def test_broken_data_in_prose(text):
    """Braces, quotes and escapes in any order are read to their end."""
    is_sound(classify(Exception(text)))


@given(st.text(max_size=200), st.booleans())
def test_any_text_has_features(text, quoted):
    """Whatever a text holds, its features are short strings."""
    assert all(0 < len(feature) < 420 for feature in of_text(text, quoted=quoted))


@pytest.mark.parametrize(
    "unit",
    ["{", "[", '"', "'", "\\", '{"a":', "<a", "(", "429 ", "try again in 1", "quota ", "code: ", "a" * 50 + ".", "请", "Aa", "'a ", '\\"'],
)
def test_a_megabyte_of_one_thing(unit):
    """A body of a megabyte is read at its ends only, whatever it repeats."""
    body = (unit * (1_000_000 // len(unit))).encode()
    is_sound(classify_response(400, {}, body))
    is_sound(classify(Exception(body.decode())))


def test_deep_json_is_no_way_to_break_it():
    """Ten thousand brackets end in a verdict."""
    is_sound(classify_response(400, {}, b"[" * 10_000 + b"]" * 10_000))


@pytest.mark.parametrize("junk", [None, 5, ["a"], [("a",)], {"a": object()}, object()])
def test_headers_of_any_kind(junk):
    """What is no mapping is no headers."""
    is_sound(Classifier().classify_response(500, junk, b"x"))
