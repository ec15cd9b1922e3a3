"""An answer behaves like its text, and still holds the rest."""

from sparekey.vlm.types import ToolCall, VLMChunk, VLMResponse


def test_an_answer_is_used_like_its_text():
    """`str()`, comparison and `in` work on the content, as callers of the older API are used to."""
    answer = VLMResponse("spare key")
    assert answer == "spare key"
    assert str(answer) == f"{answer}" == "spare key"
    assert "key" in answer
    assert hash(answer) == hash("spare key")


def test_an_answer_without_content_is_an_empty_text():
    """A call of a tool has no text; it is true all the same."""
    answer = VLMResponse(tool_calls=[ToolCall("1", "find", {})])
    assert str(answer) == ""
    assert answer.has_tool_calls
    assert answer


def test_two_answers_with_tools_are_equal_if_everything_is():
    """Equal texts do not make equal answers where there is more to them than a text."""
    calls = [ToolCall("1", "find", {})]
    assert VLMResponse("x", calls) == VLMResponse("x", [*calls])
    assert VLMResponse("x", calls) != VLMResponse("x", calls, finish_reason="length")
    assert VLMResponse("x") != 1


def test_chunks_tell_whether_they_hold_content():
    """The closing chunk holds none; thoughts and tools count as content."""
    assert not VLMChunk(finish_reason="stop").has_content
    assert VLMChunk(reasoning_content="hm").has_content
    assert "".join(map(str, [VLMChunk("a"), VLMChunk(reasoning_content="b"), VLMChunk("c")])) == "ac"
