"""Some hosts number all parallel tool calls 0, or not at all: two calls became one with the arguments of both, and nobody noticed."""

import json

import pytest

from sparekey.vlm.assembly import Assembler
from sparekey.wire import messages
from sparekey.wire.chat_completions import answer_of_events, read_event

NUMBERS = {"the same": {"index": 0}, "none": {}}


def chunk(delta, finish=None):
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def events(number):
    """Two calls, each in two pieces; the second piece repeats an id or has none."""
    yield chunk({"tool_calls": [{**number, "id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}]})
    yield chunk({"tool_calls": [{**number, "id": "t1", "function": {"arguments": " 1}"}}]})
    yield chunk({"tool_calls": [{**number, "id": "t2", "type": "function", "function": {"name": "g", "arguments": '{"b":'}}]})
    yield chunk({"tool_calls": [{**number, "function": {"arguments": " 2}"}}]})
    yield chunk({}, "tool_calls")


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_a_wrapper_has_both(number):
    """An id and a name begin another call."""
    assembler = Assembler()
    for event in events(number):
        assembler.feed(read_event(None, event))
    calls = assembler.finish().tool_calls
    assert [(call.id, call.name, call.arguments) for call in calls] == [("t1", "f", {"a": 1}), ("t2", "g", {"b": 2})]


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_a_whole_answer_of_events_has_both(number):
    """So do SDKs and clients of the gateway that did not ask for a stream."""
    whole = answer_of_events([("", event) for event in events(number)])
    calls = whole["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls] == [
        ("t1", "f", {"a": 1}),
        ("t2", "g", {"b": 2}),
    ]


def test_a_tools_input_may_come_at_its_beginning():
    """Hosts in Anthropic's format that send it whole: a stream had a call without arguments."""
    assembler = Assembler()
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    for event in (
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
    ):
        assembler.feed(messages.read_event(event["type"], event))
    assert [call.arguments for call in assembler.finish().tool_calls] == [{"a": 1}]
