"""What single wires know beyond the common ground, as their SDKs read it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from simulator_talk import HELLO, TOOL

from sparekey.lab.simulator import TEXT, Simulator, faults, unit_vector

if TYPE_CHECKING:
    from sparekey.lab.simulator import Provider

THOUGHTS = "The stone comes to mind."


def post(provider: Provider, path: str, body: Any, **headers: str) -> Any:
    """Send JSON and return the JSON of the answer."""
    request = urllib.request.Request(provider.origin + path, json.dumps(body).encode(), {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_openai_embeddings_obey_dimensions_and_encoding(simulator: Simulator):
    """Floats and base64, at the length that was asked for, are the same numbers."""
    from openai import OpenAI

    provider = simulator.provider("first", dimension={"small": 12})
    with OpenAI(api_key="any", base_url=provider.base_url, max_retries=0) as client:
        packed = client.embeddings.create(model="small", input="stone").data[0].embedding
        floats = client.embeddings.create(model="small", input="stone", encoding_format="float").data[0].embedding
        short = client.embeddings.create(model="small", input="stone", dimensions=5).data[0].embedding
    assert packed == pytest.approx(floats, abs=1e-6)
    assert (len(floats), len(short)) == (12, 5)


def test_openai_takes_token_arrays_as_one_input(simulator: Simulator):
    """A list of numbers is one text, a list of lists is many."""
    provider = simulator.provider("first", dimension=3)
    counts = [len(post(provider, "/v1/embeddings", {"model": "m", "input": given})["data"]) for given in ([1, 2, 3], [[1, 2], [3]])]
    assert counts == [1, 2]


def test_openai_streams_a_tool_call_in_pieces(simulator: Simulator):
    """The pieces of the arguments are JSON when they are put together."""
    from openai import OpenAI

    provider = simulator.provider("first")
    with OpenAI(api_key="any", base_url=provider.base_url, max_retries=0) as client:
        events = client.chat.completions.create(model="m", messages=HELLO, tools=[{"type": "function", "function": TOOL}], stream=True)
        calls = [call for event in events for choice in event.choices for call in choice.delta.tool_calls or []]
    assert calls[0].function.name == "look"
    assert json.loads("".join(call.function.arguments for call in calls)) == {"query": "spare key"}


@pytest.mark.parametrize(
    ("path", "wire", "body"),
    [
        ("/v1/chat/completions", "openai", {"messages": HELLO, "tools": [{"type": "function", "function": TOOL}]}),
        ("/v1/responses", "openai", {"input": "hello", "tools": [{"type": "function", **TOOL}]}),
        ("/v1/messages", "anthropic", {"messages": HELLO, "max_tokens": 9, "tools": [{"name": "look", "input_schema": {}}]}),
        ("/v1beta/models/m:generateContent", "gemini", {"contents": [{}], "tools": [{"functionDeclarations": [TOOL]}]}),
    ],
)
def test_a_tool_is_called_as_the_provider_is_told(simulator: Simulator, path: str, wire: str, body: dict[str, Any]):
    """With its arguments, if it is offered; another tool is not called at all."""
    told = simulator.provider("told", wire=wire, calls={"read": {}, "look": {"under": "the rug"}})
    others = simulator.provider("others", wire=wire, calls={"read": {}})
    answers = [json.dumps(post(one, path, {"model": "m", **body})) for one in (told, others)]
    assert ["the rug" in answer for answer in answers] == [True, False]
    assert ["A spare key lies" in answer for answer in answers] == [False, True]


@pytest.mark.parametrize("messages", [[*HELLO, {"role": "tool", "tool_call_id": "c", "content": "found"}], HELLO])
def test_openai_answers_once_the_tool_has_spoken(simulator: Simulator, messages: list[Any]):
    """With the tool's result at hand, or tools switched off, the answer is the text."""
    provider = simulator.provider("first")
    choice = "auto" if messages is not HELLO else "none"
    body = {"model": "m", "messages": messages, "tools": [{"type": "function", "function": TOOL}], "tool_choice": choice}
    assert post(provider, "/v1/chat/completions", body)["choices"][0]["message"]["content"] == TEXT


def test_openai_accepts_images(simulator: Simulator):
    """Parts that are no text are taken and not counted."""
    provider = simulator.provider("first", reasoning=THOUGHTS, cached_tokens=2)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"type": "text", "text": "What is this?"}, image]
    answer = post(provider, "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert answer["choices"][0]["message"]["reasoning_content"] == THOUGHTS
    assert answer["usage"]["prompt_tokens"] == 3
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 5


def test_openai_names_its_models(simulator: Simulator):
    """The list, and one of them."""
    from openai import OpenAI

    provider = simulator.provider("first", models=["sim-chat"])
    with OpenAI(api_key="any", base_url=provider.base_url, max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["sim-chat"]
        assert client.models.retrieve("sim-chat").id == "sim-chat"


def test_azure_answers_under_the_unified_path(simulator: Simulator):
    """Without a deployment in the path the model stands in the body."""
    from openai import OpenAI

    provider = simulator.provider("first", wire="azure", keys=["entra"])
    with OpenAI(api_key="entra", base_url=f"{provider.base_url}/openai/v1", max_retries=0) as client:
        assert client.chat.completions.create(model="m", messages=HELLO).choices[0].message.content == TEXT


def test_azure_needs_an_api_version(simulator: Simulator):
    """A deployment without `api-version` is not found."""
    provider = simulator.provider("first", wire="azure")
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        post(provider, "/openai/deployments/d/chat/completions", {"messages": HELLO})
    with closing(caught.value):
        assert json.load(caught.value)["error"]["message"] == "Resource not found"


def test_azure_begins_a_stream_with_its_verdict(simulator: Simulator):
    """The first event has no choices, as with the real one."""
    from openai import AzureOpenAI

    provider = simulator.provider("first", wire="azure")
    with AzureOpenAI(api_key="any", azure_endpoint=provider.base_url, api_version="2024-10-21", max_retries=0) as client:
        events = list(client.chat.completions.create(model="d", messages=HELLO, stream=True))
    assert events[0].choices == []
    assert events[1].choices[0].delta.role == "assistant"


def test_anthropic_streams_thoughts_and_tools(simulator: Simulator):
    """Thinking comes before the call, and the SDK puts both together again."""
    import anthropic

    provider = simulator.provider("first", wire="anthropic", reasoning=THOUGHTS, cached_tokens=3)
    tools: list[Any] = [{"name": "look", "input_schema": {"type": "object"}}]
    with anthropic.Anthropic(api_key="any", base_url=provider.base_url, max_retries=0) as client:
        with client.messages.stream(model="m", max_tokens=99, messages=HELLO, tools=tools) as stream:
            message = stream.get_final_message()
        count = client.messages.count_tokens(model="m", messages=HELLO).input_tokens
        models = [model.id for model in client.models.list()]
    thinking, call = message.content
    assert (thinking.thinking, call.name, call.input) == (THOUGHTS, "look", {"query": "spare key"})
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, count) == (2, 3, 5)
    assert models == ["sim-chat", "sim-embedding"]


def test_anthropic_says_when_access_returns(simulator: Simulator):
    """A quota with a stated end is the usage limit, with its date in the text."""
    import anthropic

    provider = simulator.provider("first", wire="anthropic")
    provider.fail(faults.quota(retry_after=86_400))
    with (
        anthropic.Anthropic(api_key="any", base_url=provider.base_url, max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError, match=r"regain access on \d{4}-\d\d-\d\d at \d\d:\d\d UTC"),
    ):
        client.messages.create(model="m", max_tokens=9, messages=HELLO)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": "m", "messages": HELLO}),
        ("/v1/messages", {"model": "m", "messages": [], "max_tokens": 9}),
        ("/v1/nowhere", {}),
    ],
)
def test_anthropic_refuses_what_is_incomplete(simulator: Simulator, path: str, body: Any):
    """Missing fields, empty conversations and unknown paths have Anthropic's shape."""
    provider = simulator.provider("first", wire="anthropic")
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(provider, path, body)
    with closing(caught.value):
        assert json.load(caught.value)["type"] == "error"


def test_gemini_streams_an_array_without_sse(simulator: Simulator):
    """Without `alt=sse` the stream is one JSON array; the key may stand in the query."""
    provider = simulator.provider("first", wire="gemini", keys=["k"], reasoning=THOUGHTS)
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    chunks = post(provider, "/v1beta/models/m:streamGenerateContent?key=k", body)
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(part["text"] for part in parts if not part.get("thought")) == TEXT
    assert "".join(part["text"] for part in parts if part.get("thought")) == THOUGHTS


def test_gemini_counts_embeds_and_lists(simulator: Simulator):
    """The smaller methods, over plain HTTP."""
    provider = simulator.provider("first", wire="gemini")
    content = {"parts": [{"text": "stone"}]}
    assert post(provider, "/v1beta/models/m:countTokens", {"contents": [content]}) == {"totalTokens": 1}
    vector = post(provider, "/v1beta/models/m:embedContent", {"content": content, "outputDimensionality": 4})["embedding"]["values"]
    assert vector == unit_vector("stone", 4)
    with urllib.request.urlopen(provider.origin + "/v1beta/models", timeout=10) as response:
        assert json.load(response)["models"][0]["name"] == "models/sim-chat"


def test_gemini_streams_a_function_call(simulator: Simulator):
    """A call comes as a part of its own."""
    provider = simulator.provider("first", wire="gemini")
    tools = [{"functionDeclarations": [{"name": "look"}]}]
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}], "tools": tools}
    chunks = post(provider, "/v1beta/models/m:streamGenerateContent", body)
    calls = [
        part["functionCall"]["name"] for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"] if "functionCall" in part
    ]
    assert calls == ["look"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1beta/models/m:generateContent", {"contents": []}),
        ("/v1beta/models/m:batchEmbedContents", {"requests": []}),
        ("/v1beta/models/m:dance", {}),
        ("/v1beta/nowhere", {}),
    ],
)
def test_gemini_refuses_what_is_incomplete(simulator: Simulator, path: str, body: Any):
    """Empty requests, unknown methods and paths have Google's shape."""
    provider = simulator.provider("first", wire="gemini")
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(provider, path, body)
    with closing(caught.value):
        assert json.load(caught.value)["error"]["code"] == caught.value.code


def test_ark_embeds_text_and_image_together(simulator: Simulator):
    """One request has one vector, sparse terms on request, and another image another vector."""
    from volcenginesdkarkruntime import Ark

    provider = simulator.provider("first", wire="ark")
    with closing(Ark(api_key="any", base_url=provider.base_url, max_retries=0)) as client:
        made = [
            client.multimodal_embeddings.create(
                model="m",
                input=[{"type": "text", "text": "a b a"}, {"type": "image_url", "image_url": {"url": url}}],
                dimensions=8,
                sparse_embedding={"type": "enabled"},
            ).data
            for url in ("https://images.test/1", "https://images.test/1", "https://images.test/2")
        ]
    assert made[0].embedding == made[1].embedding != made[2].embedding
    assert len(made[0].embedding) == 8
    assert sorted(term.value for term in made[0].sparse_embedding) == pytest.approx([1 / 3, 2 / 3], abs=1e-5)


def test_ark_says_when_a_window_resets(simulator: Simulator):
    """The moment stands in the text, and in no header."""
    from volcenginesdkarkruntime import Ark
    from volcenginesdkarkruntime._exceptions import ArkRateLimitError

    provider = simulator.provider("first", wire="ark")
    provider.fail(faults.daily_quota(retry_after=3600))
    with (
        closing(Ark(api_key="any", base_url=provider.base_url, max_retries=0)) as client,
        pytest.raises(ArkRateLimitError, match=r"It will reset at .* \+0800 CST") as caught,
    ):
        client.chat.completions.create(model="m", messages=HELLO)
    assert "retry-after" not in caught.value.response.headers
