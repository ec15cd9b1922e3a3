"""pydantic-ai: agents on the wires of OpenAI and Gemini."""

import asyncio

import pytest
from client_play import DIMENSION, FALLS, PLACE, Place

from later import later
from sparekey.lab.simulator import TEXT, unit_vector

ai = later("pydantic_ai", reason="pydantic-ai is not installed")
openai = later("openai")
genai = later("google.genai", reason="google-genai is not installed")


def chat(url):
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0)
    return client, OpenAIChatModel("chat", provider=OpenAIProvider(openai_client=client))


def gemini(url):
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    client = genai.Client(api_key="x", http_options={"base_url": url, "retry_options": {"attempts": 1}})
    return client.aio, GoogleModel("gemini", provider=GoogleProvider(client=client))


@pytest.fixture(params=[chat, gemini])
def model(request, house, aio):
    client, model = request.param(house.url)
    aio(asyncio.sleep(0))  # `run_sync` takes the event loop that is there
    yield model
    aio((getattr(client, "aclose", None) or client.close)())


async def whole(agent):
    assert (await agent.run("hello")).output == TEXT


async def streamed(agent):
    async with agent.run_stream("hello") as stream:
        pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
    assert ("".join(pieces), len(pieces) > 10) == (TEXT, True)


async def tools(agent):
    asked = []

    @agent.tool_plain
    def find(query: str) -> str:
        """Look for something."""
        asked.append(query)
        return "under the stone"

    assert ((await agent.run("hello")).output, asked) == (TEXT, ["spare key"])


async def structured(agent):
    assert (await agent.run("hello", output_type=ai.NativeOutput(Place))).output == PLACE


@pytest.mark.parametrize("kind", [whole, streamed, tools, structured])
def test_agent(house, aio, model, kind):
    """Each way to ask is answered, although the first key is dead."""
    aio(kind(ai.Agent(model)))
    assert house.failed_over(model.model_name)


def test_sync(house, model):
    """Its sync face."""
    assert ai.Agent(model).run_sync("hello").output == TEXT
    assert house.failed_over(model.model_name)


def test_embeddings(house, aio):
    """Through its embedder."""
    from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
    from pydantic_ai.providers.openai import OpenAIProvider

    async def embed():
        async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="x", max_retries=0) as client:
            model = OpenAIEmbeddingModel("embedding", provider=OpenAIProvider(openai_client=client))
            return await ai.Embedder(model).embed_documents(["a", "b"])

    assert list(aio(embed()).embeddings) == [pytest.approx(unit_vector(text, DIMENSION), abs=1e-7) for text in ("a", "b")]
    assert house.failed_over("embedding")


@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, aio, model, fall):
    """When nobody can answer, pydantic-ai raises its own error with our status."""
    house.fail(model.model_name, fall)
    with pytest.raises(ai.exceptions.ModelHTTPError) as told:
        aio(ai.Agent(model).run("hello"))
    assert told.value.status_code == FALLS[fall]
