"""Anthropic words an empty account as a 400 without a code; two of them must not keep the request from a third account."""

from sparekey import Credential, Evidence, Failover, Policy
from sparekey.classify import classify, classify_response

EMPTY = (
    b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. '
    b'Please go to Plans & Billing to upgrade or purchase credits."}}'
)


class EmptyAccountError(Exception):
    status_code, body = 400, EMPTY.decode()


def test_words_under_a_400_are_no_certainty():
    """Where no code tells, a caller's words could have made the text: it is never believed at once."""
    echoed = EMPTY.replace(b"Your credit", b"Unsupported input: Your credit")
    assert Evidence.CERTAIN not in {classify_response(400, {}, EMPTY).evidence, classify_response(400, {}, echoed).evidence}


def test_the_third_account_is_asked():
    """Two empty accounts, one that is well: the call is served."""

    def attempt(credential):
        if credential.id == "c":
            return "ok"
        raise EmptyAccountError("Error code: 400 - " + EMPTY.decode())

    assert classify(EmptyAccountError("x")).error_class == "quota_exceeded"
    assert Failover([Credential(i) for i in "abc"], Policy()).call(attempt) == "ok"
