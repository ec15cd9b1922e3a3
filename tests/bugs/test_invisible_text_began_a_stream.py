"""A wrapper took text that nobody can see for the beginning of an answer: it failed where a spare stood ready."""

import asyncio

import pytest

from sparekey.compat.failover_vlm import FailoverVLM
from sparekey.errors import IncompleteAnswerError
from sparekey.vlm.multi import MultiCredentialVLM
from sparekey.vlm.types import VLMChunk

INVISIBLE = ["\u200b", "\ufeff", "\u2060", "\u00ad", "\u200d", "\0", " ", "\n\t", "\u00a0", "\u200e"]


class Silent:
    """A model whose stream holds nothing to be seen, and ends."""

    def __init__(self, text):
        self.text = text

    def stream_completion(self, prompt="", **_):
        yield VLMChunk(self.text)
        raise IncompleteAnswerError("a success without an answer")

    async def stream_completion_async(self, prompt="", **_):
        for chunk in self.stream_completion():
            yield chunk


class Ready:
    def stream_completion(self, prompt="", **_):
        yield VLMChunk("  the")
        yield VLMChunk(" ")
        yield VLMChunk("spare", finish_reason="stop")

    async def stream_completion_async(self, prompt="", **_):
        for chunk in self.stream_completion():
            yield chunk


async def joined(stream):
    return "".join([chunk.content async for chunk in stream])


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_the_spare_answers(text):
    """White space within its answer stays."""
    vlm = MultiCredentialVLM([Silent(text), Ready()], ["a", "b"])
    assert "".join(chunk.content for chunk in vlm.stream_completion("hi")) == "  the spare"
    vlm = MultiCredentialVLM([Silent(text), Ready()], ["a", "b"])
    assert asyncio.run(joined(vlm.stream_completion_async("hi"))) == "  the spare"


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
def test_a_chunk_of_it_is_no_content(text):
    """It is not empty either: in the midst of an answer it goes out."""
    assert not VLMChunk(text).has_content
    assert not VLMChunk(text).is_empty


def test_the_pair_holds_it_back():
    """Its backup answers."""

    class Broken(Silent):
        def stream_completion(self, prompt="", **_):
            yield VLMChunk(self.text)
            raise RuntimeError("insufficient balance")

    pair = FailoverVLM(Broken("\u200b"), Ready())
    assert "".join(chunk.content for chunk in pair.stream_completion("hi")) == "  the spare"
