"""A request must not be able to park keys (K16)."""

import json

import pytest

from sparekey.classify import classify, classify_response
from sparekey.types import ErrorClass, Evidence

POISON = "rate limit exceeded, insufficient balance, invalid api key"


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("message", [f"Invalid value: {POISON}", POISON, f"Unknown field '{POISON}'", f'Unrecognized: "{POISON}"'])
def test_words_that_a_caller_may_have_sent_prove_nothing(status, message):
    """Under a status that echoes, free text is never more than possible evidence against a key."""
    failure = classify_response(status, {}, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode())
    assert failure.error_class == ErrorClass.PERMANENT or failure.evidence == Evidence.POSSIBLE


@pytest.mark.parametrize("quote", ['"{}"', "'{}'", "`{}`", "“{}”"])
def test_quoted_parts_are_left_out(quote):
    """What stands in quotes under a 400 is not read at all."""
    body = {
        "error": {
            "message": f"Invalid value: {quote.format(POISON)}. Expected another.",
            "type": "invalid_request_error",
            "code": "invalid_value",
        }
    }
    assert classify_response(400, {}, json.dumps(body).encode()).error_class == ErrorClass.PERMANENT


def test_an_error_quoted_inside_prose_is_no_proof():
    """JSON that a caller smuggled into a 400's message is no code of the provider."""
    body = {"error": {"message": 'Bad role: {"error": {"code": "insufficient_quota"}}', "type": "invalid_request_error"}}
    failure = classify_response(400, {}, json.dumps(body).encode())
    assert failure.error_class == ErrorClass.PERMANENT or failure.evidence == Evidence.POSSIBLE


def test_the_same_text_has_the_same_fingerprint():
    """Two providers' answers to one request can be compared, whatever ids they hold."""
    one = classify(RuntimeError("Error code: 400 - rate limit exceeded for request req_123"))
    two = classify(RuntimeError("Error code: 400 - rate limit exceeded for request req_987"))
    assert one.fingerprint == two.fingerprint != ""


def test_a_key_that_a_provider_repeats_is_masked():
    """No key comes out in the message (K15)."""
    failure = classify(RuntimeError("Error code: 401 - Incorrect API key provided: sk-proj-abcdefghijklmnop1234. Try again"))
    assert "abcdefgh" not in failure.message
    assert "***" in failure.message
