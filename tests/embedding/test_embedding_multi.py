"""FailoverEmbedder: order, batches, one vector space, one count of tokens."""

import asyncio
from unittest.mock import Mock

import pytest
from embedding_kit import SETUPS, Fake, bad_parameter, invalid_key, overloaded

from sparekey.core.policy import Policy
from sparekey.embedding import EmbedResult, FailoverEmbedder, SparseEmbedderBase
from sparekey.engine import Chain
from sparekey.errors import AllCredentialsFailedError, InvalidInputError, VectorSpaceError
from sparekey.lab.simulator import faults
from sparekey.stats.tokens import TokenTracker
from sparekey.types import Credential, ErrorClass


class Sparse(SparseEmbedderBase):
    """Gives a sparse vector of one token."""

    def embed(self, content, is_query=False):
        return EmbedResult(sparse_vector={"key": 1.0})


def chain_of(*embedders):
    return FailoverEmbedder(embedders, [f"c{i}" for i in range(len(embedders))])


@pytest.mark.parametrize(
    ("embedders", "ids", "words"),
    [([], [], "at least one"), ([Fake()], ["a", "b"], "same length"), ([Fake(), Fake()], ["a", "a"], "a")],
    ids=["none", "unequal", "twice"],
)
def test_impossible_chains_are_refused(embedders, ids, words):
    """No embedder, unequal lists and repeated ids are a ValueError."""
    with pytest.raises(ValueError, match=words):
        FailoverEmbedder(embedders, ids)


def test_the_spare_steps_in_and_stays():
    """A dead key costs the first request one try; the next one starts at the spare."""
    first, spare = Fake(1, error=invalid_key()), Fake(2)
    chain = chain_of(first, spare)
    assert chain.embed("a").dense_vector == [2, 2]
    assert (chain.active_credential_index, chain.active_credential_id) == (1, "c1")
    chain.embed("b")
    assert (len(first.calls), len(spare.calls)) == (1, 2)


def test_async_walks_the_same_ring():
    """On the event loop the same chain moves on in the same way."""
    chain = chain_of(Fake(1, error=invalid_key()), Fake(2))
    assert asyncio.run(chain.embed_async("a")).dense_vector == [2, 2]
    assert chain._switcher.get_active_index() == 1


def test_fifteen_embedders_are_all_tried():
    """There is no cap: fourteen dead ones and the fifteenth serves (K06)."""
    dead = [Fake(error=invalid_key()) for _ in range(14)]
    assert chain_of(*dead, Fake(15)).embed("a").dense_vector == [15, 15]
    assert all(len(one.calls) == 1 for one in dead)


def test_a_bad_request_is_raised_as_it_is():
    """What is the request's fault goes to nobody else, and is the provider's own exception."""
    error, spare = bad_parameter(), Fake(2)
    with pytest.raises(type(error)) as raised:
        chain_of(Fake(error=error), spare).embed("a")
    assert raised.value is error
    assert not spare.calls


def test_an_exhausted_chain_lists_every_embedder():
    """When all fail there is one entry each, in the order of the tries."""
    with pytest.raises(AllCredentialsFailedError) as raised:
        chain_of(Fake(error=invalid_key()), Fake(error=overloaded())).embed("a")
    assert [(e.credential_id, e.error_class, e.index) for e in raised.value.errors] == [
        ("c0", ErrorClass.AUTH, 0),
        ("c1", ErrorClass.TRANSIENT, 1),
    ]


def test_queries_stay_queries():
    """The side of the input reaches the embedder, whichever answers."""
    first, spare = Fake(error=invalid_key()), Fake()
    chain = chain_of(first, spare)
    chain.embed_query("a")
    asyncio.run(chain.embed_query_async("b"))
    assert [is_query for _, is_query in first.calls + spare.calls] == [True, True, True]


@pytest.mark.parametrize("content", ["", [], "\ud800"], ids=["empty", "no-parts", "surrogate"])
def test_what_cannot_be_embedded_parks_nobody(content):
    """An input that no provider could take is refused before anyone is asked (E05)."""
    first = Fake()
    chain = chain_of(first, Fake())
    with pytest.raises(InvalidInputError):
        chain.embed(content)
    assert not first.calls
    assert chain.embed("a").is_dense


def test_a_text_that_is_too_long_is_the_requests_fault(simulator):
    """300 KB of text bring the provider's own error: the other credential of the same model is not asked, nobody is parked (E05)."""
    openai = SETUPS[0]
    pytest.importorskip(openai.needs, reason="the openai SDK is not installed")
    first, second = (simulator.provider(name, max_input_tokens=8000) for name in ("first", "second"))
    chain = chain_of(*(openai.embedder(p) for p in (first, second)))
    with pytest.raises(Exception, match="400"):
        chain.embed("spare key " * 30_000)
    assert chain.embed("spare key").is_dense
    assert (len(first.requests), len(second.requests), chain.active_credential_index) == (2, 0, 0)
    chain.close()


def test_a_long_text_is_cut_where_the_window_is_known(simulator):
    """With `max_input_tokens` the same text fits."""
    openai = SETUPS[0]
    pytest.importorskip(openai.needs, reason="the openai SDK is not installed")
    chain = chain_of(openai.embedder(simulator.provider("one", max_input_tokens=8000), max_input_tokens=8000))
    assert chain.embed("spare key " * 30_000).is_dense
    chain.close()


def test_an_empty_batch_is_empty():
    """`[]` gives `[]` and asks nobody (E05)."""
    first = Fake()
    assert chain_of(first).embed_batch([]) == []
    assert asyncio.run(chain_of(first).embed_batch_async([])) == []
    assert not first.calls


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_key_that_dies_in_a_batch_costs_the_rest_only(simulator, asynchronous):
    """Of 1,000 texts, those done before the key died are not embedded again, and the order is right (E04)."""
    openai = SETUPS[0]
    pytest.importorskip(openai.needs, reason="the openai SDK is not installed")
    first, second = (simulator.provider(name, dimension=4) for name in ("first", "second"))
    first.fail(faults.auth(), after_texts=500)
    chain = chain_of(*(openai.embedder(p, batch_size=100) for p in (first, second)))
    texts = [f"text {i}" for i in range(1000)]

    async def run():
        found = await chain.embed_batch_async(texts)
        await chain.aclose()
        return found

    results = asyncio.run(run()) if asynchronous else chain.embed_batch(texts)
    chain.close()
    sent = [text for request in second.requests for text in request.json["input"]]
    assert sent == texts[500:]
    assert [r.dense_vector for r in results] == [pytest.approx(_vector(text), abs=1e-6) for text in texts]


def _vector(text):
    from sparekey.lab.simulator import unit_vector

    return unit_vector(text, 4)


def test_a_batch_that_fails_for_good_hands_over_what_is_done():
    """The finished results are on the exception, so that nobody pays for them twice."""

    class Dying(Fake):
        def embed(self, content, is_query=False):
            self.error = invalid_key() if len(self.calls) == 4 else self.error
            return super().embed(content, is_query)

    with pytest.raises(AllCredentialsFailedError) as raised:
        chain_of(Dying(batch_size=2)).embed_batch(list("abcdef"))
    assert len(raised.value.sparekey_results) == 4
    assert "4 of 6" in raised.value.__notes__[0]


def test_a_piece_with_a_vector_too_few_moves_on():
    """A provider that leaves one vector out is not believed: all that follow would be shifted."""

    class Short(Fake):
        def embed_batch(self, contents, is_query=False):
            return [EmbedResult([1.0, 1.0])] * (len(contents) - 1)

    assert [r.dense_vector for r in chain_of(Short(), Fake(2)).embed_batch(["a", "b"])] == [[2, 2], [2, 2]]


def test_a_vector_of_another_length_moves_on():
    """A vector of another length is that embedder's failure; the next one answers (E03)."""
    first, spare = Fake(1, dimension=2), Fake(2, dimension=2)
    first.length = 3
    chain = chain_of(first, spare)
    assert chain.embed("a").dense_vector == [2, 2]
    assert chain.active_credential_id == "c1"


def test_if_every_vector_has_another_length_none_comes_out():
    """With nobody left, the error says which lengths met."""
    with pytest.raises(AllCredentialsFailedError) as raised:
        chain_of(Fake(length=3, dimension=2), Fake(length=3, dimension=2)).embed("a")
    assert all(isinstance(e.exception, VectorSpaceError) for e in raised.value.errors)


def test_without_a_stated_length_the_first_vector_sets_it():
    """The spare must match what has been handed out before."""
    first, spare = Fake(1, length=3), Fake(2, length=4)
    chain = chain_of(first, spare)
    chain.embed("a")
    first.error = invalid_key()
    with pytest.raises(AllCredentialsFailedError):
        chain.embed("b")


def test_stated_lengths_must_agree():
    """Two stated lengths are refused when the chain is put together, with both numbers (E01)."""
    with pytest.raises(VectorSpaceError, match=r"1536.*1024"):
        chain_of(Fake(dimension=1536), Fake(dimension=1024))


def test_an_overridden_get_dimension_states_a_length():
    """An embedder of one's own states its length by its own `get_dimension`."""

    class Own(Fake):
        def get_dimension(self):
            return self.length

    with pytest.raises(VectorSpaceError, match=r"2.*3"):
        chain_of(Own(length=2), Own(length=3))


def test_kinds_must_agree():
    """Dense and sparse embedders make no chain."""
    with pytest.raises(VectorSpaceError, match=r"dense.*sparse"):
        chain_of(Fake(), Sparse("s"))


def test_a_sparse_chain_has_no_dimension():
    """`get_dimension` of a sparse chain is an AttributeError, never a number made up."""
    chain = chain_of(Sparse("s"), Sparse("s"))
    assert chain.embed("a").sparse_vector == {"key": 1.0}
    assert (chain.is_dense, chain.is_sparse, chain.is_hybrid) == (False, True, False)
    with pytest.raises(AttributeError, match="sparse"):
        chain.get_dimension()


def test_the_dimension_is_the_first_embedders():
    """`get_dimension` delegates to the first embedder."""
    chain = chain_of(Fake(dimension=2), Fake())
    assert chain.get_dimension() == 2
    assert chain.known_dimension == 2


def test_multimodal_only_if_all_are():
    """One blind embedder makes the chain blind: all get the text only."""

    class Seeing(Fake):
        supports_multimodal = True

    parts = ["a key", {"type": "image_url", "image_url": {"url": "https://example.org/key.png"}}]
    seeing = Seeing()
    assert chain_of(Seeing(), Seeing()).supports_multimodal
    mixed = chain_of(seeing, Fake())
    mixed.embed(parts)
    assert not mixed.supports_multimodal
    assert seeing.calls == [("a key", False)]


def test_any_object_may_stand_in():
    """Mocks work as embedders: what they do not say is not asked."""
    first, spare = Mock(), Mock()
    first.embed.side_effect = invalid_key()
    spare.embed.return_value = EmbedResult([0.5])
    spare.embed_batch.return_value = [EmbedResult([0.5])]
    chain = chain_of(first, spare)
    assert chain.embed("a").dense_vector == [0.5]
    spare.embed.assert_called_once_with("a", is_query=False)
    assert chain.embed_batch(["b"]) == [EmbedResult([0.5])]
    chain.close()
    first.close.assert_called_once_with()


def test_an_object_with_embed_alone_is_enough():
    """An embedder that can only `embed` serves batches and event loops, too."""

    class Bare:
        def embed(self, content, is_query=False):
            return EmbedResult([float(len(content))])

    chain = chain_of(Bare())
    assert asyncio.run(chain.embed_async("abc")).dense_vector == [3.0]
    assert [r.dense_vector for r in chain.embed_batch(["a", "bb"])] == [[1.0], [2.0]]
    assert [r.dense_vector for r in asyncio.run(chain.embed_batch_async(["a", "bb"]))] == [[1.0], [2.0]]
    asyncio.run(chain.aclose())


def test_a_shared_tracker_counts_once():
    """Embedders that share a tracker report its tokens once; those that do not are added up."""
    shared = TokenTracker()
    one, two, own = Fake(token_tracker=shared), Fake(token_tracker=shared), Fake()
    one.update_token_usage(10)
    two.update_token_usage(5)
    own.update_token_usage(100)
    assert chain_of(one, two).token_tracker is shared
    assert chain_of(one, two).get_token_usage()["total_usage"]["prompt_tokens"] == 15
    both = chain_of(one, two, own)
    assert both.token_tracker.total.prompt_tokens == 115
    both.reset_token_usage()
    assert both.token_tracker.total.prompt_tokens == 0


def test_embedders_share_one_tracker_by_default():
    """Embedders that are given no tracker of their own count in the process's one."""
    from sparekey.embedding.base import SHARED_TRACKER

    assert Fake(token_tracker=None).token_tracker is Fake(token_tracker=None).token_tracker is SHARED_TRACKER


def test_close_closes_all():
    """Closing the chain closes every embedder, on the event loop as well."""
    embedders = [Fake(), Fake()]
    chain = chain_of(*embedders)
    chain.close()
    asyncio.run(chain.aclose())
    assert [e.closed for e in embedders] == [2, 2]


def test_one_that_cannot_be_closed_keeps_no_other_open(caplog):
    """The error is logged and the next one is closed, on the event loop as well."""

    class Stuck(Fake):
        def close(self):
            raise OSError("stuck")

    spare = Fake()
    chain = chain_of(Stuck(), spare)
    chain.close()
    asyncio.run(chain.aclose())
    assert spare.closed == 2
    assert [record.getMessage().count("stuck") for record in caplog.records] == [1, 1]


@pytest.mark.parametrize("method", ["embed", "embed_batch"])
def test_an_exception_says_whose_it_is(method):
    """What reaches the caller carries the credential, the model and the address, as far as the embedder tells them."""
    bad = Fake(error=bad_parameter())
    bad.api_base = "https://first.invalid"
    with pytest.raises(type(bad.error)) as raised:
        getattr(chain_of(bad), method)(["a"])
    error = raised.value
    assert (error.sparekey_credential_id, error.sparekey_model) == ("c0", "fake-model")
    assert error.sparekey_api_base == "https://first.invalid"


@pytest.mark.parametrize("method", ["embed_async", "embed_batch_async"])
def test_every_entry_says_whose_it_is(method):
    """Each exception of an exhausted chain carries its own embedder's name, on the event loop as well."""
    chain = chain_of(Fake(error=invalid_key()), Fake(error=overloaded()))
    with pytest.raises(AllCredentialsFailedError) as raised:
        asyncio.run(getattr(chain, method)(["a"]))
    assert [e.exception.sparekey_credential_id for e in raised.value.errors] == ["c0", "c1"]
    assert raised.value.errors[0].exception.sparekey_api_base is None


def test_a_chain_may_be_brought_along():
    """A chain with a policy of its own decides; it must name the same credentials in the same order."""
    brought = Chain([Credential("a"), Credential("b")], Policy(failback_request_count=1))
    embedder = FailoverEmbedder([Fake(1, error=invalid_key()), Fake(2)], ["a", "b"], chain=brought)
    embedder.embed("x")
    assert brought.active_id == "b"
    assert embedder.chain is brought
    with pytest.raises(ValueError, match="same order"):
        FailoverEmbedder([Fake(), Fake()], ["b", "a"], chain=brought)


def test_failback_after_the_count():
    """After the configured number of requests the first embedder, which is well, is tried again."""
    embedder = FailoverEmbedder([Fake(1), Fake(2)], ["a", "b"], failback_request_count=2, failback_timeout_seconds=1e9)
    embedder.chain.switcher.commit_success(1)
    assert [embedder.embed("x").dense_vector[0] for _ in range(3)] == [2, 2, 1]
