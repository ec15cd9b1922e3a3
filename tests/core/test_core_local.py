"""What one process holds itself to: budgets, one scout at a time, patience with its own network."""

import pytest

from sparekey.core import local as own
from sparekey.core.local import LocalState
from sparekey.core.policy import Policy

POLICY = Policy()
FULL = LocalState.of(POLICY)


@pytest.mark.parametrize(
    ("earn", "take", "share", "name"),
    [(own.earn_hedge, own.take_hedge, 0.1, "hedges"), (own.earn_retry, own.take_retry, 0.2, "retries")],
    ids=["second streams", "retries"],
)
def test_a_budget_is_earned_and_spent(earn, take, share, name):
    """So many in a row, then a share of what is counted; never more than the burst."""
    state, taken, n = FULL, 0, 100
    for _ in range(n):
        state, _ = earn(state, POLICY)
        state, allowed = take(state, POLICY)
        taken += allowed
    burst = getattr(POLICY, name[:-1].replace("retrie", "retry") + "_burst")
    assert taken == pytest.approx(burst + n * share, abs=1), "a share of all, after the burst"
    for _ in range(1000):
        state, _ = earn(state, POLICY)
    assert getattr(state, name) == burst


def test_a_full_budget_is_the_same_value():
    """What changes nothing is nothing to write."""
    assert own.earn_hedge(FULL, POLICY)[0] is FULL
    assert own.earn_retry(FULL, POLICY)[0] is FULL


def test_an_empty_budget_gives_nothing():
    """And stays as it is; less than one is none."""
    empty = LocalState(0.99, 0.99)
    assert own.take_hedge(empty, POLICY) == (empty, False)
    assert own.take_retry(empty, POLICY) == (empty, False)
    assert own.take_retry(LocalState(0.0, 1.0), POLICY) == (LocalState(0.0, 0.0), True)


# ── the scout ──


def ask(state, request, index, now, refusal=0.0):
    return own.scout(state, POLICY, request, index, refusal, now)


def test_one_request_finds_out_for_the_others():
    """The first is the scout, the second waits, the first goes on to the next one."""
    state, allowed = ask(FULL, 1, 4, 0.0)
    assert allowed
    assert ask(state, 2, 4, 0.1)[1] is False
    assert ask(state, 2, 5, 0.1)[1] is False
    state, allowed = ask(state, 1, 5, 0.1)
    assert (allowed, state.scout.index) == (True, 5)


def test_who_waits_for_no_refusal_goes_there_too():
    """A refusal comes fast: where none has come for a while, the scout is probably being served."""
    state, _ = ask(FULL, 1, 4, 0.0)
    assert ask(state, 2, 4, own.SCOUT_SECONDS)[1] is True


def test_slow_refusals_are_waited_for_longer():
    """Where the last refusal took 0.3 s, no refusal after 0.4 s tells nothing yet; after 0.45 s it does."""
    state, _ = ask(FULL, 1, 4, 0.0)
    assert ask(state, 2, 4, 0.4, refusal=0.3)[1] is False
    assert ask(state, 2, 4, 0.46, refusal=0.3)[1] is True


def test_a_scout_that_is_away_for_long_is_replaced():
    """Where it looked for another one, the next request is the scout."""
    state, _ = ask(FULL, 1, 4, 0.0)
    state, allowed = ask(state, 2, 5, own.SCOUT_SECONDS)
    assert (allowed, state.scout.request, state.scout.index) == (True, 2, 5)


def test_only_the_scout_itself_comes_back():
    """Another request's end says nothing about it."""
    state, _ = ask(FULL, 1, 4, 0.0)
    assert own.back(state, POLICY, 2)[0] is state
    assert own.back(state, POLICY, 1)[0].scout is None
    assert own.back(FULL, POLICY, 1)[0] is FULL


def test_nobody_waits_for_a_scout_longer_than_a_quarter_of_a_second():
    """The bound of the design, with the time until it looks again."""
    assert own.SCOUT_SECONDS + own.LOOK_AGAIN < 0.25


# ── our own network ──


def test_while_the_network_is_away_one_request_a_second_tries():
    """It takes the turn of the others with it."""
    state, _ = own.unreached(FULL, POLICY, 10.0)
    assert own.connect(state, POLICY, 10.4)[1] == pytest.approx(0.6)
    state, wait = own.connect(state, POLICY, 11.0)
    assert wait == 0.0
    assert own.connect(state, POLICY, 11.5)[1] == pytest.approx(0.5)


def test_once_somebody_was_reached_nobody_waits():
    """By whichever request."""
    state, _ = own.unreached(FULL, POLICY, 10.0)
    state, _ = own.reached(state, POLICY)
    assert own.connect(state, POLICY, 10.1) == (FULL, 0.0)
    assert own.reached(FULL, POLICY)[0] is FULL
