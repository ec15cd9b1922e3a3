"""Tokens that an instance of another make counted were 0 in the wrapper, without a word."""

import asyncio
from types import SimpleNamespace

import pytest

from sparekey.compat.failover_vlm import FailoverVLM
from sparekey.stats.tokens import TokenTracker, usage_from
from sparekey.types import Usage
from sparekey.vlm.multi import MultiCredentialVLM

TOLD = {
    "total_usage": {"prompt_tokens": 7, "completion_tokens": 3},
    "usage_by_model": {"m": {"usage_by_provider": {"p": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}}},
}


class Foreign:
    """A model of another make: it counts in its own way, and its answers tell tokens in an object."""

    model, provider = "m", "p"

    def get_completion(self, prompt="", **_):
        return SimpleNamespace(content="hi", usage=SimpleNamespace(prompt_tokens=7, completion_tokens=3))

    def get_token_usage(self):
        return TOLD


def test_they_are_read():
    """From what it says that it has counted, and from each answer for the chain's ledger."""
    vlm = MultiCredentialVLM([Foreign()], ["a"])
    seen = []
    vlm.chain.add_hook(lambda event: seen.append(getattr(getattr(event, "attempt", None), "usage", None)))
    vlm.get_completion("hi")
    assert vlm.token_tracker.rows() == {("m", "p"): Usage(7, 3)}
    assert Usage(7, 3) in seen


@pytest.mark.parametrize("told", [None, {}, [], {"usage_by_model": 5}, {"usage_by_model": {"m": 5}}, {"usage_by_model": {"m": {}}}])
def test_what_tells_nothing_counts_nothing(told):
    """It never raises."""
    assert TokenTracker.from_dict(told).rows() == {}
    assert usage_from(told) is None


def test_names_of_both_formats_are_known():
    """OpenAI's and Anthropic's."""
    assert usage_from({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 1}) == Usage(5, 2, 1)


class Plain:
    """A model that counts nothing; its answers tell tokens."""

    model, provider = "m", "p"

    def __init__(self, answer):
        self.answer = answer

    def get_completion(self, prompt="", **_):
        return self.answer

    async def get_completion_async(self, prompt="", **_):
        return self.answer


@pytest.mark.parametrize("make", [lambda one: MultiCredentialVLM([one, one], ["a", "b"]), lambda one: FailoverVLM(one, one)])
@pytest.mark.parametrize("usage", [{"prompt_tokens": 5, "completion_tokens": 3}, SimpleNamespace(input_tokens=5, output_tokens=3)], ids=str)
def test_an_instance_that_does_not_count_is_counted_once(make, usage):
    """By its answers, whole calls of both kinds; a reset sets them to zero."""
    vlm = make(Plain(SimpleNamespace(content="hi", usage=usage)))
    vlm.get_completion("hi")
    asyncio.run(vlm.get_completion_async("hi"))
    total = vlm.get_token_usage()["total_usage"]
    assert (total["prompt_tokens"], total["completion_tokens"], total["call_count"]) == (10, 6, 2)
    outer = MultiCredentialVLM([vlm], ["outer"])
    assert outer.token_tracker.rows() == {("m", "p"): Usage(10, 6)}
    vlm.reset_token_usage()
    assert vlm.token_tracker.rows() == {}


def test_a_sum_alone_is_read():
    """It belongs to no model by name."""
    assert TokenTracker.from_dict({"total_usage": TOLD["total_usage"]}).total == Usage(7, 3)
    assert TokenTracker.from_dict(TOLD).total == Usage(7, 3)
