"""Mistral's own SDK over a chain: chat, streams, embeddings, both faces, its own exceptions."""

import asyncio
from contextlib import asynccontextmanager, contextmanager

import pytest
from sdk_talk import QUESTION, credentials

from later import later
from sparekey import Chain, VLMConfig
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT
from sparekey.transport import sdk_options

package = later("mistralai.client", reason="the SDK mistralai is not installed")


@contextmanager
def blocking(source, **options):
    """The SDK's client, and its HTTP client closed behind it."""
    made = sdk_options(source, sdk="mistral", **options)
    with made["client"], package.Mistral(**made) as client:
        yield client
    asyncio.run(made["async_client"].aclose())


@asynccontextmanager
async def asynchronous(source, **options):
    made = sdk_options(source, sdk="mistral", **options)
    async with made["async_client"], package.Mistral(**made) as client:
        yield client
    made["client"].close()


def ask(source, *, mode="sync", stream=False):
    """Ask the question; return the whole text of the answer."""
    if mode == "asyncio":
        return asyncio.run(_ask(source, stream))
    with blocking(source) as client:
        if not stream:
            return client.chat.complete(model="m", messages=QUESTION).choices[0].message.content
        with client.chat.stream(model="m", messages=QUESTION) as events:
            return "".join(event.data.choices[0].delta.content or "" for event in events)


async def _ask(source, stream):
    async with asynchronous(source) as client:
        if not stream:
            return (await client.chat.complete_async(model="m", messages=QUESTION)).choices[0].message.content
        async with await client.chat.stream_async(model="m", messages=QUESTION) as events:
            return "".join([event.data.choices[0].delta.content or "" async for event in events])


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_mistrals_sdk_gets_an_answer_word_for_word(provide, stream, mode):
    """The first provider's answer arrives, with that provider's key and model."""
    first, second = provide("first", "second", wire="mistral")
    assert ask(credentials(first, second), mode=mode, stream=stream) == TEXT
    assert first.requests[0].headers["authorization"] == f"Bearer key-{first.name}"
    assert first.requests[0].path == "/v1/chat/completions"
    assert first.requests[0].json["model"] == f"model-{first.name}"
    assert second.requests == ()


FAULTS = [faults.auth(), faults.rate_limit(retry_after=30), faults.overloaded(), faults.model_not_found(), faults.hangup()]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: getattr(fault, "kind", type(fault).__name__))
@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_mistrals_sdk_fails_over(provide, stream, mode, fault):
    """What the first provider refuses the second one answers, in every way of calling; the second may be any compatible host."""
    (first,) = provide("first", wire="mistral")
    (second,) = provide("second")
    first.fail(fault)
    assert ask(credentials(first, second), mode=mode, stream=stream) == TEXT
    assert len(second.requests) == 1


def test_mistrals_stream_goes_on_in_the_next_credentials(provide):
    """A stream that is cut in the middle reaches the SDK whole."""
    first, second = provide("first", "second", wire="mistral")
    first.fail(faults.cut(after=20))
    assert ask(credentials(first, second), stream=True) == TEXT


def test_mistrals_embeddings_fail_over(provide):
    """A chain of embedding models serves the SDK's embeddings, sync and async."""
    first, second = provide("first", "second", wire="mistral", dimension=8)
    first.fail(faults.quota())
    chain = Chain(credentials(first, second))
    with blocking(chain, family="embedding", space="ours") as client:
        assert [len(row.embedding) for row in client.embeddings.create(model="m", inputs=["one", "two"]).data] == [8, 8]

    async def main():
        async with asynchronous(chain, family="embedding", space="ours") as client:
            return (await client.embeddings.create_async(model="m", inputs=["one"])).data

    assert len(asyncio.run(main())[0].embedding) == 8
    assert second.requests[0].json["model"] == f"model-{second.name}"


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_bad_request_is_mistrals_own_exception(provide, stream, mode):
    """A malformed request fails fast with the SDK's own exception; one provider is asked, nothing is parked."""
    first, second = provide("first", "second", wire="mistral")
    first.fail(faults.bad_request())
    chain = Chain(credentials(first, second))
    with pytest.raises(package.errors.SDKError, match="temperature") as caught:
        ask(chain, mode=mode, stream=stream)
    assert caught.value.status_code == 400
    assert second.requests == ()
    assert chain.status().credentials[0].returns_in is None


def test_mistrals_sdk_repeats_nothing(provide):
    """An exhausted chain is one exception, and each provider was asked no oftener than the chain does."""
    first, second = provide("first", "second", wire="mistral")
    first.fail(faults.auth())
    second.fail(faults.rate_limit(retry_after=30))
    with pytest.raises(package.errors.SDKError) as caught:
        ask(credentials(first, second))
    assert caught.value.status_code == 503
    assert "all 2 credentials of this chain failed" in str(caught.value)
    assert [len(first.requests), len(second.requests)] == [1, 1]


def test_a_configured_time_limit_reaches_mistrals_client(provide):
    """A limit of a configuration is the limit of each attempt, also where it is longer than the SDK's own."""
    (first,) = provide("first", wire="mistral")
    first.fail(faults.hang())
    one = {"provider": "mistral", "model": f"model-{first.name}", "api_key": f"key-{first.name}", "api_base": first.base_url}
    with pytest.raises(Exception, match=r"(?i)timed? ?out"):
        ask(VLMConfig(credentials=[one], timeout=0.3, max_retries=0))
