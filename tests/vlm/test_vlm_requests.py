"""What is sent: limits, temperatures and thinking, as each model takes them."""

import pytest
from vlm_backends import BACKENDS, LITELLM_WARNS, config_of, needs, provider_of

from sparekey.vlm import VLMFactory

pytestmark = LITELLM_WARNS
LITELLM = pytest.param("litellm", marks=needs("litellm"))
BY_NAME = {b.provider: b for b in BACKENDS}


@pytest.fixture
def sent(simulator):
    """Ask once, and return the JSON that arrived."""

    def sent(name, *, model=None, options=None, **more):
        backend = BY_NAME[name]
        provider = provider_of(simulator, backend)
        with VLMFactory.create(config_of(backend, provider, **({"model": model} if model else {}), **more)) as vlm:
            vlm.get_completion("hi", **(options or {}))
        return provider.requests[0].json

    return sent


@pytest.mark.parametrize("name", ["openai", "azure", "volcengine", "kimi", "glm", LITELLM, "anthropic"])
def test_nothing_is_sent_that_was_not_configured(sent, name):
    """Temperature and limits are the provider's own unless somebody sets them; only Anthropic's API needs a limit."""
    body = sent(name)
    assert body.get("temperature") is None  # Ark's SDK spells out what is not set
    assert body.get("max_tokens") == (4096 if name == "anthropic" else None)


@pytest.mark.parametrize("name", ["openai", "azure", "volcengine", "glm", LITELLM, "anthropic"])
def test_limits_and_temperature_are_sent(sent, name):
    """A call's own limit wins over the configured one; a temperature of 0 is one."""
    body = sent(name, temperature=0.0, max_tokens=100, options={"max_tokens": 7})
    assert (body["temperature"], body["max_tokens"]) == (0.0, 7)


def test_gemini_has_words_of_its_own(sent):
    """The same settings in Gemini's form; thinking is switched off where it can be. The SDK leaves some names in snake case."""
    body = sent("gemini", temperature=0.0, max_tokens=7)
    config = body["generationConfig"]
    assert (config["temperature"], config["maxOutputTokens"], config["thinkingConfig"]) == (0.0, 7, {"thinking_budget": 0})


@pytest.mark.parametrize("model", ["gpt-5.1", "o3-mini", "gpt-12"])
def test_reasoning_models_get_their_own_limit_and_no_temperature(sent, model):
    """They refuse `max_tokens` and a temperature."""
    body = sent("openai", model=model, temperature=0.3, max_tokens=7, reasoning_effort="low")
    assert "temperature" not in body
    assert "max_tokens" not in body
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (7, "low")


def test_kimi_takes_no_temperature_and_is_told_whether_to_think(sent):
    """Its models have a fixed one; thinking is a field of the body."""
    body = sent("kimi", temperature=0.3, thinking=True)
    assert "temperature" not in body
    assert body["thinking"] == {"type": "enabled"}
    assert sent("kimi", thinking=True, options={"thinking": False})["thinking"] == {"type": "disabled"}


def test_ark_is_told_whether_to_think(sent):
    """Ark's models think unless they are told not to."""
    assert sent("volcengine")["thinking"] == {"type": "disabled"}
    assert sent("volcengine", options={"thinking": True})["thinking"] == {"type": "enabled"}


@pytest.mark.parametrize(
    ("model", "limit", "expected"),
    [
        ("claude-sonnet-4-5", 8000, {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 4000}}),
        ("claude-sonnet-4-5", 200, {"max_tokens": 1124, "thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-opus-4-6", 8000, {"max_tokens": 8000, "thinking": {"type": "adaptive"}}),
    ],
)
def test_claude_thinks_as_its_version_can(sent, model, limit, expected):
    """Older versions need a budget below the limit, newer ones decide themselves; neither takes a temperature then."""
    body = sent("anthropic", model=model, max_tokens=limit, temperature=0.2, thinking=True)
    assert {name: body[name] for name in expected} == expected
    assert "temperature" not in body


def test_the_newest_claude_takes_no_temperature(sent):
    """From 4.7 on a temperature is refused."""
    assert "temperature" not in sent("anthropic", model="claude-opus-4-7", temperature=0.2)
    assert sent("anthropic", model="claude-opus-4-5", temperature=0.2)["temperature"] == 0.2


def test_extra_fields_win(sent):
    """What an operator puts into the body is sent, whatever we would have sent."""
    assert sent("kimi", extra_request_body={"thinking": {"type": "enabled"}})["thinking"] == {"type": "enabled"}


def test_a_tool_may_be_named_and_glm_only_takes_auto(sent):
    """The name of a tool becomes each wire's form of it."""
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}]
    options = {"tools": tools, "tool_choice": "find"}
    assert sent("openai", options=options)["tool_choice"] == {"type": "function", "function": {"name": "find"}}
    assert sent("anthropic", options=options)["tool_choice"] == {"type": "tool", "name": "find"}
    assert sent("glm", options=options)["tool_choice"] == "auto"


THINKING = [("openai", True), ("gemini", True), ("openai", False), ("volcengine", False), ("anthropic", False), ("gemini", False)]


@pytest.mark.parametrize(("name", "tagged"), [*THINKING, pytest.param("litellm", False, marks=needs("litellm"))])
def test_thoughts_are_told_apart_and_counted(simulator, name, tagged):
    """Whether a host hands thoughts out in the text or beside it, the answer is clean, whole or streamed."""
    backend = BY_NAME[name]
    text, reasoning = ("<think>Let me see.</think>\nUnder the stone.", "") if tagged else ("Under the stone.", "Let me see.")
    provider = provider_of(simulator, backend, text=text, reasoning=reasoning)
    with VLMFactory.create(config_of(backend, provider)) as vlm:
        answer = vlm.get_completion("hi")
        chunks = list(vlm.stream_completion("hi"))
    assert (answer.content, answer.reasoning_content) == ("Under the stone.", "Let me see.")
    assert "".join(map(str, chunks)) == "Under the stone."
    assert "".join(c.reasoning_content for c in chunks).strip() == "Let me see."
    assert answer.usage["reasoning_tokens"] == (0 if tagged or name == "anthropic" else 3)  # Anthropic counts no thoughts apart


def test_cached_tokens_are_counted(simulator):
    """What a provider read from its cache stands in the usage."""
    for name in ("openai", "anthropic", "gemini"):
        backend = BY_NAME[name]
        provider = provider_of(simulator, backend, cached_tokens=1)
        with VLMFactory.create(config_of(backend, provider)) as vlm:
            vlm.get_completion("hello there")
            "".join(map(str, vlm.stream_completion("hello there")))
            assert vlm.get_token_usage()["total_usage"]["cached_tokens"] == 2, name
