"""Tokens that a host puts beside a text or a finish reason reached callers that had not asked for them."""

import json

import pytest

from sparekey.types import Usage
from sparekey.wire.event_stream import EventStream
from sparekey.wire.request import WireRequest

CALL = WireRequest("openai", "POST", "chat/completions", kind="chat", stream=True)
TOLD = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
TEXT = {"id": "x", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]}
END = {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
ALONE = {"id": "x", "choices": []}
STREAMS = {
    "with the end": [TEXT, END | {"usage": TOLD}],
    "with every chunk": [TEXT | {"usage": {**TOLD, "completion_tokens": 1}}, END | {"usage": TOLD}],
    "alone": [TEXT, END, ALONE | {"usage": TOLD}],
    "alone, without choices": [TEXT, END, {"id": "x", "choices": None, "usage": TOLD}],
    "everywhere": [TEXT | {"usage": TOLD}, END | {"usage": TOLD}, ALONE | {"usage": TOLD}],
}


def passed(events, **how):
    stream = EventStream(CALL, **how)
    raw = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    return stream, [part for parts in (*stream.feed(raw), *stream.end()) for part in parts]


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)
def test_they_are_counted_and_taken_out(events):
    """The rest of the event stays, in its bytes and in its JSON."""
    stream, parts = passed(events, hide_usage=True)
    assert stream.usage == Usage(11, 7)
    assert [part.value for part in parts] == [TEXT, END, None]
    assert [json.loads(part.event.data) for part in parts[:2]] == [TEXT, END]
    assert b"usage" not in b"".join(part.event.raw for part in parts)
    assert b"".join(part.event.raw for part in parts).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("events", STREAMS.values(), ids=STREAMS)
def test_whoever_asks_gets_them_as_they_come(events):
    """Byte for byte."""
    _, parts = passed(events)
    assert [part.value for part in parts] == [*events, None]
