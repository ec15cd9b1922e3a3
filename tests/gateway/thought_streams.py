"""Streams of thoughts and of answers on every wire, and a chain of two credentials that stream them."""

import json

import httpx2

from sparekey import Chain, Credential, Secret
from sparekey.transport.libraries import HTTPX2

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


def client(wire, first, spare):
    """An HTTP client over a fresh chain; whatever it is asked, the first credential streams one thing, the spare another."""

    def answer(request):
        events = first if request.url.host == "a.example" else spare
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=written(events))

    base = "" if wire in {"messages", "gemini"} else "/v1"
    chain = Chain([Credential(n, PROVIDERS[wire], "m", api_key=Secret("k"), endpoint=f"https://{n}.example{base}") for n in "ab"])
    return httpx2.Client(transport=HTTPX2.transport(chain, upstream=httpx2.MockTransport(answer)))
