"""The shapes in which an error may arrive, all of the same error."""

import json

import pytest

from sparekey.classify import classify, classify_api_error, classify_response
from sparekey.types import ErrorClass, Evidence, Scope

INNER = {
    "error": {
        "message": "The model `gpt-x` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "code": "model_not_found",
    }
}
J = json.dumps(INNER)


@pytest.mark.parametrize(
    "text",
    [
        J,
        f"404 {J}",
        f"Error code: 404 - {INNER}",
        json.dumps({"error": {"message": J, "code": 404}}),
        json.dumps({"error": json.dumps({"error": {"message": J}})}),
        json.dumps({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": J, "provider_name": "X"}}}),
        f"500: Error from provider(zai: 404): {J}Error: Error from provider(zai: 404): {J}\n    at nt (cli.js:79940:11)",
        f"Bad response code: {{'status_code': 404, 'body': b'{J}'}}",
        "Error from API: map[code:model_not_found message:The model `gpt-x` does not exist. param:<nil> type:invalid_request_error]",
        "relay failed: {Error:{Message:The model gpt-x does not exist Type:x_error Param: Code:model_not_found} StatusCode:404}",
        J[:120],
        f"[{J}]",
        f"event: error\ndata: {J}\n\n",
        f"wrapped: {json.dumps(J)}",
        "{ error: { message: 'oh', code: 'model_not_found' } }",
        'error {\n  code: "model_not_found"\n}',
    ],
    ids=[
        "json",
        "prefixed",
        "repr",
        "nested",
        "twice",
        "raw",
        "twice-prefixed",
        "bytes",
        "go",
        "go-struct",
        "cut",
        "list",
        "sse",
        "escaped",
        "js",
        "protobuf",
    ],
)
def test_every_shape_is_read(text):
    """Whatever it is wrapped in, the innermost provider's own code decides."""
    assert classify_response(None, {}, text.encode()).error_class == ErrorClass.MODEL_NOT_FOUND
    assert classify(RuntimeError(text)).error_class == ErrorClass.MODEL_NOT_FOUND


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, ErrorClass.QUOTA_EXCEEDED),
        ({"success": False, "error": "insufficient credits"}, ErrorClass.QUOTA_EXCEEDED),
        ({"code": 20012, "message": "Model does not exist."}, ErrorClass.MODEL_NOT_FOUND),
        ({"candidates": [{"finishReason": "RECITATION"}]}, ErrorClass.CONTENT_SAFETY),
        ({"header": {"code": 10013, "message": "audit"}}, ErrorClass.CONTENT_SAFETY),
        ({"error_code": 18, "error_msg": "Open api qps request limit reached"}, ErrorClass.TRANSIENT),
    ],
)
def test_an_error_inside_a_success_is_an_error(body, expected):
    """A status of 200 whose body holds an error is read like any other."""
    assert classify_response(200, {}, json.dumps(body).encode()).error_class == expected


@pytest.mark.parametrize("body", [b"", b"<html>ok</html>", b'{"choices": [{"mess'])
def test_a_success_that_is_no_answer_is_a_passing_fault(body):
    """An empty, foreign or cut-off answer under 200 fails over."""
    assert classify_response(200, {}, body).error_class in {ErrorClass.TRANSIENT, ErrorClass.UNKNOWN}


@pytest.mark.parametrize(
    "text",
    [
        "request req-413-abcd did something",
        "used 1400 of it",
        "gpt-4-0314 said no",
        "listening on 10.0.0.1:443",
        "took 429 ms",
        "502 tokens were left",
        "id 9f-401-aa",
    ],
)
def test_numbers_that_are_no_statuses(text):
    """A number counts as a status only where it stands as one."""
    failure = classify(RuntimeError(text))
    assert (failure.status, failure.error_class) == (None, ErrorClass.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Error code: 429 - x", 429),
        ("HTTP 503", 503),
        ("[403 Forbidden] x", 403),
        ("Request rejected (429)", 429),
        ("500 Server Error: y", 500),
        ("status=401", 401),
    ],
)
def test_numbers_that_are_statuses(text, status):
    """After a word like "status", before its own name, or at the very beginning, it is one."""
    assert classify(RuntimeError(text)).status == status


def test_the_inner_status_decides_and_the_outer_is_reported():
    """A gateway's 500 around a 400 is a fault of the request, and the status is the one that was received."""
    failure = classify_response(
        500, {}, b"{\"detail\": \"500: Error code: 400 - {'error': {'message': 'invalid parameter', 'code': None}}\"}"
    )
    assert (failure.error_class, failure.status) == (ErrorClass.PERMANENT, 500)


def test_account_wide_causes_blame_the_account():
    """A suspended organisation blames its account; a wrong key only itself."""
    assert classify_response(403, {}, b'{"error":{"message":"Organization has been restricted."}}').scope == Scope.ACCOUNT
    assert classify_response(401, {}, b'{"error":{"message":"Incorrect API key provided"}}').scope == Scope.CREDENTIAL


def test_the_strength_of_evidence_is_told():
    """A code is certain, words under 429 are likely, words under 400 are possible."""
    assert classify_response(429, {}, b'{"error":{"code":"insufficient_quota"}}').evidence == Evidence.CERTAIN
    assert classify_response(429, {}, b"Too many requests").evidence == Evidence.LIKELY
    assert classify_response(503, {}, b"").evidence == Evidence.LIKELY
    assert classify_response(400, {}, b"insufficient balance").evidence == Evidence.POSSIBLE


def test_only_the_class_is_wanted():
    """`classify_api_error` gives the class as a string."""
    assert classify_api_error(RuntimeError("HTTP 402 Payment Required")) == "quota_exceeded"


def test_the_package_is_callable_after_a_submodule_was_imported():
    """`sparekey.classify(exc)` works whether or not somebody imported from the package of that name."""
    import sparekey
    import sparekey.classify.waits

    assert sparekey.classify(RuntimeError("HTTP 402 Payment Required")).status == 402
    assert __import__("sys").modules["sparekey.classify"](RuntimeError("HTTP 402 Payment Required")).status == 402


def test_how_a_console_shows_an_exception_is_no_data():
    """A word after a square bracket opens no list: what stands there is read as words."""
    assert classify(Exception("[TypeError: fetch failed] { cause: [Error: other side closed] }")).reason == "connection"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Too many requests, please wait before trying again.", "transient"),
        ("Too many tokens per day, please wait before trying again.", "quota_exceeded"),
        ("Free allocated quota exceeded.", "quota_exceeded"),
    ],
)
def test_a_code_of_throttling_leaves_the_last_word_to_the_text(message, expected):
    """Throttling is sent for a second's limit and for a day's: the words tell which."""
    assert classify_response(429, {}, json.dumps({"code": "ThrottlingException", "message": message}).encode()).error_class == expected
