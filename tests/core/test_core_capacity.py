"""How much of a chain runs at once, and who waits: places in the chain and of credentials, the queue and its order, what greed does."""

import math

import pytest

from sparekey.core import capacity
from sparekey.core.capacity import Capacity, Waiting
from sparekey.core.local import LocalState
from sparekey.core.policy import Policy

POLICY = Policy(max_concurrency=2, queue_size=4, queue_timeout=5.0)


class Door:
    """A chain's capacity, with requests that ask for room."""

    def __init__(self, policy=POLICY):
        self.policy, self.local, self.since = policy, LocalState.of(policy), {}

    def ask(self, request, client="", *, now=0.0, places=math.inf, holds=False):
        """Return what `enter` says."""
        since = self.since.setdefault(request, now)
        self.local, answer = capacity.enter(self.local, self.policy, Waiting(request, client, holds, since), places, now)
        return answer

    def leave(self, request, client="", *, holds=True, held=()):
        self.local, _ = capacity.leave(self.local, self.policy, Waiting(request, client, holds, 0.0), held)

    @property
    def queue(self):
        return [one.request for one in self.local.capacity.queue]


def test_room_is_given_until_there_is_none():
    """Then requests wait, and the first one to wait gets the place that becomes free."""
    door = Door()
    assert [door.ask(1), door.ask(2)] == [0.0, 0.0]
    assert door.ask(3) > 0
    assert door.ask(4) > 0
    door.leave(1)
    assert door.ask(4, now=1.0) > 0, "the place is the third one's"
    assert door.ask(3, now=1.0) == 0.0
    assert door.queue == [4]


def test_the_queue_is_short():
    """Who comes to a full one is refused at once; who waits for too long is refused then."""
    door = Door()
    for request in range(6):
        door.ask(request)
    assert door.ask(6) is None
    assert door.ask(2, now=4.9) > 0
    assert door.ask(2, now=5.0) is None
    assert door.queue == [3, 4, 5]


def test_a_greedy_client_pushes_out_only_itself():
    """Its last request loses its place in the queue to another client's, which also gets the next room."""
    door = Door()
    for request in range(6):
        door.ask(request, "greedy")
    assert door.ask(6, "greedy") is None
    assert door.ask(7, "modest", now=1.0) > 0
    assert door.queue == [2, 3, 4, 7]
    assert door.ask(5, "greedy", now=1.0) is None, "it finds out when it asks again"
    door.leave(0, "greedy")
    assert door.ask(2, "greedy", now=2.0) > 0
    assert door.ask(7, "modest", now=2.0) == 0.0


def test_the_place_of_a_credential_counts_as_well():
    """A request that has its place in the chain goes before those that have none."""
    door = Door(Policy(queue_size=4))
    assert door.ask(1, places=1) == 0.0
    assert door.ask(2, places=0) > 0
    assert door.ask(1, places=0, holds=True, now=1.0) is None, "it never waited: a later number is another request"
    door.since[1] = 1.0
    assert door.ask(1, places=0, holds=True, now=1.0) > 0
    assert door.ask(2, places=1, now=2.0) > 0
    assert door.ask(1, places=1, holds=True, now=2.0) == 0.0


def test_places_of_a_credential_are_counted():
    """None more than it has; what is given back can be taken again, and what is all given back is the first value."""
    local, taken = LocalState.of(POLICY), []
    for _ in range(3):
        local, allowed = capacity.take(local, POLICY, 7, 2)
        taken.append(allowed)
    assert taken == [True, True, False]
    local, _ = capacity.let_go(local, POLICY, 7)
    local, _ = capacity.leave(local, POLICY, Waiting(1, "", False, 0.0), [7])
    assert local.capacity == Capacity()


@pytest.mark.parametrize("rank", [0, 10, 60])
def test_the_end_of_the_queue_looks_less_often(rank):
    """Looking costs: many that wait look about as often as a few."""
    door = Door(Policy(max_concurrency=1, queue_size=64))
    for request in range(rank + 1):
        door.ask(request)
    assert door.ask(rank + 1) == pytest.approx(0.02 * (1 + 0.25 * rank))
