"""What one process keeps to itself, apart from the chain's shared state.

    hedges    the budget for second attempts beside slow ones: a share of all calls, and some in a row
    retries   the budget for calls to a credential or host that has failed the same request: a share of all calls, and some in a row
              (DESIGN.md 3.6)
    scout     the request that finds out about a credential; those beside it wait for what it learns instead of asking it as well
    turn      a counter: requests that pick in rotation pick by it
    capacity  how much runs at once, and who waits for room (`sparekey.core.capacity`)
    egress    no provider could be reached: one request a second tries again, the others wait for it (DESIGN.md 3.7)

A budget is the chain's; what a call may take out of it and add to it is the call's own policy (see `sparekey.limits`).

A `LocalState` is a value; each function returns a new one with its answer, or the very same if nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core.capacity import Capacity

if TYPE_CHECKING:
    from sparekey.core.policy import Policy

SCOUT_SECONDS: Final = 0.15
"""Seconds within which a refusal comes, or one and a half times the last one's; a credential that takes longer probably answers."""
SLOWER: Final = 1.5
LONGEST_WAIT: Final = 0.25
"""The most seconds for which a request waits for what others find out (DESIGN.md 3.6)."""
LOOK_AGAIN: Final = 0.02
"""Seconds after which a request that waits for another one looks again."""
EGRESS_EVERY: Final = 1.0
"""Seconds between two rounds of connects while our own network is away."""


_FREE: Final = Capacity()


class Scout(NamedTuple):
    """A request (its number) that finds out about a credential (its index), since a time."""

    request: int
    index: int  # type: ignore[assignment]  # as in `Ticket`
    since: float


@dataclass(frozen=True, slots=True)
class LocalState:
    """The values that the module describes.

    `egress_at`: when no provider could be reached for the last time; None if one was reached since.
    """

    hedges: float
    retries: float
    scout: Scout | None = None
    turn: int = 0
    egress_at: float | None = None
    capacity: Capacity = _FREE

    @classmethod
    def of(cls, policy: Policy) -> LocalState:
        """Return the state at the beginning: every budget is full."""
        return cls(policy.hedge_burst, policy.retry_burst)


def earn_hedge(local: LocalState, policy: Policy) -> tuple[LocalState, None]:
    """Count a call: the budget for hedges grows by its share."""
    hedges = max(local.hedges, min(local.hedges + policy.hedge_share, policy.hedge_burst))
    return (local if hedges == local.hedges else replace(local, hedges=hedges)), None


def take_hedge(local: LocalState, policy: Policy) -> tuple[LocalState, bool]:
    """Take a hedge out of the budget; the answer is whether there was one."""
    return (replace(local, hedges=local.hedges - 1.0), True) if min(local.hedges, policy.hedge_burst) >= 1.0 else (local, False)


def hedge_won(local: LocalState, policy: Policy) -> tuple[LocalState, None]:
    """Take in that a hedge won: it was worth it, and another one probably is, so the budget grows by two."""
    return replace(local, hedges=min(local.hedges + 2.0, max(policy.hedge_burst, local.hedges))), None


def earn_retry(local: LocalState, policy: Policy) -> tuple[LocalState, None]:
    """Count a call that is no retry: the budget for retries grows by its share."""
    retries = max(local.retries, min(local.retries + policy.retry_share, policy.retry_burst))
    return (local if retries == local.retries else replace(local, retries=retries)), None


def take_retry(local: LocalState, policy: Policy) -> tuple[LocalState, bool]:
    """Take a retry out of the budget; the answer is whether there was one."""
    return (replace(local, retries=local.retries - 1.0), True) if min(local.retries, policy.retry_burst) >= 1.0 else (local, False)


def scout(local: LocalState, policy: Policy, request: int, index: int, refusal: float, now: float) -> tuple[LocalState, bool]:
    """Return whether a request may ask a credential of which nothing is known yet: it is the scout, or the scout got no refusal there.

    `refusal`: the seconds that the slowest refusal of this request took.
    """
    del policy
    found = local.scout
    fresh = found is not None and now - found.since < max(SCOUT_SECONDS, SLOWER * refusal)
    if found is None or found.request == request or not (fresh or found.index == index):
        return replace(local, scout=Scout(request, index, now)), True
    return local, not fresh


def back(local: LocalState, policy: Policy, request: int) -> tuple[LocalState, None]:
    """Take in that a scout has found what it looked for, or has left."""
    del policy
    return (replace(local, scout=None) if local.scout is not None and local.scout.request == request else local), None


def rotate(local: LocalState, policy: Policy) -> tuple[LocalState, int]:
    """Return the number by which the next one is picked in rotation."""
    del policy
    return replace(local, turn=local.turn + 1), local.turn


def unreached(local: LocalState, policy: Policy, now: float) -> tuple[LocalState, None]:
    """Take in that a request could reach no provider."""
    del policy
    return replace(local, egress_at=now), None


def reached(local: LocalState, policy: Policy) -> tuple[LocalState, None]:
    """Take in that a provider was reached."""
    del policy
    return (replace(local, egress_at=None) if local.egress_at is not None else local), None


def connect(local: LocalState, policy: Policy, now: float) -> tuple[LocalState, float]:
    """Let a request try whether the network is back; return the seconds that it has to wait before, 0 if it is the one to try now."""
    del policy
    if local.egress_at is None:
        return local, 0.0
    if (wait := local.egress_at + EGRESS_EVERY - now) > 0:
        return local, wait
    return replace(local, egress_at=now), 0.0
