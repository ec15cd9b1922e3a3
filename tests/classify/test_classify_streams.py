"""Bodies that are streams of events, and events that name their error by a key."""

import json

import pytest

from sparekey.classify import classify, classify_response
from sparekey.types import ErrorClass

WORDS = "the balance of your account is insufficient, invalid api key, rate limit exceeded"


def events(count, tail):
    """Return a stream whose answer talks about errors, and what follows."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": WORDS}}]}
    return "".join(f"data: {json.dumps(chunk)}\n\n" for _ in range(count)) + tail


@pytest.mark.parametrize("count", [0, 1, 40, 400])
@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ('data: {"error": {"message": "Overloaded", "type": "overloaded_error"}}\n\n', ErrorClass.TRANSIENT),
        ('event: error\ndata: {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}\n\n', None),
        ('data: {"type": "response.failed", "response": {"error": {"code": "insufficient_quota"}}}\n\ndata: [DONE]\n\n', "quota_exceeded"),
    ],
)
def test_the_last_event_that_is_an_error_decides(count, tail, expected):
    """However many events stand before it, and whatever the answer in them says."""
    found = classify_response(200, {"content-type": "text/event-stream"}, events(count, tail).encode())
    assert found.error_class == (expected or ErrorClass.INPUT_TOO_LARGE)


def test_an_answers_own_words_are_no_error():
    """A stream without an error is no verdict about anything but that it is no answer here."""
    assert classify_response(200, {}, events(5, "data: [DONE]\n\n").encode()).error_class in {ErrorClass.TRANSIENT, ErrorClass.UNKNOWN}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"throttlingException": {"message": "Too many requests, please wait"}}, "transient"),
        ({"validationException": {"message": "Input is too long for requested model."}}, "input_too_large"),
        ({"modelStreamErrorException": {"message": "The model closed the stream", "originalStatusCode": 500}}, "transient"),
        ({"serviceUnavailableException": {"message": "try later"}}, "transient"),
    ],
)
def test_an_event_that_is_named_by_its_key(body, expected):
    """Bedrock's streams."""
    assert classify_response(200, {}, json.dumps(body).encode()).error_class == expected


def test_a_bare_text_is_read():
    """`classify` takes a text, too."""
    assert classify("Incorrect API key provided").error_class == ErrorClass.AUTH
    assert classify("Error code: 429 - insufficient balance").error_class == ErrorClass.QUOTA_EXCEEDED
