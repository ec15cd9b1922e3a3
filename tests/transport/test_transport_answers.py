"""What the SDK is handed when the chain says no, and what it may do with a chain that says yes."""

import json
import logging

import anyio
import anyio.to_thread
import httpx2
import pytest
from sdk_talk import QUESTION, SDKS, ask, client, credential, credentials

from sparekey import Chain, FailoverTransport
from sparekey.simulator import faults
from sparekey.simulator.answers import TEXT

STATUS = {"openai": "status_code", "anthropic": "status_code", "gemini": "code"}


def fault_of(sdk, source, **options):
    """The exception of the SDK for an error status, caught as its users would catch it."""
    names = {"openai": "openai.APIStatusError", "anthropic": "anthropic.APIStatusError", "gemini": "google.genai.errors.APIError"}
    module, _, name = names[sdk].rpartition(".")
    expected = getattr(pytest.importorskip(module, reason=f"the SDK {sdk} is not installed"), name)
    with pytest.raises(expected) as caught:
        ask(sdk, source, **options)
    return caught.value


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_bad_request_is_the_providers_own_error(provide, sdk, mode):
    """A malformed request fails fast: the SDK's own exception, one provider asked, nothing parked."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.bad_request())
    chain = Chain(credentials(first, second))
    fault = fault_of(sdk, chain, mode=mode)
    assert getattr(fault, STATUS[sdk]) == 400
    assert "temperature" in str(fault)
    assert [len(first.requests), len(second.requests)] == [1, 0]
    assert chain.status().credentials[0].returns_in is None


@pytest.mark.parametrize("sdk", SDKS)
def test_an_input_too_large_goes_to_another_model_only(provide, sdk):
    """A context length error is tried once on a credential with another model; then the first error is handed over."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.context_length())
    second.fail(faults.context_length())
    assert getattr(fault_of(sdk, credentials(first, second)), STATUS[sdk]) == 400
    assert [len(first.requests), len(second.requests)] == [1, 1]


@pytest.mark.parametrize("sdk", SDKS)
def test_an_exhausted_chain_hands_over_the_most_telling_response(provide, sdk):
    """Of a dead key and a rate limit the rate limit is told, as it will pass."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.auth())
    second.fail(faults.rate_limit(retry_after=20))
    assert getattr(fault_of(sdk, credentials(first, second)), STATUS[sdk]) == 429


def test_an_exhausted_chain_says_when_to_come_back(provide):
    """The response tells SDKs not to repeat it, and when the soonest credential returns."""
    first, second = provide("first", "second")
    first.fail(faults.rate_limit(retry_after=40))
    second.fail(faults.rate_limit(retry_after=20))
    headers = fault_of("openai", credentials(first, second)).response.headers
    assert headers["x-should-retry"] == "false"
    assert headers.get_list("retry-after") == ["20"]


@pytest.mark.parametrize("sdk", SDKS)
def test_a_chain_of_parked_credentials_answers_by_itself(provide, sdk):
    """Where nobody may be asked, the SDK still gets an error of its own kind, with every credential's cause and no key."""
    first, second = provide("first", "second", wire=sdk)
    for provider in (first, second):
        provider.fail(faults.auth())
    chain = Chain(credentials(first, second))
    fault_of(sdk, chain)
    fault_of(sdk, chain)
    seen = len(first.requests) + len(second.requests)
    fault = fault_of(sdk, chain)
    assert len(first.requests) + len(second.requests) == seen
    assert getattr(fault, STATUS[sdk]) == 401
    assert first.name in str(fault)
    assert "key-" not in str(fault)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("inside", [False, True], ids=["refused", "in a success"])
def test_a_key_that_the_provider_repeats_is_not_shown(provide, inside, stream, caplog):
    """A provider's error that repeats the key reaches the caller without it, and no log holds it."""
    (first,) = provide("first")
    first.fail(faults.error_event(faults.echo_key()) if inside else faults.echo_key())
    fault = fault_of("openai", credentials(first), stream=stream)
    assert "Incorrect API key provided: ***" in fault.response.text
    assert f"key-{first.name}" not in f"{fault}{fault.response.headers}{caplog.text}"


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
def test_nobody_reached_is_a_connection_error(provide, mode):
    """Where no response was ever seen, the SDK raises its own connection error, and nothing is parked."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    first, second = provide("first", "second")
    first.unplug()
    second.unplug()
    chain = Chain(credentials(first, second))
    with pytest.raises(openai.APIConnectionError):
        ask("openai", chain, mode=mode)
    assert all(row.returns_in is None for row in chain.status().credentials)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_error_inside_a_success_gets_the_status_it_should_have_had(provide, stream):
    """An error in the body or the first event of a 200 is raised by the SDK as the error that it is."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    (first,) = provide("first")
    first.fail(faults.error_event(faults.quota()))
    with pytest.raises(openai.RateLimitError, match="exceeded your current quota"):
        ask("openai", credentials(first), stream=stream)


def test_retries_of_the_sdk_are_warned_of_once(provide, caplog):
    """An SDK that repeats requests by itself is told so, one time."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    (first,) = provide("first")
    first.unplug()
    with caplog.at_level(logging.WARNING, "sparekey"), client("openai", credentials(first)) as made:
        for _ in range(2):
            with pytest.raises(openai.APIConnectionError):
                made.with_options(max_retries=1).chat.completions.create(model="m", messages=QUESTION)
    assert [record.message for record in caplog.records].count(caplog.records[0].message) == 1
    assert "max_retries=0" in caplog.text


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
def test_leaving_a_stream_blames_nobody_and_frees_the_connection(provide, mode):
    """A caller who leaves in the middle of a stream parks nobody; the fixture sees that the connection is closed."""
    (first,) = provide("first")
    first.fail(faults.slow(each=0.5))
    chain = Chain(credentials(first))
    if mode == "sync":
        with client("openai", chain) as made, made.chat.completions.create(model="m", messages=QUESTION, stream=True) as stream:
            next(iter(stream))
    else:
        _leave(chain)
    assert first.wait_for(lambda p: p.abandoned)
    assert chain.status().credentials[0].returns_in is None


def _leave(chain):
    import asyncio

    async def main():
        async with client("openai", chain, "asyncio") as made:
            stream = await made.chat.completions.create(model="m", messages=QUESTION, stream=True)
            await anext(aiter(stream))
            await stream.close()

    asyncio.run(main())


@pytest.mark.parametrize("fault", [faults.hang(), faults.slow(each=30)], ids=["before any byte", "in the middle"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("run", ["asyncio", "trio"])
def test_a_cancelled_request_blames_nobody(provide, run, stream, fault):
    """Cancelling at whatever await ends the call at the provider, parks nobody, and leaves no connection open."""
    (first,) = provide("first")
    first.fail(fault)
    chain = Chain(credentials(first))

    async def ask(made):
        answer = await made.chat.completions.create(model="m", messages=QUESTION, stream=stream)
        async for _ in answer if stream else ():
            pass

    async def main():
        async with client("openai", chain, run) as made:
            async with anyio.create_task_group() as group:
                group.start_soon(ask, made)
                assert await anyio.to_thread.run_sync(first.wait_for, lambda p: p.requests)
                group.cancel_scope.cancel()
            assert await anyio.to_thread.run_sync(first.wait_for, lambda p: p.abandoned)

    anyio.run(main, backend=run)
    assert chain.status().credentials[0].returns_in is None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_compressed_answers_are_read(provide, gzip_proxy, stream):
    """Gzip on the way changes nothing: neither for a whole answer, nor for a stream, nor for an error inside a success."""
    first, second = provide("first", "second")
    first.fail(faults.error_event(faults.quota()))
    chain = [credential(p, endpoint=gzip_proxy(p.base_url)) for p in (first, second)]
    assert ask("openai", chain, stream=stream) == TEXT


def test_a_redirect_is_not_followed(provide, gzip_proxy):
    """No key goes where a provider sends us: a redirect is an error, even for a client that would follow it."""
    (first,) = provide("first")
    made = credential(first, endpoint=gzip_proxy(first.base_url) + "/redirect")
    with httpx2.Client(transport=FailoverTransport([made]), follow_redirects=True) as http:
        response = http.post("https://any.example/v1/chat/completions", json={"model": "m", "messages": QUESTION})
    assert response.status_code == 307
    assert "location" not in response.headers


def test_a_client_of_ones_own_sends_through_the_chain(provide):
    """The transport needs no SDK: host, key and model are the credential's, all else is the caller's."""
    (first,) = provide("first")
    with httpx2.Client(transport=FailoverTransport(credentials(first))) as http:
        headers = {"authorization": "Bearer mine", "openai-organization": "org-mine", "x-trace": "t1"}
        body = b'{"messages": [{"role": "user", "content": "hi"}],  "model":"mine", "seed": 1.50}'
        response = http.post("https://api.openai.com/v1/chat/completions?debug=1", content=body, headers=headers)
    assert response.json()["choices"][0]["message"]["content"] == TEXT
    (seen,) = first.requests
    assert seen.body == body.replace(b'"mine"', json.dumps(f"model-{first.name}").encode())
    assert seen.headers["authorization"] == f"Bearer key-{first.name}"
    assert "openai-organization" not in seen.headers
    assert seen.headers["x-trace"] == "t1"
    assert seen.query == {"debug": "1"}
