"""How much of a chain runs at once in one process, and who waits for room (`max_concurrency`).

    request   takes one of the chain's places from its first attempt to its end, a stream to its last event
    attempt   takes one of its credential's places; where the credential has none left, the next one is asked
    queue     whoever finds no room waits, `queue_size` requests at most, each for `queue_timeout` seconds

Room goes to the client with the fewest requests under way, among equals to whoever came first. A full queue refuses a request of the
client with the most requests in it, its last one: so a greedy client pushes out nobody but itself.

A `Capacity` is a value. `enter` and the others take it as part of a `LocalState`, like the functions of `sparekey.core.local`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.core.local import LocalState
    from sparekey.core.policy import Policy

LOOK_AGAIN: Final = 0.02
"""Seconds after which the first one in the queue looks for room again; the others look less often, by their place."""
_SLOWER: Final = 0.25
"""How much less often each further place in the queue looks."""
_NOBODY: Final[Mapping[Any, int]] = MappingProxyType({})
K = TypeVar("K")


class Waiting(NamedTuple):
    """A request that looks for room.

    Attributes:
        request: its number.
        client: who sent it; "" where nobody tells.
        holds: it has its place in the chain already, and waits for one of a credential.
        since: when it began to wait.
    """

    request: int
    client: str
    holds: bool
    since: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is in use, and who waits.

    Attributes:
        running: requests that have a place in the chain, by client.
        out: attempts under way, by the index of the credential.
        queue: who waits, in the order of arrival.
    """

    running: Mapping[str, int] = field(default_factory=lambda: _NOBODY)
    out: Mapping[int, int] = field(default_factory=lambda: _NOBODY)
    queue: tuple[Waiting, ...] = ()


def enter(local: LocalState, policy: Policy, who: Waiting, places: float, now: float) -> tuple[LocalState, float | None]:
    """Give a request room, or let it wait.

    The answer is 0.0 if it may go on, the seconds after which it has to ask again if it waits, and None if it is refused.

    Args:
        local: what this process knows of the chain.
        policy: the chain's knobs.
        who: the request; `since` is `now` the first time, and remains so.
        places: how many attempts more the credentials take that it could turn to.
        now: the time.
    """
    capacity = local.capacity
    waits = next((one for one in capacity.queue if one.request == who.request), None)
    if waits is None and who.since < now:
        return local, None  # somebody else got its place in the queue
    ordered = _in_order(capacity, who if waits is None else None)
    rank = next(i for i, one in enumerate(ordered) if one.request == who.request)
    if rank < _free(capacity, policy, who, places):
        running = capacity.running if who.holds else _counted(capacity.running, who.client, 1)
        return _with(local, running=running, queue=_without(capacity.queue, who)), 0.0
    if waits is not None and now - waits.since >= policy.queue_timeout:
        return _with(local, queue=_without(capacity.queue, who)), None
    wait = min(LOOK_AGAIN * (1 + _SLOWER * rank), max(0.0, policy.queue_timeout - (now - who.since)) + LOOK_AGAIN / 2)
    if waits is not None:
        return local, wait
    queue = (*capacity.queue, who)
    if len(queue) > policy.queue_size:
        refused = _greediest(queue)
        queue = _without(queue, refused)
        if refused.request == who.request:
            return local, None
    return _with(local, queue=queue), wait


def leave(local: LocalState, policy: Policy, who: Waiting, held: Iterable[int]) -> tuple[LocalState, None]:
    """Take back all that a request has: its place in the chain or in the queue, and those of its attempts."""
    del policy
    capacity = local.capacity
    out = capacity.out
    for index in held:
        out = _counted(out, index, -1)
    running = _counted(capacity.running, who.client, -1) if who.holds else capacity.running
    return _with(local, running=running, out=out, queue=_without(capacity.queue, who)), None


def take(local: LocalState, policy: Policy, index: int, most: int | None) -> tuple[LocalState, bool]:
    """Take a place of a credential; the answer is whether it has one. `most` None: it always has."""
    del policy
    out = local.capacity.out
    if most is not None and out.get(index, 0) >= most:
        return local, False
    return _with(local, out=_counted(out, index, 1)), True


def let_go(local: LocalState, policy: Policy, index: int) -> tuple[LocalState, None]:
    """Give a place of a credential back."""
    del policy
    return _with(local, out=_counted(local.capacity.out, index, -1)), None


def _free(capacity: Capacity, policy: Policy, who: Waiting, places: float) -> float:
    if who.holds or policy.max_concurrency is None:
        return places
    return min(places, policy.max_concurrency - sum(capacity.running.values()))


def _in_order(capacity: Capacity, more: Waiting | None) -> list[Waiting]:
    """Return who waits in the order in which they get room."""
    queue = capacity.queue if more is None else (*capacity.queue, more)
    if len(queue) == 1:
        return [*queue]
    before: Counter[str] = Counter()
    turns: list[tuple[bool, int, float, Waiting]] = []
    for one in queue:
        turns.append((not one.holds, capacity.running.get(one.client, 0) + before[one.client], one.since, one))
        before[one.client] += 1
    return [turn[-1] for turn in sorted(turns)]


def _greediest(queue: tuple[Waiting, ...]) -> Waiting:
    """Return whom a queue refuses that is too long: the last request of the client with the most in it, of equals the later one."""
    numbers = Counter(one.client for one in queue)
    return max(reversed(queue), key=lambda one: (not one.holds, numbers[one.client]))


def _without(queue: tuple[Waiting, ...], who: Waiting) -> tuple[Waiting, ...]:
    return tuple(one for one in queue if one.request != who.request) if queue else queue


def _counted(numbers: Mapping[K, int], key: K, by: int) -> Mapping[K, int]:
    """Return numbers with one of them changed; those that come to nothing are left out."""
    found = {**numbers, key: numbers.get(key, 0) + by}
    if found[key] <= 0:
        del found[key]
    return found


def _with(local: LocalState, **changes: Any) -> LocalState:
    return replace(local, capacity=replace(local.capacity, **changes))
