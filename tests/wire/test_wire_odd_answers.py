"""What hosts of other makes send with status 200, whole and as events: which of it is an answer.

tests/gateway/test_answers_agree.py asks all ways in, with real SDKs; all of them ask here.
"""

import json

import pytest
from odd_answers import TEXT, THOUGHT, chat, chunk, content, events, item, message, response, said

from sparekey.wire import answer
from sparekey.wire.event_stream import EventStream
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.request import WireRequest

RESOURCES = {
    "openai": ("openai", "chat/completions"),
    "responses": ("openai", "responses"),
    "anthropic": ("anthropic", "messages"),
    "gemini": ("gemini", "models/m:streamGenerateContent"),
}


def text(words):
    return {"type": "text", "text": words}


def mcp(kind, **more):
    return {"type": kind, "id": "s", "name": "f", "server_name": "x", "input": {}, **more}


SEARCHED = (
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
)
RESULT = {"type": "mcp_tool_result", "tool_use_id": "s", "is_error": False, "content": []}
INTERPRETED = {"id": "ci", "type": "code_interpreter_call", "status": "completed", "code": "1", "container_id": "c", "outputs": []}
CLICK = {"type": "click", "x": 1, "y": 1, "button": "left"}
CALLED = {"id": "m", "type": "mcp_call", "name": "f", "arguments": "{}", "server_label": "s", "output": "1"}
RAN = ({"executableCode": {"language": "PYTHON", "code": "1"}}, {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}})

ANSWERS = {
    "openai": [
        chat({"content": [text("HEL"), text("LO")]}),
        chat({"function_call": {"name": "f", "arguments": "{}"}}, "function_call"),
        chat({"audio": {"id": "a", "data": "aGk=", "transcript": "hi", "expires_at": 1}}),
        chat({"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}),
        said("content_filter"),
        chat({"content": "  \n<think>\nhm\n</think>\n\nHELLO\n"}),
        chat({"content": "</think>HELLO"}),
        *(said(word) for word in ("eos", "eos_token", "EOS_TOKEN", "normal", "repetition_truncation")),
        *(chat({"content": ""}, word) for word in ("model_length", "max_tokens", "MAX_TOKENS", "ERROR_LIMIT", "token_limit")),
        chat(choices=[{"message": {"role": "assistant", "content": "HELLO"}, "finish_reason": "stop"}]),
        *(said() | {"error": nothing} for nothing in (None, {}, "")),
        said() | {"success": True, "code": 200, "msg": "ok"},
        said() | {"base_resp": {"status_code": 0, "status_msg": ""}},
    ],
    "anthropic": [
        message(stop="stop_sequence"),
        message(stop="model_context_window_exceeded"),
        message(text("HELLO"), stop="tool_use"),
        message(text("<think>hm</think>HELLO")),
        message(*SEARCHED, text("HELLO")),
        message(mcp("mcp_tool_use"), RESULT, text("HELLO")),
    ],
    "gemini": [
        *(content(finish=word) for word in ("RECITATION", "LANGUAGE", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "IMAGE_SAFETY")),
        {"promptFeedback": {"blockReason": "OTHER"}},
        content({"fileData": {"mimeType": "image/png", "fileUri": "https://files.example/y"}}),
        content(*RAN, {"text": "HELLO"}),
    ],
    "responses": [
        response({"id": "m", "type": "mcp_approval_request", "name": "f", "arguments": "{}", "server_label": "s"}),
        response({"id": "c", "type": "computer_call", "call_id": "c", "action": CLICK, "pending_safety_checks": [], "status": "completed"}),
        response(status="incomplete", incomplete_details={"reason": "content_filter"}),
        response(CALLED, item(TEXT)),
        response(INTERPRETED, item(TEXT)),
    ],
}
NONE = {
    "openai": [
        chat({"content": [text("")]}),
        chat({"content": []}),
        chat({"content": "", "tool_calls": []}),
        chat({"content": None, "tool_calls": None}, "tool_calls"),
        chat({"function_call": {"name": "", "arguments": "{}"}}, "function_call"),
        chat({"refusal": "", "content": None}),
        chat({"content": "", "citations": ["https://x.example"]}),
        chat({"content": None, "annotations": [{"type": "url_citation"}]}),
        chat({"content": "", "error": {"message": "no credits"}}),
        chat({"content": "<THINK>hm</THINK>"}),
        chat({"content": "<think>a</think><think>b</think>"}),
        chat({"content": "\n\n", "reasoning": "hm"}),
        chat({"content": ""}, "eos"),
        *(said(word) for word in ("abort", "cancelled", "timeout", "USER_CANCEL", "time_limit", "not_finished", "error")),
        *(chat(choices=odd) for odd in ([None], [{}], {"message": {"content": "HELLO"}}, [{"index": 0, "message": "HELLO"}])),
        chat(choices=[{"index": 0, "message": None, "finish_reason": "stop"}]),
        {"output": {"text": "HELLO", "finish_reason": "stop"}, "usage": {"total_tokens": 3}, "request_id": "r"},
        {"id": "c", "message": {"role": "assistant", "content": [text("HELLO")]}, "finish_reason": "COMPLETE"},
        {"model": "m", "message": {"role": "assistant", "content": "HELLO"}, "done": True, "done_reason": "stop"},
        {"result": {"response": "HELLO"}, "success": True, "errors": [], "messages": []},
        {"result": None, "success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "messages": []},
        {"code": 0, "msg": "success", "data": said()},
        {"error_code": 17, "error_msg": "Open api daily request limit reached", "id": "1"},
        {"error": {"code": "1113", "message": "您的账户已欠费 请充值后重试"}},
        {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None},
        {"error": "Model is overloaded", "error_type": "overloaded"},
        {"message": "Forbidden"},
        {"Message": "User is not authorized", "Type": "AccessDenied"},
        {"object": "error", "message": "CUDA out of memory", "code": 50001},
        {"status": "error", "message": "insufficient credits"},
        {"status_code": 429, "code": "Throttling.RateQuota", "message": "Requests rate limit exceeded", "request_id": "r"},
        {"base_resp": {"status_code": 1004, "status_msg": "login fail"}},
        {"id": "x", "object": "chat.completion", "usage": {"total_tokens": 1}},
        429,
        True,
        json.dumps(said()),
    ],
    "anthropic": [
        message() | {"content": "HELLO"},
        message() | {"content": None},
        message(text("")),
        message(text("<think>hm</think>")),
        message({"type": "redacted_thinking", "data": "x"}),
        message({"type": "thinking", "thinking": "hm", "signature": "s"}, text("\n\n")),
        message(*SEARCHED),
        message(mcp("mcp_tool_use"), RESULT),
        message(stop="tool_use"),
        message(text("HELLO"), stop="error"),
        {"code": 500, "msg": "404 NOT_FOUND", "success": False},
        {"error": {"message": "insufficient balance"}},
        {"error": "busy"},
        said(),
    ],
    "gemini": [
        {"candidates": [{"finishReason": "STOP"}]},
        {"candidates": [{"content": None, "finishReason": "STOP"}]},
        {"candidates": None, "promptFeedback": None},
        {"usageMetadata": {"promptTokenCount": 1}, "modelVersion": "m"},
        *(content(finish=word) for word in ("NO_IMAGE", "IMAGE_OTHER", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "OTHER")),
        content({"text": "HELLO"}, finish="MALFORMED_RESPONSE"),
        *(content(part) for part in ({"text": ""}, {"thoughtSignature": "x"}, {"text": "", "thoughtSignature": "x"})),
        content({"text": "<think>hm</think>"}),
        content(*RAN),
        said(),
    ],
    "responses": [
        response(THOUGHT, {"id": "ws", "type": "web_search_call", "status": "completed"}),
        response(INTERPRETED),
        response(CALLED),
        response({"id": "c", "type": "compaction", "encrypted_content": "x"}),
        response(item({**TEXT, "text": "<think>hm</think>"})),
        response() | {"output": None},
        response(status="cancelled"),
        response(status="failed"),
        {"error": {"message": "no", "type": "server_error", "code": None, "param": None}},
        said(),
    ],
}
CHUNKS = [
    ("openai", [chunk("stop", content="HELLO")], True),
    ("openai", [chunk(role="assistant", content=None), chunk(content="HELLO"), chunk("stop", content=None)], True),
    ("openai", [chunk(content=" "), chunk(content="\n"), chunk(content="HELLO"), chunk("stop")], True),
    ("openai", [chunk(content="<think>hm"), chunk(content="</think>HEL"), chunk(content="LO"), chunk("stop")], True),
    (
        "openai",
        [chunk(function_call={"name": "f", "arguments": ""}), chunk(function_call={"arguments": "{}"}), chunk("function_call")],
        True,
    ),
    ("openai", [chunk(role="assistant", content=None), chunk("stop", content=None)], False),
    ("openai", [chunk(role="assistant", reasoning_content=""), chunk("stop")], False),
    ("openai", [chunk(role="assistant", tool_calls=[]), chunk("tool_calls")], False),
    ("openai", [chunk(tool_calls=[{"index": 0, "id": "t", "function": {"name": None, "arguments": "{}"}}]), chunk("tool_calls")], False),
    ("openai", [chunk(content="\u200b"), chunk(content="\ufeff"), chunk("stop")], False),
    ("openai", [chunk(content="", error={"message": "no credits"}), chunk("stop")], False),
    ("openai", [chunk("stop") | {"usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}}], False),
    ("openai", [{"errors": [{"message": "no"}]}], False),
    ("openai", [{"success": False, "message": "token expired"}], False),
    ("anthropic", [{"type": "ping"}], False),
    ("anthropic", [{"code": 1302, "msg": "rate limited", "success": False}], False),
    ("anthropic", [{"type": "message_start", "message": message(stop=None)}, {"type": "error", "message": "busy"}], False),
    ("gemini", [{"candidates": []}, content({"text": "HELLO"})], True),
    ("gemini", [content({"text": "hm", "thought": True}, finish=None), content(finish="MAX_TOKENS")], True),
    ("gemini", [content({"text": "\n"}, finish=None), content()], False),
    ("gemini", [content(finish="FINISH_REASON_UNSPECIFIED")], False),
    ("responses", [{"type": "error", "sequence_number": 0, "code": "rate_limit_exceeded", "message": "slow", "param": None}], False),
    ("responses", [{"type": "response.failed", "response": response(status="failed", error={"code": "server_error"})}], False),
    ("responses", [{"type": "response.completed", "response": response(THOUGHT, INTERPRETED)}], False),
]


def asked(wire, *, stream):
    dialect, resource = RESOURCES[wire]
    return WireRequest(dialect, "POST", resource, kind="chat", stream=stream, query="alt=sse" if stream and wire == "gemini" else "")


def taken(wire, body, *, stream):
    """Whether a body is an answer to a request; as events it has to say so before they end."""
    try:
        if not stream:
            answer.read(asked(wire, stream=False), body)
            return True
        incoming = EventStream(asked(wire, stream=True))
        return any([*incoming.feed(body), *incoming.end()])
    except (InnerError, NoAnswerError):
        return False


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("wire", "is_answer"), [(wire, yes) for wire in RESOURCES for yes in (True, False)])
def test_what_other_hosts_say(wire, is_answer, stream):
    """Each is judged alike, whether events were asked for or not."""
    cases = (ANSWERS if is_answer else NONE)[wire]
    assert [case for case in cases if taken(wire, json.dumps(case).encode(), stream=stream) is not is_answer] == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_other_hosts_stream(stream):
    """Events are judged alike, whether they were asked for or not."""
    wrong = [(wire, values) for wire, values, yes in CHUNKS if taken(wire, events(values, wire), stream=stream) is not yes]
    assert wrong == []
