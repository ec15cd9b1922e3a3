"""The anthropic package."""

import pytest
from client_play import ARGUMENTS, FALLS, HELLO, PLACE, Find, Place, entered, got, items

from later import later
from sparekey.lab.simulator import TEXT, faults

anthropic = later("anthropic")

TOOL = {"name": "find", "description": "Look for something.", "input_schema": Find.model_json_schema()}
ASKED = {"model": "claude", "messages": HELLO, "max_tokens": 200}
ERRORS = {400: "BadRequestError", 429: "RateLimitError", 502: "InternalServerError", 503: "InternalServerError"}


@pytest.fixture(params=["Anthropic", "AsyncAnthropic"])
def run(request, house, aio):
    """Return what runs something on a client, sync or async."""

    async def within(kind):
        async with entered(make()) as client:
            await kind(client)

    def make():
        return getattr(anthropic, request.param)(base_url=house.url, api_key="x", max_retries=0)

    return lambda kind: aio(within(kind))


async def whole(client):
    answer = await got(client.messages.with_raw_response.create(**ASKED))
    assert (answer.headers["x-sparekey-credential"], answer.headers["x-sparekey-attempts"]) == ("claude-second", "2")
    assert (await got(answer.parse())).content[0].text == TEXT


async def streamed(client):
    events = await items(client.messages.create(**ASKED, stream=True))
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == TEXT
    assert events[-1].type == "message_stop"


async def tools(client):
    call = await got(client.messages.create(**ASKED, tools=[TOOL]))
    assert (call.stop_reason, call.content[0].input) == ("tool_use", ARGUMENTS)
    result = {"type": "tool_result", "tool_use_id": call.content[0].id, "content": "under the stone"}
    turns = [*HELLO, {"role": "assistant", "content": call.content}, {"role": "user", "content": [result]}]
    assert (await got(client.messages.create(**{**ASKED, "messages": turns}, tools=[TOOL]))).content[0].text == TEXT


async def tools_streamed(client):
    async with entered(client.messages.stream(**ASKED, tools=[TOOL])) as stream:
        assert (await got(stream.get_final_message())).content[0].input == ARGUMENTS


async def structured(client):
    assert (await got(client.messages.parse(**ASKED, output_format=Place))).parsed_output == PLACE


async def structured_streamed(client):
    async with entered(client.messages.stream(**ASKED, output_format=Place)) as stream:
        assert (await got(stream.get_final_message())).parsed_output == PLACE


async def counted(client):
    assert (await got(client.messages.count_tokens(model="claude", messages=HELLO))).input_tokens == 5


@pytest.mark.parametrize("kind", [whole, streamed, tools, tools_streamed, structured, structured_streamed, counted])
def test_messages(house, run, kind):
    """Each way to ask is answered, although the first key is dead."""
    run(kind)
    assert house.failed_over("claude")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, run, fall, stream):
    """When nobody can answer, the package raises its own kind of error, and the causes are in it."""
    house.fail("claude", fall)

    async def ask(client):
        with pytest.raises(getattr(anthropic, ERRORS[FALLS[fall]])) as told:
            await got(client.messages.create(**ASKED, stream=stream))
        assert told.value.status_code == FALLS[fall]
        if fall != "bad_request":
            assert len(told.value.body["sparekey"]["causes"]) == 2

    run(ask)


def test_a_broken_stream(house, run):
    """What breaks amid the words is an error, never a short answer."""
    house.fail("claude", faults.cut(after=20))

    async def ask(client):
        with pytest.raises(anthropic.APIStatusError):
            await items(client.messages.create(**ASKED, stream=True))

    run(ask)


def test_models(house, run):
    """The chains of its wire are the models; an unknown one is an error of its own kind."""

    async def look(client):
        assert "claude" in [one.id for one in await items(client.models.list())]
        with pytest.raises(anthropic.NotFoundError) as told:
            await got(client.messages.create(**{**ASKED, "model": "nope"}))
        assert told.value.body["error"]["type"] == "not_found_error"

    run(look)
