"""`data: null` reached the SDK, in the middle of an answer and behind it: its program broke on `None`."""

import json

import pytest

from sparekey.wire import answer
from sparekey.wire.event_stream import EventStream
from sparekey.wire.format import InnerError
from sparekey.wire.request import WireRequest

CALL = WireRequest("openai", "POST", "chat/completions", kind="chat", stream=True)


def chunk(finish=None, **delta):
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


@pytest.mark.parametrize("data", [b"null", b"[]", b"{}", b'""', b"3", b"true", b"NaN"])
@pytest.mark.parametrize("place", range(3))
def test_what_says_nothing_is_left_out(data, place):
    """Wherever it stands, the rest goes on as it came."""
    events = [chunk(content="a"), chunk("stop")]
    events.insert(place, b"data: " + data + b"\n\n")
    stream = EventStream(CALL)
    out = b"".join(part.event.raw for parts in (*stream.feed(b"".join(events)), *stream.end()) for part in parts)
    assert out == chunk(content="a") + chunk("stop")
    assert answer.read(CALL._replace(stream=False), b"".join(events)).summary.text == "a"


@pytest.mark.parametrize(
    "event",
    [b'data: "rate limit exceeded"', b"event: error\ndata: null", b"event: error\ndata: Overloaded", b'data: {"detail": "boom"}'],
    ids=str,
)
def test_words_amid_an_answer_are_an_error(event):
    """So is whatever is called one; behind a complete answer nothing is."""
    with pytest.raises(InnerError):
        list(EventStream(CALL).feed(chunk(content="a") + event + b"\n\n"))
    with pytest.raises(InnerError):
        answer.read(CALL._replace(stream=False), chunk(content="a") + event + b"\n\n" + chunk("stop"))
    stream = EventStream(CALL)
    assert sum(map(len, stream.feed(chunk(content="a") + chunk("stop") + event + b"\n\n"))) == 2
