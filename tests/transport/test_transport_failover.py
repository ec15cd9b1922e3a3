"""What a caller of a real SDK sees when the first provider fails: the answer of the second."""

from dataclasses import replace

import pytest
from sdk_talk import PACKAGES, QUESTION, SDKS, ask, client, credential, credentials

from sparekey import Chain, Policy, limits
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT

# openai stops at `[DONE]` and leaves its own async generators to the garbage collector, of which trio complains
LEFT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
BEFORE = {
    "auth": faults.auth(),
    "quota": faults.quota(),
    "rate limit": faults.rate_limit(retry_after=30),
    "overloaded": faults.overloaded(),
    "server error": faults.server_error(),
    "model not found": faults.model_not_found(),
    "reset": faults.reset(),
    "hang-up": faults.hangup(),
    "html page": faults.html(),
    "html page in a success": faults.html(200),
    "empty body": faults.empty_body(),
    "error in a success": faults.error_body(),
}
WHOLE = {**BEFORE, "half a JSON": faults.truncated_json(), "cut": faults.cut(after=1)}
STREAMED = {
    **BEFORE,
    "error event": faults.error_event(),
    "empty answer": faults.empty_answer(),
    "cut at once": faults.cut(after=0),
    "ended at once": faults.cut(after=0, how="end"),
    "broken event": faults.broken_event(at=1),
}


@LEFT_OPEN
@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_healthy_answer_arrives_word_for_word(provide, sdk, stream, mode):
    """Every SDK gets the first provider's answer, with that provider's key and model, in every way of calling."""
    first, second = provide("first", "second", wire=sdk)
    assert ask(sdk, credentials(first, second), mode=mode, stream=stream) == TEXT
    assert len(first.requests) == 1
    assert second.requests == ()


@LEFT_OPEN
@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_dead_key_is_not_seen_by_the_caller(provide, sdk, stream, mode):
    """A 401 of the first provider sends the request to the second, in every way of calling."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.auth())
    assert ask(sdk, credentials(first, second), mode=mode, stream=stream) == TEXT
    assert [len(first.requests), len(second.requests)] == [1, 1]


@pytest.mark.parametrize("fault", WHOLE.values(), ids=WHOLE.keys())
@pytest.mark.parametrize("sdk", SDKS)
def test_a_whole_answer_survives(provide, sdk, fault):
    """Whatever the first provider does instead of answering, the second one answers."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(fault)
    assert ask(sdk, credentials(first, second)) == TEXT
    assert len(second.requests) == 1


@pytest.mark.parametrize("fault", STREAMED.values(), ids=STREAMED.keys())
@pytest.mark.parametrize("sdk", SDKS)
def test_a_stream_survives_what_happens_before_its_first_content(provide, sdk, fault):
    """Until the first content nothing has reached the SDK, so another provider's stream takes the place of a failed one."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(fault)
    assert ask(sdk, credentials(first, second), stream=True) == TEXT
    assert len(second.requests) == 1


@pytest.mark.parametrize("sdk", SDKS)
def test_an_unplugged_provider_is_passed_over(provide, sdk):
    """A refused connection sends the request to the next credential."""
    first, second = provide("first", "second", wire=sdk)
    first.unplug()
    assert ask(sdk, credentials(first, second)) == TEXT


BROKEN = [
    faults.cut(after=20),
    faults.cut(after=20, how="end"),
    faults.cut(after=20, how="reset"),
    faults.cut(after=20, how="done"),
    faults.no_finish(),
    faults.broken_event(at=10),
    faults.error_event(faults.overloaded(), after=10),
]


@pytest.mark.parametrize("fault", BROKEN, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_broken_stream_goes_on_in_the_next_credentials(provide, sdk, mode, fault):
    """The SDK sees the whole answer, word for word and once, whatever broke it in the middle."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(fault)
    assert ask(sdk, credentials(first, second), mode=mode, stream=True) == TEXT
    assert len(second.requests) == 1


@pytest.mark.parametrize("fault", BROKEN[:5], ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_cut_stream_is_never_a_success(provide, sdk, mode, fault):
    """Without another credential a stream that ends without a finish reason is an error for the SDK."""
    (first,) = provide("first", wire=sdk)
    first.fail(fault)
    with pytest.raises(Exception, match=r"(?i)cut off|peer closed|reset|connection|incomplete|^$"):
        ask(sdk, credentials(first), mode=mode, stream=True)


@pytest.mark.parametrize("sdk", SDKS)
def test_a_broken_event_in_the_middle_is_an_error_and_not_passed_on(provide, sdk):
    """An event that is not JSON never reaches the SDK; what came before it does, then an error."""
    (first,) = provide("first", wire=sdk)
    first.fail(faults.broken_event(at=10))
    with pytest.raises(Exception, match=r"not JSON, or none of this API|Connection error"):
        ask(sdk, credentials(first), stream=True)


@pytest.mark.parametrize("sdk", SDKS)
def test_an_error_event_in_the_middle_reaches_the_sdk_as_it_is(provide, sdk):
    """Where nobody can go on, not even the same credential, the SDK raises its own exception for an error event after content."""
    (first,) = provide("first", wire=sdk)
    first.fail(faults.error_event(faults.overloaded(), after=10))
    with pytest.raises(Exception, match=r"(?i)overloaded") as caught:
        ask(sdk, credentials(first), stream=True)
    assert type(caught.value).__module__.startswith(PACKAGES[sdk])


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_an_answer_that_differs_is_the_first_faults_error(provide, sdk, mode):
    """What the SDK has seen cannot be taken back: an answer of other words is not sewn on."""
    (first,) = provide("first", wire=sdk)
    (second,) = provide("second", wire=sdk, text="Quite another answer.")
    first.fail(faults.cut(after=20))
    with pytest.raises(Exception, match=r"(?i)cut off|peer closed|reset|connection|incomplete|^$"):
        ask(sdk, credentials(first, second), mode=mode, stream=True)


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
def test_an_answer_goes_on_behind_what_the_sdk_has_seen(provide, mode):
    """In the mode `continue` a host that is known to take it is asked for the rest alone."""
    first, second = provide("first", "second")
    first.fail(faults.cut(after=20))
    spare = replace(credential(second), provider="kimi")
    with limits(stream_recovery="continue"):
        text = ask("openai", [credential(first), spare], mode=mode, stream=True)
    seen = " ".join(TEXT.split()[:20])
    assert text.startswith(seen)
    assert second.requests[0].json["messages"][-1] == {"role": "assistant", "content": seen, "partial": True}


def test_a_response_carries_the_ledger(provide):
    """Whoever looks at the response finds every attempt, with its tokens."""
    first, second = provide("first", "second")
    first.fail(faults.quota())
    with client("openai", credentials(first, second)) as made:
        answer = made.chat.completions.with_raw_response.create(model="m", messages=QUESTION)
    failed, served = answer.http_response.extensions["sparekey_attempts"]
    assert (failed.error_class, served.outcome) == ("quota_exceeded", "succeeded")
    assert served.usage.completion_tokens == answer.parse().usage.completion_tokens


@LEFT_OPEN
@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_slow_beginning_is_overtaken(provide, sdk, mode):
    """The next credential is started beside the slow one; the slow one's call is broken off."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.slow_start(10_000))
    chain = Chain(credentials(first, second), Policy(first_content_limit=0.05))
    assert ask(sdk, chain, mode=mode, stream=True) == TEXT
    assert first.wait_for(lambda p: p.abandoned)
    assert chain.active_index == 1


@LEFT_OPEN
@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_silent_stream_goes_on_elsewhere(provide, sdk, mode):
    """After some content nothing comes for longer than the idle limit."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.stall(after=20, seconds=10_000))
    chain = Chain(credentials(first, second), Policy(idle_limit=0.2))
    assert ask(sdk, chain, mode=mode, stream=True) == TEXT
    assert first.wait_for(lambda p: p.abandoned)


@pytest.mark.parametrize("sdk", SDKS)
def test_a_missing_terminator_is_no_fault(provide, sdk):
    """A stream with a finish reason is complete without its terminator."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.no_done())
    assert ask(sdk, credentials(first, second), stream=True) == TEXT
    assert second.requests == ()


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
def test_a_stream_in_drops_is_put_together(provide, mode):
    """Events that come a few bytes at a time are the same events."""
    (first,) = provide("first")
    first.fail(faults.dribble(size=7, every=0))
    assert ask("openai", credentials(first), mode=mode, stream=True) == TEXT
