"""Chunks of one model's answer that go on in another's."""

from sparekey.core.splice import Splice
from sparekey.types import Usage
from sparekey.vlm.reading import ChunkReading
from sparekey.vlm.types import VLMChunk

READING = ChunkReading()


def test_what_a_chunk_says():
    """Thoughts, then text; the last one completes the answer and counts its tokens."""
    chunk = VLMChunk(content="one", reasoning_content="hm")
    assert [(p.channel, p.text) for p in READING.pieces(chunk)] == [("reasoning", "hm"), ("content", "one")]
    assert (READING.content(chunk), READING.complete(chunk)) == (True, False)
    last = VLMChunk(finish_reason="stop", usage=Usage(1, 2))
    assert (READING.content(last), READING.complete(last), READING.usage(last)) == (False, True, Usage(1, 2))


def test_chunks_of_another_make_tell_nothing():
    """They are passed on, and their streams are not recovered."""
    assert READING.pieces("text") is None
    assert READING.content("text")


def test_cut_anywhere_and_spliced_it_is_whole_once():
    """The thoughts and the text of every chunk, once; the end is never lost."""
    chunks = [
        VLMChunk(reasoning_content="hm "),
        VLMChunk(reasoning_content="so", content="one"),
        VLMChunk(content=" two", finish_reason="stop"),
    ]
    for cut in range(len(chunks)):
        splice, out = Splice(), chunks[:cut]
        for chunk in out:
            splice.unshown(READING.pieces(chunk))
        splice.restart()
        out += [left for c in chunks if (left := READING.cut(c, splice.unshown(READING.pieces(c)))) is not None]
        assert ("".join(c.reasoning_content for c in out), "".join(c.content for c in out)) == ("hm so", "one two")
        assert [c.finish_reason for c in out if c.finish_reason] == ["stop"]
