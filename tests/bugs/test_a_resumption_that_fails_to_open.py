"""A request that goes on behind a delivered text was made outside its attempt: its failure ended the call unread."""

from chain_play import auth, overloaded
from driver_play import Stage


def test_it_is_a_failed_attempt_like_any_other(clock):
    """The credential is parked, and the one after it goes on."""
    stage = Stage("sync", 3, clock, stream_recovery="continue")
    stage.script = {0: [["a", "b", overloaded()]], 1: [auth()], 2: [["c"]]}
    assert stage.stream(resume=lambda credential, text: stage._open(credential)) == ["a", "b", "c"]
    assert stage.stands(1) == "PARKED"
