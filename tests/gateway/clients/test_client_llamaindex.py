"""LlamaIndex: OpenAILike and OpenAILikeEmbedding."""

import pytest
from client_play import BOTH, DIMENSION, FALLS, PLACE, Place, got, items

from later import later
from sparekey.lab.simulator import TEXT, unit_vector

llms = later("llama_index.llms.openai_like", reason="llama-index-llms-openai-like is not installed")
embeddings = later("llama_index.embeddings.openai_like", reason="llama-index-embeddings-openai-like is not installed")
openai = later("openai")
core = later("llama_index.core")

ERRORS = {400: "BadRequestError", 429: "RateLimitError", 502: "InternalServerError", 503: "InternalServerError"}


@pytest.fixture(scope="module")
def models(one_address, aio):
    """The models, made once, and closed: they leave their connections open."""
    given = {"api_base": f"{one_address.url}/v1", "api_key": "x", "max_retries": 0}
    as_floats = {"additional_kwargs": {"encoding_format": "float"}}
    made = {
        "chat": llms.OpenAILike(
            model="chat", is_chat_model=True, is_function_calling_model=True, should_use_structured_outputs=True, **given
        ),
        "base64": embeddings.OpenAILikeEmbedding(model_name="embedding", **given),
        "float": embeddings.OpenAILikeEmbedding(model_name="embedding", **as_floats, **given),
    }
    yield made
    for one in made.values():
        one._get_client().close()
        aio(one._get_aclient().close())


@pytest.fixture
def model(models):
    return models["chat"]


async def whole(model, way):
    assert str(await got(getattr(model, f"{way}complete")("hello"))) == TEXT


async def streamed(model, way):
    assert "".join(c.delta for c in await items(getattr(model, f"{way}stream_complete")("hello"))) == TEXT


async def tools(model, way):
    found = await got(getattr(model, f"{way}predict_and_call")([tool()], "hello"))
    assert [one.tool_name for one in found.sources] == ["find"]
    assert str(found) == "spare key: under the stone"


async def tools_streamed(model, way):
    chunks = await items(getattr(model, f"{way}stream_chat_with_tools")([tool()], user_msg="hello"))
    calls = model.get_tool_calls_from_response(chunks[-1])
    assert [(one.tool_name, one.tool_kwargs) for one in calls] == [("find", {"query": "spare key"})]


async def structured(model, way):
    prompt = core.PromptTemplate("hello")
    assert await got(getattr(model, f"{way}structured_predict")(Place, prompt)) == PLACE


def tool():
    def find(query: str) -> str:
        """Look for something."""
        return f"{query}: under the stone"

    return core.tools.FunctionTool.from_defaults(find)


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("kind", [whole, streamed, tools, tools_streamed, structured])
def test_chat(house, aio, model, kind, way):
    """Each way to ask is answered, although the first key is dead."""
    aio(kind(model, way))
    assert house.failed_over("chat")


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(house, aio, models, way, encoding):
    """Floats, and base64, which it asks for by itself."""

    async def embed():
        vectors = await got(getattr(models[encoding], f"{way}get_text_embedding_batch")(["a", "b"]))
        assert vectors == [pytest.approx(unit_vector(text, DIMENSION), abs=1e-7) for text in ("a", "b")]

    aio(embed())
    assert house.failed_over("embedding")
    assert house.pairs["embedding"][1].requests[-1].json["encoding_format"] == encoding


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize("fall", FALLS)
def test_errors(house, aio, model, fall, way):
    """When nobody can answer, LlamaIndex hands on the error of the openai package."""
    house.fail("chat", fall)

    async def ask():
        with pytest.raises(getattr(openai, ERRORS[FALLS[fall]])) as told:
            await got(getattr(model, f"{way}complete")("hello"))
        assert told.value.status_code == FALLS[fall]

    aio(ask())
