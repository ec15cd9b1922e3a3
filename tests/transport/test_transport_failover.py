"""What a caller of a real SDK sees when the first provider fails: the answer of the second."""

import pytest
from sdk_talk import SDKS, ask, credentials

from sparekey.simulator import faults
from sparekey.simulator.answers import TEXT

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


@pytest.mark.parametrize(
    "fault", [faults.cut(after=20), faults.cut(after=20, how="end"), faults.cut(after=20, how="reset"), faults.no_finish()]
)
@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", SDKS)
def test_a_cut_stream_is_never_a_success(provide, sdk, mode, fault):
    """After the first content a stream that ends without a finish reason is an error for the SDK."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(fault)
    with pytest.raises(Exception, match=r"(?i)cut off|peer closed|reset|connection|incomplete|^$"):
        ask(sdk, credentials(first, second), mode=mode, stream=True)
    assert second.requests == ()


@pytest.mark.parametrize("sdk", SDKS)
def test_a_broken_event_in_the_middle_is_an_error_and_not_passed_on(provide, sdk):
    """An event that is not JSON never reaches the SDK; what came before it does, then an error."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.broken_event(at=10))
    with pytest.raises(Exception, match=r"not JSON, or none of this API|Connection error"):
        ask(sdk, credentials(first, second), stream=True)


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_an_error_event_in_the_middle_reaches_the_sdk_as_it_is(provide, sdk):
    """The SDK raises its own exception for an error event after content, and the provider is parked for it."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.error_event(faults.overloaded(), after=10), times=1)
    with pytest.raises(Exception, match=r"(?i)overloaded") as caught:
        ask(sdk, credentials(first, second), stream=True)
    assert type(caught.value).__module__.startswith(sdk)


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
