"""A dead key under 400, in a language that the classifier has never seen, failed fast: one dead key took every request."""

import json

import pytest

from sparekey.classify import classify_response
from sparekey.types import ErrorClass

FAIL_FAST = {ErrorClass.PERMANENT, ErrorClass.CONTENT_SAFETY, ErrorClass.INPUT_TOO_LARGE}


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "words",
    [
        "Nincs elég egyenleg a számlán",
        "Tilin saldo ei riitä",
        "Ανεπαρκές υπόλοιπο λογαριασμού",
        "אין מספיק יתרה בחשבון",
        "ยอดเงินไม่เพียงพอ",
        "खाते में पर्याप्त शेष नहीं है",
        "Kredit på kontot är slut",
        "Nedostatek prostředků na účtu",
    ],
)
def test_words_that_nobody_knows_are_no_verdict_about_the_request(words, status):
    """An empty type beside them says nothing either: the next credential is asked."""
    body = json.dumps({"error": {"message": words, "type": "invalid_request_error"}}, ensure_ascii=False).encode()
    assert classify_response(status, {}, body).error_class not in FAIL_FAST


@pytest.mark.parametrize(
    "words",
    [
        "Your key has been rotated",
        "Contract has ended",
        "Invoice unpaid",
        "Top up to continue",
        "This workspace has been archived.",
        "Your account has been flagged for abuse",
        "API access for this workspace was turned off by its owner.",
        "llama-3-70b is currently not deployed",
        "This credential is only authorized for use with Claude Code and cannot be used for other API requests.",
    ],
)
def test_plain_words_about_keys_and_accounts_move_on(words):
    """In whatever way a provider puts it."""
    body = json.dumps({"error": {"message": words, "type": "invalid_request_error"}}).encode()
    assert classify_response(400, {}, body).error_class not in FAIL_FAST
