"""Streams as they come back: cut into events, and read."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.lab.simulator.answers import Voice
from sparekey.lab.simulator.wires import find
from sparekey.lab.simulator.wires.base import Mark, RequestedAnswer
from sparekey.wire import answer, chat_completions, generate_content, sse
from sparekey.wire.broken_stream import error_of
from sparekey.wire.format import InnerError, MalformedEventError, NoAnswerError
from sparekey.wire.formats import FORMATS
from sparekey.wire.request import WireRequest, understand
from sparekey.wire.stream_reader import StreamReader, wanted


def events(raw):
    splitter = sse.Splitter()
    return [*splitter.feed(raw), *splitter.end()]


def read(dialect, *values):
    """What several events tell, given as JSON values."""
    kind = next((str(one.get("type")) for one in values if isinstance(one, dict) and dialect == "openai"), "")
    odd = kind != "None" or any(isinstance(one, dict) and "delta" in one for one in values)
    resource = "responses" if kind.startswith("response.") else "threads" if odd and dialect == "openai" else "chat/completions"
    reader = StreamReader(WireRequest(dialect, "POST", resource, kind="other" if resource == "threads" else "chat").format)
    return reader, [reader.feed(sse.event(b"data: " + json.dumps(value).encode() + b"\n\n")) for value in values]


# cutting


@given(st.data())
def test_however_the_bytes_come_the_events_are_the_same(data):
    """Events do not depend on where the network cut the bytes, and together they are those bytes."""
    raw = b': hi\n\ndata: {"a": 1}\r\n\r\nevent: ping\ndata: x\ndata: y\n\n\ndata:\xe2\x82\xac\n\ndata: [DONE]\n\n'
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    splitter, found = sse.Splitter(), []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += splitter.feed(raw[start:end])
    found += splitter.end()
    assert b"".join(event.raw for event in found) == raw
    assert [event.data for event in found if event.data] == [b'{"a": 1}', b"x\ny", "€".encode(), b"[DONE]"]


def test_names_and_comments_are_told_apart():
    """An event has its name, a comment has no data."""
    assert [(e.name, e.data) for e in events(b"event: error\ndata: {}\n\n: ping\n\n")] == [("error", b"{}"), ("", b"")]


def test_the_last_event_may_lack_its_empty_line():
    """What is left at the end is an event, too."""
    assert [event.data for event in events(b"data: a\n\ndata: b")] == [b"a", b"b"]


def test_an_endless_event_is_refused(monkeypatch):
    """An event that never ends does not fill the memory."""
    monkeypatch.setattr(sse, "MAX_EVENT", 10)
    with pytest.raises(sse.EventTooLongError):
        sse.Splitter().feed(b"data: " + b"x" * 10)


# reading


@pytest.mark.parametrize(
    ("path", "body", "answers"),
    [
        (b"/v1/chat/completions", {"n": 3}, 3),
        (b"/v1/chat/completions", {}, 1),
        (b"/v1/chat/completions", {"n": "two"}, 1),
        (b"/v1beta/models/m:streamGenerateContent", {"generationConfig": {"candidateCount": 2}}, 2),
    ],
)
def test_how_many_answers_a_request_asks_for(path, body, answers):
    """Nonsense is for the provider to refuse."""
    assert wanted(understand("POST", path, [], json.dumps(body).encode())) == answers


def test_an_answer_that_has_yet_to_begin_is_part_of_the_whole():
    """The stream may end behind the first of two, as hosts that know no others do, and may go on."""
    reader = StreamReader(chat_completions, 2)
    for lane in (0, 1):
        assert not reader.whole
        reader.feed(sse.event(b'data: {"choices": [{"index": %d, "delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n' % lane))
        assert reader.complete
    assert reader.whole
    reader = StreamReader(chat_completions, 2)
    reader.feed(sse.event(b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'))
    reader.feed(sse.event(b"data: [DONE]\n\n"))
    assert reader.whole


@pytest.mark.parametrize("tool", ["", "look"])
@pytest.mark.parametrize("wire", ["openai", "azure", "anthropic", "gemini", "ark"])
def test_a_healthy_stream_has_content_and_is_complete_at_its_end(wire, tool):
    """Of each wire's stream the preamble is no content, every token is, and only with the finish reason it is complete."""
    spoken = find(wire)
    body = {"tools": [{"name": "look", "function": {"name": "look"}}]} if tool else {}
    reader = StreamReader(FORMATS[wire if wire in {"anthropic", "gemini"} else "openai"])
    for frame in spoken.frames(RequestedAnswer("chat", "m", words="hi", stream=True, tool=tool, body=body), Voice()):
        (event,) = events(frame.data)
        signs = reader.feed(event)
        assert not (frame.mark is Mark.OPEN and signs.content and not tool)
        if frame.mark is Mark.TOKEN:
            assert reader.content
            assert not reader.complete
    assert reader.complete


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        ("openai", {"error": {"message": "no"}}),
        ("openai", {"object": "error", "message": "no", "code": 400}),
        ("openai", {"code": "InvalidParameter", "message": "no"}),
        ("openai", {"type": "error", "code": "server_error", "message": "no"}),
        ("openai", {"type": "response.failed", "response": {"error": {"code": "server_error"}}}),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error"}}),
        ("gemini", {"error": {"code": 503}}),
    ],
)
def test_error_events_are_known(dialect, value):
    """Each dialect's error events are read as errors, whatever else is in them."""
    assert read(dialect, value)[1][0].error


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        ("openai", {"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}),
        ("openai", {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}),
        ("openai", {"type": "response.incomplete", "response": {}}),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "refusal"}}),
        ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}}),
        ("gemini", {"candidates": [{"finishReason": "SAFETY"}]}),
    ],
)
def test_an_end_that_says_why_is_an_answer(dialect, value):
    """A withheld or shortened answer is the caller's to see, not an empty stream."""
    reader, (signs,) = read(dialect, value)
    assert signs.content
    assert reader.complete


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        ("openai", {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
        ("openai", {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        ("openai", {"choices": [], "usage": {}}),
        ("openai", {"type": "response.created", "response": {}}),
        ("openai", {"type": "response.output_text.delta", "delta": ""}),
        ("anthropic", {"type": "ping"}),
        ("anthropic", {"type": "content_block_start", "content_block": {"type": "text", "text": ""}}),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]}),
        ("gemini", {"usageMetadata": {}}),
    ],
)
def test_what_shows_nothing_is_no_content(dialect, value):
    """Roles, pings, usage and plain ends do not commit a stream."""
    reader, (signs,) = read(dialect, value)
    assert not signs.content
    assert not reader.complete


def test_every_choice_has_to_end():
    """Of two choices one finish reason is not enough; chunks behind it open nothing anew."""
    one = [{"index": i, "delta": {"content": "x"}} for i in (0, 1)]
    ends = [{"choices": [{"index": i, "delta": {}, "finish_reason": "stop"}]} for i in (0, 1)]
    reader, _ = read("openai", {"choices": one}, ends[0])
    assert not reader.complete
    reader, _ = read("openai", {"choices": one}, *ends, {"choices": [{"index": 0, "delta": {}}]})
    assert reader.complete


@pytest.mark.parametrize(
    ("dialect", "value", "last"),
    [
        ("openai", {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}]}, b"[DONE]"),
        ("openai", {"choices": [{"index": 0, "text": "x", "finish_reason": ""}]}, b"[DONE]"),
        ("openai", {"type": "response.output_text.delta", "delta": "x"}, b"[DONE]"),
        ("openai", {"type": "transcript.text.delta", "delta": "x"}, b"[DONE]"),
        ("openai", {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}, b"[DONE]"),
        ("anthropic", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}}, b'{"type": "message_stop"}'),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": None}}, b'{"type": "message_stop"}'),
    ],
)
def test_whoever_says_that_it_is_done_without_a_finish_reason_has_cut_the_answer_off(dialect, value, last):
    """A terminator is no finish reason: hosts send it behind answers that they broke off, too."""
    reader, _ = read(dialect, value)
    with pytest.raises(MalformedEventError, match=r"without a finish reason|before any content"):
        reader.feed(sse.event(b"data: " + last + b"\n\n"))
    assert not reader.complete
    assert reader.lack


@pytest.mark.parametrize(
    ("dialect", "values"),
    [
        ("openai", [{"object": "thread.message.delta", "delta": {"content": [{"type": "text"}]}}]),
        ("openai", [{"type": "message.output.delta", "content": "x"}]),
        ("openai", [{"choices": [{"index": 0, "delta": {"content": "x"}, "finishReason": "stop"}]}]),
        (
            "anthropic",
            [{"type": "completion", "completion": "x"}, {"type": "completion", "completion": "", "stop_reason": "stop_sequence"}],
        ),
    ],
    ids=["threads", "conversations", "Google's spelling", "completions of old"],
)
def test_streams_with_ends_of_their_own_are_complete(dialect, values):
    """Where no finish reason is known, the end of the stream is the end; where it is spelt in another way, it is one."""
    reader, _ = read(dialect, *values)
    reader.feed(sse.event(b"data: [DONE]\n\n"))
    assert reader.complete
    assert not reader.lack


def test_gemini_may_go_on_behind_a_finish_reason():
    """Each round of a tool of its own has one; text behind it opens the answer anew."""
    text = {"content": {"parts": [{"text": "x"}]}}
    reader, _ = read("gemini", {"candidates": [{**text, "finishReason": "STOP"}]})
    assert reader.complete
    reader.feed(sse.event(b"data: " + json.dumps({"candidates": [text]}).encode()))
    assert not reader.complete
    reader.feed(sse.event(b'data: {"candidates": [{"finishReason": "FINISH_REASON_UNSPECIFIED"}]}'))
    assert not reader.complete
    reader.feed(sse.event(b'data: {"candidates": [{"finishReason": "STOP"}]}'))
    assert reader.complete


def test_bare_json_is_an_event():
    """So Google tells an error in the middle of a stream, and so do we, for its SDK."""
    (event,) = events(b'{\n  "error": {"code": 503}\n}\n\n')
    assert json.loads(event.data) == {"error": {"code": 503}}
    assert StreamReader(generate_content).feed(event).error


@pytest.mark.parametrize(
    "data", [b"{", b'{"choices": ["x"]}', b'{"choices": [{"index": [1], "delta": {}}]}', b'{"choices": 5}', b"[" * 100_000]
)
def test_events_of_no_known_shape_are_malformed(data):
    """What is no JSON, or none that the API could send, is told by one exception."""
    with pytest.raises(MalformedEventError):
        StreamReader(chat_completions).feed(sse.event(b"data: " + data + b"\n\n"))


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_no_event_brings_the_reader_down(dialect, value):
    """Whatever JSON comes: signs, or the one exception."""
    with contextlib.suppress(MalformedEventError):
        read(dialect, value)


# errors in the place of answers


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (b"/v1/chat/completions", {"error": {"message": "no"}}, InnerError),
        (b"/v1/chat/completions", {"base_resp": {"status_code": 1004}}, InnerError),
        (b"/v1/chat/completions", {"code": 1, "message": "no"}, InnerError),
        (b"/v1/responses", {"object": "response", "status": "failed", "error": {"code": "server_error"}}, InnerError),
        (b"/v1/responses", {"object": "response", "error": None, "output": []}, NoAnswerError),
        (b"/v1/chat/completions", {"choices": []}, NoAnswerError),
        (b"/v1/chat/completions", [], NoAnswerError),
        (b"/v1/batches", {"object": "batch", "id": "b", "error": {"message": "of yesterday"}}, None),
        (b"/v1/images/generations", {"error": {"message": "no"}}, InnerError),
        (b"/v1/images/generations", {"success": False, "msg": "no"}, InnerError),
    ],
)
def test_errors_in_disguise_are_told_from_answers(path, value, fault):
    """An error in the place of an answer is one; an object that tells of an older error is none."""
    with pytest.raises(fault) if fault else contextlib.nullcontext():
        answer.judge(understand("POST", path, [], b"{}"), value)


@pytest.mark.parametrize(
    ("value", "shaped"),
    [
        ({"error": {"message": "no"}}, {"error": {"message": "no"}}),
        ({"type": "response.failed", "response": {"error": {"code": "c"}}}, {"error": {"code": "c"}}),
        ({"code": 1, "message": "no"}, {"error": {"code": 1, "message": "no"}}),
        ("text", "text"),
    ],
)
def test_errors_are_put_into_the_shape_that_sdks_read(value, shaped):
    """SDKs read `error`, so that is where an error goes."""
    assert error_of(value) == shaped
