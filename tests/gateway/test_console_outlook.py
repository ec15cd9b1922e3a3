"""What the console says will happen next is what the engine then does."""

import hypothesis.strategies as st
from hypothesis import given

from chain_play import Play, auth, overloaded, quota, rate_limit, refusal, unknown
from fake_clock import FakeClock
from searches import drawn
from sparekey.core import manual
from sparekey.core.breaker import UNTIL_RELEASED
from sparekey.gateway.observe.outlook import Coming, Outlook, behind, outlook, serving_index

FAULTS = st.sampled_from(
    [None, None, auth(), quota(), quota(300), rate_limit(30), rate_limit(900), overloaded(), unknown(), refusal(), refusal("no")]
)
STEPS = st.tuples(
    st.dictionaries(st.integers(0, 3), FAULTS, max_size=4),
    st.integers(0, 8),
    st.sampled_from([0.0, 3.0, 40.0, 400.0, 601.0]),
    st.sampled_from([None, (1, 60.0), (0, UNTIL_RELEASED), (2, UNTIL_RELEASED)]),
)


def look(play):
    return outlook(play.pool, play.state, play.clock())


def serving(play):
    return serving_index(play.pool, play.state, play.clock())


def first_tried(play):
    """Who the next request goes to first; it is served. None: to nobody."""
    play.ill = {}
    sent = play.call().sent
    return sent[0] if sent else None


def played(steps):
    """A chain of four that went through something, and whose active credential is the one that serves."""
    play = Play(4, FakeClock(), failback_request_count=5)
    for ill, requests, seconds, hold in steps:
        play.ill = {index: failure for index, failure in ill.items() if failure is not None}
        for _ in range(requests):
            play.call()
        if hold is not None:
            index, length = hold
            now = play.clock()
            play.chain_state.transact(manual.hold, index, now + length, now)
        play.clock.advance(seconds)
    play.ill = {}
    if serving(play) not in {None, play.active}:
        play.call()
    return play


@drawn(40)
@given(st.lists(STEPS, min_size=1, max_size=4))
def test_what_is_foretold_happens(steps):
    """In the time it names, one request tries whom it names; until then nobody above is tried."""
    play = played(steps)
    found, serves = look(play), serving(play)
    match found.coming:
        case Coming.STAYS | Coming.LEFT:
            play.clock.advance(7000)
            assert first_tried(play) == serves
        case Coming.NEXT_TRIES:
            assert first_tried(play) == found.who
        case Coming.TRIED | Coming.RISES:
            play.clock.advance(found.seconds * 0.999)
            assert first_tried(play) == serves
            play.clock.advance(found.seconds * 0.001 + 1e-6)
            assert first_tried(play) == found.who
        case Coming.REFUSED:
            assert (first_tried(play), look(play).coming is Coming.REFUSED) == (serves, False)
        case Coming.RESCUED:
            assert first_tried(play) == found.who
        case Coming.RATIONED:
            play.clock.advance(min(5.0, found.seconds))
            assert first_tried(play) == found.who
        case Coming.WAITS:
            assert first_tried(play) is None
            play.clock.advance(found.seconds)
            assert first_tried(play) is not None
        case Coming.SHUT:
            play.clock.advance(7000)
            assert first_tried(play) is None


@given(st.lists(STEPS, min_size=1, max_size=4))
def test_what_is_foretold_after_so_many_requests_happens(steps):
    """After as many requests as it names, and not before, the next one tries whom it names."""
    play = played(steps)
    found, serves = look(play), serving(play)
    if found.requests is not None:
        assert [first_tried(play) for _ in range(found.requests)] == [serves] * found.requests
        assert first_tried(play) == (found.who if found.by_count is None else found.by_count)


def test_a_probe_that_is_out_is_told(clock):
    """While one request tries the first credential, that is what happens."""
    play = Play(2, clock)
    play.ill = {0: rate_limit(30)}
    play.call()
    clock.advance(30)
    assert look(play) == Outlook(Coming.NEXT_TRIES, 0)
    play.start()
    assert look(play) == Outlook(Coming.PROBING, 0)


def test_who_is_behind(clock):
    """The next one in the ring that is not parked; nobody if there is none."""
    play = Play(3, clock)
    assert behind(play.pool, play.state, clock()) == 1
    play.ill = {0: auth(), 1: auth()}
    play.call()
    assert (serving(play), behind(play.pool, play.state, clock())) == (2, None)
