"""Anthropic words an empty account as a 400 without a code; two of them must not keep the request from a third account."""

from sparekey import Credential, Evidence, Failover, Policy
from sparekey.classify import classify, classify_response

EMPTY = (
    b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. '
    b'Please go to Plans & Billing to upgrade or purchase credits."}}'
)


class EmptyAccountError(Exception):
    status_code, body = 400, EMPTY.decode()


def test_the_providers_own_sentence_is_no_weak_evidence():
    """The whole message is Anthropic's own: nobody else's words can stand in it."""
    assert classify_response(400, {}, EMPTY).evidence is Evidence.PHRASE


def test_the_same_words_inside_others_stay_weak():
    """The same sentence within a text that repeats the caller is no proof."""
    echoed = EMPTY.replace(b"Your credit", b"Unsupported input: Your credit")
    assert classify_response(400, {}, echoed).evidence is Evidence.WEAK


def test_the_third_account_is_asked():
    """Two empty accounts, one that is well: the call is served."""

    def attempt(credential):
        if credential.id == "c":
            return "ok"
        raise EmptyAccountError("Error code: 400 - " + EMPTY.decode())

    assert classify(EmptyAccountError("x")).error_class == "quota_exceeded"
    assert Failover([Credential(i) for i in "abc"], Policy()).call(attempt) == "ok"
