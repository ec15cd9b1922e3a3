"""The older pair: when it switches, what it raises, what it counts."""

import asyncio
from unittest.mock import Mock

import pytest
from vlm_fakes import AuthError, BadRequestError, BusyError, ScriptedVLM

from sparekey import FailoverVLM
from sparekey.errors import UnsupportedMediaInputError
from sparekey.vlm import VLMChunk


def collected(stream):
    """Collect an asynchronous stream."""

    async def collect():
        return [item async for item in stream]

    return asyncio.run(collect())


def ask(pair, how):
    """Ask in one of four ways; return the text."""
    if how == "sync":
        return str(pair.get_completion("hi"))
    if how == "async":
        return str(asyncio.run(pair.get_completion_async("hi")))
    stream = pair.stream_completion("hi") if how == "stream" else collected(pair.stream_completion_async("hi"))
    return "".join(map(str, stream))


HOW = pytest.mark.parametrize("how", ["sync", "async", "stream", "stream_async"])


@HOW
def test_the_primary_serves_as_long_as_it_can(how):
    """A healthy pair never asks its backup."""
    pair = FailoverVLM(ScriptedVLM("primary"), ScriptedVLM("backup"))
    assert ask(pair, how) == "primary"
    assert not pair.is_using_backup
    assert pair.backup.calls == []


@HOW
@pytest.mark.parametrize("error", [AuthError(), BadRequestError()], ids=["auth", "permanent"])
def test_the_backup_takes_over_and_stays(how, error):
    """Auth, quota and permanent errors switch; the primary gets no second request."""
    pair = FailoverVLM(ScriptedVLM("primary", error), ScriptedVLM("backup"))
    assert ask(pair, how) == "backup"
    assert ask(pair, how) == "backup"
    assert pair.is_using_backup
    assert len(pair.primary.calls) == 1
    assert error.sparekey_credential_id == "primary"


@HOW
def test_other_errors_are_raised_as_they_are(how):
    """A transient failure is not the backup's business."""
    error = BusyError()
    pair = FailoverVLM(ScriptedVLM("primary", error), ScriptedVLM("backup"))
    with pytest.raises(BusyError) as caught:
        ask(pair, how)
    assert caught.value is error
    assert not pair.is_using_backup


@HOW
def test_if_both_fail_the_backups_error_is_raised(how):
    """The last word is the backup's, and says so."""
    pair = FailoverVLM(ScriptedVLM("primary", AuthError()), ScriptedVLM("backup", BusyError()))
    with pytest.raises(BusyError) as caught:
        ask(pair, how)
    assert caught.value.sparekey_credential_id == "backup"


def test_after_so_many_requests_the_primary_is_tried_again():
    """The failback counts requests to the backup; a success brings the primary back."""
    pair = FailoverVLM(ScriptedVLM("primary", AuthError()), ScriptedVLM("backup"), failback_request_count=2)
    assert [ask(pair, "sync") for _ in range(2)] == ["backup"] * 2
    pair.primary.error = None
    assert ask(pair, "sync") == "primary"
    assert not pair.is_using_backup


@pytest.mark.parametrize("how", ["stream", "stream_async"])
def test_a_stream_never_moves_on_after_its_first_piece(how):
    """What was handed out is not said twice."""
    pair = FailoverVLM(ScriptedVLM("primary", chunks=[VLMChunk("half"), AuthError()]), ScriptedVLM("backup"))
    with pytest.raises(AuthError):
        ask(pair, how)
    assert pair.backup.calls == []
    assert pair.is_using_backup


@pytest.mark.parametrize("how", ["stream", "stream_async"])
def test_a_preamble_is_no_content(how):
    """An empty chunk commits to nobody: a failure after it is the backup's chance, and the caller sees one answer."""
    primary = ScriptedVLM("primary", chunks=[VLMChunk(""), AuthError()])
    pair = FailoverVLM(primary, ScriptedVLM("backup"))
    assert ask(pair, how) == "backup"
    assert pair.is_using_backup


@pytest.mark.parametrize("how", ["stream", "stream_async"])
def test_a_preamble_is_handed_out_before_the_content(how):
    """What was held back comes first, in order."""
    chunks = [VLMChunk(""), VLMChunk("a"), VLMChunk("b", finish_reason="stop")]
    pair = FailoverVLM(ScriptedVLM("primary", chunks=chunks), ScriptedVLM("backup"))
    seen = list(pair.stream_completion("hi")) if how == "stream" else collected(pair.stream_completion_async("hi"))
    assert seen == chunks


def test_a_stream_of_ones_own_making_moves_on_until_its_first_item():
    """Foreign items are all content."""
    pair = FailoverVLM(ScriptedVLM("primary", AuthError()), ScriptedVLM("backup", chunks=["", "x"]))
    assert collected(pair.stream_with_failover(lambda one: one.stream_completion_async("hi"))) == ["", "x"]


def test_instances_may_be_mocks():
    """Tests of users hand in mocks: arguments arrive by keyword, attributes are read with care."""
    primary, backup = Mock(), Mock()
    primary.model, primary.provider = "primary-model", "volcengine"
    primary.get_completion.return_value = "primary response"
    pair = FailoverVLM(primary, backup)
    assert pair.get_completion(prompt="test") == "primary response"
    primary.get_completion.assert_called_once_with(prompt="test", thinking=None, tools=None, tool_choice=None, messages=None)
    backup.get_completion.assert_not_called()
    assert (pair.model, pair.provider) == ("primary-model", "volcengine")


def media(pair, path):
    """Ask about a file."""
    return asyncio.run(pair.get_media_completion_async(prompt="sum up", media_path=path, filename=path.name, media_type="audio"))


def test_media_go_to_the_one_that_takes_them(tmp_path):
    """A backup that understands audio serves audio, and text stays where it was."""
    pair = FailoverVLM(ScriptedVLM("primary"), ScriptedVLM("backup", media=("audio",)))
    assert media(pair, tmp_path / "a.mp3") == "backup"
    assert not pair.is_using_backup


def test_a_primary_that_serves_media_is_well_again(tmp_path):
    """Its success is as good as a failback."""
    pair = FailoverVLM(ScriptedVLM("primary", AuthError(), media=("audio",)), ScriptedVLM("backup"))
    pair.get_completion("hi")
    pair.primary.error = None
    assert media(pair, tmp_path / "a.mp3") == "primary"
    assert not pair.is_using_backup


def test_media_fail_over_where_both_take_them(tmp_path):
    """Then a media call is like any other."""
    pair = FailoverVLM(ScriptedVLM("primary", AuthError(), media=("audio",)), ScriptedVLM("backup", media=("audio",)))
    assert media(pair, tmp_path / "a.mp3") == "backup"
    assert pair.is_using_backup


def test_media_that_none_takes_and_media_that_fail(tmp_path):
    """No taker is an error of its own; the only taker's error says whose it is."""
    with pytest.raises(UnsupportedMediaInputError):
        media(FailoverVLM(ScriptedVLM("primary"), ScriptedVLM("backup")), tmp_path / "a.mp3")
    pair = FailoverVLM(ScriptedVLM("primary"), ScriptedVLM("backup", AuthError(), media=("audio",)))
    with pytest.raises(AuthError) as caught:
        media(pair, tmp_path / "a.mp3")
    assert caught.value.sparekey_credential_id == "backup"


def test_usage_of_both_is_merged_and_goes_to_the_one_in_use():
    """Counts of the two add up; what is reported to the pair is counted where requests go."""
    pair = FailoverVLM(ScriptedVLM("primary"), ScriptedVLM("backup"))
    pair.primary.get_completion(prompt="hi")
    pair.backup.get_completion(prompt="hi")
    pair.update_token_usage("m", "p", 1, 1)
    assert pair.get_token_usage()["total_usage"]["total_tokens"] == 12
    assert pair.primary.token_tracker.total.total_tokens == 7
