"""A stream that brought nothing but thoughts: the spare's answer follows them, in a form that the SDKs of each wire put together."""

import gzip
import json

import httpx2
import pytest
from thought_streams import HM, OH, SAID, chat, client, gemini, message, response, text, thinking, written

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
SEARCH = {"type": "web_search_call", "id": "ws", "status": "completed"}


def asked(wire, first, spare):
    """The events that a caller gets."""
    with client(wire, first, spare) as http:
        body = {"model": "m", "max_tokens": 9, "stream": True, **QUESTIONS[wire]}
        found = http.post(f"https://any.example/{PATHS[wire]}", json=body, headers={HEADERS[wire]: "2023-06-01"})
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
