"""A whole answer and the stream that it would have been give a caller the same, on each format, wherever the network cuts the bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.vlm.assembly import Assembler, collect
from sparekey.wire import answer
from sparekey.wire.event_stream import EventStream
from sparekey.wire.request import WireRequest

CALLS = {
    "chat": WireRequest("openai", "POST", "chat/completions", kind="chat"),
    "responses": WireRequest("openai", "POST", "responses", kind="chat"),
    "messages": WireRequest("anthropic", "POST", "messages", kind="chat"),
    "gemini": WireRequest("gemini", "POST", "models/m:generateContent", kind="chat"),
}
TEXT = st.text(st.sampled_from('ab <>/think\n"\\é中'), max_size=12)
TOOLS = st.lists(st.tuples(st.sampled_from(["find", "look"]), st.dictionaries(TEXT, st.integers() | TEXT, max_size=2)), max_size=3)


def said(name, text, thoughts, tools):
    """The JSON of a whole answer."""
    if name == "chat":
        calls = [
            {"id": f"c{n}", "type": "function", "function": {"name": tool, "arguments": json.dumps(given)}}
            for n, (tool, given) in enumerate(tools)
        ]
        message = {"role": "assistant", "content": text, **({"reasoning_content": thoughts} if thoughts else {})}
        choice = {"index": 0, "message": message | ({"tool_calls": calls} if calls else {}), "finish_reason": "stop"}
        return {"id": "x", "model": "m", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    if name == "responses":
        output = [{"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": thoughts}]}] if thoughts else []
        output += [
            {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}
        ]
        output += [
            {"id": f"f{n}", "type": "function_call", "call_id": f"c{n}", "name": tool, "arguments": json.dumps(given)}
            for n, (tool, given) in enumerate(tools)
        ]
        usage = {"input_tokens": 3, "output_tokens": 2}
        return {"id": "x", "object": "response", "model": "m", "status": "completed", "output": output, "usage": usage}
    if name == "messages":
        blocks = [{"type": "thinking", "thinking": thoughts, "signature": "s"}] if thoughts else []
        blocks += [{"type": "text", "text": text}]
        blocks += [{"type": "tool_use", "id": f"c{n}", "name": tool, "input": given} for n, (tool, given) in enumerate(tools)]
        usage = {"input_tokens": 3, "output_tokens": 2}
        return {
            "id": "x",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": blocks,
            "stop_reason": "end_turn",
            "usage": usage,
        }
    parts = [{"text": thoughts, "thought": True}] if thoughts else []
    parts += [{"text": text}, *({"functionCall": {"name": tool, "args": given}} for tool, given in tools)]
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    return {"candidates": [candidate], "modelVersion": "m", "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}


def whole(call, value):
    parts = Assembler()
    parts.feed(answer.read(call, json.dumps(value).encode()).summary)
    return parts.response()


def streamed(call, raw, cuts):
    parts, stream, chunks = Assembler(), EventStream(call._replace(stream=True, query="alt=sse")), []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        chunks += [parts.feed(part.summary) for step in stream.feed(raw[start:end]) for part in step]
    chunks += [parts.feed(part.summary) for step in stream.end() for part in step]
    return collect([*chunks, parts.finish()])


@pytest.mark.parametrize("name", CALLS)
@given(text=TEXT, thoughts=TEXT, tools=TOOLS, data=st.data())
def test_both_give_the_same(name, text, thoughts, tools, data):
    """Text, thoughts, calls of tools with their arguments, tokens, model and end; an answer that is none is none in both ways."""
    call, value = CALLS[name], said(name, text, thoughts, tools)
    raw = call.format.events_of_answer(value)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    try:
        expected = whole(call, value)
    except answer.NoAnswerError:
        with pytest.raises(answer.NoAnswerError):
            streamed(call, raw, cuts)
    else:
        assert streamed(call, raw, cuts) == expected
