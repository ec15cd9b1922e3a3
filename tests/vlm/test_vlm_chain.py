"""From a configuration to an answer, through real SDKs of different providers, over real HTTP."""

import asyncio
import gc
from dataclasses import replace

import pytest

from sparekey import AllCredentialsFailedError, VLMConfig, limits
from sparekey.lab.simulator import TEXT, faults
from sparekey.types import ErrorClass
from sparekey.vlm import MultiCredentialVLM
from sparekey.vlm.backends.openai import OpenAIVLM

KEY = "sk-sim-0123456789abcdef"
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}


@pytest.fixture
def world(simulator, monkeypatch):
    """Make providers of these wires and a configuration over them, which waits for nobody; both are closed at the end."""
    policy_of, made = VLMConfig.policy, []
    monkeypatch.setattr(VLMConfig, "policy", lambda config: replace(policy_of(config), retry_delay=0.0))

    def make(*wires, **settings):
        providers = [simulator.provider(f"p{len(simulator.providers)}", wire=wire, keys=(KEY,)) for wire in wires]
        credentials = [
            {"id": f"{i}-{w}", "provider": w, "model": MODELS[w], "api_key": KEY, "api_base": p.base_url}
            for i, (w, p) in enumerate(zip(wires, providers, strict=True))
        ]
        made.append(VLMConfig(credentials=credentials, **{"max_retries": 0, **settings}))
        return providers, made[-1].get_vlm_instance()

    yield make
    for config in made:
        config.close()


def test_one_credential_gives_the_lone_instance(world):
    """No chain, no wrapper; its retries are its own."""
    _, vlm = world("openai", max_retries=2)
    assert type(vlm) is OpenAIVLM
    assert vlm.max_retries == 2


def test_a_chain_of_providers_survives_a_dead_and_a_busy_one(world):
    """Quota gone at the first, the second overloaded: the third, of another make, answers, and stays active."""
    (first, second, third), vlm = world("openai", "anthropic", "gemini")
    first.fail(faults.quota())
    second.fail(faults.overloaded())
    assert isinstance(vlm, MultiCredentialVLM)
    assert [vlm.get_completion("hi") for _ in range(2)] == [TEXT, TEXT]
    assert vlm.active_credential_id == "2-gemini"
    assert (len(first.requests), len(third.requests)) == (1, 2)
    assert vlm.get_token_usage()["total_usage"]["completion_tokens"] == 120


def test_the_engine_tries_a_busy_credential_once_more_and_nobody_else_does(world):
    """One server error: the same credential answers at the second attempt; there are no hidden retries."""
    (first, second), vlm = world("openai", "anthropic")
    first.fail(faults.server_error(), times=1)
    assert vlm.get_completion("hi") == TEXT
    assert (len(first.requests), len(second.requests)) == (2, 0)


def test_threads_and_tasks_share_one_chain(world):
    """What an async call learns, a sync call knows."""
    (first, _), vlm = world("openai", "anthropic")
    first.fail(faults.auth())

    async def ask():
        answer = await vlm.get_completion_async("hi")
        chunks = [str(chunk) async for chunk in vlm.stream_completion_async("hi")]
        await vlm.aclose()
        return answer, "".join(chunks)

    assert asyncio.run(ask()) == (TEXT, TEXT)
    assert vlm.get_completion("hi") == TEXT
    assert len(first.requests) == 1


def test_a_wrong_request_is_the_callers(world):
    """The SDK's own exception, one attempt, nobody parked."""
    (first, second), vlm = world("openai", "anthropic")
    first.fail(faults.bad_request())
    with pytest.raises(Exception, match="Unsupported value") as caught:
        vlm.get_completion("hi")
    assert type(caught.value).__module__.startswith("openai")
    assert caught.value.sparekey_credential_id == "0-openai"
    assert (len(first.requests), len(second.requests)) == (1, 0)
    first.heal()
    assert vlm.get_completion("hi") == TEXT
    assert vlm.active_credential_index == 0


@pytest.mark.parametrize(
    "fault", [faults.empty_answer(), faults.html(502), faults.truncated_json(), faults.error_body()], ids=lambda f: type(f).__name__
)
def test_what_only_looks_like_an_answer_fails_over(world, fault):
    """The next credential answers, whatever the first one's body was."""
    (first, _), vlm = world("openai", "anthropic")
    first.fail(fault)
    assert vlm.get_completion("hi") == TEXT
    assert vlm.active_credential_index == 1


def test_a_stream_that_breaks_before_its_first_word_fails_over(world):
    """The caller sees one whole answer."""
    (first, _), vlm = world("openai", "anthropic")
    first.fail(faults.error_event(faults.overloaded()))
    assert "".join(map(str, vlm.stream_completion("hi"))) == TEXT


def test_a_stream_that_breaks_later_goes_on_in_the_next_credentials(world):
    """Half of an answer was seen: the rest of it comes from elsewhere, in another wire format, and nothing comes twice."""
    (first, _), vlm = world("openai", "anthropic")
    first.fail(faults.cut(after=40, how="end"))
    stream = vlm.stream_completion("hi")
    assert "".join(map(str, stream)) == TEXT
    assert [(a.credential_id, a.outcome) for a in stream.attempts] == [("0-openai", "failed"), ("1-anthropic", "succeeded")]


def test_a_stream_that_breaks_later_is_an_error_and_no_short_success(world):
    """Where nothing shall take over, the error goes to the caller, and the next call starts elsewhere."""
    (first, second), vlm = world("openai", "anthropic")
    first.fail(faults.cut(after=40, how="end"))
    with limits(stream_recovery="error"), pytest.raises(Exception, match="finish reason"):
        list(vlm.stream_completion("hi"))
    assert second.requests == ()
    assert vlm.get_completion("hi") == TEXT


def test_an_answer_carries_its_ledger(world):
    """Every attempt with its cause, its time and its tokens."""
    (first, _), vlm = world("openai", "anthropic")
    first.fail(faults.quota())
    failed, served = vlm.get_completion("hi").attempts
    assert (failed.credential_id, failed.error_class, failed.usage) == ("0-openai", ErrorClass.QUOTA_EXCEEDED, None)
    assert (served.credential_id, served.outcome, served.usage.completion_tokens > 0) == ("1-anthropic", "succeeded", True)


def test_an_answer_goes_on_behind_what_was_seen(world):
    """In the mode `continue` the next credential gets the beginning of the answer, and what it says comes behind it."""
    (first, second), vlm = world("openai", "anthropic")
    first.fail(faults.cut(after=40, how="end"))
    with limits(stream_recovery="continue"):
        text = "".join(map(str, vlm.stream_completion("hi")))
    assert text.startswith(" ".join(TEXT.split()[:40]))
    assert second.requests[0].json["messages"][-1]["role"] == "assistant"


def test_a_dead_chain_tells_every_cause_and_no_key(world):
    """One error with a cause each; the key stands in none of its texts."""
    providers, vlm = world("openai", "anthropic", "gemini")
    for provider in providers:
        provider.fail(faults.echo_key())
    with pytest.raises(AllCredentialsFailedError) as caught:
        vlm.get_completion("hi")
    assert [(e.credential_id, e.error_class) for e in caught.value.errors] == [
        (name, ErrorClass.AUTH) for name in ("0-openai", "1-anthropic", "2-gemini")
    ]
    assert KEY not in str(caught.value)


def test_nothing_is_left_open(world):
    """Closing gives every connection back, also those of a stream that was left."""
    providers, vlm = world("openai", "anthropic", "gemini")
    for one in vlm._members:
        stream = one.stream_completion("hi")
        next(stream)
        stream.close()
    vlm.close()
    gc.collect()
    assert all(p.wait_for(lambda p: p.open_connections == 0) for p in providers)
