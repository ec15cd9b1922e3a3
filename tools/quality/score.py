"""What a play cost its callers, beside an oracle that knows the future.

A whole answer costs the seconds that it took. An error in its place costs 30 more, a part that looks like a whole answer 60 more.
The refusal of a request that is at fault costs its seconds, and 10 more if it tells another cause. Whoever has waited for two
minutes gives up.

The oracle takes the first credential that answers well: whole, and within three times what is usual. Where none does, it takes the
least of a slow answer, of waiting for a credential to come back, and of an error. Regret is what a system costs beyond that, as a
share of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from quality.world import Request, World, trace

ERROR, PART, WRONG_CAUSE, WELL = 30.0, 60.0, 10.0, 3.0
PATIENCE = 120.0
_CAUSES = ("BadRequest", "InvalidRequest", "ContextWindow", "400")


def ideal(world: World, request: Request) -> float:
    """Return the cost of a request to the oracle, and take the room that it needs."""
    now, others = request.at, [(ERROR, "")]
    for seat in world.seats:
        out, usual = world.outcome(request, seat, now, takes=False), world.usual(seat, request)
        if out.kind == "answer" and out.seconds <= WELL * usual:
            _take(world, seat)
            return out.seconds
        if out.kind == "answer":
            others.append((out.seconds, seat))
        elif out.error in {"bad", "poison"}:
            return out.start
        elif out.error != "size" and (over := world.over(seat, now)) is not None:
            others.append((over - now + usual, seat))
    cost, seat = min(others)
    _take(world, seat)
    return cost


def _take(world: World, seat: str) -> None:
    if room := world.rooms.get(seat):
        room.left -= 1


def scored(play: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of one play."""
    world, cost, least, n = World(trace(play["trace"]), play["seed"]), 0.0, 0.0, Counter[str]()
    served: str | None = None
    for number, seconds, seat, fault in play["requests"]:
        request = world.requests[number]
        least += ideal(world, request)
        cost += seconds
        n["requests"] += 1
        if request.fault in {"bad", "poison"}:
            cost += 0.0 if any(cause in (fault or "") for cause in _CAUSES) else WRONG_CAUSE
        elif seat is None:
            cost += ERROR if fault else PART
            n["unanswered"] += 1
        else:
            n["uncached tokens"] += 40 * (served not in {None, seat})
            served = seat
    calls = len(play["calls"])
    return {
        "system": play["system"],
        "trace": play["trace"],
        "seed": play["seed"],
        "cost": round(cost, 3),
        "ideal": round(least, 3),
        "calls": calls,
        **n,
    }
