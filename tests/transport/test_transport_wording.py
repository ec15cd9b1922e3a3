"""The words of a refusal and of an exhausted chain: whose key is meant, who said what, when it is worth asking again."""

import json

import pytest

from sparekey.classify import classify_response
from sparekey.transport import wording
from sparekey.transport.wording import Cause, attributed, exhausted, span
from sparekey.wire import json_body


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("invalid x-api-key", "invalid key of c1"),
        ("Incorrect API key provided: ***.", "Incorrect key of c1 provided: ***."),
        ("API key not valid. Please pass a valid API key.", "key of c1 not valid. Please pass a valid key of c1."),
        ("Your API key has expired", "the key of c1 has expired"),
        ("Your credit balance is too low", "c1's credit balance is too low"),
        ("Call `/v1/models` to view available models for your key.", "Call `/v1/models` to view available models for c1's key."),
        ("see https://platform.openai.com/account/api-keys", "see https://platform.openai.com/account/api-keys"),
        ("您的账户余额不足", "c1 的账户余额不足"),
        ("您的请求过于频繁", "您的请求过于频繁"),
        ("You can retry your request.", "You can retry your request."),
        ("Please reduce the length of your messages", "Please reduce the length of your messages"),
        ("You exceeded your current quota, please check your plan", "c1 exceeded its current quota, please check c1's plan"),
        ("you've reached your weekly usage limit", "c1 has reached its weekly usage limit"),
        ("You have used all of your free credits", "c1 has used all of its free credits"),
        ("You\u2019ve hit your limit", "c1 has hit its limit"),
        ("You exceeded your API key's limit", "You exceeded the key of c1's limit"),
        ("You are over your spending limit", "You are over c1's spending limit"),
        ("The model does not exist", "The model does not exist"),
        ("", ""),
    ],
)
def test_a_providers_words_say_whose_key_they_mean(said, told):
    """What is "yours" is the credential's; the caller's request, addresses and all other words stay."""
    assert attributed(said, "c1") == told


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (4.97, "5 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (561_635, "6.5 days")]
)
def test_a_time_is_told_as_people_would(seconds, words):
    """In the unit that needs the fewest digits."""
    assert span(seconds) == words


def test_all_who_say_the_same_are_told_together():
    """Fifteen dead keys are one sentence, with the first names."""
    causes = [Cause(f"c{i}", "auth", "invalid_key", 401, "invalid x-api-key") for i in range(1, 16)]
    told = exhausted(causes, 600.0)
    assert told.startswith(
        "all 15 credentials of this chain failed: c1, c2 and 13 others (invalid_key, HTTP 401): invalid key of each. The"
    )
    assert "10 min" in told
    assert "x-api-key" not in told
    assert len(told) < 300


def test_words_of_all_read_as_a_sentence():
    """What was said to several is said of each."""
    told = exhausted([Cause(who, "quota_exceeded", "no_quota", 429, "You exceeded your current quota.") for who in "ab"], None)
    assert "a, b (no_quota, HTTP 429): each credential exceeded its current quota. Keys" in told


def test_each_cause_has_its_words_and_none_fills_the_page():
    """Who was not asked says for how long; who said a lot is cut short."""
    causes = [
        Cause("a", "transient", "rate_limited", parked=True, seconds=30.2),
        Cause("b", "unknown", "held", parked=True),
        Cause("c", "transient", "server_error", 500, "x" * 300),
        Cause("d", "transient", "connection"),
    ]
    told = exhausted(causes, None)
    assert "a (rate_limited, not asked for another 31 s); b (held, held by a person); c (server_error, HTTP 500): xxx" in told
    assert told.endswith("…; d (connection)")
    assert len(told) < 400


def test_a_chain_of_one_is_no_all():
    """And of none there is nothing more to say."""
    assert (
        exhausted([Cause("a", "transient", "connection")], 1.0)
        == "the one credential of this chain failed: a (connection). The soonest returns in 1 s"
    )
    assert exhausted([], None) == "all 0 credentials of this chain failed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "Invalid API key", "code": "c"}}, "Invalid API key (note)"),
        ({"code": "x", "error": "Incorrect API key provided: xa***ab."}, "Incorrect API key provided: xa***ab. (note)"),
        ({"detail": "invalid x-api-key"}, "invalid x-api-key (note)"),
        ({"strange": "invalid api key"}, None),
    ],
)
def test_a_note_stands_behind_the_words(body, words):
    """What a provider wrote stays as it is, whoever wrote its words."""
    document = json_body.read(json.dumps(body).encode())
    found = wording.noted(document, " (note)")
    if words is None:
        assert found == document
    else:
        assert words in found.text
        assert found.fields.keys() == body.keys()


@pytest.mark.parametrize(
    ("status", "code", "message", "note"),
    [
        (403, None, "invalid x-api-key", "a key or account named here is that credential's, not yours"),
        (402, None, "Insufficient credits. Add more at https://provider.example/credits.", "a key or account named here"),
        (429, "insufficient_quota", "You exceeded your current quota", "a key or account named here"),
        (404, "model_not_found", "The model `m` does not exist", "a model named here is that credential's, as configured in sparekey"),
        (403, None, "You do not have permission to use the tool `x`.", None),
        (400, None, "max_tokens is too large", None),
    ],
)
def test_a_note_says_whose_key_account_or_model_it_is(status, code, message, note):
    """Where the caller could look for them at home; if the whole chain was refused like that, it says so."""
    failure = classify_response(status, {}, json.dumps({"error": {"message": message, "code": code}}))
    told = wording.about_whom(failure, "c1", 1)
    if note is None:
        assert not told
        whole = " (all 3 credentials of this chain failed like this)"
        assert wording.about_whom(failure, "c1", 3) == ("" if status == 400 else whole)
    else:
        assert told.startswith(" (said to sparekey's credential 'c1': ")
        assert note in told
        assert wording.about_whom(failure, "c1", 3).startswith(" (all 3 credentials of this chain failed like this; said to")


@pytest.mark.parametrize(
    ("message", "blames"),
    [
        ("invalid x-api-key", True),
        ("Incorrect API key provided", True),
        ("Please pass a valid API key.", True),
        ("Your credit balance is too low", True),
        ("You exceeded your current quota, please check your plan", True),
        ("余额不足或无可用资源包,请充值。", True),
        ("Content violates usage guidelines. Team: 0000, API key ID: 0000, Failed check: SAFETY", False),
        ("Your organization's data policy does not permit store=true.", False),
        ("You do not have permission to use the tool `x`.", False),
        ("max_tokens is too large", False),
    ],
)
def test_words_that_read_as_if_the_callers_key_were_bad(message, blames):
    """Only those get a note."""
    assert wording.blames_a_key(classify_response(400, {}, json.dumps({"error": {"message": message}}))) is blames
