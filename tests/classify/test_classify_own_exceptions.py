"""What did not come from a provider: our own errors as causes, bugs of a backend, the operating system."""

import errno

import pytest

from sparekey.classify import classify, classify_response
from sparekey.errors import AllCredentialsFailedError, CredentialError
from sparekey.types import ErrorClass


def all_failed(*classes):
    return AllCredentialsFailedError([CredentialError(f"k{i}", c, Exception("x"), i) for i, c in enumerate(classes)], 3.0)


def raised(exc, cause):
    exc.__cause__ = cause
    return exc


def test_an_exhausted_chain_is_read_through_its_wrappers():
    """Whoever wraps an exhausted chain's error twice changes nothing about it."""
    inner = all_failed(ErrorClass.AUTH, ErrorClass.TRANSIENT)
    failure = classify(raised(RuntimeError("outer"), raised(RuntimeError("wrap"), inner)))
    assert (failure.error_class, failure.retry_after) == (ErrorClass.TRANSIENT, 3.0)


def test_an_exhausted_chain_that_was_being_handled_is_read_if_nothing_else_tells():
    """An exception that says nothing stands for what it was raised over."""
    exc = RuntimeError("wrap")
    exc.__context__ = all_failed(ErrorClass.AUTH)
    assert classify(exc).error_class == ErrorClass.AUTH


def test_a_provider_error_over_an_exhausted_chain_speaks_for_itself():
    """A second provider's answer is not read as the first one's."""
    exc = RuntimeError("no")
    exc.status_code = 402
    assert classify(raised(exc, all_failed(ErrorClass.TRANSIENT))).error_class == ErrorClass.QUOTA_EXCEEDED


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, TypeError, Exception])
@pytest.mark.parametrize(
    "text", ["invalid prompt", "list index out of range", "unsupported operand type(s) for +: 'int' and 'str'", "validation failure"]
)
def test_a_bug_of_one_backend_does_not_fail_fast(kind, text):
    """Python's own words about wrong arguments are no verdict on the request."""
    assert classify(kind(text)).error_class == ErrorClass.UNKNOWN


def test_the_same_words_from_a_provider_do():
    """With a provider's structure, a status, or an SDK's exception they are one."""
    sdk = type("BadRequestError", (Exception,), {"__module__": "openai"})
    assert classify_response(None, {}, b'{"error":{"code":"invalid_prompt"}}').error_class == ErrorClass.PERMANENT
    assert classify(RuntimeError("Error code: 400 - invalid prompt")).error_class == ErrorClass.PERMANENT
    assert classify(sdk("invalid prompt")).error_class == ErrorClass.PERMANENT


UNREACHED = "ENETUNREACH EHOSTUNREACH ENETDOWN EADDRNOTAVAIL ECONNREFUSED"
FILES = "ENOENT EACCES EISDIR ENOTDIR EROFS ENOSPC ELOOP ENAMETOOLONG"


@pytest.mark.parametrize(
    ("name", "expected", "unreached", "timed_out"),
    [
        *((name, ErrorClass.TRANSIENT, True, False) for name in UNREACHED.split()),
        *((name, ErrorClass.TRANSIENT, False, False) for name in ("ECONNRESET", "EPIPE", "ECONNABORTED")),
        ("ETIMEDOUT", ErrorClass.TRANSIENT, False, True),
        *((name, ErrorClass.PERMANENT, False, False) for name in FILES.split()),
    ],
)
@pytest.mark.parametrize("words", ["Das Netzwerk ist nicht erreichbar", "ネットワークに到達できません"])
def test_an_oserror_is_read_by_its_number(name, expected, unreached, timed_out, words):
    """Whatever language its words are in."""
    failure = classify(OSError(getattr(errno, name), words))
    assert (failure.error_class, failure.unreached, failure.timed_out) == (expected, unreached, timed_out)


def test_a_batch_that_is_too_large_for_the_server_is_no_server_fault():
    """llama.cpp sends 500 and `server_error` with it; the words about size tell."""
    words = "input (8525 tokens) is too large to process. increase the physical batch size (current batch size: 512)"
    body = {"code": 500, "message": words, "type": "server_error"}
    assert classify(RuntimeError(str(body))).error_class == ErrorClass.INPUT_TOO_LARGE
    assert classify_response(500, {}, str(body).replace("'", '"').encode()).error_class == ErrorClass.INPUT_TOO_LARGE


def test_a_five_hour_quota_is_no_empty_balance():
    """Volcengine's coding plan: the quota comes back by itself."""
    body = b'{"error":{"code":"AccountQuotaExceeded","message":"You have exceeded the 5-hour usage quota."}}'
    failure = classify_response(429, {}, body)
    assert (failure.error_class, failure.reason) == (ErrorClass.QUOTA_EXCEEDED, "period_quota")
