"""Every backend with its real SDK over real HTTP: answers, counts, errors, waits, streams, and no retries of the SDK's own."""

import asyncio
import gc

import pytest
from vlm_backends import HOW, KEY, LITELLM_WARNS, PRESENT, asked, asked_async, provider_of, streamed_async

from sparekey.classify import classify
from sparekey.lab.simulator import TEXT, faults
from sparekey.types import ErrorClass, Secret

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find",
            "description": "Finds.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
]


pytestmark = [pytest.mark.parametrize("backend", PRESENT), LITELLM_WARNS]


@HOW
def test_the_whole_answer_comes_with_its_counts(make, provider, how):
    """In each of the four ways the text is complete, one request is sent, and its tokens are counted once."""
    vlm = make()
    assert asked(vlm, how, prompt="Where is the key?") == TEXT
    assert len(provider.requests) == 1
    total = vlm.get_token_usage()["total_usage"]
    assert total["completion_tokens"] == 60
    assert 0 < total["prompt_tokens"] < 60
    assert list(vlm.get_token_usage()["usage_by_model"]) == [vlm.model]


@pytest.mark.parametrize("how", ["sync", "stream_async"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.auth(), ErrorClass.AUTH),
        (faults.quota(), ErrorClass.QUOTA_EXCEEDED),
        (faults.overloaded(), ErrorClass.TRANSIENT),
        (faults.model_not_found(), ErrorClass.MODEL_NOT_FOUND),
    ],
    ids=["auth", "quota", "overloaded", "model"],
)
def test_a_refusal_is_told_and_not_tried_again(make, provider, how, fault, expected):
    """The SDK's own error reaches the classifier, and the provider saw exactly one request."""
    provider.fail(fault)
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    assert classify(caught.value).error_class is expected
    assert len(provider.requests) == 1
    assert KEY not in str(caught.value)


@HOW
def test_a_stated_wait_is_read(make, provider, how):
    """A rate limit keeps the wait that the provider states, through the SDK's exception."""
    provider.fail(faults.rate_limit(retry_after=7))
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    failure = classify(caught.value)
    assert (failure.error_class, failure.retry_after) == (ErrorClass.TRANSIENT, 7)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("how", ["sync", "async", "stream"])
def test_images_go_along(make, provider, how):
    """An image as bytes reaches the provider beside the prompt."""
    vlm = make()
    if how == "sync":
        assert vlm.get_vision_completion("What is it?", images=[PNG]) == TEXT
    elif how == "async":
        assert asyncio.run(asked_async(vlm, "get_vision_completion", prompt="What is it?", images=[PNG])) == TEXT
    else:
        assert "".join(map(str, vlm.stream_completion("What is it?", images=[PNG]))) == TEXT
    assert b"iVBORw0KGgo" in provider.requests[0].body
    assert b"What is it?" in provider.requests[0].body


@HOW
def test_a_tool_is_called(make, how):
    """The model's wish to call a tool arrives parsed, whole and in every way of asking."""
    vlm = make()
    if how == "sync":
        calls = vlm.get_completion("find it", tools=TOOLS).tool_calls
    elif how == "async":
        calls = asyncio.run(asked_async(vlm, "get_completion", prompt="find it", tools=TOOLS)).tool_calls
    elif how == "stream":
        calls = [call for chunk in vlm.stream_completion("find it", tools=TOOLS) for call in chunk.tool_calls]
    else:
        calls = [call for chunk in asyncio.run(streamed_async(vlm, prompt="find it", tools=TOOLS)) for call in chunk.tool_calls]
    assert [(call.name, call.arguments) for call in calls] == [("find", {"query": "spare key"})]


def test_a_tools_answer_goes_back(make, provider):
    """A conversation with a call and its answer, in OpenAI's form, is understood by every wire."""
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"query": "spare key"}'}}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "find it"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "under the stone"},
    ]
    assert make().get_completion(messages=messages, tools=TOOLS) == TEXT
    body = provider.requests[0].body
    assert b"Be brief." in body
    assert b"under the stone" in body


def test_a_configured_stream_gives_a_whole_answer(make, provider):
    """`stream` asks the provider for a stream, and callers still get one answer."""
    assert make(stream=True).get_completion("hi") == TEXT
    seen = provider.requests[0]
    assert (seen.json or {}).get("stream") or "stream" in seen.path


def test_extra_headers_and_body_fields_are_sent(make, provider):
    """Operators can add what a host wants."""
    make(extra_headers={"X-Team": "blue"}, extra_request_body={"sim_extra": 1}).get_completion("hi")
    assert provider.requests[0].headers["x-team"] == "blue"
    assert provider.requests[0].json["sim_extra"] == 1


def test_a_secret_key_is_used_and_not_shown(make, provider):
    """A `Secret` works as a key, and neither the instance nor its attributes show it."""
    vlm = make(api_key=Secret(KEY))
    assert vlm.get_completion("hi") == TEXT
    assert KEY not in repr(vlm) + repr(vars(vlm))


def test_a_closed_instance_connects_anew(make, provider):
    """Closing gives connections back; the instance lives on."""
    vlm = make()
    vlm.get_completion("hi")
    vlm.close()
    assert vlm.get_completion("hi") == TEXT


def test_an_instance_serves_many_event_loops(make):
    """Each event loop gets a client of its own: none of them hears of a closed loop."""
    vlm = make()
    assert [asyncio.run(asked_async(vlm, "get_completion", prompt="hi")) for _ in range(2)] == [TEXT, TEXT]


def test_a_stream_that_is_left_early_gives_its_connection_back(make, provider):
    """A caller who has heard enough just stops: the provider sees the connection go, in the middle of the answer."""
    provider.fail(faults.stall(after=3))
    stream = make().stream_completion("hi")
    next(stream)
    stream.close()
    assert provider.wait_for(lambda p: p.open_connections == 0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # what ended loops of other tests left is collected here, too
def test_an_async_stream_that_is_left_early_gives_its_connection_back(backend, make, provider):
    """The same in an event loop, before it ends."""
    provider.fail(faults.stall(after=3))

    async def listen():
        async with make() as vlm:
            stream = vlm.stream_completion_async("hi")
            await anext(stream)
            await stream.aclose()
            for _ in range(100):
                if backend.provider == "gemini":
                    gc.collect()  # its SDK keeps the response in a cycle; collected in the loop's own thread, its generators end there
                if await asyncio.to_thread(provider.wait_for, lambda p: p.open_connections == 0, 0.05):
                    return True
            return False

    assert asyncio.run(listen())


@pytest.mark.parametrize("how", ["sync", "async"])
def test_no_redirect_is_followed_with_a_key(simulator, backend, make, provider, how):
    """A host that sends callers elsewhere gets no answer: the other one would see the key."""
    if backend.provider == "litellm":
        pytest.skip("litellm makes its own HTTP clients, and they follow redirects")
    elsewhere = provider_of(simulator, backend)
    provider.fail(faults.refuse("server_error", status=307, headers={"location": elsewhere.base_url}))
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    assert classify(caught.value)
    assert elsewhere.requests == ()


FOREIGN = "sk-foreign-0123456789"
ENVIRONMENT = (
    "OPENAI_API_KEY OPENAI_ORG_ID OPENAI_PROJECT_ID AZURE_OPENAI_API_KEY AZURE_OPENAI_AD_TOKEN ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN "
    "GOOGLE_API_KEY GEMINI_API_KEY ARK_API_KEY VOLC_ACCESSKEY VOLC_SECRETKEY"
)


@pytest.mark.parametrize("own", [KEY, None], ids=["with a key", "without one"])
def test_keys_of_the_environment_stay_there(backend, make, provider, monkeypatch, own):
    """SDKs look for keys in the environment; those may belong to another account, and must not reach a host they were not meant for."""
    if backend.provider == "litellm" and own is None:
        pytest.skip("litellm without a key finds one by its own rules, and the documentation says so")
    for name in ENVIRONMENT.split():
        monkeypatch.setenv(name, FOREIGN)
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    vlm = make(api_key=own)
    if own:
        assert vlm.get_completion("hi") == TEXT
    else:
        with pytest.raises(Exception) as caught:
            vlm.get_completion("hi")
        assert classify(caught.value).error_class is ErrorClass.AUTH
    headers = provider.requests[0].headers
    if backend.provider == "litellm":  # it adds an organisation and a project from the environment by rules of its own
        headers = {name: value for name, value in headers.items() if name not in {"openai-organization", "openai-project"}}
    assert FOREIGN not in str(headers)
