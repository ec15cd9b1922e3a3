"""Real clients of many kinds against a gateway whose first credential is dead."""

import asyncio
import json
import os
import shutil
import subprocess

import pytest
from gateway_play import SETTINGS, chain

from sparekey.simulator import faults
from sparekey.simulator.answers import TEXT

HELLO = [{"role": "user", "content": "Where is the spare key?"}]
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}}}


@pytest.fixture
def openai_url(serve, sim):
    """A gateway for OpenAI's wire with chat and embeddings; the first credential of each is dead."""
    pair = sim.provider("first"), sim.provider("second")
    pair[0].fail(faults.auth())
    embedding = chain("embedding.dense", pair, model="text-embedding-3-small")
    return serve(chain("vlm", pair) + SETTINGS + embedding).url + "/v1"


@pytest.fixture
def claude_url(serve, sim):
    pair = sim.provider("first", wire="anthropic"), sim.provider("second", wire="anthropic")
    pair[0].fail(faults.auth())
    return serve(chain("vlm", pair, provider="anthropic", model="claude-sonnet-4-5") + SETTINGS).url


@pytest.fixture
def gemini_url(serve, sim):
    pair = sim.provider("first", wire="gemini"), sim.provider("second", wire="gemini")
    pair[0].fail(faults.auth())
    return serve(chain("vlm", pair, provider="gemini", model="gemini-2.5-flash") + SETTINGS).url


def test_openai(openai_url):
    """Plain, streamed, tools, embeddings in both encodings, the list of models."""
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=openai_url, api_key="x", max_retries=0) as client:
        assert client.chat.completions.create(model="chat", messages=HELLO).choices[0].message.content == TEXT
        pieces = [
            c.choices[0].delta.content or "" for c in client.chat.completions.create(model="chat", messages=HELLO, stream=True) if c.choices
        ]
        assert "".join(pieces) == TEXT
        called = client.chat.completions.create(model="chat", messages=HELLO, tools=[TOOL], tool_choice="required")
        assert called.choices[0].message.tool_calls[0].function.name == "find"
        both = [
            client.embeddings.create(model="embedding", input="a", encoding_format=form).data[0].embedding for form in ("float", "base64")
        ]
        assert isinstance(both[0], list)
        assert len(both[0]) == 1536
        assert [m.id for m in client.models.list()] == ["chat", "embedding"]
        with pytest.raises(openai.NotFoundError, match="there are: chat, embedding"):
            client.chat.completions.create(model="nope", messages=HELLO)


def test_openai_async(openai_url):
    """Ten at once, half of them streamed."""
    openai = pytest.importorskip("openai")

    async def one(client, streamed):
        answer = await client.chat.completions.create(model="chat", messages=HELLO, stream=streamed)
        if not streamed:
            return answer.choices[0].message.content
        return "".join([c.choices[0].delta.content or "" async for c in answer if c.choices])

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=openai_url, api_key="x", max_retries=0) as client:
            return await asyncio.gather(*[one(client, bool(i % 2)) for i in range(10)])

    assert asyncio.run(all_of_them()) == [TEXT] * 10


def test_anthropic(claude_url):
    """Plain and streamed; an unknown model is an error of its own kind."""
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(base_url=claude_url, api_key="x", max_retries=0) as client:
        asked = {"model": "chat", "messages": HELLO, "max_tokens": 200}
        assert client.messages.create(**asked).content[0].text == TEXT
        with client.messages.stream(**asked) as stream:
            assert stream.get_final_text() == TEXT
        assert [m.id for m in client.models.list()] == ["chat"]
        with pytest.raises(anthropic.NotFoundError) as told:
            client.messages.create(**{**asked, "model": "nope"})
        assert told.value.body["error"]["type"] == "not_found_error"


def test_gemini(gemini_url):
    """Plain and streamed; the model stands in the path."""
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="x", http_options={"base_url": gemini_url, "retry_options": {"attempts": 1}})
    try:
        assert client.models.generate_content(model="chat", contents="hello").text == TEXT
        assert "".join(c.text or "" for c in client.models.generate_content_stream(model="chat", contents="hello")) == TEXT
        with pytest.raises(genai.errors.ClientError) as told:
            client.models.generate_content(model="nope", contents="hello")
        assert (told.value.code, told.value.status) == (404, "NOT_FOUND")
    finally:
        client.close()


@pytest.mark.filterwarnings("ignore::UserWarning")  # its own models, under a newer pydantic
def test_litellm(openai_url, monkeypatch):
    """LiteLLM takes it for an OpenAI host."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = pytest.importorskip("litellm")
    answer = litellm.completion(model="openai/chat", messages=HELLO, api_base=openai_url, api_key="x", max_retries=0)
    assert answer.choices[0].message.content == TEXT


def test_langchain(openai_url):
    """LangChain's ChatOpenAI, plain and streamed."""
    library = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    model = library.ChatOpenAI(model="chat", base_url=openai_url, api_key="x", max_retries=0)
    assert model.invoke("hello").content == TEXT
    assert "".join(str(c.content) for c in model.stream("hello")) == TEXT


def test_pydantic_ai(openai_url):
    """An agent of pydantic-ai."""
    ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = ai.Agent(OpenAIChatModel("chat", provider=OpenAIProvider(base_url=openai_url, api_key="x")))
    assert agent.run_sync("hello").output == TEXT


def test_llama_index(openai_url):
    """LlamaIndex's OpenAILike."""
    library = pytest.importorskip("llama_index.llms.openai_like", reason="llama-index-llms-openai-like is not installed")
    model = library.OpenAILike(model="chat", api_base=openai_url, api_key="x", is_chat_model=True, max_retries=0)
    assert str(model.complete("hello")) == TEXT


def test_curl(openai_url):
    """A shell is a client, too."""
    curl = shutil.which("curl") or pytest.skip("curl is not installed")
    body = json.dumps({"model": "chat", "messages": HELLO})
    done = subprocess.run([curl, "-s", f"{openai_url}/chat/completions", "-d", body], capture_output=True, check=True, timeout=20)
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == TEXT


NODE = """
import OpenAI from 'openai';
const client = new OpenAI({baseURL: process.argv[2], apiKey: 'x', maxRetries: 0});
const messages = [{role: 'user', content: 'hello'}];
const whole = await client.chat.completions.create({model: 'chat', messages});
let text = '';
for await (const chunk of await client.chat.completions.create({model: 'chat', messages, stream: true}))
  text += chunk.choices[0]?.delta?.content ?? '';
const vector = (await client.embeddings.create({model: 'embedding', input: 'a'})).data[0].embedding;
console.log(JSON.stringify([whole.choices[0].message.content, text, vector.length]));
"""


def test_openai_of_npm(openai_url, tmp_path):
    """The npm package: plain, streamed, embeddings (which it asks for in base64). SPAREKEY_NODE_MODULES names where it is installed."""
    node, modules = shutil.which("node"), os.environ.get("SPAREKEY_NODE_MODULES")
    if not node or not modules:
        pytest.skip("needs node and SPAREKEY_NODE_MODULES, a node_modules folder with the npm package openai")
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "ask.mjs").write_text(NODE)
    done = subprocess.run([node, tmp_path / "ask.mjs", openai_url], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [TEXT, TEXT, 1536]
