"""Keys that a provider repeats never come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.masking import MASK, mask, mask_values


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdefghij0123456789",
        "sk-ant-api03-abcdefghij0123456789",
        "AIzaSyA12345678901234567890123456789012",
        "AKIAIOSFODNN7EXAMPLE",
        "AKLTabcdefgh12345678",
        "LTAIabcdefgh12345678",
        "gsk_abcdefghijklmnop1234",
        "xai-abcdefghijklmnop1234",
        "hf_abcdefghijklmnop1234",
        "jina_abcdefghijklmnop1234",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "0123456789abcdef0123456789abcdef.AbCdEfGh12345678",
    ],
)
@pytest.mark.parametrize("around", ["Incorrect API key provided: {}. You can", "{}", "url?key={}&x=1", '{{"key": "{}"}}', "({})"])
def test_known_shapes(key, around):
    """A key of a known issuer is cut out wherever it stands."""
    assert key not in mask(around.format(key))


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc123def456",
        "x-api-key: 0123456789abcdef",
        '{"api_key": "tok-12345678"}',
        "api_key=abc12345678&x=1",
        "https://user:secret12@host/v1",
        "AUTHORIZATION: basic dXNlcjpwYXNz1234=",
        "ak=LEAKMEak123456789 sk=LEAKMEsk12345678",
        '{"ak": "LEAKME0123", "sk": "LEAKME4567"}',
    ],
)
def test_values_behind_telling_names(text):
    """Whatever stands behind a name that says "secret" is cut out, whatever its shape."""
    masked = mask(text)
    assert MASK in masked
    assert not any(
        secret in masked
        for secret in ("abc123def456", "0123456789abcdef", "tok-12345678", "abc12345678", "secret12", "dXNlcjpwYXNz", "LEAKME")
    )


@pytest.mark.parametrize(
    "text",
    [
        "invalid x-api-key",
        "API key is invalid",
        "The model gpt-4 does not exist",
        "token expired",
        "key-value",
        "sky-high",
        "https://a.b/c",
    ],
)
def test_ordinary_words_stay(text):
    """Words about keys are no keys."""
    assert mask(text) == text


def test_values_that_the_caller_holds():
    """A key of no known shape is cut out by value, unless it is too short to be one."""
    assert mask_values("got hunter2hunter2 and ab", "hunter2hunter2", "ab") == f"got {MASK} and ab"


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing(text):
    """What is masked stays as it is."""
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize("unit", ["sk-", "key-", "api key: a1", "://a:", "bearer ", "a", "eyJ", "İ"])
def test_long_texts(unit):
    """A long text of one thing is read to its end."""
    assert isinstance(mask(unit * (200_000 // len(unit))), str)
