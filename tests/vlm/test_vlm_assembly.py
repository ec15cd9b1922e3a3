"""What the pieces of an answer add up to, and when they are no answer."""

import pytest

from sparekey.errors import ContentFilteredError, IncompleteAnswerError
from sparekey.types import Usage
from sparekey.vlm.assembly import Assembler, chunk_of, collect
from sparekey.vlm.types import ToolCall, VLMChunk, VLMResponse
from sparekey.wire.format import EventSummary, ToolPiece


def assembled(*events):
    """Return an assembler that was fed these pieces."""
    parts = Assembler()
    for delta in events:
        parts.feed(delta)
    return parts


def test_one_piece_is_a_whole_answer():
    """A whole answer needs no finish reason: its body was complete."""
    answer = assembled(EventSummary(text=" hi ", model="m", usage=Usage(3, 2, 1, 1))).response()
    assert answer == VLMResponse(
        "hi",
        usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cached_tokens": 1, "reasoning_tokens": 1},
        model="m",
    )


@pytest.mark.parametrize(
    ("word", "ours"), [("end_turn", "stop"), ("STOP", "stop"), ("MAX_TOKENS", "length"), ("tool_use", "tool_calls"), ("odd", "odd")]
)
def test_each_providers_word_for_the_end_becomes_ours(word, ours):
    """Callers compare one set of words; a word nobody knows stays."""
    assert assembled(EventSummary(text="x", finish=word)).finish().finish_reason == ours


def test_a_stream_without_a_finish_reason_is_cut_off():
    """A stream that just ends is a failure, however much of it came."""
    with pytest.raises(IncompleteAnswerError, match="cut off"):
        assembled(EventSummary(text="half an ans")).finish()


@pytest.mark.parametrize("word", ["content_filter", "SAFETY", "refusal", "RECITATION"])
def test_a_withheld_answer_blames_the_request(word):
    """Nothing but a filter's word: another credential would not help."""
    with pytest.raises(ContentFilteredError):
        assembled(EventSummary(finish=word)).response()


def test_the_callers_own_limit_may_leave_nothing():
    """Every token went into thoughts: the answer is empty, says `length`, and is no failure of the provider."""
    answer = assembled(EventSummary(thoughts="hm", finish="length")).response()
    assert (answer.content, answer.finish_reason, answer.reasoning_content) == (None, "length", "hm")


def test_pieces_of_tool_calls_are_put_together():
    """Pieces of two calls may come in turn; broken arguments stay readable under `raw`."""
    parts = assembled(
        EventSummary(tools=(ToolPiece(0, "a", "find", '{"q":'), ToolPiece(1, "b", "bad"))),
        EventSummary(tools=(ToolPiece(1, arguments="[1"), ToolPiece(0, arguments=' "key"}')), finish="stop"),
    )
    last = parts.finish()
    assert last.tool_calls == (ToolCall("a", "find", {"q": "key"}), ToolCall("b", "bad", {"raw": "[1"}))
    assert last.finish_reason == "tool_calls"


@pytest.mark.parametrize("lanes", [(0, 1), (1, 0), (1, 2)])
def test_of_several_answers_the_first_to_begin_is_read(lanes):
    """Whoever asks for two (`n`) in the request's further fields gets one of them whole, not both mixed; some hosts count from 1."""
    first, second = lanes
    pieces = [(first, "a "), (second, "x "), (first, "b"), (second, "y")]
    parts = assembled(*(EventSummary(begun=(lane,), text=text) for lane, text in pieces))
    parts.feed(EventSummary(begun=(second,), ended=(second,), finish="length"))
    parts.feed(EventSummary(begun=(first,), ended=(first,), finish="stop"))
    answer = parts.response()
    assert (answer.content, answer.finish_reason) == ("a b", "stop")


def test_counts_that_grow_in_a_stream_count_once():
    """Some hosts send the counts so far with every event: the last one holds."""
    parts = assembled(EventSummary(text="a", usage=Usage(3, 1)), EventSummary(text="b", usage=Usage(3, 2), finish="stop"))
    assert parts.finish().usage == Usage(3, 2)


def test_a_streams_chunks_give_the_whole_answer():
    """Collecting the chunks of a stream gives the same answer as asking without one."""
    parts, events = Assembler(), [EventSummary(text="<think>hm</think>one "), EventSummary(text="two", finish="stop", usage=Usage(1, 2))]
    chunks = [*map(parts.feed, events), parts.finish()]
    assert collect(chunks) == assembled(*events).response()


def test_a_whole_answer_as_one_chunk_and_back():
    """What has no stream of its own yields one chunk that loses nothing."""
    answer = assembled(
        EventSummary(text="x", thoughts="hm", tools=(ToolPiece(0, "a", "t", {}),), finish="stop", usage=Usage(1, 2), model="m")
    ).response()
    assert collect([chunk_of(answer)]) == answer
    assert chunk_of("plain") == VLMChunk("plain", finish_reason="stop")
