"""LangChain: ChatOpenAI, ChatAnthropic, OpenAIEmbeddings."""

import pytest
from client_play import ARGUMENTS, BOTH, DIMENSION, FALLS, PLACE, Find, Place, got, items

from later import later
from sparekey.lab.simulator import TEXT, unit_vector

openai = later("langchain_openai", reason="langchain-openai is not installed")
anthropic = later("langchain_anthropic", reason="langchain-anthropic is not installed")
messages = later("langchain_core.messages")

ERRORS = {400: "BadRequestError", 429: "RateLimitError", 502: "InternalServerError", 503: "InternalServerError"}
MAKE = {
    "chat": lambda url: openai.ChatOpenAI(model="chat", base_url=f"{url}/v1", api_key="x", max_retries=0),
    "claude": lambda url: anthropic.ChatAnthropic(model="claude", base_url=url, api_key="x", max_retries=0),
    "embedding": lambda url, **given: openai.OpenAIEmbeddings(
        model="embedding",
        base_url=f"{url}/v1",
        api_key="x",
        check_embedding_ctx_length=False,  # or it fetches a tokenizer from elsewhere
        **given,
    ),
}


@pytest.fixture(scope="module")
def models(one_address, aio):
    """The models, made once: they share connections, which nobody closes if not we."""
    made = {name: make(one_address.url) for name, make in MAKE.items()}
    made["embedding float"] = MAKE["embedding"](one_address.url, model_kwargs={"encoding_format": "float"})
    yield made
    for sync, other in (
        (made["chat"].root_client, made["chat"].root_async_client),
        (made["claude"]._client, made["claude"]._async_client),
        (made["embedding"].client._client, made["embedding"].async_client._client),
    ):
        sync.close()
        aio(other.close())


async def whole(model, way):
    assert (await got(getattr(model, f"{way}invoke")("hello"))).content == TEXT


async def streamed(model, way):
    assert "".join(c.text for c in await items(getattr(model, f"{way}stream")("hello"))) == TEXT


async def tools(model, way):
    able, turns = model.bind_tools([Find]), [messages.HumanMessage("hello")]
    call = await got(getattr(able, f"{way}invoke")(turns))
    assert [(one["name"], one["args"]) for one in call.tool_calls] == [("Find", ARGUMENTS)]
    turns += [call, messages.ToolMessage("under the stone", tool_call_id=call.tool_calls[0]["id"])]
    assert (await got(getattr(able, f"{way}invoke")(turns))).content == TEXT


async def tools_streamed(model, way):
    first, *rest = await items(getattr(model.bind_tools([Find]), f"{way}stream")("hello"))
    for chunk in rest:
        first += chunk
    assert [one["args"] for one in first.tool_calls] == [ARGUMENTS]


async def structured(model, way):
    assert await got(getattr(model.with_structured_output(Place, method="json_schema"), f"{way}invoke")("hello")) == PLACE


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("name", ["chat", "claude"])
@pytest.mark.parametrize("kind", [whole, streamed, tools, tools_streamed, structured])
def test_chat(house, aio, models, kind, name, way):
    """Each way to ask is answered, although the first key is dead."""
    aio(kind(models[name], way))
    assert house.failed_over(name)


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(house, aio, models, way, encoding):
    """Floats, and base64, which it asks for by itself."""
    model = models["embedding" if encoding == "base64" else "embedding float"]

    async def embed():
        vectors = await got(getattr(model, f"{way}embed_documents")(["a", "b"]))
        assert vectors == [pytest.approx(unit_vector(text, DIMENSION), abs=1e-7) for text in ("a", "b")]

    aio(embed())
    assert house.failed_over("embedding")
    assert house.pairs["embedding"][1].requests[-1].json["encoding_format"] == encoding


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("fall", FALLS)
@pytest.mark.parametrize("name", ["chat", "claude"])
def test_errors(house, aio, models, name, fall, way):
    """When nobody can answer, LangChain hands on the error of the package below it."""
    house.fail(name, fall)
    package = pytest.importorskip({"chat": "openai", "claude": "anthropic"}[name])

    async def ask():
        with pytest.raises(getattr(package, ERRORS[FALLS[fall]])) as told:
            await got(getattr(models[name], f"{way}invoke")("hello"))
        assert told.value.status_code == FALLS[fall]

    aio(ask())
