"""What differs from one refusal to the next of its kind changes no verdict: numbers, ids, quotes, a stop at the end, a wrapping."""

import json
import re

import httpx
import openai
import pytest
from classify_corpus import NOW, load
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sparekey.classify import Classifier
from sparekey.transport.refusals import Refused

CLASSIFIER = Classifier(now=lambda: NOW)
SURE = 80
"""Per cent: who was less sure may change his mind."""
POISON = "Value error: rate limit exceeded, insufficient balance, invalid api key"


def message_of(case):
    """Return the message of an example that is one error object with one sentence, or ""."""
    inner = case["body"].get("error", case["body"]) if isinstance(case["body"], dict) else None
    text = inner.get("message", "") if isinstance(inner, dict) else inner
    return text if isinstance(text, str) and "{" not in text and len(text) < 1000 else ""


MESSAGES = [(case["status"], text) for case in load() if (case["status"] or 0) >= 400 and (text := message_of(case))]
IDS = st.from_regex(r"\A(?:req_01[A-Za-z0-9]{20}|2026[0-9]{14}[A-Za-z0-9]{8}|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{12})\Z")
CHANGES = st.one_of(
    st.integers(0, 10**9).map(lambda n: lambda text: f"{text} ({n})"),
    st.integers(0, 10**4).map(lambda n: lambda text: f"{text} ({n}.)"),
    IDS.map(lambda found: lambda text: f"{text} (request id: {found})"),
    IDS.map(lambda found: lambda text: f"{text} Request ID: {found}"),
    IDS.map(lambda found: lambda text: f"[{found}] {text}"),
    st.just(lambda text: text.rstrip(".。") + "."),
    st.just(lambda text: text.rstrip(".。")),
    st.just(lambda text: f"  {text}\n"),
    st.just(lambda text: f"{text}!"),
)


def verdict(status, text):
    return CLASSIFIER.classify_response(status, {}, json.dumps({"error": {"message": text}}, ensure_ascii=False).encode())


def is_sure(failure):
    found = re.fullmatch(r"words \((\d+)%\)", failure.rule)
    return found is not None and int(found[1]) >= SURE


@given(st.sampled_from(MESSAGES), CHANGES)
def test_what_differs_from_one_to_the_next_changes_no_verdict(case, change):
    """A number in brackets, an id in any place, white space, a stop or none."""
    status, text = case
    before = verdict(status, text)
    assume(is_sure(before))
    assert verdict(status, change(text)).error_class == before.error_class


@given(st.sampled_from(MESSAGES))
def test_an_exceptions_text_is_read_like_the_response(case):
    """`Error code: 429 - {...}`, as SDKs word it, says no more than what is in it."""
    status, text = case
    before = verdict(status, text)
    assume(is_sure(before))
    wrapped = CLASSIFIER.classify(RuntimeError(f"Error code: {status} - {{'error': {{'message': {text!r}}}}}"))
    assert wrapped.error_class == before.error_class


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "message",
    [
        f"Invalid value for messages[0].content: {POISON}, please retry after 3600 seconds; service unavailable.",
        "messages.0.content: could not be parsed (server overloaded, try again in 10 minutes)",
        "tool_choice: 'quota exceeded' is none of auto, none, required; check the service status",
        "Der Wert von temperature liegt nicht zwischen 0 und 2",
        "top_k",
    ],
)
def test_the_same_words_mean_the_same_whichever_way_they_come(status, message):
    """As a response, as the exception of an SDK, and as the refusal that a transport or the gateway has read."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    raw = json.dumps(body).encode()
    response = httpx.Response(status, content=raw, request=httpx.Request("POST", "http://provider.invalid/v1/chat/completions"))
    named = {400: openai.BadRequestError, 422: openai.UnprocessableEntityError}[status]
    read = [
        CLASSIFIER.classify_response(status, response.headers, raw),
        CLASSIFIER.classify(named(f"Error code: {status} - {body}", response=response, body=body["error"])),
        CLASSIFIER.classify(openai.APIStatusError(f"Error code: {status} - {body}", response=response, body=body["error"])),
        CLASSIFIER.classify(Refused(response, raw, raw)),
    ]
    assert len({(failure.error_class, failure.reason, failure.evidence, failure.retry_after) for failure in read}) == 1


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@example(9, 10)
def test_the_length_of_a_number_changes_no_verdict(one, other):
    """Poisoned words between numbers of any length are read alike."""
    first, second = (verdict(400, f"{POISON} - attempt {n} ({n}.)").error_class for n in (one, other))
    assert first == second


@pytest.mark.parametrize("text", ["Rate limit exceeded", "Invalid API key provided", "Insufficient balance", "The model does not exist"])
def test_the_case_of_letters_changes_no_verdict(text):
    """Nor that of all letters."""
    assert len({verdict(403, said).error_class for said in (text, text.lower(), text.upper(), text.title())}) == 1
