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


QUOTED = '{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}'


@pytest.mark.parametrize("status", [None, 401, 403, 429, 500, 503])
@pytest.mark.parametrize("words", ["Error rendering the template of message: ", "Request body: ", "PROMPT: ", "Unable to parse: "])
def test_data_behind_foreign_words_is_no_proof(status, words):
    """JSON in the midst of prose may be the caller's under any status."""
    assert classify_response(status, {}, (words + QUOTED).encode()).evidence != Evidence.CERTAIN


@pytest.mark.parametrize(
    "words",
    ["Error code: 429 - ", "openai.RateLimitError: Error code: 429 - ", "litellm.RateLimitError: OpenAIException - ", "HTTP 429: "],
)
def test_data_behind_an_sdks_words_is_the_providers(words):
    """What an SDK puts before a body holds no caller's words."""
    assert classify(RuntimeError(words + QUOTED)).evidence == Evidence.CERTAIN


@pytest.mark.parametrize("status", [403, 429, 500])
@pytest.mark.parametrize("field", ["input", "prompt", "messages"])
def test_what_the_caller_sent_is_not_read(status, field):
    """A validation error repeats the request's own fields, whatever they look like."""
    body = {"detail": [{"loc": ["body"], "msg": "x", field: json.loads(QUOTED)}]}
    assert not classify_response(status, {}, json.dumps(body).encode()).rule.startswith("code")


@pytest.mark.parametrize(
    "message",
    [
        "could not decode the body at char 77: ...r quota exceeded, upgrade your plan or wait 900 seconds...",
        "Failed to download the image https://files.example/b.png: 403 Forbidden (access denied, billing account disabled)",
        "Invalid value: 'please retry after 900 seconds'",
    ],
)
def test_an_excerpt_is_a_quote(message):
    """Neither what stands between dots nor what another host said of a file speaks of the credential."""
    failure = classify_response(400, {}, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode())
    assert (failure.error_class, failure.retry_after) == (ErrorClass.PERMANENT, None)
