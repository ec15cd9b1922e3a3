"""Each wire, as the official SDK of its provider understands it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from simulator_talk import KEY, MAKERS, Talk, talk

from sparekey.lab.simulator import TEXT, Provider, Simulator, faults
from sparekey.lab.simulator.answers import unit_vector

if TYPE_CHECKING:
    from collections.abc import Iterator


class Line(NamedTuple):
    provider: Provider
    sdk: Talk


@pytest.fixture(scope="module", params=sorted(MAKERS))
def opened(request: pytest.FixtureRequest) -> Iterator[Line]:
    """An SDK and its provider; opened once, as making an SDK's client costs more than all its calls here."""
    with Simulator() as simulator:
        provider = simulator.provider("first", wire=request.param, keys=(KEY,))
        with talk(provider) as sdk:
            yield Line(provider, sdk)


@pytest.fixture
def line(opened: Line) -> Line:
    """The same, healthy again."""
    opened.provider.heal()
    return opened


def test_a_healthy_answer_is_the_fixed_text(line: Line):
    """The SDK reads the sixty words out of the answer."""
    assert line.sdk.chat() == TEXT


def test_a_stream_says_the_same_as_the_answer(line: Line):
    """The words of the events, put together, are the text."""
    assert line.sdk.stream() == TEXT


def test_usage_counts_words(line: Line):
    """Both sides are counted in words."""
    assert line.sdk.usage() == (5, 60)


def test_an_offered_tool_is_called(line: Line):
    """With a tool on offer the answer is a call of it."""
    assert line.sdk.tool() == "look"


def test_equal_texts_have_equal_vectors(line: Line):
    """Vectors follow from the text, come in order, and have the wire's usual length."""
    if line.sdk.embed is None:
        pytest.skip("this provider has no embeddings")
    one, other, again = line.sdk.embed(["stone", "gate", "stone"])
    assert one == again != other
    assert one == pytest.approx(unit_vector("stone", line.provider.wire.dimension), abs=1e-6)


STATUS = {
    "auth": {"gemini": 400, None: 401},
    "permission": {None: 403},
    "overdue": {"openai": 429, "anthropic": 400, None: 403},
    "quota": {"anthropic": 400, None: 429},
    "daily_quota": {None: 429},
    "rate_limit": {None: 429},
    "overloaded": {"anthropic": 529, "ark": 429, None: 503},
    "server_error": {None: 500},
    "model_not_found": {None: 404},
    "context_length": {None: 400},
    "content_filter": {"gemini": 200, None: 400},
    "bad_request": {None: 400},
}


@pytest.mark.parametrize("kind", STATUS)
def test_refusals_have_the_status_of_the_provider(line: Line, kind: str):
    """Each refusal comes with the status that this provider uses, and the SDK raises its own error for it."""
    expected = STATUS[kind].get(line.provider.wire.name, STATUS[kind][None])
    line.provider.fail(faults.refuse(kind))
    if expected == 200:
        assert line.sdk.chat() == line.sdk.stream() == ""
        return
    for call in (line.sdk.chat, line.sdk.stream):
        assert status_of(call) == expected


def test_a_wrong_key_meets_the_error_of_the_provider(line: Line):
    """A key that the provider does not know is refused as that provider does it."""
    with talk(line.provider, key="sk-wrong") as stranger:
        assert status_of(stranger.chat) == STATUS["auth"].get(line.provider.wire.name, 401)


def test_a_stated_wait_reaches_the_client(line: Line):
    """The wait of a rate limit stands in the header, or where this provider states it."""
    line.provider.fail(faults.rate_limit(retry_after=7))
    with pytest.raises(Exception) as caught:
        line.sdk.chat()
    headers = caught.value.response.headers
    assert headers.get("retry-after") == "7" or "'retryDelay': '7s'" in str(caught.value)


def test_an_error_inside_a_stream_is_raised_or_seen(line: Line):
    """An error event after three words ends the stream; what the SDK makes of it is the SDK's affair, but it is no whole answer."""
    line.provider.fail(faults.error_event(after=3))
    assert outcome(line.sdk.stream) != TEXT


def test_a_cut_stream_is_no_whole_answer(line: Line):
    """A stream that dies after forty words never says all sixty."""
    line.provider.fail(faults.cut(after=40))
    assert outcome(line.sdk.stream) != TEXT


def test_a_stream_without_its_terminator_is_complete(line: Line):
    """Without the terminator every word is there all the same."""
    line.provider.fail(faults.no_done())
    assert line.sdk.stream() == TEXT


def test_a_trailing_assistant_message_can_be_refused(line: Line):
    """Only the conversation that ends with an assistant message is refused."""
    line.provider.fail(faults.no_prefill())
    assert status_of(line.sdk.prefill) == 400
    assert line.sdk.chat() == TEXT
    line.provider.heal()
    assert line.sdk.prefill() == TEXT


def test_an_empty_answer_is_well_formed(line: Line):
    """An answer without content is read without an error."""
    line.provider.fail(faults.empty_answer())
    assert line.sdk.chat() == line.sdk.stream() == ""


def test_vectors_of_another_length_are_played(line: Line):
    """The wrong length arrives as it was ordered."""
    if line.sdk.embed is None:
        pytest.skip("this provider has no embeddings")
    line.provider.fail(faults.wrong_length(3))
    assert [len(vector) for vector in line.sdk.embed(["stone"])] == [3]


def test_the_key_is_repeated_on_request(line: Line):
    """A provider that repeats the key in its text does so on every wire."""
    line.provider.fail(faults.echo_key())
    assert KEY in str(outcome(line.sdk.chat))


def test_the_callers_words_are_repeated_on_request(line: Line):
    """So does one that repeats the caller's own words."""
    line.provider.fail(faults.echo_words())
    assert "Where is the spare key?" in str(outcome(line.sdk.chat))


def status_of(call: Any) -> int:
    """Return the HTTP status of the error that `call` raises."""
    with pytest.raises(Exception) as caught:
        call()
    return getattr(caught.value, "status_code", None) or caught.value.code


def outcome(call: Any) -> Any:
    """Return what `call` returns or raises."""
    try:
        return call()
    except Exception as error:
        return error
