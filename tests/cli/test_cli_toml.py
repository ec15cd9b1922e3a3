"""Writing TOML: whatever is written reads back as the same."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.cli import toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TREE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=15)


@given(st.dictionaries(TEXT, TREE, max_size=4))
def test_reads_back_as_the_same(tree):
    """`tomllib` reads what was written as what it was."""
    assert tomllib.loads(toml.dumps(tree)) == tree


def test_looks_as_a_person_writes_it():
    """Tables have headings, lists of tables double ones, and a table that only holds tables has none of its own."""
    text = toml.dumps({"vlm": {"model": "m", "credentials": [{"id": "a"}, {"id": "b"}]}, "embedding": {"dense": {"dimension": 2}}})
    assert text == (
        '[vlm]\nmodel = "m"\n\n[[vlm.credentials]]\nid = "a"\n\n[[vlm.credentials]]\nid = "b"\n\n[embedding.dense]\ndimension = 2\n'
    )


def test_nothing_has_no_form():
    """TOML has no null, and none is made up."""
    with pytest.raises(TypeError, match="NoneType"):
        toml.dumps({"a": None})
