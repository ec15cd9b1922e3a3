"""How much a verdict proves, and what else of a refusal others may lose something by (DESIGN.md 3)."""

import json

import pytest
from classify_corpus import body_of, load

from sparekey.classify import Classifier, classify, classify_response
from sparekey.errors import CredentialParkedError, DeadlineExceeded
from sparekey.types import ErrorClass, Evidence, Scope

REFUSALS = [example for example in load() if example["file"].startswith("refusals")]
OF_CREDENTIAL = {ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED, ErrorClass.MODEL_NOT_FOUND}
FAIL_FAST = {ErrorClass.PERMANENT, ErrorClass.CONTENT_SAFETY, ErrorClass.INPUT_TOO_LARGE}


def told(status, message, headers=None, **fields):
    return classify_response(status, headers or {}, json.dumps({"error": {"message": message, **fields}}).encode())


@pytest.mark.parametrize("case", [c for c in REFUSALS if c["about"] != "credential"], ids=lambda c: c["id"])
def test_a_refusal_of_one_request_proves_nothing_about_the_credential(case):
    """Whatever code and status it has."""
    failure = classify_response(case["status"], {}, body_of(case))
    assert not (failure.error_class in OF_CREDENTIAL and failure.evidence == Evidence.CERTAIN)


@pytest.mark.parametrize("case", [c for c in REFUSALS if c["about"] == "credential"], ids=lambda c: c["id"])
def test_a_refusal_of_the_credential_moves_on(case):
    """Whatever its words and its status."""
    assert classify_response(case["status"], {}, body_of(case)).error_class not in FAIL_FAST


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided"}}),
        (429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}),
        (403, {"error": {"code": "AccountOverdueError", "message": "The account is overdue"}}),
        (400, {"error": {"code": 400, "message": "API key not valid.", "details": [{"reason": "API_KEY_INVALID"}]}}),
        (429, {"error": {"code": "1113", "message": "余额不足"}}),
        (400, {"error": {"code": "content_filter", "message": "filtered"}}),
        (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}),
        (400, {"error": {"code": "unsupported_parameter", "message": "Unsupported parameter: 'x'", "param": "x"}}),
    ],
)
def test_a_code_in_a_field_of_its_own_is_certain(status, body):
    """It can mean nothing else, and no caller's words can stand there."""
    failure = classify_response(status, {}, json.dumps(body).encode())
    assert (failure.evidence, failure.fingerprint) == (Evidence.CERTAIN, "")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"error":{"message":"{\\"error\\":{\\"code\\":\\"invalid_api_key\\"}}","type":"invalid_request_error"}}'),
        (400, 'Bad value: {"error":{"code":"invalid_api_key"}}'),
        (500, '{"error":{"message":"said: {\\"error\\":{\\"code\\":\\"invalid_api_key\\"}}"}}'),
        (403, '{"error":{"code":"permission_denied","message":"no"}}'),
        (404, '{"error":{"code":"model_not_found","message":"The organization does not have access to reasoning summaries"}}'),
        (401, '{"error":{"type":"authentication_error","message":"MCP server refused its token"}}'),
        (401, "invalid_api_key"),
    ],
)
def test_a_code_in_a_text_and_a_vague_code_are_not(status, body):
    """Free text, JSON inside a string under 400, and codes that are sent with anything."""
    assert classify_response(status, {}, body.encode()).evidence != Evidence.CERTAIN


PAGE = b"<html><head><title>400</title></head><h1>400 Bad Request</h1></html>"


@pytest.mark.parametrize("body", [b"", b"{}", PAGE, b"error", b'"Error"'])
def test_a_400_that_says_nothing_may_be_anything(body):
    """It is permanent, but only possibly so: one more credential may see it."""
    failure = classify_response(400, {}, body)
    assert (failure.error_class, failure.evidence) == (ErrorClass.PERMANENT, Evidence.POSSIBLE)


@pytest.mark.parametrize("text", ["400", "Error code: 400", "400 Bad Request", "Bad Request"])
def test_a_text_that_says_400_says_that_the_request_is_bad(text):
    """If only by the number."""
    sdk = type("BadRequestError", (Exception,), {"__module__": "openai"})
    for failure in (classify(sdk(text)), classify_response(400, {}, text.encode())):
        assert failure.error_class == ErrorClass.PERMANENT
    assert classify(RuntimeError(f"HTTP 400: {text}")).evidence == Evidence.LIKELY


def test_our_own_exceptions_are_certain_but_for_the_callers_deadline():
    """Who ran out of time blames nobody for sure."""
    assert classify(CredentialParkedError("k", "auth", 3.0)).evidence == Evidence.CERTAIN
    assert classify(ConnectionRefusedError("x")).evidence == Evidence.CERTAIN
    assert classify(DeadlineExceeded(1.0)).evidence == Evidence.POSSIBLE


@pytest.mark.parametrize(
    ("status", "message", "headers", "certain"),
    [
        (429, "Please try again in 20s.", {}, True),
        (400, "Please try again in 20s.", {}, False),
        (400, "rate limit exceeded", {"retry-after": "20"}, True),
        (422, "rate limit reached, retry after 20 seconds", {}, False),
        (503, "overloaded, retry after 20 seconds", {}, True),
    ],
)
def test_a_wait_in_the_text_of_a_status_that_echoes_is_uncertain(status, message, headers, certain):
    """It is reported all the same."""
    failure = told(status, message, headers)
    assert (failure.retry_after, failure.wait_is_certain) == (20.0, certain)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("The usage limit for m-large has been reached.", True),
        ("You exceeded your quota for model `m`.", True),
        ("Rate limit reached for gpt-4o in organization org-1 on requests per day (RPD): Limit 200", True),
        ("You have reached your weekly claude-opus-4 limit for claude-opus-4.", True),
        ("该模型的每日配额已用完", True),
        ("You exceeded your current quota, please check your plan and billing details.", False),
        ("The usage limit has been reached for your organization org-abc1.", False),
        ("Daily limit of free-tier requests reached.", False),
    ],
)
def test_the_limit_of_one_model_is_told(message, expected):
    """The other models of the account go on."""
    failure = told(429, message)
    assert (failure.error_class in {ErrorClass.QUOTA_EXCEEDED, ErrorClass.TRANSIENT}, failure.one_model) == (True, expected)


def test_google_names_the_model_in_its_quota():
    """`...PerProjectPerModel` is one model's."""
    details = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]
    assert told(429, "You exceeded your current quota", details=details).one_model


@pytest.mark.parametrize(
    ("status", "message", "scope"),
    [
        (413, "Request too large for model `m` in organization `org_1` on tokens per minute (TPM): Limit 60, Requested 71", Scope.ACCOUNT),
        (429, "Request too large for gpt-4 in organization org-1 on tokens per min (TPM): Limit 10000, Requested 12009.", Scope.ACCOUNT),
        (400, "This model's maximum context length is 8192 tokens, you requested 9000.", Scope.REQUEST),
        (413, "Request entity too large", Scope.REQUEST),
    ],
)
def test_a_size_blames_the_account_where_it_is_the_accounts_minute(status, message, scope):
    """Another account may have room for it."""
    failure = told(status, message)
    assert (failure.error_class, failure.scope) == (ErrorClass.INPUT_TOO_LARGE, scope)


def test_fingerprints_are_of_words_alone():
    """No numbers, ids, addresses or quoted parts, in any script; an empty body has its status."""
    first = told(400, "Invalid `a1b2` for org-xyz9: 17 of 20, see https://x.y/z, 余额不足 'x'").fingerprint
    second = told(400, "Invalid `zz` for org-abc7: 9 of 31, see https://u.v/w, 余额不足 'yy'").fingerprint
    assert first == second
    assert "余额不足" in first
    assert classify_response(400, {}, b"").fingerprint == "400"
    assert Classifier().classify(ValueError("odd thing")).fingerprint == "odd thing"
