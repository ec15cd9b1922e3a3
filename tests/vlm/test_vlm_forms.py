"""OpenAI's conversations, tools and choices in the forms of other wires; thinking as each model takes it."""

import base64

import pytest

from sparekey.errors import InvalidInputError
from sparekey.providers import dialect_of
from sparekey.vlm.backends import anthropic as claude
from sparekey.vlm.backends import gemini as google
from sparekey.vlm.backends.anthropic import version_of
from sparekey.vlm.backends.openai import tool_choice

URL = "data:image/png;base64," + base64.b64encode(b"png").decode()
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}}
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "What?"}]},
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
    {"role": "tool", "tool_call_id": "c1", "content": "stone"},
    {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "gate"}]},
    {"role": "user", "content": "And?"},
]


def test_a_conversation_in_anthropics_form():
    """System texts go apart, both tool results become one turn, images carry their type."""
    system, turns = claude.to_messages(TALK)
    assert system == "Be brief.\n\nBe kind."
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": URL.partition(",")[2]}}
    use = {"type": "tool_use", "id": "c1", "name": "find", "input": {"q": 1}}
    assert turns == [
        {"role": "user", "content": [image, {"type": "text", "text": "What?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, use, {**use, "id": "c2"}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "stone"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "gate"},
            ],
        },
        {"role": "user", "content": "And?"},
    ]


def test_a_conversation_in_geminis_form():
    """Results of tools carry the tool's name, and the first call of a turn a signature."""
    system, turns = google.to_contents(TALK)
    assert system == "Be brief.\n\nBe kind."
    assert turns[0] == {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": b"png"}}, {"text": "What?"}]}
    call = {"function_call": {"name": "find", "args": {"q": 1}}}
    assert turns[1] == {
        "role": "model",
        "parts": [{"text": "I look."}, {**call, "thought_signature": b"skip_thought_signature_validator"}, call],
    }
    results = [{"function_response": {"name": "find", "response": {"result": text}}} for text in ("stone", "gate")]
    assert turns[2:] == [{"role": "user", "parts": results}, {"role": "user", "parts": [{"text": "And?"}]}]


def test_pictures_behind_urls_stay_urls():
    """The provider fetches them; Gemini is told their type from the name."""
    talk = [{"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/a.png"}]}]
    assert claude.to_messages(talk)[1][0]["content"][0]["source"] == {"type": "url", "url": "https://example.com/a.png"}
    assert google.to_contents(talk)[1][0]["parts"] == [{"file_data": {"file_uri": "https://example.com/a.png", "mime_type": "image/png"}}]


@pytest.mark.parametrize(
    ("given", "read"), [('{"q": 1}', {"q": 1}), ({"q": 1}, {"q": 1}), ("{", {"raw": "{"}), ("[1]", {"raw": "[1]"}), ("", {})]
)
def test_arguments_of_calls_are_objects(given, read):
    """What a model wrote as arguments goes back as an object, however broken it was."""
    assert claude.arguments_of({"function": {"arguments": given}}) == read


def test_tools_in_each_form():
    """A function's schema is kept as it is; tools in a wire's own form pass."""
    schema = {"type": "object", "properties": {"q": {"type": "integer"}}}
    tool = {"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": schema}}
    own = {"type": "web_search_20250305", "name": "web_search"}
    assert claude.to_tools([tool, own]) == [{"name": "find", "description": "Finds.", "input_schema": schema}, own]
    declaration = {"name": "find", "description": "Finds.", "parameters_json_schema": schema}
    assert google.to_tools([tool, {"google_search": {}}]) == [{"google_search": {}}, {"function_declarations": [declaration]}]
    with pytest.raises(InvalidInputError, match="without a name"):
        claude.to_tools([{"function": {"description": "?"}}])


@pytest.mark.parametrize(
    ("choice", "openai", "anthropic", "gemini"),
    [
        ("auto", "auto", {"type": "auto"}, {"mode": "AUTO"}),
        ("none", "none", {"type": "none"}, {"mode": "NONE"}),
        ("required", "required", {"type": "any"}, {"mode": "ANY"}),
        (
            "find",
            {"type": "function", "function": {"name": "find"}},
            {"type": "tool", "name": "find"},
            {"mode": "ANY", "allowed_function_names": ["find"]},
        ),
    ],
)
def test_tool_choices_in_each_form(choice, openai, anthropic, gemini):
    """One word for all wires; an object of OpenAI's is understood, too."""
    assert tool_choice(choice) == openai
    for given in (choice, openai):
        assert claude.to_tool_choice(given) == anthropic
        assert google.to_tool_config(given) == {"function_calling_config": gemini}


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("claude-opus-4-6", (4, 6)),
        ("claude-sonnet-4-5-20250929", (4, 5)),
        ("claude-sonnet-4-20250514", (4, 0)),
        ("claude-3-7-sonnet-latest", (3, 7)),
        ("claude-sonnet-5", (5, 0)),
        ("anthropic/claude-haiku-4.5", (4, 5)),
        ("my-model", (0, 0)),
    ],
)
def test_a_claude_models_name_tells_its_version(model, version):
    """Dates are no versions."""
    assert version_of(model) == version


@pytest.mark.parametrize(
    ("provider", "base", "model", "on", "off"),
    [
        ("kimi", None, "kimi-k2.6", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("openai", "https://api.moonshot.cn/v1", "kimi-k2.5", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("moonshot", None, "moonshot-v1-8k", {}, {}),
        ("glm", None, "glm-4.6v", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
        ("glm", None, "glm-4-plus", {}, {}),
        ("openai", "https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-max", {"enable_thinking": True}, {"enable_thinking": False}),
        ("openrouter", None, "x/y", {"reasoning": {"enabled": True}}, {}),
        ("openai", None, "gpt-4o", {}, {}),
    ],
)
def test_thinking_is_switched_as_each_host_wants_it(provider, base, model, on, off):
    """A host is known by its provider name or by its base URL; models that know no switch get none."""
    dialect = dialect_of(provider, base)
    assert dialect.thinking_fields(model, thinking=True) == on
    assert dialect.thinking_fields(model, thinking=False) == off


@pytest.mark.parametrize(
    ("model", "on", "off"),
    [
        ("gemini-2.5-flash", {"include_thoughts": True}, {"thinking_budget": 0}),
        ("gemini-2.5-pro", {"include_thoughts": True}, None),
        ("gemini-3-pro", {"include_thoughts": True}, None),
        ("gemini-2.0-flash", None, None),
    ],
)
def test_gemini_thinks_as_each_model_can(model, on, off):
    """Only some models can stop thinking, and older ones never start."""
    assert google.thinking_config(model, thinking=True) == on
    assert google.thinking_config(model, thinking=False) == off
