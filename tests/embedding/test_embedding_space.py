"""What FailoverEmbedder lets through: a success that is none counts as that embedder's failure."""

import asyncio

import pytest

from sparekey.embedding import DenseEmbedderBase, EmbedResult, FailoverEmbedder, HybridEmbedderBase, SparseEmbedderBase
from sparekey.errors import AllCredentialsFailedError, IncompleteAnswerError
from sparekey.types import ErrorClass

INF, NAN = float("inf"), float("nan")


class Bare:
    """Any object with `embed`: it says nothing of itself and gives what it is told to."""

    def __init__(self, result):
        super().__init__()
        self.result = result

    def embed(self, content, is_query=False):
        return self.result


class Batching(Bare):
    """Gives what it is told to for a batch."""

    def embed_batch(self, contents, is_query=False):
        return self.result


class Dense(Bare, DenseEmbedderBase):
    """Says that it gives dense vectors."""


class Sparse(Bare, SparseEmbedderBase):
    """Says that it gives sparse vectors."""


class Hybrid(Bare, HybridEmbedderBase):
    """Says that it gives both."""


def chain_of(*embedders):
    return FailoverEmbedder(embedders, [f"c{i}" for i in range(len(embedders))])


NONE_AT_ALL = {
    "no-result": None,
    "no-vector": EmbedResult(),
    "empty": EmbedResult([]),
    "nan": EmbedResult([0.5, NAN]),
    "inf": EmbedResult([INF, 0.5]),
    "inf-both": EmbedResult([INF, -INF]),
    "null": EmbedResult([0.5, None]),
    "text": EmbedResult(["0.5", "0.5"]),
    "sparse-nan": EmbedResult(sparse_vector={"key": NAN}),
}


@pytest.mark.parametrize("result", NONE_AT_ALL.values(), ids=NONE_AT_ALL)
def test_a_success_that_is_none_moves_on(result):
    """Nothing, an empty vector or one of no finite numbers is a failure of the embedder that gave it, and the next one answers."""
    good = EmbedResult([0.5, 0.5])
    chain = chain_of(Bare(result), Bare(good))
    assert chain.embed("a") == good
    assert asyncio.run(chain_of(Bare(result), Bare(good)).embed_async("a")) == good
    assert chain_of(Bare(result), Bare(good)).embed_batch(["a", "b"]) == [good, good]
    assert chain.active_credential_id == "c1"


@pytest.mark.parametrize("results", [None, [], [EmbedResult()]], ids=["nothing", "empty", "no-vector"])
def test_a_batch_that_is_none_moves_on(results):
    """The same holds for what an embedder's own `embed_batch` gives."""
    good = EmbedResult([0.5])
    assert chain_of(Batching(results), Bare(good)).embed_batch(["a"]) == [good]
    assert asyncio.run(chain_of(Batching(results), Bare(good)).embed_batch_async(["a"])) == [good]


def test_with_nobody_left_the_error_says_what_was_wrong():
    """The entry names the embedder and is no fault of the request."""
    with pytest.raises(AllCredentialsFailedError) as raised:
        chain_of(Bare(EmbedResult([NAN]))).embed("a")
    (entry,) = raised.value.errors
    assert isinstance(entry.exception, IncompleteAnswerError)
    assert "c0" in str(entry.exception)
    assert entry.error_class is ErrorClass.TRANSIENT


def test_a_vector_that_is_none_does_not_set_the_length():
    """Where no length is stated, only a good vector sets it."""
    good = EmbedResult([0.5, 0.5])
    chain = chain_of(Bare(EmbedResult([NAN] * 3)), Bare(good))
    assert chain.embed("a") == good
    assert chain.known_dimension == 2


def test_large_numbers_are_numbers():
    """As large as 32-bit floats are, and integers; what would be infinite, or zero, as such floats is not let through."""
    for vector in ([3.4e38, 3.4e38], [1, 0], [-3.4e38, -3.4e38], [1e-44, 0.0]):
        assert chain_of(Bare(EmbedResult(vector))).embed("a").dense_vector == vector
    for vector in ([3.5e38, 1.0], [1.0, -1e308], [1e-46, 0.0], [1.0, 10**400]):
        assert chain_of(Bare(EmbedResult(vector)), Bare(EmbedResult([0.5, 0.5]))).embed("a").dense_vector == [0.5, 0.5]


@pytest.mark.parametrize(
    "embedder",
    [
        Dense(EmbedResult(sparse_vector={"key": 1.0})),
        Sparse(EmbedResult([0.5])),
        Hybrid(EmbedResult([0.5])),
        Hybrid(EmbedResult(sparse_vector={"key": 1.0})),
    ],
    ids=["dense", "sparse", "hybrid-without-sparse", "hybrid-without-dense"],
)
def test_the_vector_that_is_promised_must_be_there(embedder):
    """An embedder that leaves out the kind of vector that it states has failed."""
    with pytest.raises(AllCredentialsFailedError) as raised:
        chain_of(embedder).embed("a")
    assert isinstance(raised.value.errors[0].exception, IncompleteAnswerError)


def test_a_sparse_vector_may_be_empty():
    """A text without a known word has a sparse vector without weights; that is an answer."""
    assert chain_of(Bare(EmbedResult(sparse_vector={}))).embed("...").sparse_vector == {}
