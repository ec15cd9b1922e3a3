"""What may go wrong inside an answer, with every real SDK over real HTTP: silence, cuts, errors inside a success, bodies that are none."""

import pytest
from vlm_backends import EACH_SDK, LITELLM_WARNS, PRESENT, asked

from sparekey.classify import classify
from sparekey.engine.retry import retry_sync
from sparekey.errors import IncompleteAnswerError
from sparekey.lab.simulator import TEXT, faults
from sparekey.types import ErrorClass

pytestmark = LITELLM_WARNS
LOSES_ERRORS_INSIDE = {"gemini", "litellm"}
"""SDKs that drop the words of an error that stands in the body of a success: that it is a failure is all that is left."""
EMPTY_STREAM = faults.RawBody(status=200, body=b"", content_type="text/event-stream")
BACKENDS = pytest.mark.parametrize("backend", PRESENT)
SDKS = pytest.mark.parametrize("backend", EACH_SDK)
STREAMS = pytest.mark.parametrize("how", ["stream", "stream_async"])


@SDKS
@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_silent_provider_is_given_up_in_time(make, provider, how):
    """The configured timeout reaches the SDK, and its error is known as silence."""
    provider.fail(faults.hang())
    with pytest.raises(Exception) as caught:
        asked(make(timeout=0.2), how, prompt="hi")
    failure = classify(caught.value)
    assert (failure.error_class, failure.timed_out) == (ErrorClass.TRANSIENT, True)
    assert len(provider.requests) == 1


@SDKS
def test_an_own_retry_tries_again(make, provider, monkeypatch):
    """`max_retries` of an instance is ours: one transient failure, then the answer."""
    monkeypatch.setitem(retry_sync.__kwdefaults__, "base_delay", 0.0)  # the wait has its own tests
    provider.fail(faults.server_error(), times=1)
    assert make(max_retries=1).get_completion("hi") == TEXT
    assert len(provider.requests) == 2


CUTS = [
    *(faults.cut(after=20, how="end"), faults.cut(after=20, how="reset"), faults.cut(after=20, how="done")),
    *(faults.no_finish(), EMPTY_STREAM),
]


@BACKENDS
@STREAMS
@pytest.mark.parametrize("fault", CUTS, ids=["end", "reset", "done", "no finish", "empty"])
def test_a_cut_stream_is_never_a_success(make, provider, how, fault):
    """However a stream dies, and if nothing ever came, the caller hears of it."""
    provider.fail(fault)
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    assert classify(caught.value).error_class is ErrorClass.TRANSIENT


@BACKENDS
@STREAMS
def test_a_stream_without_its_terminator_is_whole(make, provider, how):
    """The finish reason says that the answer is complete; a missing `[DONE]` behind it changes nothing, and tokens are counted."""
    provider.fail(faults.no_done())
    vlm = make()
    assert asked(vlm, how, prompt="hi") == TEXT
    assert vlm.token_tracker.total.completion_tokens == 60


@BACKENDS
@STREAMS
def test_an_error_in_the_middle_of_a_stream_is_told_by_its_own_words(make, provider, how):
    """Half an answer and an error are no answer; what the error says decides what it is."""
    provider.fail(faults.error_event(faults.quota(), after=20))
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    assert classify(caught.value).error_class is ErrorClass.QUOTA_EXCEEDED


@BACKENDS
@pytest.mark.parametrize("how", ["sync", "stream"])
def test_an_empty_answer_is_a_failure(make, provider, how):
    """A success without content is none."""
    provider.fail(faults.empty_answer())
    with pytest.raises(IncompleteAnswerError) as caught:
        asked(make(), how, prompt="hi")
    assert classify(caught.value).error_class is ErrorClass.TRANSIENT


@BACKENDS
@pytest.mark.parametrize("how", ["sync", "stream"])
@pytest.mark.parametrize("fault", [faults.error_body(), faults.error_event(faults.quota())], ids=["body", "event"])
def test_an_error_inside_a_success_is_told_by_its_own_words(backend, make, provider, how, fault):
    """HTTP 200 around an error changes nothing about what it is."""
    provider.fail(fault)
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    lost = backend.provider in LOSES_ERRORS_INSIDE and how != "stream"
    expected = {ErrorClass.QUOTA_EXCEEDED} | ({ErrorClass.TRANSIENT, ErrorClass.UNKNOWN} if lost else set())
    assert classify(caught.value).error_class in expected


@SDKS
@pytest.mark.parametrize("fault", [faults.html(200), faults.empty_body(), faults.truncated_json()], ids=["html", "empty", "truncated"])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_body_that_is_no_answer_is_a_failure(make, provider, how, fault):
    """What no SDK expects is never handed out as an answer."""
    provider.fail(fault)
    with pytest.raises(Exception) as caught:
        asked(make(), how, prompt="hi")
    assert classify(caught.value).error_class is ErrorClass.TRANSIENT
