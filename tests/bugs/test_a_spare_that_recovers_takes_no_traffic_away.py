"""A spare that recovered a little later than the first credential took the traffic away from it for ten minutes."""

from chain_play import POSSIBLE, Play, refusal


def parked_for_a_moment(clock):
    """A chain whose credentials all refused one request in doubtful words, and are due."""
    play = Play(2, clock)
    play.ill = dict.fromkeys(range(2), refusal("cannot parse this", POSSIBLE))
    play.call()
    play.ill = {}
    clock.advance(10)
    return play


def test_whoever_is_slower_to_recover_moves_nobody(clock):
    """Both are probed at the same time; the first one answers first."""
    play = parked_for_a_moment(clock)
    first, second = play.start(), play.start()
    assert (first.index, second.index) == (0, 1)
    clock.advance(0.5)
    first.succeed()
    clock.advance(0.5)
    second.succeed()
    assert (play.active, play.call().sent) == (0, [0])


def test_while_the_first_is_out_the_spare_serves(clock):
    """It answers first: whoever waits for the first credential is not waited for."""
    play = parked_for_a_moment(clock)
    _, second = play.start(), play.start()
    second.succeed()
    assert play.active == 1
