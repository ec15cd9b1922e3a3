"""Whatever JSON a success holds: it is an answer, an error in the place of one, or none; nothing else is raised."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from searches import drawn
from sparekey.wire import answer, embeddings
from sparekey.wire.event_stream import EventStream
from sparekey.wire.format import EventSummary, InnerError, NoAnswerError
from sparekey.wire.request import WireRequest

CALLS = [
    WireRequest("openai", "POST", "chat/completions", kind="chat"),
    WireRequest("openai", "POST", "responses", kind="chat"),
    WireRequest("openai", "POST", "embeddings", kind="embed"),
    WireRequest("openai", "POST", "images/generations", kind="other"),
    WireRequest("anthropic", "POST", "messages", kind="chat"),
    WireRequest("anthropic", "POST", "messages/count_tokens", kind="chat"),
    WireRequest("gemini", "POST", "models/m:generateContent", kind="chat"),
    WireRequest("gemini", "POST", "models/m:streamGenerateContent", kind="chat", stream=True, query="alt=sse"),
]
FIELDS = st.sampled_from(
    [
        *(
            "choices",
            "message",
            "delta",
            "content",
            "text",
            "tool_calls",
            "function",
            "arguments",
            "index",
            "finish_reason",
            "error",
            "type",
        ),
        *(
            "output",
            "status",
            "response",
            "item",
            "summary",
            "incomplete_details",
            "stop_reason",
            "completion",
            "thinking",
            "usage",
            "data",
        ),
        *("candidates", "parts", "finishReason", "promptFeedback", "blockReason", "functionCall", "args", "thought", "usageMetadata"),
        *("embedding", "embeddings", "values", "float", "vectors", "result", "sparse", "meta", "billed_units", "input_tokens", "object"),
        *(
            "code",
            "msg",
            "base_resp",
            "status_code",
            "totalTokens",
            "x_groq",
            "refusal",
            "reasoning_content",
            "content_block",
            "partial_json",
        ),
    ]
)
WORDS = st.sampled_from(
    ["", "stop", "length", "SAFETY", "text", "tool_use", "message", "message_delta", "content_block_delta", "<think>x", "hi"]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.just(10**400) | st.floats() | WORDS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5), max_leaves=30)
OBJECTS = st.dictionaries(FIELDS, JSON, max_size=6)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.resource)
@given(value=OBJECTS | JSON)
def test_a_whole_answer_of_any_shape_is_judged(call, value):
    """By its JSON and by its bytes alike."""
    verdicts = []
    for read in (lambda: answer.judge(call, value), lambda: answer.read(call, json.dumps(value).encode()).summary):
        try:
            verdicts.append(type(read()))
        except (InnerError, NoAnswerError) as exc:
            verdicts.append(type(exc))
    assert verdicts[0] is verdicts[1]
    assert verdicts[0] in {EventSummary, InnerError, NoAnswerError}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.resource)
@given(values=st.lists(OBJECTS, min_size=1, max_size=4))
def test_events_of_any_shape_are_followed(call, values):
    """Good ones go on as they came, empty ones are left out; the rest is one of the two faults."""
    stream, out = EventStream(call._replace(stream=True)), []
    events = [b"data: %b\n\n" % json.dumps(value).encode() for value in values]
    raw, full = b"".join(events), b"".join(event for event, value in zip(events, values, strict=True) if value)
    with contextlib.suppress(InnerError, NoAnswerError):
        for steps in (stream.feed(raw), stream.end()):
            out += [part.event.raw for parts in steps for part in parts]
    assert full.startswith(b"".join(out)) or not out


@drawn(80)
@given(value=OBJECTS | JSON)
def test_vectors_of_any_shape_are_read_or_refused(value):
    """As are the numbers in them."""
    with contextlib.suppress(InnerError, NoAnswerError):
        found = answer.read_vectors(value)
        assert found.vectors
        for one in found.vectors:
            with contextlib.suppress(NoAnswerError):
                embeddings.as_vector(one.dense)
            with contextlib.suppress(NoAnswerError):
                embeddings.as_weights(one.sparse)
