"""Words that may mean a passing limit were asked for in a second round, although everybody had refused the request in them."""

from chain_play import POSSIBLE, Play, overloaded, refusal
from sparekey.types import ErrorClass


def doubtful():
    return refusal("invalid value: please retry after 3600 seconds", POSSIBLE, ErrorClass.TRANSIENT)


def test_all_who_refuse_in_the_same_words_are_asked_once(clock):
    """Three calls, and no pause."""
    play = Play(3, clock)
    play.ill = dict.fromkeys(range(3), doubtful())
    request = play.call()
    assert (request.sent, request.pauses) == ([0, 1, 2], [])


def test_two_who_refuse_outrank_one_who_is_down(clock):
    """The first is overloaded: that passes, and the request is refused all the same."""
    play = Play(3, clock)
    play.ill = {0: overloaded(), 1: doubtful(), 2: doubtful()}
    assert play.call().sent == [0, 1, 2]


def test_where_everybody_is_down_there_is_a_second_round(clock):
    """Nobody has refused anything."""
    play = Play(2, clock)
    play.ill = dict.fromkeys(range(2), overloaded())
    assert play.call().sent[:2] == [0, 1]
    assert len(play.call().pauses) <= 1
