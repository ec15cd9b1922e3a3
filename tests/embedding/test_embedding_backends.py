"""Every backend with its real SDK over real HTTP against a simulated provider of its own wire."""

import asyncio

import pytest
from embedding_kit import KEY, SETUPS, Setup, leave, release

from sparekey.classify import classify
from sparekey.errors import VectorSpaceError
from sparekey.lab.simulator import faults
from sparekey.types import ErrorClass

TEXT = "a spare key under the stone"


@pytest.fixture(params=SETUPS, ids=str)
def setup(request) -> Setup:
    """Name one backend; skip it where its SDK is missing."""
    if request.param.needs:
        pytest.importorskip(request.param.needs, reason=f"the SDK {request.param.needs} is not installed")
    return request.param


@pytest.fixture
def simulated(simulator, setup):
    """Run the backend's provider with one key that it accepts."""
    return simulator.provider("one", wire=setup.wire, keys=[KEY])


@pytest.fixture
def embedder(setup, simulated):
    """Point the backend at it."""
    made = setup.embedder(simulated)
    yield made
    made.close()
    release()


def test_success_with_usage(embedder, simulated):
    """A text becomes a vector with one request, and its tokens are counted once."""
    result = embedder.embed(TEXT)
    assert len(result.dense_vector) == simulated.wire.dimension
    assert result.is_sparse == embedder.is_sparse
    assert embedder.token_tracker.total.prompt_tokens >= len(TEXT.split())
    assert len(simulated.requests) == 1


def test_async_gives_the_same(embedder):
    """The event loop's client gives the vector that the thread's client gives."""

    async def run():
        first, second = await asyncio.gather(embedder.embed_async(TEXT), embedder.embed_query_async(TEXT))
        await leave(embedder)
        return first, second

    assert asyncio.run(run())[0] == embedder.embed(TEXT)


def test_batch_keeps_the_order(embedder):
    """A batch gives each text its own vector, in order, sync and async."""
    texts = [TEXT, "another one", "a third", TEXT]

    async def run():
        found = await embedder.embed_batch_async(texts)
        await leave(embedder)
        return found

    results = embedder.embed_batch(texts)
    assert results[0] == results[3] == embedder.embed(TEXT)
    assert results[1] != results[2]
    assert asyncio.run(run()) == results


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        (faults.auth(), ErrorClass.AUTH),
        (faults.quota(), ErrorClass.QUOTA_EXCEEDED),
        (faults.overloaded(), ErrorClass.TRANSIENT),
        (faults.reset(), ErrorClass.TRANSIENT),
        (faults.html(), ErrorClass.TRANSIENT),
    ],
    ids=["auth", "quota", "overloaded", "reset", "html"],
)
def test_an_error_is_read_and_not_retried(embedder, simulated, fault, error_class):
    """The SDK's error has the class that the provider meant, and the SDK sent one request."""
    simulated.fail(fault)
    with pytest.raises(Exception) as raised:
        embedder.embed(TEXT)
    assert classify(raised.value).error_class is error_class
    assert len(simulated.requests) == 1


def test_a_rate_limit_states_its_wait(embedder, simulated):
    """The wait that a provider states survives its SDK, on the event loop as well."""

    async def run():
        with pytest.raises(Exception) as caught:
            await embedder.embed_async(TEXT)
        await leave(embedder)
        return caught.value

    simulated.fail(faults.rate_limit(retry_after=7))
    with pytest.raises(Exception) as raised:
        embedder.embed(TEXT)
    assert classify(raised.value).retry_after == pytest.approx(7, abs=1)
    assert classify(asyncio.run(run())).retry_after == pytest.approx(7, abs=1)
    assert len(simulated.requests) == 2


def test_an_error_inside_a_200_is_no_answer(embedder, simulated):
    """A 200 that holds an error raises, and never blames the request."""
    simulated.fail(faults.error_body(faults.quota()))
    with pytest.raises(Exception) as raised:
        embedder.embed(TEXT)
    assert classify(raised.value).error_class in {ErrorClass.QUOTA_EXCEEDED, ErrorClass.UNKNOWN, ErrorClass.TRANSIENT}


@pytest.mark.parametrize("fault", [faults.truncated_json(), faults.empty_body()], ids=["cut", "empty"])
def test_a_broken_body_is_no_answer(embedder, simulated, fault):
    """A 200 whose body is cut off or empty raises, and never blames the request (K14)."""
    simulated.fail(fault)
    with pytest.raises(Exception) as raised:
        embedder.embed(TEXT)
    assert classify(raised.value).error_class in {ErrorClass.TRANSIENT, ErrorClass.UNKNOWN}
    assert len(simulated.requests) == 1


def test_a_vector_of_another_length_is_refused(embedder, simulated):
    """After one length was seen, another one is never handed on (E03)."""
    length = len(embedder.embed(TEXT).dense_vector)
    simulated.fail(faults.wrong_length(7))
    with pytest.raises(VectorSpaceError, match=f"7 dimensions where {length} are expected"):
        embedder.embed(TEXT)


def test_the_key_shows_nowhere(embedder, simulated):
    """Neither the embedder nor its configuration shows the key; the provider got it."""
    embedder.embed(TEXT)
    assert KEY not in repr(embedder) + repr(embedder.config)
    assert simulated.wire.key(simulated.requests[0]) == KEY


def test_nothing_comes_from_the_environment(setup, simulator, monkeypatch):
    """Keys and accounts that SDKs would find in the environment belong to somebody else: none is sent."""
    names = ["OPENAI", "CO", "VOYAGE", "OLLAMA", "DASHSCOPE", "GOOGLE", "GEMINI", "ARK", "AZURE_OPENAI"]
    for name in (*(f"{name}_API_KEY" for name in names), "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.setenv(name, "stray-value")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    if setup.provider == "litellm":
        pytest.skip("LiteLLM reads the environment by design")
    simulated = simulator.provider("any", wire=setup.wire)
    for key in (KEY, ""):
        embedder = setup.embedder(simulated, api_key=key)
        embedder.embed(TEXT)
        embedder.close()
    release()
    assert "stray-value" not in str([request.headers for request in simulated.requests])


def test_a_redirect_gets_no_key(embedder, simulated, simulator, setup):
    """A provider that points elsewhere does not make the key go there (C03), on the event loop as well."""
    other = simulator.provider("other", wire=setup.wire)
    simulated.fail(faults.refuse("not_found", status=307, headers={"location": f"{other.origin}/elsewhere"}))

    async def run():
        with pytest.raises(Exception):  # noqa: B017 - each SDK has its own
            await embedder.embed_async(TEXT)
        await leave(embedder)

    with pytest.raises(Exception):  # noqa: B017 - each SDK has its own
        embedder.embed(TEXT)
    asyncio.run(run())
    assert KEY not in str([request.headers for request in other.requests])


def test_own_headers_are_sent(setup, simulated):
    """`extra_headers` reach the provider."""
    embedder = setup.embedder(simulated, extra_headers={"x-tenant": "blue"})
    embedder.embed(TEXT)
    embedder.close()
    release()
    assert simulated.requests[0].headers["x-tenant"] == "blue"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_an_instance_retries_by_itself(simulator, asynchronous):
    """With `max_retries` a transient failure is tried again, by the instance and not by the SDK."""
    simulated = simulator.provider("one", wire="minimax")
    simulated.fail(faults.overloaded(), times=1)
    embedder = Setup("minimax", "minimax").embedder(simulated, max_retries=1)

    async def run():
        found = await embedder.embed_async(TEXT)
        await leave(embedder)
        return found

    assert (asyncio.run(run()) if asynchronous else embedder.embed(TEXT)).is_dense
    embedder.close()
    assert len(simulated.requests) == 2
