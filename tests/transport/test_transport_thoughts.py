"""A stream that brought nothing but thoughts: the spare's answer follows them, in a form that the SDKs of each wire put together."""

import gzip
import json

import httpx2
import pytest

from sparekey import Chain, Credential, Secret
from sparekey.transport.libraries import HTTPX2

QUESTION = {"messages": [{"role": "user", "content": "hi"}]}
QUESTIONS = {"messages": QUESTION, "chat": QUESTION, "responses": {"input": "hi"}, "gemini": {"contents": [{"parts": [{"text": "hi"}]}]}}
PATHS = {
    "messages": "v1/messages",
    "responses": "v1/responses",
    "chat": "v1/chat/completions",
    "gemini": "v1beta/models/m:streamGenerateContent?alt=sse",
}
HEADERS = {"messages": "anthropic-version", "responses": "accept", "chat": "accept", "gemini": "x-goog-api-key"}
PROVIDERS = {"messages": "anthropic", "responses": "openai", "chat": "openai", "gemini": "gemini"}


def message(*blocks, number=1, ends=True):
    """The events of a message: each block its first form and its deltas."""
    begun = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "usage": {}}
    found = [{"type": "message_start", "message": {**begun, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}}]
    for index, (block, *deltas) in enumerate(blocks):
        found.append({"type": "content_block_start", "index": index, "content_block": block})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    last = [{"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]
    return [*found, *last] if ends else found


def thinking(text, signature="s"):
    deltas = {"type": "thinking_delta", "thinking": text}, {"type": "signature_delta", "signature": signature}
    return {"type": "thinking", "thinking": "", "signature": ""}, *deltas


def text(*pieces):
    return {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces)


def response(*items, number=1):
    """The events of a response: each item its id, its kind and its text."""
    found, done = [], []
    for index, (name, kind, said) in enumerate(items):
        empty = {"role": "assistant", "content": []} if kind == "message" else {"summary": []}
        item = {"id": name, "type": kind, **empty}
        at = {"output_index": index, "item_id": name}
        found.append({"type": "response.output_item.added", "output_index": index, "item": item})
        if kind == "message":
            part = {"type": "output_text", "text": "", "annotations": []}
            found += [
                {"type": "response.content_part.added", **at, "content_index": 0, "part": part},
                {"type": "response.output_text.delta", **at, "content_index": 0, "delta": said, "logprobs": []},
                {"type": "response.output_text.done", **at, "content_index": 0, "text": said, "logprobs": []},
                {"type": "response.content_part.done", **at, "content_index": 0, "part": {**part, "text": said}},
            ]
            item = {**item, "content": [{**part, "text": said}]}
        else:
            found += [
                {"type": "response.reasoning_summary_part.added", **at, "summary_index": 0, "part": {"type": "summary_text", "text": ""}},
                {"type": "response.reasoning_summary_text.delta", **at, "summary_index": 0, "delta": said},
                {"type": "response.reasoning_summary_text.done", **at, "summary_index": 0, "text": said},
            ]
            item = {**item, "summary": [{"type": "summary_text", "text": said}]}
        found.append({"type": "response.output_item.done", "output_index": index, "item": item})
        done.append(item)
    whole = {"id": f"resp_{number}", "object": "response", "created_at": 1, "model": "m", "parallel_tool_calls": True, "tools": []}
    begun = {**whole, "tool_choice": "auto", "status": "in_progress", "output": []}
    ended = {**begun, "status": "completed", "output": done}
    found = [{"type": "response.created", "response": begun}, *found, {"type": "response.completed", "response": ended}]
    return [{**event, "sequence_number": place} for place, event in enumerate(found)]


HM, OH, SAID = ("rs_1", "reasoning", "hm"), ("rs_2", "reasoning", "oh"), ("msg_2", "message", "answer")
SEARCH = {"type": "web_search_call", "id": "ws", "status": "completed"}


def chat(*deltas):
    return [{"id": "x", "model": "m", "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas] + [
        {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    ]


def gemini(*parts):
    return [{"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]} for part in parts] + [
        {"candidates": [{"index": 0, "content": {"role": "model", "parts": []}, "finishReason": "STOP"}]}
    ]


def written(events):
    named = ((f"event: {one['type']}\n" if "type" in one else "") + f"data: {json.dumps(one)}\n\n" for one in events)
    return "".join(named).encode()


def asked(wire, first, spare):
    """The events that a caller gets."""

    def answer(request):
        events = first if request.url.host == "a.example" else spare
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=written(events))

    base = "" if wire in {"messages", "gemini"} else "/v1"
    chain = Chain([Credential(n, PROVIDERS[wire], "m", api_key=Secret("k"), endpoint=f"https://{n}.example{base}") for n in "ab"])
    with httpx2.Client(transport=HTTPX2.transport(chain, upstream=httpx2.MockTransport(answer))) as client:
        body = {"model": "m", "max_tokens": 9, "stream": True, **QUESTIONS[wire]}
        found = client.post(f"https://any.example/{PATHS[wire]}", json=body, headers={HEADERS[wire]: "2023-06-01"})
    return [json.loads(line[6:]) for line in found.text.splitlines() if line.startswith("data: {")]


def put_together(events):
    """The message as Anthropic's SDK accumulates it: a block is appended, a delta goes to the block of its index."""
    accumulate = pytest.importorskip("anthropic.lib.streaming._messages").accumulate_event
    from anthropic.types import RawMessageStreamEvent
    from pydantic import TypeAdapter

    whole, reader = None, TypeAdapter(RawMessageStreamEvent)
    for event in events:
        whole = accumulate(event=reader.validate_python(event), current_snapshot=whole, json_bufs={})
    return whole


@pytest.mark.parametrize(
    ("first", "spare", "blocks"),
    [
        (message(thinking("hm")), message(text("an", "swer"), number=2), ["hm", "answer"]),
        (message(thinking("hm")), message(thinking("oh", "t"), text("answer"), number=2), ["hm", "oh", "answer"]),
        (message(thinking("hm")), message(thinking("hm, yes", "t"), text("answer"), number=2), ["hm", "hm, yes", "answer"]),
        (message(thinking("hm"), ends=False)[:3], message(thinking("oh", "t"), text("answer")), ["hm", "oh", "answer"]),
        (message(({"type": "redacted_thinking", "data": "x"},)), message(text("answer")), ["", "answer"]),
        (message(thinking("hm"), text("\n")), message(text("answer")), ["hm", "\n", "answer"]),
        (message(text("<think>hm</think>")), message(text("answer")), ["<think>hm</think>", "answer"]),
        (message(text("<think>", "hm"), ends=False)[:4], message(text("answer")), ["<think>hm</think>\n", "answer"]),
        (message(thinking("hm"), ends=False)[:3], message(thinking("hm"), text("answer")), ["hm", "answer"]),
    ],
    ids=["text", "others", "and more", "amid thoughts", "redacted", "a blank text", "in tags", "in a tag", "the same"],
)
def test_blocks_follow_blocks(first, spare, blocks):
    """Each block keeps a number of its own, and one that was open is closed."""
    events = asked("messages", first, spare)
    whole = put_together(events)
    assert [getattr(block, "thinking", None) or getattr(block, "text", "") for block in whole.content] == blocks
    assert whole.stop_reason == "end_turn"
    begun, ended = ([e["index"] for e in events if e["type"] == f"content_block_{kind}"] for kind in ("start", "stop"))
    assert begun == ended == list(range(len(blocks)))
    assert [event["type"] for event in events].count("message_start") == 1


def test_blocks_that_are_no_thoughts_are_an_answer():
    """A tool of the provider's was called: what another answer says does not belong behind that."""
    use = {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {}}
    with pytest.raises(httpx2.RemoteProtocolError):
        asked("messages", message(thinking("hm"), (use,), ends=False), message(text("answer")))


@pytest.mark.parametrize(
    ("first", "spare", "texts"),
    [
        (response(HM), response(SAID, number=2), ["hm", "answer"]),
        (
            response(HM),
            response(OH, SAID),
            ["hm", "oh", "answer"],
        ),
        (
            response(HM)[:4],
            response(OH, SAID),
            ["hm", "oh", "answer"],
        ),
        (response(HM, ("msg_1", "message", " ")), response(SAID), ["hm", " ", "answer"]),
        (response(("msg_1", "message", "<think>hm</think>")), response(SAID), ["<think>hm</think>", "answer"]),
        (
            response(HM)[:4],
            response(HM, SAID),
            ["hm", "answer"],
        ),
    ],
    ids=["text", "others", "amid thoughts", "a blank text", "in tags", "the same"],
)
def test_items_follow_items(first, spare, texts):
    """Items and events keep numbers of their own, and the last event has the answer."""
    events = asked("responses", first, spare)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event for event in events if event["type"] == "response.output_item.added"]
    assert [event["output_index"] for event in added] == list(range(len(texts)))
    deltas = {}
    for event in events:
        if event["type"].endswith(".delta"):
            deltas[event["output_index"]] = deltas.get(event["output_index"], "") + event["delta"]
    assert list(deltas.values()) == texts
    assert events[-1]["response"]["output"] == spare[-1]["response"]["output"]


def test_a_search_is_no_thought():
    """What the provider's own tools did belongs to one answer."""
    search = {"type": "response.output_item.added", "output_index": 0, "item": SEARCH}
    first = [response()[0], {**search, "sequence_number": 1}, *response(HM)[2:5]]
    with pytest.raises(httpx2.RemoteProtocolError):
        asked("responses", [{**one, "sequence_number": n} for n, one in enumerate(first)], response(SAID))


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (chat({"content": "<think>hm"}), "<think>hm</think>\nanswer"),
        (chat({"content": "<think>"}, {"content": "hm</think>"}), "<think>hm</think>answer"),
        (chat({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}), "answer"),
        (chat({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, {"content": "\n"}), "\nanswer"),
    ],
    ids=["in a tag", "in tags", "in parts", "and a blank"],
)
def test_a_text_follows_thoughts(first, said):
    """Thoughts amid the text are closed, and those of the spare are left out."""
    events = asked("chat", first, chat({"role": "assistant", "reasoning_content": "oh"}, {"content": "answer"}))
    texts = [one for event in events for choice in event["choices"] if isinstance(one := choice["delta"].get("content"), str)]
    assert "".join(texts) == said
    assert not any("reasoning_content" in choice["delta"] for event in events for choice in event["choices"])


def test_parts_follow_thoughts():
    """Gemini's parts have no numbers."""
    events = asked("gemini", gemini({"text": "hm", "thought": True}), gemini({"text": "oh", "thought": True}, {"text": "answer"}))
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    assert [part.get("text") for part in parts if part.get("text")] == ["hm", "answer"]


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_response_that_was_read_is_read_again(encoding):
    """A mock gives its body at once: what goes on is what the chain made of it, all the same."""
    spare = chat({"content": "answer"})

    def answer(request):
        data = written(chat({"reasoning": "hm"}) if request.url.host == "a.example" else spare)
        headers = {"content-type": "text/event-stream", **({"content-encoding": encoding} if encoding else {})}
        return httpx2.Response(200, headers=headers, content=gzip.compress(data) if encoding else data)

    chain = Chain([Credential(n, "openai", "m", api_key=Secret("k"), endpoint=f"https://{n}.example/v1") for n in "ab"])
    with httpx2.Client(transport=HTTPX2.transport(chain, upstream=httpx2.MockTransport(answer))) as client:
        found = client.post("https://any.example/v1/chat/completions", json={"model": "m", "stream": True, **QUESTION})
    assert "hm" in found.text
    assert "answer" in found.text
