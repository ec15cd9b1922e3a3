"""An error without words was told as `HTTP 200: HTTP 200: HTTP 200: ...`: its text and the classifier asked each other."""

import json
from types import SimpleNamespace

import pytest

from sparekey.classify import classify, classify_response
from sparekey.errors import AllCredentialsFailedError, CredentialError
from sparekey.transport.event_filter import StreamBreak
from sparekey.transport.refusals import Refused, reply_to
from sparekey.wire.request import WireRequest

BODIES = (
    b"",
    b"{}",
    b'{"error": null}',
    json.dumps({"type": "response.failed", "response": {"status": "failed", "error": None}}).encode(),
    json.dumps({"object": "response", "status": "failed", "error": None}).encode(),
)


def refused(status, body):
    return Refused(SimpleNamespace(status_code=status, headers={}), body, body, credential_id="a")


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("status", [200, 400, 401, 429, 500, 503])
def test_its_text_is_its_status_once(status, body):
    """It is read as what it is without any words."""
    one = refused(status, body)
    assert str(one) == f"HTTP {status}"
    assert classify(one).error_class == classify_response(status, None, body or b"").error_class or status == 200


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_caller_reads_a_sentence(body):
    """So he does in a stream, and of a whole chain."""
    one = refused(200, body)
    call = WireRequest("openai", "POST", "responses", kind="chat", stream=True)
    pieces = b"".join(StreamBreak(call).pieces(one)).decode()
    error = AllCredentialsFailedError([CredentialError("a", classify(one).error_class, one, 0)], None)
    for text in (pieces, reply_to(error).message):
        assert "failed without saying why" in text
        assert "HTTP 200: HTTP" not in text


def test_words_stay():
    """Those of the provider, behind the status."""
    assert str(refused(429, b'{"error": {"message": "slow down, please"}}')) == "HTTP 429: slow down, please"
