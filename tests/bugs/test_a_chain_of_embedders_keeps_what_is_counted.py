"""A chain of embedders put what it was told to count into a copy of their trackers: the tokens were lost."""

import pytest

from sparekey import FailoverEmbedder
from sparekey.embedding import DenseEmbedderBase, EmbedResult
from sparekey.stats.tokens import TokenTracker


class Counting(DenseEmbedderBase):
    """Counts in a tracker of its own; fails as it is told."""

    def __init__(self, fault=None):
        super().__init__("model", {"provider": "mine", "token_tracker": TokenTracker()})
        self.fault, self.calls = fault, 0

    def embed(self, content, is_query=False):
        self.calls += 1
        if self.fault:
            raise self.fault
        self.update_token_usage(model_name=self.model_name, provider=self.provider, prompt_tokens=3, completion_tokens=0)
        return EmbedResult([1.0])


def total(embedder):
    return embedder.get_token_usage()["total_usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("counted", "named"),
    [
        ((5,), {}),
        ((5, 0), {}),
        (("model", "mine", 5, 0), {}),
        (("model", "mine", 5, 0, 0.25), {}),
        (("model",), {"prompt_tokens": 5}),
        ((), {"model_name": "model", "provider": "mine", "prompt_tokens": 5, "completion_tokens": 0, "duration_seconds": 0.25}),
        ((), {"model_name": "model", "prompt_tokens": 5}),
        ((5,), {"model_name": "model"}),
    ],
)
def test_whatever_the_spelling_it_is_kept(counted, named):
    """By position, as chat models have it, and by name; alone and in a chain, where the active one counts it."""
    alone, chain = Counting(), FailoverEmbedder([Counting(), Counting()], ["a", "b"])
    for embedder in (alone, chain):
        embedder.update_token_usage(*counted, **named)
        assert total(embedder) == 5
    assert chain.embed("x").dense_vector == [1.0]
    assert total(chain) == 8


class RefusedError(Exception):
    """As SDKs raise it."""

    def __init__(self, status, message, code=None):
        super().__init__(message)
        self.status_code, self.body = status, {"error": {"message": message, "code": code}}


@pytest.mark.parametrize(
    "fault",
    [
        RefusedError(400, "This model's maximum context length is 8192 tokens, however you requested 9000", "context_length_exceeded"),
        RefusedError(413, "Request Entity Too Large"),
        RefusedError(422, "input is too long: 600 tokens given, at most 512 are allowed"),
    ],
    ids=["context", "payload", "tokens"],
)
def test_an_input_too_large_for_one_goes_to_no_other(fault):
    """The caller gets the provider's own error: vectors of another model could not be compared."""
    one, other = Counting(fault), Counting()
    with pytest.raises(RefusedError) as raised:
        FailoverEmbedder([one, other], ["a", "b"], space="shared").embed("x")
    assert raised.value is fault
    assert (one.calls, other.calls) == (1, 0)
