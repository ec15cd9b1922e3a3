"""Arithmetic on vectors."""

import base64
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.embedding import EmbedResult, cosine, truncate_and_normalize
from sparekey.embedding.space import check_length
from sparekey.errors import VectorSpaceError
from sparekey.wire.embeddings import as_vector
from sparekey.wire.format import NoAnswerError

vectors = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)


@given(vectors, st.integers(1, 50))
def test_a_truncated_vector_is_short_and_of_length_one(vector, dimension):
    """A cut vector has the wanted length and norm 1; one that is short enough is left alone."""
    cut = truncate_and_normalize(vector, dimension)
    assert len(cut) == min(len(vector), dimension)
    if len(vector) <= dimension:
        assert cut == vector
    elif any(abs(x) > 1e-100 for x in vector[:dimension]):
        assert math.hypot(*cut) == pytest.approx(1.0)


@pytest.mark.parametrize("dimension", [None, 0])
def test_no_dimension_means_no_cut(dimension):
    """Without a dimension the vector comes back as it is, as a list of its own."""
    vector = [3.0, 4.0]
    assert truncate_and_normalize(vector, dimension) == vector
    assert truncate_and_normalize(vector, dimension) is not vector


def test_a_cut_to_zeros_stays_zeros():
    """A cut that leaves only zeros is not divided by zero."""
    assert truncate_and_normalize([0.0, 0.0, 1.0], 2) == [0.0, 0.0]


def test_cosine_knows_direction_only():
    """Parallel vectors have cosine 1, right angles 0, and zeros have none."""
    assert cosine([1, 2], [2, 4]) == pytest.approx(1)
    assert cosine([1, 0], [0, 1]) == 0
    assert cosine([0, 0], [1, 1]) == 0


def test_cosine_refuses_two_lengths():
    """Vectors of two lengths have no angle, and the message has both numbers."""
    with pytest.raises(VectorSpaceError, match=r"3.*2"):
        cosine([1, 2, 3], [1, 2])


def test_the_length_check_names_both_numbers():
    """A vector of another length is refused with both numbers; an unknown length lets all pass."""
    with pytest.raises(VectorSpaceError, match="'b' gave a vector of 2 dimensions where 3 are expected"):
        check_length([1.0, 2.0], 3, "'b'")
    check_length([1.0, 2.0], None, "'b'")


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=30).filter(any))
def test_base64_vectors_are_read(numbers):
    """Little-endian float32 in base64 reads as the same numbers."""
    assert as_vector(base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()) == numbers


@pytest.mark.parametrize("broken", [[], None, ["x"], [None], [float("nan")], [float("inf")], "not base64!", "QUI=", 3])
def test_what_is_no_vector_is_refused(broken):
    """Empty, non-numeric and non-finite vectors are no answer."""
    with pytest.raises(NoAnswerError):
        as_vector(broken)


def test_a_result_knows_its_kind():
    """A result is dense, sparse or both by what it holds."""
    dense, sparse, both = EmbedResult([1.0]), EmbedResult(sparse_vector={}), EmbedResult([1.0], {"a": 1.0})
    assert (dense.is_dense, dense.is_sparse, dense.is_hybrid) == (True, False, False)
    assert (sparse.is_dense, sparse.is_sparse, sparse.is_hybrid) == (False, True, False)
    assert (both.is_dense, both.is_sparse, both.is_hybrid) == (True, True, True)
