"""The openai package."""

import asyncio
import json

import pytest
from client_play import ARGUMENTS, DIMENSION, FALLS, HELLO, PLACE, Find, Place, decoded, entered, got, items

from later import later
from sparekey.lab.simulator import TEXT, faults, unit_vector

openai = later("openai")

ASKED = {"model": "chat", "messages": HELLO}
ERRORS = {400: "BadRequestError", 429: "RateLimitError", 502: "InternalServerError", 503: "InternalServerError"}


@pytest.fixture(params=["OpenAI", "AsyncOpenAI"])
def run(request, house, aio):
    """Return what runs something on a client, sync or async."""

    async def within(kind):
        async with entered(make()) as client:
            await kind(client)

    def make():
        return getattr(openai, request.param)(base_url=f"{house.url}/v1", api_key="x", max_retries=0)

    return lambda kind: aio(within(kind))


async def whole(client):
    answer = await got(client.chat.completions.with_raw_response.create(**ASKED))
    assert (answer.headers["x-sparekey-credential"], answer.headers["x-sparekey-attempts"]) == ("chat-second", "2")
    assert (await got(answer.parse())).choices[0].message.content == TEXT


async def streamed(client):
    chunks = await items(client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == TEXT
    assert chunks[-1].usage.completion_tokens == 60


def tool():
    return openai.pydantic_function_tool(Find, name="find")


async def tools(client):
    call = (await got(client.chat.completions.create(**ASKED, tools=[tool()]))).choices[0].message
    assert json.loads(call.tool_calls[0].function.arguments) == ARGUMENTS
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "under the stone"}
    said = await got(client.chat.completions.create(model="chat", messages=[*HELLO, call, result], tools=[tool()]))
    assert said.choices[0].message.content == TEXT


async def tools_streamed(client):
    async with entered(client.chat.completions.stream(**ASKED, tools=[tool()])) as stream:
        await items(stream)
        call = (await got(stream.get_final_completion())).choices[0].message.tool_calls[0].function
    assert (call.name, json.loads(call.arguments)) == ("find", ARGUMENTS)


async def structured(client):
    answer = await got(client.chat.completions.parse(**ASKED, response_format=Place))
    assert answer.choices[0].message.parsed == PLACE


async def structured_streamed(client):
    async with entered(client.chat.completions.stream(**ASKED, response_format=Place)) as stream:
        assert (await got(stream.get_final_completion())).choices[0].message.parsed == PLACE


@pytest.mark.parametrize("kind", [whole, streamed, tools, tools_streamed, structured, structured_streamed])
def test_chat(house, run, kind):
    """Each way to ask is answered, although the first key is dead."""
    run(kind)
    assert house.failed_over("chat")


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_embeddings(house, run, encoding):
    """Floats, base64, and what the package asks for by itself: the same vector."""
    given = {} if encoding is None else {"encoding_format": encoding}

    async def embed(client):
        answer = await got(client.embeddings.create(model="embedding", input=["a", "b"], **given))
        vectors = [decoded(one.embedding) for one in answer.data]
        assert vectors == [pytest.approx(unit_vector(text, DIMENSION), abs=1e-7) for text in ("a", "b")]

    run(embed)
    assert house.failed_over("embedding")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, run, fall, stream):
    """When nobody can answer, the package raises its own kind of error, and the causes are in it."""
    house.fail("chat", fall)

    async def ask(client):
        with pytest.raises(getattr(openai, ERRORS[FALLS[fall]])) as told:
            await got(client.chat.completions.create(**ASKED, stream=stream))
        assert told.value.status_code == FALLS[fall]
        if fall != "bad_request":
            assert len(told.value.response.json()["sparekey"]["causes"]) == 2

    run(ask)


def test_a_broken_stream(house, run):
    """What breaks amid the words is an error, never a short answer."""
    house.fail("chat", faults.cut(after=20))

    async def ask(client):
        with pytest.raises(openai.APIError):
            await items(client.chat.completions.create(**ASKED, stream=True))

    run(ask)


def test_models(house, run):
    """The chains are the models; the error of an unknown one lists them."""

    async def look(client):
        assert [one.id for one in await items(client.models.list())] == list(house.pairs)
        with pytest.raises(openai.NotFoundError, match="there are: chat, embedding"):
            await got(client.chat.completions.create(model="nope", messages=HELLO))

    run(look)


def test_ten_at_once(house, aio):
    """Half of them streamed, on one async client."""

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="x", max_retries=0) as client:
            plain = [client.chat.completions.create(**ASKED) for _ in range(5)]
            streams = [items(client.chat.completions.create(**ASKED, stream=True)) for _ in range(5)]
            return await asyncio.gather(*plain, *streams)

    answers = aio(all_of_them())
    assert [one.choices[0].message.content for one in answers[:5]] == [TEXT] * 5
    assert ["".join(c.choices[0].delta.content or "" for c in chunks) for chunks in answers[5:]] == [TEXT] * 5
