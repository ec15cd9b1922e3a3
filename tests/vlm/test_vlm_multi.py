"""Many credentials behind one face: the ring, what is raised, streams, media, counts."""

import asyncio
import logging
from unittest.mock import MagicMock

import pytest
from vlm_fakes import AuthError, BadRequestError, BusyError, ScriptedVLM

from sparekey import FailoverVLM
from sparekey.core.policy import Policy
from sparekey.engine import Chain
from sparekey.errors import AllCredentialsFailedError, UnsupportedMediaInputError
from sparekey.stats.tokens import TokenTracker
from sparekey.types import Credential, ErrorClass, Usage
from sparekey.vlm import MultiCredentialVLM, VLMChunk


def multi(*instances, **options):
    """Return a wrapper whose ids are the instances' names."""
    return MultiCredentialVLM(list(instances), [one.name for one in instances], **options)


def collected(stream):
    """Collect an asynchronous stream."""

    async def collect():
        return [item async for item in stream]

    return asyncio.run(collect())


@pytest.mark.parametrize("method", ["get_completion", "get_vision_completion"])
def test_the_next_credential_answers_and_stays(method):
    """A dead first key costs one attempt; the second one is active from then on."""
    dead, well = ScriptedVLM("dead", AuthError()), ScriptedVLM("well")
    vlm = multi(dead, well)
    assert getattr(vlm, method)("hi") == "well"
    assert asyncio.run(getattr(vlm, f"{method}_async")("hi")) == "well"
    assert (vlm.active_credential_index, vlm.active_credential_id) == (1, "well")
    assert len(dead.calls) == 1


def test_arguments_arrive_as_they_were_given():
    """Instances get keyword arguments only; `max_tokens` comes along where it is given, since older instances do not know it."""
    one = ScriptedVLM("one")
    vlm = multi(one)
    vlm.get_completion("hi", True, [{"t": 1}], "auto", [{"role": "user"}])
    vlm.get_vision_completion("hi", [b"x"], max_tokens=5)
    first, second = (options for _, options in one.calls)
    assert first == {"prompt": "hi", "thinking": True, "tools": [{"t": 1}], "tool_choice": "auto", "messages": [{"role": "user"}]}
    assert (second["images"], second["max_tokens"], second["thinking"]) == ([b"x"], 5, None)


def test_a_ring_of_fifteen_is_walked_to_its_end():
    """Fourteen dead keys do not hide the fifteenth."""
    chain = [ScriptedVLM(f"dead-{i}", AuthError()) for i in range(14)] + [ScriptedVLM("well")]
    vlm = multi(*chain)
    assert vlm.get_completion("hi") == "well"
    assert [len(one.calls) for one in chain] == [1] * 15


def test_a_request_that_is_wrong_is_told_at_once_and_by_whom():
    """The provider's own exception object is raised, with what it belongs to attached; nobody else is asked."""
    error = BadRequestError()
    first, second = ScriptedVLM("first", error), ScriptedVLM("second")
    with pytest.raises(BadRequestError) as caught:
        multi(first, second).get_completion("hi")
    assert caught.value is error
    assert (error.sparekey_credential_id, error.sparekey_model) == ("first", "model-of-first")
    assert error.sparekey_api_base == "http://first.invalid"
    assert second.calls == []


def test_an_exhausted_chain_tells_of_every_credential():
    """One entry a credential, in the order of the attempts: id, class, exception, index."""
    errors = [AuthError(), BusyError()]
    vlm = multi(ScriptedVLM("a", errors[0]), ScriptedVLM("b", errors[1]))
    with pytest.raises(AllCredentialsFailedError) as caught:
        vlm.get_completion("hi")
    assert caught.value.errors == [("a", ErrorClass.AUTH, errors[0], 0), ("b", ErrorClass.TRANSIENT, errors[1], 1)]
    assert errors[1].sparekey_credential_id == "b"


def test_an_exception_that_takes_no_notes_is_raised_all_the_same():
    """Attaching whose it is must never hide what went wrong."""

    class StubbornError(BadRequestError):
        def __setattr__(self, name, value):
            if name.startswith("sparekey_"):
                raise TypeError(name)
            super().__setattr__(name, value)

    with pytest.raises(StubbornError):
        multi(ScriptedVLM("a", StubbornError())).get_completion("hi")


@pytest.mark.parametrize("lists", [([], []), ([ScriptedVLM("a")], ["a", "b"]), ([ScriptedVLM("a"), ScriptedVLM("b")], ["a", "a"])])
def test_lists_that_do_not_fit_are_refused(lists):
    """No instance, an id too many, an id twice: a ValueError at once."""
    with pytest.raises(ValueError):
        MultiCredentialVLM(*lists)


def test_a_chain_of_others_is_refused():
    """A chain that is handed in belongs to these credentials."""
    with pytest.raises(ValueError, match="not those"):
        multi(ScriptedVLM("a"), chain=Chain([Credential("b")], Policy()))


def test_failback_numbers_reach_the_engine():
    """After so many requests on the second credential the first one, which is well, is tried again."""
    first, second = ScriptedVLM("first"), ScriptedVLM("second")
    vlm = multi(first, second, failback_request_count=2)
    assert vlm.chain.pool.policy.failback_timeout_seconds == 600
    vlm.chain.switcher.commit_success(1)
    for _ in range(2):
        assert vlm.get_completion("hi") == "second"
    assert vlm.get_completion("hi") == "first"
    assert vlm.active_credential_id == "first"


@pytest.mark.parametrize("make", [MagicMock, ScriptedVLM], ids=["mock", "own"])
def test_instances_of_any_make_are_wrapped(make):
    """Attributes of foreign instances are read with care: a mock's are no numbers and no names."""
    instances = [make("a"), make("b")] if make is ScriptedVLM else [make(), make()]
    for name, one in zip("ab", instances, strict=True):
        if make is MagicMock:
            one.get_completion.return_value = name
    vlm = MultiCredentialVLM(instances, ["a", "b"])
    assert vlm.get_completion("hi") == "a"
    assert vlm.max_tokens is None
    assert vlm.model in {None, "model-of-a"}


def test_the_smallest_token_limit_is_shown():
    """Whoever sizes prompts by the wrapper fits every credential."""
    a, b = ScriptedVLM("a"), ScriptedVLM("b")
    a.max_tokens, b.max_tokens = 900, 300
    vlm = multi(a, b)
    assert (vlm.max_tokens, vlm.provider, vlm.model) == (300, "scripted", "model-of-a")


@pytest.mark.parametrize("how", ["stream_completion", "stream_completion_async", "stream_with_failover"])
def test_a_stream_moves_on_until_something_is_out(how):
    """Before the first content, another credential takes over; the caller sees one whole answer."""
    broken = ScriptedVLM("broken", chunks=[VLMChunk(), BusyError()])
    vlm = multi(broken, ScriptedVLM("well"))
    if how == "stream_with_failover":
        broken.chunks = [BusyError()]
        chunks = collected(vlm.stream_with_failover(lambda one: one.stream_completion_async("hi")))
    else:
        stream = getattr(vlm, how)("hi")
        chunks = collected(stream) if how.endswith("async") else list(stream)
    assert "".join(map(str, chunks)) == "well"
    assert vlm.active_credential_id == "well"


@pytest.mark.parametrize("how", ["stream_completion", "stream_completion_async", "stream_with_failover"])
def test_a_stream_never_moves_on_after_that(how):
    """What was handed out is not said twice: the error goes to the caller, with whose it is."""
    error = BusyError()
    vlm = multi(ScriptedVLM("cut", chunks=[VLMChunk("half"), error]), ScriptedVLM("other"))
    streams = {
        "stream_completion": lambda: list(vlm.stream_completion("hi")),
        "stream_completion_async": lambda: collected(vlm.stream_completion_async("hi")),
        "stream_with_failover": lambda: collected(vlm.stream_with_failover(lambda one: one.stream_completion_async("hi"))),
    }
    with pytest.raises(BusyError) as caught:
        streams[how]()
    assert caught.value is error
    assert error.sparekey_credential_id == "cut"


@pytest.mark.parametrize("how", ["stream_completion", "stream_completion_async"])
def test_the_end_of_an_answer_may_come_with_text_that_was_shown(how):
    """All but its end was handed out when the stream broke; the other credential's whole answer is one chunk."""
    whole = VLMChunk("well", finish_reason="stop", usage=Usage(1, 2))
    vlm = multi(ScriptedVLM("cut", chunks=[VLMChunk("well"), BusyError()]), ScriptedVLM("other", chunks=[whole]))
    stream = getattr(vlm, how)("hi")
    chunks = collected(stream) if how.endswith("async") else list(stream)
    assert [(c.content, c.finish_reason, c.usage) for c in chunks] == [("well", None, None), ("", "stop", Usage(1, 2))]


def test_an_answer_that_the_callers_limit_left_empty_is_one():
    """Another credential would meet the same limit: nobody else is asked."""
    other = ScriptedVLM("other")
    chunks = list(multi(ScriptedVLM("cut", chunks=[VLMChunk(finish_reason="length")]), other).stream_completion("hi"))
    assert [c.finish_reason for c in chunks] == ["length"]
    assert other.calls == []


def test_a_model_without_a_stream_of_its_own_streams_one_piece():
    """Older instances have whole answers only; the wrapper streams them all the same."""

    class Whole(ScriptedVLM):
        stream_completion = ScriptedVLM.__mro__[1].stream_completion
        stream_completion_async = ScriptedVLM.__mro__[1].stream_completion_async

        def get_completion(self, prompt="", **options):
            return super().get_completion(prompt=prompt, **options)

        async def get_completion_async(self, prompt="", **options):
            return self.get_completion(prompt, **options)

    vlm = multi(Whole("whole"))
    assert [str(c) for c in vlm.stream_completion("hi")] == ["whole"]
    assert [str(c) for c in collected(vlm.stream_completion_async("hi"))] == ["whole"]


def media(vlm, path, media_type="audio"):
    """Ask about a file."""
    return asyncio.run(vlm.get_media_completion_async(prompt="sum up", media_path=path, filename=path.name, media_type=media_type))


def test_media_go_to_whoever_takes_them_and_change_nothing(tmp_path):
    """Routing by capability is no verdict about the active credential."""
    text, able = ScriptedVLM("text"), ScriptedVLM("able", media=("audio",))
    vlm = multi(text, able)
    assert vlm.supports_media(media_type="audio", filename="a.mp3", size_bytes=1)
    assert media(vlm, tmp_path / "talk.mp3") == "able"
    assert vlm.active_credential_id == "text"
    assert text.calls == []


def test_media_fail_over_among_those_who_take_them(tmp_path):
    """A dead key of the active credential moves a media call like any other."""
    vlm = multi(ScriptedVLM("dead", AuthError(), media=("audio",)), ScriptedVLM("well", media=("audio",)))
    assert media(vlm, tmp_path / "talk.mp3") == "well"
    assert vlm.active_credential_id == "well"


def test_media_that_nobody_takes_are_refused(tmp_path):
    """The error names the kind and the file, and no request is sent."""
    with pytest.raises(UnsupportedMediaInputError, match=r"audio input 'talk\.mp3'"):
        media(multi(ScriptedVLM("text")), tmp_path / "talk.mp3")


def test_tokens_are_merged_and_a_shared_tracker_counts_once():
    """Counts come from the instances' public trackers, also through a wrapper in a wrapper."""
    shared = TokenTracker()
    a, b, c = ScriptedVLM("a", tracker=shared), ScriptedVLM("b", tracker=shared), ScriptedVLM("c")
    vlm = MultiCredentialVLM([multi(a, c), b], ["inner", "b"])
    for one in (a, b, c):
        one.get_completion(prompt="hi")
    assert vlm.get_token_usage()["total_usage"]["total_tokens"] == 15
    assert set(vlm.get_token_usage()["usage_by_model"]) == {"model-of-a", "model-of-b", "model-of-c"}
    vlm.reset_token_usage()
    assert vlm.get_token_usage()["total_usage"]["total_tokens"] == 0


def test_usage_that_is_reported_to_the_wrapper_goes_to_the_active_instance():
    """Callers of the older API count at the wrapper."""
    one = ScriptedVLM("one")
    multi(one).update_token_usage("m", "p", 3, 4)
    assert one.token_tracker.total.total_tokens == 7


class Foreign:
    """A model of another make: it answers, and knows nothing else of ours."""

    def __init__(self, tracker=None):
        self.token_tracker = tracker

    def get_completion(self, **_):
        return "foreign"


@pytest.mark.parametrize("wrapper", [FailoverVLM, lambda *members: MultiCredentialVLM(members, ["a", "b"])], ids=["pair", "multi"])
def test_instances_of_another_make_need_only_answer(wrapper, tmp_path, caplog):
    """Counting anew, asking about media and closing pass over what a member does not know."""
    tracker = TokenTracker()
    tracker.record("m", "p", Usage(1, 1))
    vlm = wrapper(Foreign(tracker), Foreign())
    assert vlm.get_completion("hi") == "foreign"
    vlm.reset_token_usage()
    assert tracker.total.total_tokens == 0
    assert not vlm.supports_media(media_type="audio", filename="a.mp3", size_bytes=1)
    with pytest.raises(UnsupportedMediaInputError):
        media(vlm, tmp_path / "talk.mp3")
    vlm.close()
    asyncio.run(vlm.aclose())
    assert caplog.text == ""


@pytest.mark.parametrize("wrapper", [FailoverVLM, lambda *members: MultiCredentialVLM(members, ["a", "b"])], ids=["pair", "multi"])
def test_a_media_path_may_be_a_text(wrapper, tmp_path):
    """Members get a `Path`, whatever the caller had."""
    member = ScriptedVLM("able", media=("audio",))
    ask = wrapper(member, ScriptedVLM("text")).get_media_completion_async
    path = str(tmp_path / "talk.mp3")
    assert asyncio.run(ask(prompt="sum up", media_path=path, filename="talk.mp3", media_type="audio")) == "able"
    assert member.calls[0][1]["media_path"] == tmp_path / "talk.mp3"


@pytest.mark.parametrize("closing", ["close", "aclose"])
def test_closing_closes_all(closing, caplog):
    """One instance that fails to close keeps no other one open."""
    first, second = MagicMock(), ScriptedVLM("second")
    first.close.side_effect = RuntimeError("boom")
    vlm = MultiCredentialVLM([first, second], ["first", "second"])
    with caplog.at_level(logging.WARNING):
        vlm.close() if closing == "close" else asyncio.run(vlm.aclose())
    assert (first.close.called, second.closed) == (True, 1)
    assert "boom" in caplog.text
