"""One thing that may be parked: a credential, an account, an endpoint, or one model of a credential or account.

    CLOSED ──failure──▶ PARKED ──time──▶ DUE ──one probe──▶ PROBING ──success──▶ CLOSED
                           ▲                                   │
                           └──────────────failure──────────────┘   (a lost probe: back to DUE when its lease ends)

A park is *firm* (only a probe goes there) or *soft* (other credentials go first, but no request is refused because of it). A park whose
end the provider stated is probed before that end now and then, since people top up and providers err: then the breaker is DUE although
its park still lasts.

A `Breaker` is a value; each function returns a new one. Times are seconds of the chain's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sparekey.types import ErrorClass


class Phase(Enum):
    """Where a breaker stands; the order is that of how much it forbids."""

    CLOSED = 0
    DUE = 1
    PROBING = 2
    PARKED = 3


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of one thing that may be parked.

    Attributes:
        epoch: when the pool last changed it, in its own count; a result of an attempt that began before is stale.
        level: parks in a row: the exponent of the growth.
        until: the time until which it is parked; None if it is closed.
        stated: the end was stated by the provider or set by a person.
        soft: others go first, but no request is refused because of this park.
        cause: why it is parked, and
        reason: the finer word for it.
        lease: the time until which a probe may be out; None if none is.
        since: when it failed first since its last success; None if it has not.
        against: hashes of the requests that it has refused since then and another credential has served.
        shapes: the shapes of the requests that it has refused since then; requests of other shapes may probe it while it is parked.
        looked: when it was last seen to be parked for a stated time, and
        look_after: seconds from then to the next look at it before its end; 0 for none.
        looks: how many of these were in vain.
        cost: seconds that its failures have cost callers, as of `cost_at`; they fade (see `remembered_cost`).
        cost_at: when it last failed.
        callers_left: callers in a row who left after more than the expected time.
        room: parks in a row that a rate limit without a stated wait has taken, as of `room_at`: after the last of them there was room.
        room_at: when such a limit was last met.
    """

    epoch: int = 0
    level: int = 0
    until: float | None = None
    stated: bool = False
    soft: bool = False
    cause: ErrorClass | None = None
    reason: str = ""
    lease: float | None = None
    since: float | None = None
    against: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    looked: float = 0.0
    look_after: float = 0.0
    looks: int = 0
    cost: float = 0.0
    cost_at: float = 0.0
    callers_left: int = 0
    room: int = 0
    room_at: float = 0.0


CLOSED = Breaker()
"""Never parked, or recovered: nothing is held against it."""
UNTIL_RELEASED: Final = 100 * 365 * 86400.0
"""Seconds of a hold without an end, as a number that every store can write; `remaining` shows it as None."""

MOST_SHAPES: Final = 4
"""Refused shapes of requests from which on a park holds for requests of every shape."""

# Looks at a stated end before it comes (DESIGN.md 5.6): people top up, and providers err.
LOOK_SHARE: Final = 0.1
FIRST_LOOK: Final = 600.0
LONGEST_LOOK: Final = 3600.0
LONGEST_KEPT: Final = 120.0
LOOKS_A_DAY: Final = 8
LOOK_WHEN_NOBODY_SERVES: Final = 300.0
_DAY: Final = 86400.0


QUIET: Final = frozenset({"timeout", "slow_start", "slow_answer", "stalled", "brownout"})
"""Reasons of failures for which a caller has to wait: silence and slowness. Other failures come at once."""
SILENT: Final = "timeout"
FADES: Final = 600.0
"""Seconds after which it is forgotten what a failure cost (DESIGN.md 4.5)."""


def remembered_cost(breaker: Breaker, now: float) -> float:
    """Return how many seconds of its callers the failures of the last ten minutes have cost, older ones less."""
    return breaker.cost * max(0.0, 1.0 - (now - breaker.cost_at) / FADES)


def recovered(breaker: Breaker, now: float) -> Breaker:
    """Return `breaker` after a success: it is not parked; what it cost and how long it had no room are remembered for ten minutes."""
    cost = {"cost": breaker.cost, "cost_at": breaker.cost_at} if remembered_cost(breaker, now) else {}
    limited = {"room": breaker.room, "room_at": breaker.room_at} if without_room(breaker, now) else {}
    return Breaker(**cost, **limited) if cost or limited else CLOSED  # type: ignore[arg-type]  # each of its field's type


def without_room(breaker: Breaker, now: float) -> int:
    """Return after how many parks in a row there was room again, when a rate limit was met in the last ten minutes; else 0."""
    return breaker.room if now - breaker.room_at < FADES else 0


def remaining(seconds: float) -> float | None:
    """Return the seconds that a park still lasts, as people and clients see them; None where only a release ends it."""
    return None if seconds > UNTIL_RELEASED / 2 else max(0.0, seconds)


def phase(breaker: Breaker, now: float, shape: str | None = None) -> Phase:
    """Return where `breaker` stands at `now`, for a request of any shape or of `shape`."""
    if breaker.until is None:
        return Phase.CLOSED
    if breaker.lease is not None and now < breaker.lease:
        return Phase.PROBING
    if shape is not None and 0 < len(breaker.shapes) < MOST_SHAPES and shape not in breaker.shapes:
        return Phase.DUE
    return Phase.PARKED if now < due_at(breaker) else Phase.DUE


def due_at(breaker: Breaker) -> float:
    """Return when a parked breaker is probed: at the end of its park, or at the next look at a stated one."""
    end = breaker.until or 0.0
    if not breaker.look_after:
        return end
    days = 1 + (breaker.looked + breaker.look_after - (breaker.since or 0.0)) // _DAY
    tomorrow = (breaker.since or 0.0) + days * _DAY
    look = breaker.looked + breaker.look_after if breaker.looks < LOOKS_A_DAY * days else tomorrow
    return min(end, look)


def may_be_looked_at(breaker: Breaker, now: float) -> bool:
    """Return whether a park may be probed now because no credential serves.

    It may if its end is not stated, or if the last probe before the stated end is a while ago.
    """
    return not breaker.stated or (breaker.look_after > 0 and now - breaker.looked >= LOOK_WHEN_NOBODY_SERVES)


def leased(breaker: Breaker, until: float) -> Breaker:
    """Return `breaker` with a probe out, which counts as lost after `until`."""
    return replace(breaker, lease=until)


def released(breaker: Breaker) -> Breaker:
    """Return `breaker` with its probe given back without a verdict: the next request may probe."""
    return replace(breaker, lease=None) if breaker.lease is not None else breaker


def ended(breaker: Breaker, now: float) -> Breaker:
    """Return `breaker` as if its park had just run out: due for a probe."""
    return replace(breaker, until=now, stated=False, lease=None, look_after=0.0)


def failing(breaker: Breaker, now: float) -> Breaker:
    """Return `breaker` with a failure that does not park it: it remembers since when it fails."""
    return replace(breaker, since=now) if breaker.since is None else breaker


def parked(
    breaker: Breaker,
    now: float,
    length: float,
    level: int,
    cause: ErrorClass | None,
    reason: str = "",
    *,
    stated: bool = False,
    soft: bool = False,
    probed: bool = False,
) -> Breaker:
    """Return `breaker` parked for `length` seconds.

    A newer end never shortens an older, longer one, nor takes the place of its cause; but a provider that was `probed` and states
    another end is believed.
    """
    since = now if breaker.since is None else breaker.since
    again = breaker.stated and breaker.until is not None and now < breaker.until
    looks, after = breaker.looks + (again and probed), min(2 * breaker.look_after, LONGEST_LOOK)
    if breaker.until is not None and breaker.until > now + length and not (again and stated and probed):
        return replace(breaker, lease=None, since=since, looked=now, look_after=after, looks=looks)
    if not again or not after:
        after = min(LOOK_SHARE * length, FIRST_LOOK) if stated and length > LONGEST_KEPT else 0.0
    return replace(
        breaker, level=level, until=now + length, stated=stated, soft=soft, cause=cause, reason=reason, lease=None, since=since,
        looked=now, look_after=after if stated else 0.0, looks=looks if stated else 0,
    )  # fmt: skip


def next_level(breaker: Breaker, cause: ErrorClass | None, now: float) -> int:
    """Return how many parks in a row for `cause` there are with a failure at `now`; during a park it is not counted again."""
    if breaker.cause is not cause:
        return 1
    over = breaker.until is None or now >= breaker.until
    return max(breaker.level + over, 1)
