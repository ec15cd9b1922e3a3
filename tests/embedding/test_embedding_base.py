"""What every embedder has by default, and two of them side by side."""

import asyncio
import threading

import pytest
from embedding_kit import KEY, Fake, invalid_key

from sparekey.embedding import (
    CompositeHybridEmbedder,
    DenseEmbedderBase,
    EmbedResult,
    FailoverEmbedder,
    HybridEmbedderBase,
    SparseEmbedderBase,
)
from sparekey.errors import VectorSpaceError


class Sparse(SparseEmbedderBase):
    """Gives a sparse vector of its words."""

    def embed(self, content, is_query=False):
        return EmbedResult(sparse_vector=dict.fromkeys(content.split(), 1.0))


class Hybrid(HybridEmbedderBase):
    """Gives both."""

    def embed(self, content, is_query=False):
        return EmbedResult([1.0], {"key": 1.0})


def test_embed_is_all_that_a_subclass_needs():
    """Queries, batches and the event loop all rest on `embed`."""
    fake = Fake(3)
    assert fake.embed_query("a") == asyncio.run(fake.embed_async("a")) == EmbedResult([3, 3])
    assert len(fake.embed_batch(["a", "b"])) == len(asyncio.run(fake.embed_batch_async(["a", "b"]))) == 2
    asyncio.run(fake.embed_query_async("q"))
    assert [is_query for _, is_query in fake.calls] == [True, False, False, False, False, False, True]


def test_the_default_async_does_not_block():
    """By default the event loop's call runs in a thread of its own."""

    class Where(Fake):
        def embed(self, content, is_query=False):
            self.thread = threading.get_ident()
            return super().embed(content, is_query)

    where = Where()
    asyncio.run(where.embed_async("a"))
    assert where.thread != threading.get_ident()


def test_a_failing_batch_hands_over_what_is_done():
    """The results before the failure are on the exception, sync and async."""

    class Dying(Fake):
        def embed(self, content, is_query=False):
            self.error = invalid_key() if content == "bad" else None
            return super().embed(content, is_query)

    for run in (Dying().embed_batch, lambda texts: asyncio.run(Dying().embed_batch_async(texts))):
        with pytest.raises(Exception, match="401") as raised:
            run(["a", "b", "bad", "c"])
        assert len(raised.value.sparekey_results) == 2


def test_kinds():
    """The three bases say what they give."""
    assert [(e.is_dense, e.is_sparse, e.is_hybrid) for e in (Fake(), Sparse(), Hybrid())] == [
        (True, False, False),
        (False, True, False),
        (True, True, True),
    ]
    assert not hasattr(Sparse(), "get_dimension")


def test_the_dimension_is_configured_known_or_learnt():
    """What is configured wins, then the table of models, and else one word is embedded to learn it."""
    assert Fake(dimension=7).get_dimension() == 7
    table = DenseEmbedderBase.known_dimension.fget(Fake())
    assert table is None
    fake = Fake(length=5)
    assert (fake.get_dimension(), fake.get_dimension(), len(fake.calls)) == (5, 5, 1)


def test_a_known_model_needs_no_call():
    """A model of the table has its dimension without a request."""

    class Named(Fake):
        def __init__(self):
            super().__init__()
            self.model_name, self.provider = "text-embedding-3-large", "openai"

    named = Named()
    assert named.get_dimension() == 3072
    assert not named.calls


def test_a_dimension_is_never_made_up():
    """No vector, no dimension."""

    class Empty(Fake):
        def embed(self, content, is_query=False):
            return EmbedResult()

    with pytest.raises(VectorSpaceError, match="no dense vector"):
        Empty().get_dimension()


def test_keys_do_not_show():
    """A key given as text becomes a secret in the configuration."""
    fake = Fake(api_key=KEY, sk="very secret")
    assert KEY not in repr(fake.config)
    assert "very secret" not in repr(fake.config)


def test_texts_are_cut_to_the_window():
    """Texts are cut to `max_input_tokens`, divided by the safety factor."""
    text = "one two three four five six"
    assert Fake(max_input_tokens=4).prepare_embedding_input(text) == "one two three"
    assert Fake(max_input_tokens=4, tokenizer_safety_factor=2).prepare_embedding_input(text) == "one two"


@pytest.mark.parametrize("most", [None, 0])
def test_no_limit_cuts_nothing(most):
    """`max_input_tokens` of 0 is no limit, as None is: an embedder is never sent an empty text for it."""
    text = "one two three"
    assert Fake(max_input_tokens=most, tokenizer_safety_factor=2).prepare_embedding_input(text) == text
    assert FailoverEmbedder([Fake(max_input_tokens=most)], ["c0"]).prepare_batch([text]) == [text]


def test_a_large_safety_factor_leaves_something():
    """A limit that the factor brings below one token is one token."""
    assert Fake(max_input_tokens=1, tokenizer_safety_factor=4).prepare_embedding_input("one two") == "one"


def test_dense_and_sparse_make_a_hybrid():
    """Two embedders side by side give both vectors of each input, singly, in batches and on the event loop."""
    dense = Fake(2, dimension=2)
    both = CompositeHybridEmbedder(dense, Sparse("s", {"provider": "fake", "token_tracker": dense.token_tracker}))
    expected = EmbedResult([2, 2], {"a": 1.0})
    assert both.embed("a") == asyncio.run(both.embed_async("a")) == expected
    assert both.embed_batch(["a"]) == asyncio.run(both.embed_batch_async(["a"])) == [expected]
    assert (both.is_hybrid, both.get_dimension(), both.known_dimension) == (True, 2, 2)
    both.reset_token_usage()
    assert both.token_tracker is dense.token_tracker
    both.close()
    asyncio.run(both.aclose())
    assert dense.closed == 2


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_hybrid_batch_hands_over_whole_results_only(asynchronous):
    """If one side fails in the middle, what is handed over has both vectors, and the other side's call is over."""

    class Dying(Sparse):
        def embed(self, content, is_query=False):
            if content == "bad":
                raise invalid_key()
            return super().embed(content, is_query)

    both = CompositeHybridEmbedder(Fake(2, batch_size=2), Dying("s", {"batch_size": 1}))
    texts = ["a", "b", "c", "bad", "d"]
    with pytest.raises(Exception, match="401") as raised:
        asyncio.run(both.embed_batch_async(texts)) if asynchronous else both.embed_batch(texts)
    assert [r.is_hybrid for r in raised.value.sparekey_results] == [True, True]
