"""pydantic-ai: agents on three wires."""

import asyncio

import pytest
from client_play import FALLS, PLACE, Place

from sparekey.simulator import TEXT, unit_vector

ai = pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")

from pydantic_ai.exceptions import ModelHTTPError  # noqa: E402 - as below
from pydantic_ai.models.anthropic import AnthropicModel  # noqa: E402 - after the check that it is there
from pydantic_ai.models.google import GoogleModel  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel  # noqa: E402
from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: E402
from pydantic_ai.providers.google import GoogleProvider  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

MAKE = {
    "chat": lambda url: OpenAIChatModel("chat", provider=OpenAIProvider(base_url=f"{url}/v1", api_key="x")),
    "claude": lambda url: AnthropicModel("claude", provider=AnthropicProvider(base_url=url, api_key="x")),
    "gemini": lambda url: GoogleModel("gemini", provider=GoogleProvider(base_url=url, api_key="x")),
}


@pytest.fixture(params=MAKE)
def model(request, house):
    return MAKE[request.param](house.url)


def whole(agent):
    assert agent.run_sync("hello").output == TEXT


def whole_async(agent):
    assert asyncio.run(agent.run("hello")).output == TEXT


def streamed(agent):
    async def read():
        async with agent.run_stream("hello") as stream:
            return [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]

    pieces = asyncio.run(read())
    assert ("".join(pieces), len(pieces) > 10) == (TEXT, True)


@pytest.mark.parametrize("kind", [whole, whole_async, streamed])
def test_agent(house, model, kind):
    """Each way to ask is answered, although the first key is dead."""
    kind(ai.Agent(model))
    assert house.failed_over(model.model_name)


def test_tools(house, model):
    """The model calls a function, and its result goes back."""
    agent, asked = ai.Agent(model), []

    @agent.tool_plain
    def find(query: str) -> str:
        """Look for something."""
        asked.append(query)
        return "under the stone"

    assert (agent.run_sync("hello").output, asked) == (TEXT, ["spare key"])
    assert house.failed_over(model.model_name)


def test_structured_output(house, model):
    """By the provider's own structured output."""
    assert ai.Agent(model, output_type=ai.NativeOutput(Place)).run_sync("hello").output == PLACE
    assert house.failed_over(model.model_name)


@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, model, fall):
    """When nobody can answer, pydantic-ai raises its own error with our status."""
    house.fail(model.model_name, fall)
    with pytest.raises(ModelHTTPError) as told:
        ai.Agent(model).run_sync("hello")
    assert told.value.status_code == FALLS[fall]
