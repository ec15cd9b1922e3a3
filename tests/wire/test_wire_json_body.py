"""The fast JSON reader: `sparekey.wire.json_body`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.wire.json_body import loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.booleans())
def test_it_reads_what_the_standard_library_reads(value, ascii_only):
    """The same values come out: huge numbers, NaN and lone surrogates included."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert repr(loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":1}x', b"\xff", '{"a": 1e400}', '{"a":1,"a":2}', " [1] "])
def test_it_refuses_what_the_standard_library_refuses(text):
    """With a `ValueError`; the last one of two fields of one name counts."""
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):
            loads(text)
    else:
        assert loads(text) == expected


def test_what_is_nested_too_deeply_is_told_apart():
    """It must not pass for broken JSON, nor end the process."""
    with pytest.raises(RecursionError):
        loads("[" * 100_000 + "]" * 100_000)
