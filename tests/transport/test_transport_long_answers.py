"""Answers that are too long to be read whole: what must be known of them stands at their ends."""

import json

import pytest

from sparekey import Secret
from sparekey.engine import Chain
from sparekey.gateway.upstream import messages
from sparekey.transport.affinity import ResourceAffinity
from sparekey.transport.responses import ResponseValidator
from sparekey.transport.routing_table import RoutingTable
from sparekey.types import Credential, Usage
from sparekey.wire.request import Target, understand

LONG = "A" * (9 * 1024 * 1024)
VECTOR = [{"object": "embedding", "index": 0, "embedding": LONG}]
TOKENS = {"prompt_tokens": 7, "total_tokens": 7}


A, B = Credential("a", "openai"), Credential("b", "openai")


@pytest.fixture
def responses():
    targets = {i: Target("openai", "https://a.example/v1", Secret("key")) for i in "ab"}
    return ResponseValidator(RoutingTable(Chain([A, B]), targets), messages, ResourceAffinity())


def judged(responses, path, answer):
    call = understand("POST", f"/v1/{path}".encode(), [], b'{"model": "m", "input": "x"}')
    body = json.dumps(answer).encode()
    return responses.validated(call, B, messages.Response(200, {}, body), body)


@pytest.mark.parametrize("tail", [{"usage": TOKENS}, {"usage": TOKENS, "model": "m"}, {"service": {"a": "}"}, "usage": TOKENS}], ids=str)
def test_usage_is_counted(responses, tail):
    """A batch of embeddings is megabytes, and its tokens cost money."""
    response = judged(responses, "embeddings", {"data": VECTOR, **tail})
    assert response.extensions["sparekey_usage"] == Usage(7, 0)


@pytest.mark.parametrize("tail", [{}, {"note": '"usage'}, {"usage": None}], ids=str)
def test_no_usage_is_no_error(responses, tail):
    """What is not there is not counted, and the answer is passed on."""
    response = judged(responses, "embeddings", {"data": VECTOR, **tail})
    assert response.extensions["sparekey_usage"] is None


def test_a_long_response_belongs_to_its_account(responses):
    """One with pictures in it, too, is gone on from where it was made."""
    judged(
        responses,
        "responses",
        {"id": "resp_68abc", "object": "response", "output": [{"type": "image_generation_call", "result": LONG}], "usage": None},
    )
    again = understand("POST", b"/v1/responses", [], b'{"model": "m", "input": "x", "previous_response_id": "resp_68abc"}')
    assert responses.affinity.owner(again) == "b"
