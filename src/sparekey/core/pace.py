"""What one process holds itself to, whatever the state of its chain: budgets, one scout at a time, and patience with its own network.

    hedges    second streams beside slow ones: a share of all streams, and some in a row
    retries   calls to whom has failed this request already: a share of all calls, and some in a row (DESIGN.md 3.6)
    scout     while one request finds out about a credential, those beside it wait for what it learns instead of asking it as well
    egress    no provider could be reached: one request a second tries again, the others wait for it (DESIGN.md 3.7)

A `Pace` is a value; each function returns a new one with its answer, or the very same if nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from sparekey.core.policy import Policy

SCOUT_SECONDS: Final = 0.15
"""A refusal comes within this time; who takes longer is probably about to answer. Below the quarter of a second of DESIGN.md 3.6."""
LOOK_AGAIN: Final = 0.02
"""Seconds after which a request that waits for another one looks again."""
EGRESS_EVERY: Final = 1.0
"""Seconds between two rounds of connects while our own network is away."""


class Scout(NamedTuple):
    """A request (by a number of its own) finds out about a credential since a time."""

    request: int
    index: int  # type: ignore[assignment]  # as in `Ticket`
    since: float


@dataclass(frozen=True, slots=True)
class Pace:
    """See the module. `egress_at`: when providers were last found to be out of reach; None if one was reached since."""

    hedges: float
    retries: float
    scout: Scout | None = None
    egress_at: float | None = None

    @classmethod
    def of(cls, policy: Policy) -> Pace:
        """Return the pace at the beginning: every budget is full."""
        return cls(policy.hedge_burst, policy.retry_burst)


def earn_hedge(pace: Pace, policy: Policy) -> tuple[Pace, None]:
    """Count a stream: it earns its share of a second one."""
    hedges = min(pace.hedges + policy.hedge_share, policy.hedge_burst)
    return (pace if hedges == pace.hedges else replace(pace, hedges=hedges)), None


def take_hedge(pace: Pace, policy: Policy) -> tuple[Pace, bool]:
    """Take a second stream out of the budget; the answer is whether it allows one."""
    del policy
    return (replace(pace, hedges=pace.hedges - 1.0), True) if pace.hedges >= 1.0 else (pace, False)


def earn_retry(pace: Pace, policy: Policy) -> tuple[Pace, None]:
    """Count a call that is no retry: it earns its share of one."""
    retries = min(pace.retries + policy.retry_share, policy.retry_burst)
    return (pace if retries == pace.retries else replace(pace, retries=retries)), None


def take_retry(pace: Pace, policy: Policy) -> tuple[Pace, bool]:
    """Take a retry out of the budget; the answer is whether it allows one."""
    del policy
    return (replace(pace, retries=pace.retries - 1.0), True) if pace.retries >= 1.0 else (pace, False)


def scout(pace: Pace, policy: Policy, request: int, index: int, now: float) -> tuple[Pace, bool]:
    """Return whether a request may ask a credential of which nothing is known yet: it is the scout, or the scout got no refusal there."""
    del policy
    found = pace.scout
    fresh = found is not None and now - found.since < SCOUT_SECONDS
    if found is None or found.request == request or not (fresh or found.index == index):
        return replace(pace, scout=Scout(request, index, now)), True
    return pace, not fresh


def back(pace: Pace, policy: Policy, request: int) -> tuple[Pace, None]:
    """Take in that a scout has found what it looked for, or has left."""
    del policy
    return (replace(pace, scout=None) if pace.scout is not None and pace.scout.request == request else pace), None


def unreached(pace: Pace, policy: Policy, now: float) -> tuple[Pace, None]:
    """Take in that a request could reach nobody."""
    del policy
    return replace(pace, egress_at=now), None


def reached(pace: Pace, policy: Policy) -> tuple[Pace, None]:
    """Take in that somebody was reached."""
    del policy
    return (replace(pace, egress_at=None) if pace.egress_at is not None else pace), None


def connect(pace: Pace, policy: Policy, now: float) -> tuple[Pace, float]:
    """Let a request try whether the network is back; return the seconds that it has to wait before, 0 if it is the one to try now."""
    del policy
    if pace.egress_at is None:
        return pace, 0.0
    if (wait := pace.egress_at + EGRESS_EVERY - now) > 0:
        return pace, wait
    return replace(pace, egress_at=now), 0.0
