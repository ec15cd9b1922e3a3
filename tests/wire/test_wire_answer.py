"""What an answer is, in one call; and whole answers and streams of events as each other."""

import json

import pytest

from sparekey.wire import answer, finish_reasons
from sparekey.wire.event_stream import EventStream
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.request import WireRequest
from sparekey.wire.sse import Splitter

CALLS = {
    "chat": WireRequest("openai", "POST", "chat/completions", kind="chat"),
    "completions": WireRequest("openai", "POST", "completions", kind="chat"),
    "responses": WireRequest("openai", "POST", "responses", kind="chat"),
    "anthropic": WireRequest("anthropic", "POST", "messages", kind="chat"),
    "complete": WireRequest("anthropic", "POST", "complete", kind="chat"),
    "gemini": WireRequest("gemini", "POST", "models/m:generateContent", kind="chat"),
}
CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
WHOLE = {
    "chat": {
        "id": "x",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a", "reasoning_content": "hm"}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": None, "tool_calls": [CALL, CALL]}, "finish_reason": "tool_calls"},
        ],
        "usage": USAGE,
    },
    "completions": {
        "id": "x",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": "length"}],
        "usage": USAGE,
    },
    "responses": {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "output": [
            {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]},
            {"id": "fc_1", "type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "anthropic": {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [SIGNED, {"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "complete": {"type": "completion", "completion": "a", "stop_reason": "stop_sequence", "model": "m"},
    "gemini": {
        "candidates": [
            {"index": 0, "content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "a"}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
    },
}


def parsed(raw):
    splitter = Splitter()
    found = [*splitter.feed(raw), *splitter.end()]
    return [(event.name, json.loads(event.data)) for event in found if event.data != b"[DONE]"]


@pytest.mark.parametrize("name", CALLS)
def test_a_whole_answer_becomes_events_and_back(name):
    """Nothing is lost on the way, and what reads streams finds it whole."""
    call, whole = CALLS[name], WHOLE[name]
    raw = call.format.events_of_answer(whole)
    assert call.format.answer_of_events(parsed(raw)) == whole
    incoming = EventStream(call._replace(stream=True))
    parts = [part for step in (*incoming.feed(raw), *incoming.end()) for part in step]
    assert b"".join(part.event.raw for part in parts) == raw
    assert incoming.reader.complete
    assert answer.read(call, raw).value == whole


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_a_whole_answer_in_the_place_of_events_becomes_events(name, cut):
    """However its bytes come; the tokens are counted, and told to whoever asked for them."""
    body = b"\n " + json.dumps(WHOLE[name]).encode()
    for hide in (False, True):
        incoming = EventStream(CALLS[name]._replace(stream=True), hide_usage=hide)
        steps = [part for at in range(0, len(body), cut) for step in incoming.feed(body[at : at + cut]) for part in step]
        assert not steps
        parts = [part for step in incoming.end() for part in step]
        assert incoming.reader.complete
        told = any(part.value and part.value.get("choices") == [] for part in parts)
        assert told is (name in {"chat", "completions"} and not hide)
        assert name == "complete" or incoming.usage.completion_tokens == 2


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", NoAnswerError),
        (b"<html><body>Log in</body></html>", NoAnswerError),
        (b"Unauthorized", InnerError),
        ("无效的令牌".encode(), InnerError),
        (b'{"choices": [{"mess', NoAnswerError),
        (b'{"choices": 5}', NoAnswerError),
        (b'{"choices": ["x"]}', NoAnswerError),
        (b'{"choices": [], "msg": "no balance"}', InnerError),
        (b'data: {"error": {"message": "no balance"}}\n\n', InnerError),
        (b'data: {"choices": [{"index": 0, "delta": {"content": "half an ans"}}]}\n\n', NoAnswerError),
        (b": keep-alive\n\n", NoAnswerError),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_stands_in_the_place_of_an_answer(body, fault, stream):
    """Words are an error, to be read by the classifier; half of something, a page or nothing is no answer."""
    with pytest.raises(fault):
        streamed(body) if stream else answer.read(CALLS["chat"], body)


def streamed(body):
    """Read a body as whoever asked for events reads it."""
    incoming = EventStream(CALLS["chat"]._replace(stream=True))
    return [*incoming.feed(body), *incoming.end()]


def test_an_end_without_an_answer_waits_for_one():
    """Some hosts give a finish reason with every event: what comes behind it may still be the answer."""
    incoming = EventStream(CALLS["gemini"]._replace(stream=True))
    for text, shown in (("", 0), ("a", 2)):
        raw = json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}).encode()
        assert sum(map(len, incoming.feed(b"data: " + raw + b"\n\n"))) == shown
    assert not list(incoming.end())


def test_a_background_response_is_to_come():
    """Whoever asks for it polls; for anybody else it is none."""
    value = {"id": "resp_1", "object": "response", "status": "queued", "output": []}
    asked = CALLS["responses"]
    with pytest.raises(NoAnswerError):
        answer.judge(asked, value)
    from sparekey.wire.json_body import read

    answer.judge(asked._replace(document=read(b'{"background": true}')), value)


@pytest.mark.parametrize(
    ("word", "plain", "callers", "fault"),
    [
        ("stop", "stop", False, False),
        ("MAX_TOKENS", "length", True, False),
        ("SAFETY", "content_filter", True, False),
        ("pause_turn", "pause_turn", True, False),
        ("stop_sequence", "stop", True, False),
        ("MALFORMED_FUNCTION_CALL", "malformed_function_call", False, True),
        ("network_error", "network_error", False, True),
    ],
)
def test_each_end_says_whose_doing_it_is(word, plain, callers, fault):
    """In any case of letters."""
    assert (finish_reasons.plain(word), *finish_reasons.judged(word)) == (plain, callers, fault)


@pytest.mark.parametrize("name", ["chat", "responses", "anthropic", "gemini"])
def test_a_reader_of_one_answer_hears_the_same_whole_and_streamed(name):
    """Text, thoughts, tools, tokens and the end."""
    call, heard = CALLS[name], []
    events = [call.format.read_event(*event) for event in parsed(call.format.events_of_answer(WHOLE[name]))]
    for told in ([call.format.read_answer(WHOLE[name])], events):
        usage = [one.usage for one in told if one.usage][-1]
        text, thoughts = "".join(one.text for one in told), "".join(one.thoughts for one in told)
        names = [tool.name for one in told for tool in one.tools if tool.name]
        heard.append((text, thoughts, names, usage.completion_tokens, [one.finish for one in told if one.finish]))
    assert heard[0] == heard[1]
    assert heard[0][:2] == ("a", "hm")


@pytest.mark.parametrize("given", ['{"a": ', "{"])
def test_half_the_arguments_of_a_tool_are_no_call(given):
    """Where an answer ends to have a tool called, a message whose arguments are cut off is broken in a stream as in a whole answer."""
    raw = b"".join(
        b"data: " + json.dumps(value).encode() + b"\n\n"
        for value in (
            {"type": "message_start", "message": {"type": "message", "content": [], "model": "m"}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": given}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        )
    )
    with pytest.raises(NoAnswerError):
        answer.read(CALLS["anthropic"], raw)
    with pytest.raises(NoAnswerError, match="cut off"):
        list(EventStream(CALLS["anthropic"]._replace(stream=True)).feed(raw))


def test_half_a_sign_stays_escaped():
    """UTF-8 has no bytes for half a surrogate pair: events made of a whole answer keep it as it was written."""
    whole = {"choices": [{"index": 0, "message": {"content": "a \ud83d"}, "finish_reason": "stop"}]}
    stream = EventStream(CALLS["chat"]._replace(stream=True))
    raw = b"".join(part.event.raw for parts in [*stream.feed(json.dumps(whole).encode()), *stream.end()] for part in parts)
    assert "\\ud83d" in raw.decode()


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_that_completes_as_a_failure_is_one(status):
    """Whatever the event is called, its response says how it went."""
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "HEL"}
    ended = {"type": "response.completed", "response": {"status": status, "output": [], "error": None}}
    raw = b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in (delta, ended))
    with pytest.raises((InnerError, NoAnswerError)):
        list(EventStream(CALLS["responses"]._replace(stream=True)).feed(raw))


def test_the_longest_answers_are_read_whole_where_they_are_not_passed_on():
    """A wrapper has to say all of it, however long it is."""
    text = "h" * (9 * 1024 * 1024)
    body = json.dumps({"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}).encode()
    assert answer.read(CALLS["chat"], body, in_full=True).summary.text == text
