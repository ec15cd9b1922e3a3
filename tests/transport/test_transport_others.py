"""The SDKs of Anthropic and of Gemini beyond one question."""

import pytest
from sdk_talk import QUESTION, ask, client, credentials

from sparekey import VLMConfig
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT

TOOL = {"name": "look", "description": "looks", "input_schema": {"type": "object"}}


def test_anthropics_stream_helper_and_tools_work(provide):
    """The helper collects a whole message, also one that calls a tool, from the second provider."""
    first, second = provide("first", "second", wire="anthropic")
    first.fail(faults.overloaded())
    with client("anthropic", credentials(first, second)) as made:
        with made.messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
            assert "".join(stream.text_stream) == TEXT
        with made.messages.stream(model="m", max_tokens=9, messages=QUESTION, tools=[TOOL]) as stream:
            (block,) = stream.get_final_message().content
    assert block.input == {"query": "spare key"}


def test_anthropic_counts_tokens_and_lists_models(provide):
    """Counting asks the chain's model, listing asks the active credential; both with its key."""
    (first,) = provide("first", wire="anthropic")
    with client("anthropic", credentials(first)) as made:
        assert made.messages.count_tokens(model="m", messages=QUESTION).input_tokens > 0
        assert made.models.list().data
        raw = made.messages.with_raw_response.create(model="m", max_tokens=9, messages=QUESTION)
    assert raw.headers["request-id"].startswith("req_sim")
    assert first.requests[0].json["model"] == f"model-{first.name}"
    assert {seen.headers["x-api-key"] for seen in first.requests} == {f"key-{first.name}"}


def test_gemini_embeds_and_counts(provide):
    """Embeddings and counting go through the chain of their kind, the model in the path."""
    first, second = provide("first", "second", wire="gemini", dimension=8)
    first.fail(faults.quota())
    with client("gemini", credentials(first, second), family="embedding", space="ours") as made:
        vectors = made.models.embed_content(model="m", contents=["one", "two"]).embeddings
    assert [len(vector.values) for vector in vectors] == [8, 8]
    with client("gemini", credentials(second)) as made:
        assert made.models.count_tokens(model="m", contents="hi").total_tokens > 0
    assert all(f"model-{second.name}:" in seen.path for seen in second.requests)


def test_gemini_sees_a_blocked_prompt_as_it_is(provide):
    """A blocked prompt is an answer of Gemini's: nobody else is asked, whole or as a stream."""
    first, second = provide("first", "second", wire="gemini")
    first.fail(faults.content_filter())
    with client("gemini", credentials(first, second)) as made:
        answer = made.models.generate_content(model="m", contents="hi")
        (event,) = made.models.generate_content_stream(model="m", contents="hi")
    assert answer.prompt_feedback.block_reason == event.prompt_feedback.block_reason == "PROHIBITED_CONTENT"
    assert second.requests == ()


@pytest.mark.parametrize("sdk", ["anthropic", "gemini"])
def test_configured_time_limits_reach_the_client(provide, sdk):
    """A limit of a configuration is the limit of each attempt."""
    (first,) = provide("first", wire=sdk)
    first.fail(faults.hang())
    one = {"provider": sdk, "model": f"model-{first.name}", "api_key": f"key-{first.name}", "api_base": first.base_url}
    with pytest.raises(Exception, match=r"(?i)timed? ?out"):
        ask(sdk, VLMConfig(credentials=[one], timeout=0.3, max_retries=0))
