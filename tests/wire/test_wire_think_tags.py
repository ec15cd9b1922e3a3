"""`<think>` blocks are taken out, however a stream cuts the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.wire.think_tags import ThinkFilter, split_think

CASES = [
    ("A plain answer.", "A plain answer.", ""),
    ("<think>\nLet me see.\n</think>\nThe answer.", "The answer.", "\nLet me see.\n"),
    ("The answer.\n<think>done</think>", "The answer.", "done"),
    ("Start.<think>why</think>End.", "Start.End.", "why"),
    ("<think>one</think>Hello<think>two</think> world", "Hello world", "onetwo"),
    ("<THINK>loud</Think> quiet", "quiet", "loud"),
    ("<think>cut off before the answer", "", "cut off before the answer"),
    (" \n</think> The tag's partner stood in the template.", "The tag's partner stood in the template.", ""),
    ("The literal <think> tag has no partner.", "The literal <think> tag has no partner.", ""),
    ("A literal </think> in the middle.", "A literal </think> in the middle.", ""),
    ("Use <b>bold</b> and a < b.", "Use <b>bold</b> and a < b.", ""),
    ("ends with a head <thi", "ends with a head <thi", ""),
    ("<think>a<think>b</think>c", "c", "a<think>b"),
    ("<think>all thoughts</think>", "", "all thoughts"),
    ("", "", ""),
]


@pytest.mark.parametrize(("text", "content", "reasoning"), CASES)
def test_a_whole_text_is_taken_apart(text, content, reasoning):
    """Every rule of the module has its case here."""
    assert split_think(text) == (content, reasoning)


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "<", "th", "ink>", "/", " ", "\n", "word", "<b>", "İ", "<THINK>"]), max_size=12)


@given(PIECES, st.data())
def test_pieces_say_the_same_as_the_whole(words, data):
    """Wherever a stream cuts a text, the pieces add up to what the whole text gives."""
    text = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    taker, content, reasoning = ThinkFilter(), "", ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        part = taker.feed(text[start:end])
        content, reasoning = content + part.content, reasoning + part.reasoning
    last = taker.finish()
    assert (content + last.content, reasoning + last.reasoning) == split_think(text)


def test_plain_text_is_not_held_back():
    """A stream without tags flows word by word: only white space waits for what follows."""
    taker = ThinkFilter()
    assert [taker.feed(word).content for word in ("One ", "two ", "three")] == ["One", " two", " three"]


def test_opening_thoughts_are_shown_while_they_come():
    """Thoughts before the answer are told apart at once."""
    taker = ThinkFilter()
    assert [taker.feed(word).reasoning for word in ("<think>let ", "me ", "see</th", "ink>")] == ["let ", "me ", "see", ""]
