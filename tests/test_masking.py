"""Keys that a provider repeats never come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.masking import MASK, Secrets, mask


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
    assert Secrets(["hunter2hunter2", "ab"]).cut("got hunter2hunter2 and ab") == f"got {MASK} and ab"


@given(st.text(max_size=200))
def test_masking_twice_changes_nothing(text):
    """What is masked stays as it is."""
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize("unit", ["sk-", "key-", "api key: a1", "://a:", "bearer ", "a", "eyJ", "İ"])
def test_long_texts(unit):
    """A long text of one thing is read to its end."""
    assert isinstance(mask(unit * (200_000 // len(unit))), str)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("GET https://host/v1/models?key=AbCdEfGhIjKlMnOpQrStUvWx012345&alt=sse", "AbCdEf"),
        ("token dapi0123456789abcdef0123456789abcdef expired", "dapi0123"),
        ("x-api-key '0123456789abcdef0123456789abcdef' is not valid", "01234567"),
        ("Invalid token: y0_AgAAAABkabcdefghijkl", "AgAAAA"),
        ("the secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY does not sign", "MDENG"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "MDENG"),
        ("The API key 123e4567-e89b-12d3-a456-426614174000 was revoked", "426614174000"),
    ],
)
def test_long_values_behind_words_that_tell(text, secret):
    """A key may have no shape of its own, and stand behind a word, in quotes or in an address."""
    assert secret not in mask(text)
    assert MASK in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "token limit_exceeded for gpt-4-0314",
        "Unknown key 'response_format.json_schema.v2'",
        "key projects/my-project1/locations/us-central1/keyRings",
        "the token rate-limit-exceeded-for-tier1 was returned",
        "primary key constraint_violated_by_row 12",
    ],
)
def test_names_behind_words_that_tell(text):
    """Codes, fields and paths are no keys."""
    assert mask(text) == text
