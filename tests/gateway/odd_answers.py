"""Successes that are odd, and whether each is an answer: (name, wire, JSON, yes or no). Those with text say HELLO."""

import json


def chat(message=None, finish="stop", **more):
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": None, **(message or {})}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        **more,
    }


def said(finish="stop"):
    return chat({"content": "HELLO"}, finish)


def tool(**more):
    return {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}, **more}


def message(*blocks, stop="end_turn"):
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def content(*parts, finish="STOP", **more):
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": list(parts)}, "finishReason": finish}], **more}


def response(*output, status="completed", **more):
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 1,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
        },
        **more,
    }


def item(*parts):
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": list(parts)}


TEXT = {"type": "output_text", "text": "HELLO", "annotations": []}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}

PICTURE = {"id": "ig_1", "type": "image_generation_call", "status": "completed"}

ODD = [
    ("said", "openai", said(), True),
    ("empty", "openai", chat({"content": ""}), False),
    ("blank", "openai", chat({"content": " \n"}), False),
    ("null", "openai", chat(), False),
    ("no choice", "openai", chat(choices=[]), False),
    ("choices null", "openai", chat(choices=None), False),
    ("unseen", "openai", chat({"content": "\u200b\ufeff\u2060"}), False),
    ("unseen behind thoughts", "openai", chat({"content": "<think>hm</think>\u200b"}), False),
    ("an empty sound", "openai", chat({"audio": {"id": "a", "data": "", "transcript": "", "expires_at": 1}}), False),
    ("empty pictures", "openai", chat({"images": [{"type": "image_url", "image_url": {"url": ""}}]}), False),
    ("thoughts alone", "openai", chat({"reasoning_content": "hm"}), False),
    ("thoughts in tags alone", "openai", chat({"content": "<think>hm</think>\n"}), False),
    ("thoughts in tags before a text", "openai", chat({"content": "<think>hm</think>\nHELLO"}), True),
    ("signed thoughts alone", "openai", chat({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}), False),
    ("filtered", "openai", chat({"content": ""}, "content_filter"), True),
    ("sensitive", "openai", chat({"content": ""}, "sensitive"), True),
    ("too long", "openai", chat({"content": ""}, "length"), True),
    ("without an end", "openai", said(None), True),
    ("with an empty end", "openai", said(""), True),
    ("text for a message", "openai", chat(choices=[{"index": 0, "text": "HELLO", "finish_reason": "stop"}]), False),
    ("delta for a message", "openai", chat(choices=[{"index": 0, "delta": {"content": "HELLO"}, "finish_reason": "stop"}]), False),
    ("half a sign", "openai", chat({"content": "HELLO", "note": "\ud83d"}), True),
    ("tool without a function", "openai", chat({"tool_calls": [{"id": "t", "type": "function"}]}, "tool_calls"), False),
    ("tool without a name", "openai", chat({"tool_calls": [tool(function={"name": "", "arguments": "{}"})]}, "tool_calls"), False),
    ("tool of another type", "openai", chat({"tool_calls": [{"id": "t", "type": "custom", "custom": {"name": "f", "input": "a"}}]}), True),
    ("tool", "openai", chat({"tool_calls": [tool()]}, "tool_calls"), True),
    ("tool cut off", "openai", chat({"tool_calls": [tool(function={"name": "f", "arguments": '{"a": 1'})]}, "tool_calls"), False),
    ("tool too long", "openai", chat({"tool_calls": [tool(function={"name": "f", "arguments": '{"a": 1'})]}, "length"), True),
    ("beside an empty account", "openai", said() | {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, False),
    ("beside no fault", "openai", said() | {"base_resp": {"status_code": 0, "status_msg": "success"}}, True),
    ("refused", "openai", chat({"refusal": "I cannot help with that."}), True),
    ("broken off", "openai", said("insufficient_system_resource"), False),
    ("network", "openai", chat(finish="network_error"), False),
    ("error in a choice", "openai", chat(choices=[{"index": 0, "error": {"code": 401, "message": "invalid api key"}}]), False),
    ("error beside choices", "openai", said() | {"error": {"code": 502, "message": "upstream gone"}}, False),
    ("list", "openai", [], False),
    ("braces", "openai", {}, False),
    ("nothing", "openai", None, False),
    ("a word", "openai", "busy", False),
    ("detail", "openai", {"detail": "Unauthorized"}, False),
    ("success false", "openai", {"success": False, "msg": "invalid api key"}, False),
    ("chinese", "openai", {"code": 401, "msg": "令牌无效", "data": None}, False),
    ("error_msg", "openai", {"error_msg": "insufficient balance", "error_code": 18}, False),
    ("errors", "openai", {"errors": [{"message": "rate limit exceeded"}]}, False),
    ("nested", "openai", {"ResponseMetadata": {"Error": {"Code": "AccountOverdueError", "Message": "overdue"}}}, False),
    ("queued", "openai", {"status": "queued"}, False),
    ("another wire", "openai", content({"text": "HELLO"}), False),
    ("response", "responses", response(item(TEXT)), True),
    ("response of a word", "responses", response({**item(), "content": "HELLO"}), False),
    (
        "response tool without a name",
        "responses",
        response({"id": "fc_1", "type": "function_call", "call_id": "c", "name": "", "arguments": "{}", "status": "completed"}),
        False,
    ),
    ("response without output", "responses", response(), False),
    ("response of thoughts", "responses", response(THOUGHT), False),
    ("response with an empty text", "responses", response(item({**TEXT, "text": ""})), False),
    ("response refused", "responses", response(item({"type": "refusal", "refusal": "No."})), True),
    (
        "response tool",
        "responses",
        response({"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"}),
        True,
    ),
    ("response too long", "responses", response(THOUGHT, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), True),
    ("response of another text", "responses", response(item({"type": "text", "text": "HELLO"})), False),
    ("response unseen", "responses", response(item({**TEXT, "text": "\u200b"})), False),
    ("response without its picture", "responses", response({**PICTURE, "result": None, "status": "failed"}), False),
    ("response picture", "responses", response({**PICTURE, "result": "aGk="}), True),
    ("response failed", "responses", response(status="failed", error={"code": "server_error", "message": "no"}), False),
    ("response queued", "responses", response(status="queued"), False),
    ("response in progress", "responses", response(item(TEXT), status="in_progress"), False),
    (
        "response tool cut off",
        "responses",
        response({"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1', "status": "completed"}),
        False,
    ),
    ("response detail", "responses", {"detail": "Unauthorized"}, False),
    ("message", "anthropic", message({"type": "text", "text": "HELLO"}), True),
    ("message without an end", "anthropic", message({"type": "text", "text": "HELLO"}, stop=None), True),
    ("message of old", "anthropic", {"type": "completion", "completion": "HELLO", "stop_reason": "stop_sequence", "id": "c"}, False),
    ("message tool without a name", "anthropic", message({"type": "tool_use", "id": "t", "name": "", "input": {}}, stop="tool_use"), False),
    ("message without content", "anthropic", message(), False),
    ("message of thoughts", "anthropic", message({"type": "thinking", "thinking": "hm", "signature": "s"}), False),
    ("message unseen", "anthropic", message({"type": "text", "text": "\u200b"}), False),
    ("message of no type", "anthropic", message({"text": "HELLO"}), False),
    ("message braces", "anthropic", {}, False),
    ("message detail", "anthropic", {"detail": "Unauthorized"}, False),
    ("message error", "anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, False),
    ("message paused", "anthropic", message(stop="pause_turn"), True),
    ("message refused", "anthropic", message(stop="refusal"), True),
    ("message too long", "anthropic", message(stop="max_tokens"), True),
    ("message tool", "anthropic", message({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, stop="tool_use"), True),
    ("content", "gemini", content({"text": "HELLO"}), True),
    ("content without an end", "gemini", content({"text": "HELLO"}, finish=None), True),
    ("content of no end", "gemini", content({"text": "HELLO"}, finish="FINISH_REASON_UNSPECIFIED"), True),
    ("content in snakes", "gemini", {"candidates": [{"content": {"parts": [{"text": "HELLO"}]}, "finish_reason": "STOP"}]}, True),
    ("content tool without a name", "gemini", content({"functionCall": {"name": "", "args": {}}}), False),
    ("content tool of nothing", "gemini", content({"functionCall": {}}), False),
    ("content braces", "gemini", {}, False),
    ("content detail", "gemini", {"success": False, "msg": "invalid api key"}, False),
    ("no candidate", "gemini", {"candidates": []}, False),
    ("content without parts", "gemini", content(), False),
    ("content of thoughts", "gemini", content({"text": "hm", "thought": True}), False),
    ("content unseen", "gemini", content({"text": "\u200b"}), False),
    ("content without its picture", "gemini", content({"inlineData": {"mimeType": "image/png", "data": ""}}), False),
    ("content of a thought picture", "gemini", content({"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}), False),
    ("content not blocked", "gemini", {"promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}}, False),
    ("content malformed", "gemini", content(finish="MALFORMED_FUNCTION_CALL"), False),
    ("content cut by a malformed call", "gemini", content({"text": "HELLO"}, finish="MALFORMED_FUNCTION_CALL"), False),
    ("content cut by another cause", "gemini", content({"text": "HELLO"}, finish="OTHER"), False),
    ("content safety", "gemini", content(finish="SAFETY"), True),
    ("content blocked", "gemini", {"promptFeedback": {"blockReason": "SAFETY"}}, True),
    ("content too long", "gemini", content(finish="MAX_TOKENS"), True),
    ("content tool", "gemini", content({"functionCall": {"name": "f", "args": {"a": 1}}}), True),
    ("content picture", "gemini", content({"inlineData": {"mimeType": "image/png", "data": "aGk="}}), True),
]


def chunk(finish=None, **delta):
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


STREAMS = [
    ("chunks", "openai", [chunk(role="assistant", content=""), chunk(content="HEL"), chunk(content="LO"), chunk("stop")], True),
    ("chunks of one whole", "openai", [said()], True),
    ("chunks of one whole nothing", "openai", [chat()], False),
    (
        "chunks from an empty text",
        "openai",
        [chat(choices=[{"index": 0, "text": "", "delta": {"role": "assistant"}}]), chunk(content="HELLO"), chunk("stop")],
        True,
    ),
    ("chunks of texts", "openai", [chat(choices=[{"index": 0, "text": "HELLO", "finish_reason": None}]), chunk("stop")], False),
    (
        "chunks of a nameless tool",
        "openai",
        [chunk(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]), chunk("tool_calls")],
        False,
    ),
    ("chunks and an error", "openai", [chunk(content="HELLO"), chunk("stop"), {"error": {"message": "late"}}], True),
    ("chunks of thoughts", "openai", [chunk(role="assistant", content=""), chunk(reasoning_content="hm"), chunk("stop")], False),
    ("chunks of nothing", "openai", [chunk(role="assistant", content=""), chunk("stop")], False),
    ("chunks of a blank", "openai", [chunk(role="assistant", content=" "), chunk("stop")], False),
    ("chunks of tags", "openai", [chunk(content="<th"), chunk(content="ink>hm</thi"), chunk(content="nk>"), chunk("stop")], False),
    ("chunks too long", "openai", [chunk(role="assistant", content=""), chunk("length")], True),
    (
        "chunks of a tool",
        "openai",
        [chunk(tool_calls=[tool(index=0)]), chunk(tool_calls=[{"index": 0, "function": {"arguments": ""}}]), chunk("tool_calls")],
        True,
    ),
    (
        "chunks of two calls of one number",
        "openai",
        [chunk(tool_calls=[tool(index=0)]), chunk(tool_calls=[tool(index=0, id="u")]), chunk("tool_calls")],
        True,
    ),
    (
        "chunks beside an empty account",
        "openai",
        [chunk(role="assistant", content=""), {**chunk("stop", content="HELLO"), "base_resp": {"status_code": 1008, "status_msg": "no"}}],
        False,
    ),
    ("chunks of an error", "openai", [{"error": {"message": "invalid api key", "code": "invalid_api_key"}}], False),
    ("chunks of a detail", "openai", [{"detail": "Unauthorized"}], False),
    ("chunks broken off", "openai", [chunk(role="assistant", content=""), chunk("error")], False),
    (
        "blocks",
        "anthropic",
        [
            {"type": "message_start", "message": message(stop=None)},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "HELLO"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ],
        True,
    ),
    (
        "blocks of thoughts",
        "anthropic",
        [
            {"type": "message_start", "message": message(stop=None)},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ],
        False,
    ),
    ("blocks of one whole", "anthropic", [message({"type": "text", "text": "HELLO"})], True),
    ("blocks of old", "anthropic", [{"type": "completion", "completion": "HELLO", "stop_reason": "stop_sequence"}], False),
    (
        "blocks of a nameless tool",
        "anthropic",
        [
            {"type": "message_start", "message": message(stop=None)},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "", "input": {}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ],
        False,
    ),
    ("parts", "gemini", [content({"text": "HEL"}, finish=None), content({"text": "LO"})], True),
    ("parts of thoughts", "gemini", [content({"text": "hm", "thought": True}, finish=None), content()], False),
    (
        "items",
        "responses",
        [
            {"type": "response.created", "sequence_number": 0, "response": response(status="in_progress")},
            {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item()},
            {
                "type": "response.output_text.delta",
                "sequence_number": 2,
                "output_index": 0,
                "content_index": 0,
                "item_id": "msg_1",
                "delta": "HELLO",
                "logprobs": [],
            },
            {"type": "response.completed", "sequence_number": 3, "response": response(item(TEXT))},
        ],
        True,
    ),
    (
        "items of a failure",
        "responses",
        [
            {"type": "response.created", "sequence_number": 0, "response": response(status="in_progress")},
            {"type": "response.completed", "sequence_number": 1, "response": response(item(TEXT), status="failed")},
        ],
        False,
    ),
    (
        "items cancelled",
        "responses",
        [
            {"type": "response.created", "sequence_number": 0, "response": response(status="in_progress")},
            {"type": "response.cancelled", "sequence_number": 1, "response": response(status="cancelled")},
        ],
        False,
    ),
    (
        "items of nothing",
        "responses",
        [
            {"type": "response.created", "sequence_number": 0, "response": response(status="in_progress")},
            {"type": "response.completed", "sequence_number": 1, "response": response()},
        ],
        False,
    ),
]


def events(values, wire):
    """The bytes of a stream, as the wire's own hosts write it."""
    named = wire in {"anthropic", "responses"}
    lines = [(f"event: {v['type']}\n" if named and "type" in v else "") + f"data: {json.dumps(v)}\n\n" for v in values]
    return ("".join(lines) + ("data: [DONE]\n\n" if wire == "openai" else "")).encode()


def padded(value, size=270_000):
    """The bytes of an answer, so long by a field that says nothing."""
    return json.dumps({**value, "padding": "h" * size}).encode()


LONG = "HELLO " + "h" * 270_000

NULLS = b"data: null\n\ndata: []\n\ndata: {}\n\n"
"""Events that are JSON, and nothing that an SDK could read."""


def in_lines(raw):
    """The same events with their JSON in several lines of data."""
    return b"\n".join(
        b"\n".join(b"data: " + part for part in json.dumps(json.loads(line[6:]), indent=1).encode().split(b"\n"))
        if line.startswith(b"data: {")
        else line
        for line in raw.split(b"\n")
    )


def with_line(line):
    """A function that puts a line in front of each event."""
    return lambda raw: b"".join(line + b"\n" + event + b"\n\n" for event in raw.split(b"\n\n") if event)


FORMS = {
    "without spaces": lambda raw: raw.replace(b"data: ", b"data:").replace(b"event: ", b"event:"),
    "without names": lambda raw: b"".join(line for line in raw.splitlines(True) if not line.startswith(b"event:")),
    "of another name": lambda raw: with_line(b"event: message")(FORMS["without names"](raw)),
    "behind comments": with_line(b": hi"),
    "behind ids": with_line(b"id: 7"),
    "behind times": with_line(b"retry: 100"),
    "amid comments": with_line(b": hi\n"),
    "amid ids": with_line(b"id: 7\n"),
    "in lines": in_lines,
    "of CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "of CR": lambda raw: raw.replace(b"\n", b"\r"),
    "behind a mark": lambda raw: b"\xef\xbb\xbf" + raw,
    "behind empty lines": lambda raw: b"\n\n" + raw,
}
"""Ways to write events that the standard allows, and that some SDKs do not read."""

WELL = (
    ("chunks", "openai", [chunk(content="HEL"), chunk(content="LO"), chunk("stop")]),
    ("blocks", "anthropic", next(value for name, _, value, _ in STREAMS if name == "blocks")),
    ("parts", "gemini", [content({"text": "HEL"}, finish=None), content({"text": "LO"})]),
    ("items", "responses", next(value for name, _, value, _ in STREAMS if name == "items")),
)

RAW = [
    ("latin bytes", "openai", json.dumps(said()).encode().replace(b"HELLO", b"\xe9"), False),
    ("latin bytes message", "anthropic", json.dumps(message({"type": "text", "text": "HELLO"})).encode().replace(b"HELLO", b"\xe9"), False),
    ("long", "openai", json.dumps(chat({"content": LONG})).encode(), True),
    ("long padded", "openai", padded(said()), True),
    ("long error", "openai", padded({"error": {"message": "insufficient quota", "code": "insufficient_quota"}}), False),
    ("long without a choice", "openai", padded(chat(choices=[])), False),
    ("long thoughts", "openai", json.dumps(chat({"reasoning_content": LONG.replace("HELLO", "hm")})).encode(), False),
    ("long detail", "openai", padded({"detail": "Unauthorized"}), False),
    ("long braces", "openai", b"{" + b" " * 270_000 + b"}", False),
    ("long nonsense", "openai", b"{bad" + b"h" * 270_000 + b"}", False),
    ("long broken off", "openai", padded(said("error")), False),
    ("long message", "anthropic", json.dumps(message({"type": "text", "text": LONG})).encode(), True),
    ("long message braces", "anthropic", b"{" + b" " * 270_000 + b"}", False),
    ("long content", "gemini", json.dumps(content({"text": LONG})).encode(), True),
    ("long content detail", "gemini", padded({"detail": "Unauthorized"}), False),
    ("long response", "responses", json.dumps(response(item({**TEXT, "text": LONG}))).encode(), True),
    ("long response failed", "responses", padded(response(status="failed", error={"code": "server_error", "message": "no"})), False),
    ("behind a mark", "openai", b"\xef\xbb\xbf" + json.dumps(said()).encode(), True),
    ("message behind a mark", "anthropic", b"\xef\xbb\xbf" + json.dumps(message({"type": "text", "text": "HELLO"})).encode(), True),
    ("content behind a mark", "gemini", b"\xef\xbb\xbf" + json.dumps(content({"text": "HELLO"})).encode(), True),
    ("chunks and nonsense", "openai", events([chunk(content="HELLO"), chunk("stop")], "openai") + b"data: {bad\n\n", True),
    ("chunks and a word", "openai", events([chunk(content="HELLO"), chunk("stop")], "") + b"data: DONE\n\n", True),
    ("parts and a word", "gemini", events([content({"text": "HELLO"})], "gemini") + b"data: [DONE]\n\n", True),
    *(
        (f"{name} of nulls {where}", wire, b"".join(odd), True)
        for name, wire, value in WELL
        for where, odd in (
            ("before", (NULLS, events(value, wire))),
            ("amid", (events(value[:-1], "" if wire == "openai" else wire), NULLS, events(value[-1:], wire))),
            ("behind", (events(value, "" if wire == "openai" else wire), NULLS)),
        )
    ),
    *((f"{name} {how}", wire, change(events(value, wire)), True) for name, wire, value in WELL for how, change in FORMS.items()),
    ("chunks of an error by name", "openai", b"event: error\ndata: Overloaded\n\n" + events([said()], "openai"), False),
    (
        "parts of an error by name",
        "gemini",
        b'event: error\ndata: "Overloaded"\n\n' + events([content({"text": "HELLO"})], "gemini"),
        False,
    ),
    ("blocks of a bare error", "anthropic", b'data: {"error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n', False),
    ("content behind lines", "gemini", b" \n" + json.dumps(content({"text": "HELLO"}), indent=1).encode(), True),
]
"""Bodies as they come, where their bytes matter."""
