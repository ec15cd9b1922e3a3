"""What the SDK is handed when the chain says no, and what it may do with a chain that says yes."""

import json
import logging
import re

import anyio
import anyio.to_thread
import httpx2
import pytest
from sdk_talk import QUESTION, SDKS, ask, client, credential, credentials

from sparekey import Chain, FailoverTransport, Policy
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT

HASTY = Policy(egress_patience=0)
"""A loss of our own network is not waited out."""
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


UNPAID = faults.refuse("auth", status=402, code="insufficient_balance", message="Insufficient Balance")
FORBIDDEN = faults.refuse("permission", message="You do not have permission to use the tool `computer_use_preview`.")
EXHAUSTED = {
    "401": ((faults.auth(), faults.auth()), 502),
    "402": ((UNPAID, UNPAID), 502),
    "401 and 402": ((faults.auth(), UNPAID), 502),
    "401 and a rate limit": ((faults.auth(), faults.rate_limit(retry_after=20)), 503),
    "rate limits": ((faults.rate_limit(retry_after=30), faults.rate_limit(retry_after=30)), 429),
    "limits of a week": ((faults.rate_limit(retry_after=561_635), faults.rate_limit(retry_after=561_635)), 429),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", EXHAUSTED)
@pytest.mark.parametrize("sdk", SDKS)
def test_an_exhausted_chain_says_that_it_was_one(provide, sdk, case, stream):
    """P06: the SDK's exception names the chain and what each credential said; no 401, no key of the caller's, no long sleep."""
    if (sdk, case) == ("gemini", "402"):
        pytest.skip("Gemini's wire has no code for an empty balance: both refuse in the same uncertain words, which are handed on")
    pair, status = EXHAUSTED[case]
    made = provide("first", "second", wire=sdk)
    for provider, fault in zip(made, pair, strict=True):
        provider.fail(fault)
    fault = fault_of(sdk, credentials(*made), stream=stream)
    told, headers = str(fault), fault.response.headers
    assert getattr(fault, STATUS[sdk]) == status
    assert "all 2 credentials of this chain failed" in told
    assert all(provider.name in told for provider in made)
    assert not re.search(r"(?i)your (?!request)|api[-_ ]key\b", told.replace("not yours", ""))
    assert headers["x-should-retry"] == "false"
    assert float(headers.get("retry-after", 0)) <= 60


@pytest.mark.parametrize("sdk", SDKS)
def test_a_wait_longer_than_a_minute_stands_in_the_body(provide, sdk):
    """Several clients sleep in silence for as long as `Retry-After` says."""
    for seconds, header in ((30, "30"), (561_635, None)):
        made = provide("first", "second", wire=sdk)
        for provider in made:
            provider.fail(faults.rate_limit(retry_after=seconds))
        fault = fault_of(sdk, credentials(*made))
        body = fault.response.json()
        assert fault.response.headers.get("retry-after") == header
        assert body["sparekey"]["retry_after"] == pytest.approx(seconds, abs=2)
        assert ("6.5 days" if header is None else " s. ") in body["error"]["message"] + ". "
        assert not [name for name in fault.response.headers if "reset" in name or name == "retry-after-ms"]


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_refusal_in_which_all_agree_is_the_providers_own(provide, sdk, mode):
    """Nobody can tell whether it is the request's or the keys': the caller gets the first one as its provider wrote it."""
    made = provide("first", "second", wire=sdk)
    for provider in made:
        provider.fail(FORBIDDEN)
    fault = fault_of(sdk, credentials(*made), mode=mode)
    body = fault.response.json()
    assert getattr(fault, STATUS[sdk]) == 403
    assert body["error"]["message"] == (
        "You do not have permission to use the tool `computer_use_preview`. (all 2 credentials of this chain failed like this)"
    )
    assert [one["credential"] for one in body["sparekey"]["causes"]] == [provider.name for provider in made]
    assert fault.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("refusal", [faults.refuse("quota", status=402, message="Insufficient credits."), faults.model_not_found()])
@pytest.mark.parametrize("sdk", SDKS)
def test_words_about_an_account_or_a_model_name_the_chain(provide, sdk, refusal, stream):
    """Whether they are handed on or told in our words: the caller could look for the account, or the model, at home."""
    made = provide("first", "second", wire=sdk)
    for provider in made:
        provider.fail(refusal)
    told = str(fault_of(sdk, credentials(*made), stream=stream))
    assert "all 2 credentials of this chain failed" in told
    assert made[0].name in told


@pytest.mark.parametrize("status", [402, 407])
def test_a_bill_or_a_proxy_is_between_the_provider_and_us(provide, status):
    """In the words of the provider, as a request that is refused."""
    made = provide("first", "second")
    words = "This request requires more credits, or fewer max_tokens. You can only afford 30104."
    for provider in made:
        provider.fail(faults.refuse("auth", status=status, code="", message=words))
    fault = fault_of("openai", credentials(*made))
    assert fault.status_code == 400
    assert words in str(fault)


def test_a_refusal_that_is_told_to_many_is_told_to_each(provide):
    """P05: a lone dead credential's refusal is remembered; each caller gets it, and none of them uses it up."""
    (first,) = provide("first")
    first.fail(faults.quota())
    with client("openai", Chain(credentials(first))) as made:
        told = []
        for _ in range(4):
            with pytest.raises(Exception, match="exceeded") as caught:
                made.chat.completions.create(model="m", messages=QUESTION)
            told.append((caught.value.status_code, caught.value.response.json()["error"]))
    assert len(first.requests) <= 2
    assert all(one == told[0] for one in told)


@pytest.mark.parametrize("sdk", SDKS)
def test_a_chain_of_parked_credentials_answers_by_itself(provide, sdk):
    """Where nobody may be asked, the SDK still gets an error of its own kind, with every credential's cause and no key."""
    first, second = provide("first", "second", wire=sdk)
    for provider in (first, second):
        provider.fail(faults.auth())
    chain = Chain(credentials(first, second))
    fault_of(sdk, chain)
    fault_of(sdk, chain)
    fault = fault_of(sdk, chain)
    assert getattr(fault, STATUS[sdk]) == 502
    assert first.name in str(fault)
    assert "key-" not in str(fault)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("inside", [False, True], ids=["refused", "in a success"])
def test_a_key_that_the_provider_repeats_is_not_shown(provide, inside, stream, caplog):
    """A provider's error that repeats the key reaches the caller without it, with the name of whose it is, and no log holds it."""
    (first,) = provide("first")
    first.fail(faults.error_event(faults.echo_key()) if inside else faults.echo_key())
    fault = fault_of("openai", credentials(first), stream=stream)
    assert f"Incorrect key of {first.name} provided: ***" in fault.response.text
    assert f"key-{first.name}" not in f"{fault}{fault.response.headers}{caplog.text}"


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
def test_nobody_reached_is_a_connection_error(provide, mode):
    """Where no response was ever seen, the SDK raises its own connection error, and nothing is parked."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    first, second = provide("first", "second")
    first.unplug()
    second.unplug()
    chain = Chain(credentials(first, second), HASTY)
    with pytest.raises(openai.APIConnectionError):
        ask("openai", chain, mode=mode)
    assert all(row.returns_in is None for row in chain.status().credentials)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_error_inside_a_success_gets_the_status_it_should_have_had(provide, stream):
    """An error in the body or the first event of a 200 is raised by the SDK as the error that it is."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    (first,) = provide("first")
    first.fail(faults.error_event(faults.bad_request()))
    with pytest.raises(openai.BadRequestError, match="'temperature' does not support 3"):
        ask("openai", credentials(first), stream=stream)


def test_retries_of_the_sdk_are_warned_of_once(provide, caplog):
    """An SDK that repeats requests by itself is told so, one time."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    (first,) = provide("first")
    first.unplug()
    with caplog.at_level(logging.WARNING, "sparekey"), client("openai", Chain(credentials(first), HASTY)) as made:
        for _ in range(2):
            with pytest.raises(openai.APIError):
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
    """No key goes where a provider sends us: a redirect is an error of the provider's, even for a client that would follow it."""
    (first,) = provide("first")
    made = credential(first, endpoint=gzip_proxy(first.base_url) + "/redirect")
    with httpx2.Client(transport=FailoverTransport([made]), follow_redirects=True) as http:
        response = http.post("https://any.example/v1/chat/completions", json={"model": "m", "messages": QUESTION})
    assert response.status_code == 502
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
