"""What every chat format is read into: the requests that the SDKs really make, and any nonsense; nothing is lost, nothing raises."""

import base64
import json
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.lab.simulator import Simulator
from sparekey.wire.conversation import chat_completions, generate_content, messages, responses
from sparekey.wire.conversation.frames import DEEPEST
from sparekey.wire.conversation.reading import read as read_conversation
from sparekey.wire.conversation.values import MediaPart, OpaquePart, RefusalPart, TextPart, ThinkingPart, ToolCallPart, ToolResultPart
from sparekey.wire.request import understand

FORMATS = {
    "chat completions": chat_completions.read_request,
    "responses": responses.read_request,
    "messages": messages.read_request,
    "generateContent": generate_content.read_request,
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"], "additionalProperties": False}
WORDS = {
    *("user", "assistant", "system", "developer", "tool", "model", "text", "input_text", "output_text", "refusal", "image_url", "message"),
    *("input_image", "input_file", "input_audio", "file", "image", "document", "function", "custom", "tool_use", "tool_result", "thinking"),
    *("redacted_thinking", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output", "reasoning", "any"),
    *("AUTO", "NONE", "ANY", "auto", "none", "required", "text/plain", "application/json", "json_schema", "json_object", "video_url"),
    *("base64", "url", "summary_text"),
}
"""Words of the formats that say of what kind something is: the kind of the piece says the same."""


def leaves(value):
    """All texts and numbers, wherever they stand."""
    if is_dataclass(value):
        value = [getattr(value, one.name) for one in fields(value)]
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [] if value is None or isinstance(value, bool) else [value]


def lost(read_request, request):
    """What of a request is nowhere in the conversation."""
    found = leaves(read_request(request))
    bare = [leaf.partition(",")[2] if isinstance(leaf, str) and leaf.startswith("data:") else leaf for leaf in leaves(request)]
    missing = list(found)
    out = []
    for leaf in bare:
        if leaf in missing:
            missing.remove(leaf)
        elif leaf not in WORDS:
            out.append(leaf)
    return out


@pytest.fixture(scope="module")
def captured():
    """What each SDK sends."""
    out = {}
    with Simulator() as simulator:
        for name, ask in {"chat completions": chat, "responses": responses, "messages": messages, "generateContent": gemini}.items():
            provider = simulator.provider(name.split()[0], wire={"messages": "anthropic", "generateContent": "gemini"}.get(name, "openai"))
            ask(provider)
            (sent,) = provider.requests
            out[name] = understand(sent.method, sent.path.encode(), [(k.encode(), v.encode()) for k, v in sent.headers.items()], sent.body)
    return out


def chat(provider):
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"q": "key"'}}
    with openai.OpenAI(api_key="sk-0", base_url=provider.base_url, max_retries=0) as client:
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[
                {"role": "developer", "content": "Be brief."},
                {
                    "role": "user",
                    "name": "Ann",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
                        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}},
                    ],
                },
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": "under the mat"},
                {"role": "assistant", "content": "There.", "refusal": "Not the rest."},
                {"role": "user", "content": "Why?"},
            ],
            tools=[{"type": "function", "function": {"name": "find", "description": "Find it.", "parameters": SCHEMA, "strict": True}}],
            tool_choice={"type": "function", "function": {"name": "find"}},
            parallel_tool_calls=False,
            response_format={"type": "json_schema", "json_schema": {"name": "out", "schema": SCHEMA, "strict": True}},
            max_completion_tokens=99,
            temperature=0.5,
            top_p=0.9,
            stop=["END", "STOP"],
            seed=7,
            n=2,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            logprobs=True,
            top_logprobs=3,
            reasoning_effort="low",
            user="u-1",
            extra_body={"provider": {"order": ["a"]}},
        )


def responses(provider):
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    with openai.OpenAI(api_key="sk-0", base_url=provider.base_url, max_retries=0) as client:
        client.responses.create(
            model="gpt-5-mini",
            instructions="Be brief.",
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
                        {"type": "input_file", "file_id": "file-1", "filename": "a.pdf"},
                    ],
                },
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "SEALED"},
                {"type": "function_call", "call_id": "call_1", "name": "find", "arguments": '{"q": "key"}'},
                {"type": "function_call_output", "call_id": "call_1", "output": "under the mat"},
                {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "mats"}},
                {"role": "assistant", "content": "There."},
            ],
            tools=[
                {"type": "function", "name": "find", "description": "Find it.", "parameters": SCHEMA, "strict": True},
                {"type": "web_search", "search_context_size": "low"},
            ],
            tool_choice="required",
            parallel_tool_calls=True,
            text={"format": {"type": "json_schema", "name": "out", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
            reasoning={"effort": "high", "summary": "auto"},
            max_output_tokens=99,
            temperature=1,
            store=False,
            include=["reasoning.encrypted_content"],
        )


def messages(provider):
    anthropic = pytest.importorskip("anthropic", reason="the SDK anthropic is not installed")
    with anthropic.Anthropic(api_key="sk-0", base_url=provider.base_url, max_retries=0) as client:
        client.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=99,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
                        {"type": "document", "title": "a.pdf", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "SIGNED"},
                        {"type": "redacted_thinking", "data": "SEALED"},
                        {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"q": "key"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [{"type": "text", "text": "gone"}]}
                    ],
                },
            ],
            tools=[
                {"name": "find", "description": "Find it.", "input_schema": SCHEMA},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
            tool_choice={"type": "tool", "name": "find", "disable_parallel_tool_use": True},
            thinking={"type": "enabled", "budget_tokens": 2048},
            stop_sequences=["END"],
            metadata={"user_id": "u-1"},
            extra_body={"temperature": 0.5, "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}},
        )


def gemini(provider):
    genai = pytest.importorskip("google.genai", reason="the SDK google-genai is not installed")
    types = genai.types
    client = genai.Client(api_key="k", http_options={"base_url": provider.base_url, "retry_options": {"attempts": 1}})
    call = types.Part(function_call=types.FunctionCall(name="find", args={"q": "key"}), thought_signature=b"SIGNED")
    client.models.generate_content(
        model="gemini-2.5-flash",
        contents=[
            types.Content(
                role="user",
                parts=[
                    types.Part(text="What is this?"),
                    types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"),
                    types.Part.from_uri(file_uri="https://example.com/a.pdf", mime_type="application/pdf"),
                ],
            ),
            types.Content(role="model", parts=[types.Part(text="Hm.", thought=True), call]),
            types.Content(role="user", parts=[types.Part.from_function_response(name="find", response={"result": "under the mat"})]),
        ],
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            tools=[
                types.Tool(
                    function_declarations=[types.FunctionDeclaration(name="find", description="Find it.", parameters_json_schema=SCHEMA)]
                ),
                types.Tool(google_search=types.GoogleSearch()),
            ],
            tool_config={"function_calling_config": {"mode": "ANY", "allowed_function_names": ["find"]}},
            max_output_tokens=99,
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            stop_sequences=["END"],
            seed=7,
            candidate_count=1,
            response_mime_type="application/json",
            response_json_schema=SCHEMA,
            thinking_config={"thinking_budget": 2048, "include_thoughts": True},
            safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        ),
    )


def read(captured, name):
    return read_conversation(captured[name])


def parts(conversation, kind):
    """All parts of a kind."""
    return [part for turn in conversation.turns for part in turn.parts if isinstance(part, kind)]


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_of_what_an_sdk_sends_is_lost(captured, name):
    """Each text and number is somewhere, once as often as it was sent; what has no place of its own under its own name."""
    assert lost(FORMATS[name], captured[name].document.fields) == []


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_says_the_same_in_the_same_words(captured, name):
    """A system prompt, text, an image, a call with its result, a tool, a limit, a schema."""
    found = read(captured, name)
    assert [part.text for one in found.system for part in one.parts] == ["Be brief."]
    assert parts(found, TextPart)[0].text == "What is this?"
    assert next(part for part in parts(found, MediaPart) if part.kind == "image").data == PNG
    (call,), (result,) = parts(found, ToolCallPart), parts(found, ToolResultPart)
    assert call.name == "find"
    assert call.id == result.call_id
    assert next(tool for tool in found.tools if tool.name == "find").schema == SCHEMA
    assert found.response_format.schema == SCHEMA
    assert found.response_format.kind == "json_schema"
    assert found.sampling.max_tokens == 99
    assert {turn.role for turn in found.turns} == {"user", "assistant"}


def test_what_each_format_has_of_its_own(captured):
    """Ranks, names, sealed and signed thoughts, built-in tools, choices."""
    one = read(captured, "chat completions")
    assert (one.system[0].rank, one.turns[0].extra, one.spelling["max_tokens"]) == ("developer", {"name": "Ann"}, "max_completion_tokens")
    assert [part.kind for part in parts(one, MediaPart)] == ["image", "audio", "file"]
    assert parts(one, ToolCallPart)[0].parsed is None  # the model broke off in the middle of it
    assert parts(one, RefusalPart) == [RefusalPart("Not the rest.")]
    assert (one.tool_choice.mode, one.tool_choice.names, one.tool_choice.parallel) == ("required", ("find",), False)
    assert (one.sampling.stop, one.sampling.answers, one.sampling.effort) == (("END", "STOP"), 2, "low")
    assert one.extra == {"user": "u-1", "provider": {"order": ["a"]}}
    two = read(captured, "responses")
    assert parts(two, ThinkingPart)[0].sealed == "SEALED"
    assert [part.value["type"] for part in parts(two, OpaquePart)] == ["web_search_call"]
    assert [(tool.name, tool.kind) for tool in two.tools] == [("find", "function"), ("web_search", "built_in")]
    three = read(captured, "messages")
    assert [(part.text, part.signature, part.sealed) for part in parts(three, ThinkingPart)] == [("Hm.", "SIGNED", ""), ("", "", "SEALED")]
    assert parts(three, ToolResultPart)[0].is_error is True
    assert (three.tool_choice.names, three.tool_choice.parallel, three.sampling.thinking_budget) == (("find",), False, 2048)
    four = read(captured, "generateContent")
    assert parts(four, ThinkingPart)[0].text == "Hm."
    assert "thoughtSignature" in parts(four, ToolCallPart)[0].extra
    assert (four.tool_choice.mode, four.tool_choice.names) == ("required", ("find",))
    assert (four.sampling.thinking_budget, four.sampling.include_thoughts, four.sampling.top_k) == (2048, True, 40)
    assert "safetySettings" in four.extra


TEXTS = st.text(max_size=5).map("§".__add__)
KNOWN = st.sampled_from(
    [
        *("messages", "input", "contents", "system", "instructions", "systemInstruction", "system_instruction", "parts", "content", "role"),
        *("type", "text", "source", "data", "url", "image_url", "file", "input_audio", "tool_calls", "function", "name", "arguments", "id"),
        *("call_id", "output", "tool_use_id", "is_error", "thinking", "signature", "summary", "encrypted_content", "tools", "tool_choice"),
        *("functionCall", "function_response", "args", "response", "inlineData", "mimeType", "generationConfig", "toolConfig", "mode"),
        *("functionCallingConfig", "response_format", "json_schema", "schema", "strict", "reasoning", "effort", "stop", "max_tokens", "n"),
        *("functionDeclarations", "refusal", "reasoning_content", "max_completion_tokens", "thinkingConfig", "output_config", "format"),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(1000, 10**6) | TEXTS | st.sampled_from(sorted(WORDS))
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KNOWN, inner, max_size=6), max_leaves=40)
REQUESTS = st.dictionaries(KNOWN, JSON, max_size=8)


@pytest.mark.parametrize("name", FORMATS)
@given(request=REQUESTS)
def test_nonsense_is_kept_and_never_raises(name, request):
    """Fields of the wrong type, parts of no kind, roles of nobody: all of it is somewhere."""
    before = json.dumps(request)
    assert lost(FORMATS[name], request) == []
    assert json.dumps(request) == before  # and nothing was changed


@pytest.mark.parametrize("name", FORMATS)
@given(part=st.dictionaries(KNOWN, JSON, max_size=5), role=SCALARS)
def test_so_is_nonsense_in_the_place_of_a_part(name, part, role):
    """Where the formats have their messages."""
    for request in (
        {"messages": [{"role": role, "content": [part, part]}]},
        {"messages": [{"role": "assistant", "content": "x", "tool_calls": [part]}]},
        {"input": [part, {"role": role, "content": [part]}]},
        {"contents": [{"role": role, "parts": [part, part]}], "tools": [part]},
        {"tools": [part], "tool_choice": part, "system": [part]},
    ):
        assert lost(FORMATS[name], request) == []


def test_results_within_results_are_read_to_a_depth():
    """A request cannot make us recurse without end."""
    content = "deep"
    for _ in range(500):
        content = [{"type": "tool_result", "tool_use_id": "t", "content": content}]
    found = FORMATS["messages"]({"messages": [{"role": "user", "content": content}]}).turns[0].parts
    depth = 0
    while isinstance(found[0], ToolResultPart):
        found, depth = found[0].parts, depth + 1
    assert depth == DEEPEST
    assert isinstance(found[0], OpaquePart)
