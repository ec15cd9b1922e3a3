"""What healthy providers say."""

from __future__ import annotations

import base64
import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from sparekey.lab.simulator import TEXT, unit_vector
from sparekey.lab.simulator.answers import base64_floats, pieces


def test_the_text_has_sixty_words():
    """Sixty words, so that "after 40 of 60 tokens" means what it says."""
    assert len(TEXT.split()) == len(pieces(TEXT)) == 60


@given(st.text(alphabet="ab \n", max_size=30).filter(str.strip))
def test_pieces_lose_nothing(text: str):
    """Put together, the pieces are the text, whatever its white space."""
    assert "".join(pieces(text)) == text


@given(st.text(max_size=20), st.integers(1, 300))
def test_vectors_have_norm_one(text: str, length: int):
    """Every vector is a unit vector of the length that was asked for."""
    vector = unit_vector(text, length)
    assert len(vector) == length
    assert math.isclose(math.fsum(x * x for x in vector), 1.0, rel_tol=1e-5)


def test_a_shorter_vector_is_the_beginning_of_a_longer_one():
    """Cut and normalised anew, a long vector is the short one."""
    long, short = unit_vector("stone", 64), unit_vector("stone", 16)
    norm = math.sqrt(sum(x * x for x in long[:16]))
    assert all(math.isclose(x / norm, y, abs_tol=1e-6) for x, y in zip(long[:16], short, strict=True))


def test_unrelated_spaces_and_texts_are_nearly_orthogonal():
    """Another text or another space has a cosine near zero."""
    here = unit_vector("stone", 1024)
    for other in (unit_vector("gate", 1024), unit_vector("stone", 1024, space="elsewhere")):
        assert abs(math.fsum(x * y for x, y in zip(here, other, strict=True))) < 0.2


def test_base64_is_little_endian_floats():
    """The packed form is read back as the same numbers."""
    assert struct.unpack("<3f", base64.b64decode(base64_floats([1.0, -0.5, 0.25]))) == (1.0, -0.5, 0.25)
