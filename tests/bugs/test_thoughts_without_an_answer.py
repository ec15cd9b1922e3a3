"""A stream of thoughts that ended with `stop` was an error, although a spare was asked and answered."""

import asyncio

import pytest

from sparekey.compat.failover_vlm import FailoverVLM
from sparekey.errors import IncompleteAnswerError
from sparekey.vlm.multi import MultiCredentialVLM
from sparekey.vlm.types import VLMChunk


class Streams:
    def __init__(self, *chunks):
        self.chunks = chunks

    def stream_completion(self, prompt="", **_):
        for chunk in self.chunks:
            if chunk is None:
                raise IncompleteAnswerError("the stream ended without an answer: thoughts alone are none")
            yield chunk


class AuthError(Exception):
    status_code = 401


class Refusing(Streams):
    """Its key is refused behind the chunks."""

    def __init__(self, *chunks, error=AuthError):
        super().__init__(*chunks)
        self.error = error

    def stream_completion(self, prompt="", **_):
        yield from self.chunks
        if self.error:
            raise self.error("invalid api key")

    async def stream_completion_async(self, prompt="", **_):
        for chunk in self.stream_completion(prompt):
            yield chunk


def thought(text):
    return VLMChunk(reasoning_content=text)


END = VLMChunk(finish_reason="stop")
ONLY = (thought("h"), thought("mm"), None)


@pytest.mark.parametrize(
    ("spare", "thoughts"),
    [
        ((VLMChunk("the "), VLMChunk("answer"), END), "hmm"),
        ((thought("other"), VLMChunk("the "), VLMChunk("answer", finish_reason="stop")), "hmm"),
        ((VLMChunk("the ", "other"), VLMChunk("answer"), END), "hmm"),
        ((thought("hmm"), thought(", yes"), VLMChunk("the answer"), END), "hmm, yes"),
        ((thought("hm"), thought("?"), VLMChunk("the answer"), END), "hmm"),
    ],
    ids=["no thoughts", "others", "beside the text", "the same and more", "others from the third letter on"],
)
def test_the_spare_goes_on_behind_them(spare, thoughts):
    """Its thoughts are left out, unless they are the same."""
    vlm = MultiCredentialVLM([Streams(*ONLY), Streams(*spare)], ["a", "b"])
    chunks = list(vlm.stream_completion("hi"))
    assert "".join(chunk.content for chunk in chunks) == "the answer"
    assert "".join(chunk.reasoning_content for chunk in chunks) == thoughts
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]


def test_behind_a_text_the_answers_are_compared():
    """A caller who has read half a sentence is not given another one."""
    vlm = MultiCredentialVLM([Streams(thought("hmm"), VLMChunk("the"), None), Streams(VLMChunk("an answer"), END)], ["a", "b"])
    with pytest.raises(IncompleteAnswerError):
        list(vlm.stream_completion("hi"))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_backup_of_a_pair_goes_on_behind_them(asynchronous):
    """Where the primary's error lets the backup answer: thoughts are no answer to stick to."""
    pair = FailoverVLM(Refusing(thought("hm")), Refusing(thought("other"), VLMChunk("the answer"), END, error=None))

    async def collected():
        return [chunk async for chunk in pair.stream_completion_async("hi")]

    chunks = asyncio.run(collected()) if asynchronous else list(pair.stream_completion("hi"))
    assert [str(chunk) for chunk in chunks] == ["", "the answer", ""]
    assert "".join(chunk.reasoning_content for chunk in chunks) == "hm"


def test_the_backup_of_a_pair_answers_nobody_who_has_read_a_text():
    """Half a sentence of the primary is an answer that broke."""
    pair = FailoverVLM(Refusing(thought("hm"), VLMChunk("the")), Refusing(VLMChunk("an answer"), END, error=None))
    with pytest.raises(AuthError):
        list(pair.stream_completion("hi"))
