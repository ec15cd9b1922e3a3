"""The google-genai package."""

import pytest
from client_play import ARGUMENTS, FALLS, PLACE, Place, got, items

from later import Later, later
from sparekey.lab.simulator import TEXT, faults, unit_vector

genai = later("google.genai", reason="google-genai is not installed")
types = Later("google.genai.types")

ASKED = {"model": "gemini", "contents": "Where is the spare key?"}
ERRORS = {400: "ClientError", 429: "ClientError", 502: "ServerError", 503: "ServerError"}


@pytest.fixture(params=["sync", "async"])
def run(request, house, aio):
    """Return what runs something on the models of a client, sync or async."""

    async def within(kind):
        client = genai.Client(api_key="x", http_options={"base_url": house.url, "retry_options": {"attempts": 1}})
        try:
            await kind(client.models if request.param == "sync" else client.aio.models)
        finally:
            await client.aio.aclose()
            client.close()

    return lambda kind: aio(within(kind))


async def whole(models):
    answer = await got(models.generate_content(**ASKED))
    told = answer.sdk_http_response.headers
    assert (told["x-sparekey-credential"], told["x-sparekey-attempts"]) == ("gemini-second", "2")
    assert answer.text == TEXT


async def streamed(models):
    assert "".join(c.text or "" for c in await items(models.generate_content_stream(**ASKED))) == TEXT


def tool():
    parameters = types.Schema(type="OBJECT", properties={"query": types.Schema(type="STRING")})
    return types.Tool(function_declarations=[types.FunctionDeclaration(name="find", description="Look for it.", parameters=parameters)])


async def tools(models):
    config = types.GenerateContentConfig(tools=[tool()])
    call = await got(models.generate_content(**ASKED, config=config))
    assert call.function_calls[0].args == ARGUMENTS
    result = types.Part.from_function_response(name="find", response={"where": "under the stone"})
    turns = [types.UserContent(ASKED["contents"]), call.candidates[0].content, types.UserContent([result])]
    assert (await got(models.generate_content(model="gemini", contents=turns, config=config))).text == TEXT


async def tools_streamed(models):
    chunks = await items(models.generate_content_stream(**ASKED, config=types.GenerateContentConfig(tools=[tool()])))
    assert [call.args for c in chunks for call in c.function_calls or ()] == [ARGUMENTS]


async def tools_called_by_itself(models):
    asked = []

    def find(query: str) -> str:
        """Look for something."""
        asked.append(query)
        return "under the stone"

    answer = await got(models.generate_content(**ASKED, config=types.GenerateContentConfig(tools=[find])))
    assert (answer.text, asked) == (TEXT, ["spare key"])


async def structured(models):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Place)
    assert (await got(models.generate_content(**ASKED, config=config))).parsed == PLACE


async def counted(models):
    assert (await got(models.count_tokens(**ASKED))).total_tokens == 5


@pytest.mark.parametrize("kind", [whole, streamed, tools, tools_streamed, tools_called_by_itself, structured, counted])
def test_content(house, run, kind):
    """Each way to ask is answered, although the first key is dead."""
    run(kind)
    assert house.failed_over("gemini")


def test_embeddings(house, run):
    """Vectors of the length that is asked for."""

    async def embed(models):
        config = types.EmbedContentConfig(output_dimensionality=256)
        answer = await got(models.embed_content(model="vectors", contents=["a", "b"], config=config))
        assert [one.values for one in answer.embeddings] == [pytest.approx(unit_vector(text, 256), abs=1e-7) for text in ("a", "b")]

    run(embed)
    assert house.failed_over("vectors")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, run, fall, stream):
    """When nobody can answer, the package raises its own kind of error, and the causes are in it."""
    house.fail("gemini", fall)

    async def ask(models):
        with pytest.raises(getattr(genai.errors, ERRORS[FALLS[fall]])) as told:
            await (items(models.generate_content_stream(**ASKED)) if stream else got(models.generate_content(**ASKED)))
        assert told.value.code == FALLS[fall]
        if fall != "bad_request":
            assert len(told.value.details["sparekey"]["causes"]) == 2

    run(ask)


def test_a_broken_stream(house, run):
    """What breaks amid the words is an error, never a short answer."""
    house.fail("gemini", faults.cut(after=20))

    async def ask(models):
        with pytest.raises(genai.errors.APIError):
            await items(models.generate_content_stream(**ASKED))

    run(ask)


def test_an_unknown_model(run):
    """It is an error of its own kind, with the status in Google's words."""

    async def ask(models):
        with pytest.raises(genai.errors.ClientError) as told:
            await got(models.generate_content(model="nope", contents="hello"))
        assert (told.value.code, told.value.status) == (404, "NOT_FOUND")

    run(ask)
