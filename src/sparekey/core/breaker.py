"""One thing that may be parked: a credential, an account, an endpoint, or a credential x model.

    CLOSED ──failure──▶ PARKED ──time──▶ DUE ──one probe──▶ PROBING ──success──▶ CLOSED
                           ▲                                   │
                           └──────────────failure──────────────┘   (a lost probe: back to DUE when its lease ends)

A `Breaker` is a value; each function returns a new one.
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
        strikes: failures in a row.
        level: parks in a row: the exponent of the growth.
        until: the time until which it is parked; None if it is closed.
        firm: the end was stated by the provider or set by a person: nothing but time ends it.
        cause: why it is parked, and
        reason: the finer word for it.
        weak: the last park rests on weak evidence alone.
        lease: the time until which a probe may be out; None if none is.
    """

    epoch: int = 0
    strikes: int = 0
    level: int = 0
    until: float | None = None
    firm: bool = False
    cause: ErrorClass | None = None
    reason: str = ""
    weak: bool = False
    lease: float | None = None


UNTIL_RELEASED: Final = 100 * 365 * 86400.0
"""Seconds of a hold without an end: longer than anybody waits, and a number that every store can write. Nobody is ever told it."""
CLOSED = Breaker()
"""Never parked, or recovered: nothing is held against it."""


def told(seconds: float) -> float | None:
    """Return how long a park still lasts, as it is told to people and clients: None where only a release ends it."""
    return None if seconds > UNTIL_RELEASED / 2 else max(0.0, seconds)


def phase(breaker: Breaker, now: float) -> Phase:
    """Return where `breaker` stands at `now`."""
    if breaker.until is None:
        return Phase.CLOSED
    if now < breaker.until:
        return Phase.PARKED
    if breaker.lease is not None and now < breaker.lease:
        return Phase.PROBING
    return Phase.DUE


def leased(breaker: Breaker, until: float) -> Breaker:
    """Return `breaker` with a probe out, which counts as lost after `until`."""
    return replace(breaker, lease=until)


def released(breaker: Breaker) -> Breaker:
    """Return `breaker` with its probe back without a verdict: the next request may probe."""
    return replace(breaker, lease=None) if breaker.lease is not None else breaker


def ended(breaker: Breaker, now: float) -> Breaker:
    """Return `breaker` as if its park had just run out: due for a probe."""
    return replace(breaker, until=now, firm=False, lease=None)


def struck(breaker: Breaker) -> Breaker:
    """Return `breaker` with one more failure in a row, not parked by it."""
    return replace(breaker, strikes=breaker.strikes + 1)


def parked(
    breaker: Breaker,
    until: float,
    level: int,
    cause: ErrorClass | None,
    reason: str = "",
    *,
    firm: bool = False,
    weak: bool = False,
) -> Breaker:
    """Return `breaker` parked. A newer end never shortens an older, longer one, nor takes the place of its cause."""
    strikes = breaker.strikes + 1
    if breaker.until is not None and breaker.until > until:
        return replace(breaker, strikes=strikes, lease=None)
    return Breaker(strikes=strikes, level=level, until=until, firm=firm, cause=cause, reason=reason, weak=weak)


def next_level(breaker: Breaker, cause: ErrorClass | None, now: float) -> int:
    """Return how many parks in a row for `cause` a failure at `now` makes: one that is not over yet is not counted again."""
    if breaker.cause is not cause:
        return 1
    over = breaker.until is None or now >= breaker.until
    return max(breaker.level + over, 1)
