"""LiteLLM's library: it takes the gateway for a host of OpenAI's, of Anthropic's or of Google's wire."""

import json

import pytest
from client_play import ARGUMENTS, BOTH, DIMENSION, FALLS, HELLO, PLACE, Find, Place, decoded, got, items

from sparekey.lab.simulator import TEXT, unit_vector

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # its own models, under a newer pydantic

TOOL = {"type": "function", "function": {"name": "find", "parameters": Find.model_json_schema()}}
ERRORS = {400: "BadRequestError", 429: "RateLimitError", 502: "BadGatewayError", 503: "ServiceUnavailableError"}
ROUTES = {"openai/chat": "/v1", "anthropic/claude": "", "gemini/gemini": "/v1beta"}


@pytest.fixture(scope="module")
def litellm():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or it fetches a table from elsewhere
        yield pytest.importorskip("litellm", reason="litellm is not installed")


@pytest.fixture(params=BOTH)
def ask(request, house, litellm):
    """Return what asks, sync or async."""

    def asking(name, model, **given):
        given = {"api_base": house.url + ROUTES.get(model, "/v1"), "api_key": "x", "max_retries": 0, **given}
        return getattr(litellm, request.param + name)(model=model, **given)

    return asking


async def whole(ask, model):
    assert (await got(ask("completion", model, messages=HELLO))).choices[0].message.content == TEXT


async def streamed(ask, model):
    chunks = await items(ask("completion", model, messages=HELLO, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == TEXT


async def tools(ask, model):
    call = (await got(ask("completion", model, messages=HELLO, tools=[TOOL]))).choices[0].message
    assert json.loads(call.tool_calls[0].function.arguments) == ARGUMENTS
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "under the stone"}
    said = await got(ask("completion", model, messages=[*HELLO, call.model_dump(), result], tools=[TOOL]))
    assert said.choices[0].message.content == TEXT


async def tools_streamed(ask, model):
    chunks = await items(ask("completion", model, messages=HELLO, tools=[TOOL], stream=True))
    calls = [call.function for c in chunks for call in c.choices[0].delta.tool_calls or ()]
    assert json.loads("".join(call.arguments or "" for call in calls)) == ARGUMENTS


@pytest.mark.parametrize("model", ROUTES)
@pytest.mark.parametrize("kind", [whole, streamed, tools, tools_streamed])
def test_completion(house, aio, ask, kind, model):
    """Each way to ask is answered, although the first key is dead."""
    aio(kind(ask, model))
    assert house.failed_over(model.partition("/")[2])


def test_structured_output(house, aio, ask):
    """By the provider's own structured output."""

    async def place():
        answer = await got(ask("completion", "openai/chat", messages=HELLO, response_format=Place))
        assert Place.model_validate_json(answer.choices[0].message.content) == PLACE

    aio(place())
    assert house.failed_over("chat")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(house, aio, ask, encoding):
    """Floats and base64."""

    async def embed():
        answer = await got(ask("embedding", "openai/embedding", input=["a"], encoding_format=encoding))
        assert decoded(answer.data[0]["embedding"]) == pytest.approx(unit_vector("a", DIMENSION), abs=1e-7)

    aio(embed())
    assert house.failed_over("embedding")


@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, aio, ask, litellm, fall):
    """When nobody can answer, LiteLLM raises its own kind of error."""
    house.fail("chat", fall)

    async def fails():
        with pytest.raises(getattr(litellm, ERRORS[FALLS[fall]])) as told:
            await got(ask("completion", "openai/chat", messages=HELLO))
        assert told.value.status_code == FALLS[fall]

    aio(fails())
