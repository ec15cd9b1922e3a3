"""P04, P05, P14 to P16: how many calls may be made, however many keys are dead and callers come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sparekey.lab.drill import wordings
from sparekey.lab.drill.blame import WELL, own_words, refusing, served, well
from sparekey.lab.drill.cases import Cases, row
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.lab.drill.virtual_scenario import Actor, MadeCall, VirtualScenario
    from sparekey.lab.simulator.faults import Fault
    from sparekey.lab.simulator.wires.base import RequestedAnswer

CROWD: Final = 64
_AT_ONE_HOST: Final = 2
"""Calls of one request to an endpoint that says "overloaded".

The row itself fails only beyond one call for each key and two more.
"""
_BUDGET: Final = 1.2
_SETTLED: Final = 2.0
"""Seconds after which the retry budget holds without its initial burst."""
_MOMENT: Final = 0.05
_BACK: Final = {wordings.POSSIBLE: 1.0, wordings.LIKELY: 2.0, wordings.CERTAIN: 6.0}
"""Seconds after which a repaired key serves, by how much the words of its death prove (P15)."""
_TO_THE_DEAD: Final = 150
_BESIDE: Final = 0.3
_ONE_SECOND: Final = 0.999
"""A window of one second that does not hold both of its ends."""


def overloaded(_: RequestedAnswer) -> Fault:
    """Answer that there is no capacity."""
    return faults.overloaded()


async def _p04(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open(one_host=True)
    for actor in actors:
        actor.acts = overloaded
    alone = await setting.ask("one alone")
    calls = setting.tries(alone.prompt)
    most = len(actors) + 2
    checks = [
        Check(f"{calls} calls of one request, {most} are allowed", calls <= most),
        Check(f"{calls} calls of one request to a host that is overloaded, 2 are allowed", calls <= _AT_ONE_HOST, Verdict.PARTIAL),
    ]
    if calls > most:
        return checks  # the row has failed, and such a crowd would take long
    begun = setting.clock()
    span = 10 if setting.full else 3
    crowds = [asyncio.ensure_future(_crowd(setting, begun + at)) for at in range(span + 3)]
    everybody = [call for crowd in await asyncio.gather(*crowds) for call in crowd]
    since, until = begun + _SETTLED, begun + _SETTLED + span
    asked = [call for call in everybody if since <= call.at < until]
    made = sum(actor.calls(since, until) for actor in actors)
    what = f"{made} calls of {len(asked)} requests in {span} seconds, {_BUDGET * len(asked):.0f} are allowed"
    worst = max(setting.tries(call.prompt) for call in everybody)
    return [*checks, Check(what, made <= _BUDGET * len(asked)), Check(f"{worst} calls of one request in a crowd", worst <= most)]


async def _crowd(setting: VirtualScenario, at: float) -> list[MadeCall]:
    await setting.until(at)
    return await setting.together(CROWD, lambda i: f"one of a crowd at {at:.3f} ({i}.)")


async def _p05(setting: VirtualScenario) -> list[Check]:
    (only,) = await setting.open(1)
    only.acts = refusing(setting.case.words, "")
    calls = await setting.every(_MOMENT, 60, lambda i: f"question ({i}.)")
    untried = [call for call in calls if not setting.tries(call.prompt)]
    slowest = max((call.seconds for call in untried), default=0.0)
    return [
        Check(f"{only.calls()} calls, 3 are allowed", only.calls() <= 3),
        *own_words(calls, setting.case.words),
        Check(f"an untried one took {slowest:.2f} s, {_MOMENT} s are allowed", slowest <= _MOMENT),
    ]


async def _p14(setting: VirtualScenario) -> list[Check]:
    first, *rest = await setting.open()
    each = 10.0 / 8
    slow = faults.Delay(each=each) if setting.case.streamed else faults.Delay(before=10.0)
    first.acts = lambda _: slow
    for actor in rest:
        actor.acts = well
    running = asyncio.ensure_future(setting.together(5, lambda i: f"a slow one ({i}.)"))
    await asyncio.sleep(1.0)
    first.acts = refusing(setting.case.words)
    after = await setting.every(0.2, 150, lambda i: f"question ({i}.)")
    await running
    further = first.calls() - 5
    return [served(after, "callers"), Check(f"c1 got {further} further calls in 30 s, 5 are allowed", further <= 5)]


async def _p15(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    for actor in actors:
        actor.acts = refusing(setting.case.words)
    lucky = actors[{"first": 0, "middle": len(actors) // 2, "last": -1}[setting.case.variant]]
    within = _BACK[setting.case.words.proof]

    async def repair() -> None:
        await setting.until(20.0)
        lucky.acts = well

    repairing = asyncio.ensure_future(repair())
    calls = await setting.every(_MOMENT, 560, lambda i: f"question ({i}.)")
    await repairing
    out = sorted(min(found) for call in calls if (found := _moments(actors, call.prompt, 20.0)))
    most, at = max(((sum(start <= one < start + _ONE_SECOND for one in out), start) for start in out if start >= 1.0), default=(0, 0.0))
    back = min((call.at + call.seconds for call in calls if call.result.served), default=float("inf")) - 20.0
    late = [call for call in calls if call.at >= 20.0 + within]
    return [
        Check(f"{most} requests went out in the second from {at:.1f} s, 10 are allowed", most <= 10),
        Check(f"back {back:.1f} s after the repair, {within:g} s are allowed", back <= within),
        served(late, "after that, callers"),
    ]


def _moments(actors: Sequence[Actor], prompt: str, until: float) -> list[float]:
    return [one.at for actor in actors for one in actor.arrivals if one.at < until and one.words.endswith(prompt)]


async def crowd_among_dead(setting: VirtualScenario) -> list[Check]:
    """Send a crowd at once while all keys but the last one are dead."""
    *dead, last = await setting.open()
    for actor in dead:
        actor.acts = refusing(setting.case.words)
    last.acts = lambda _: WELL
    calls = await setting.together(CROWD, lambda i: f"question ({i}.)")
    wasted = sum(actor.calls() for actor in dead)
    first, slowest = min(call.seconds for call in calls), max(call.seconds for call in calls)
    allowed = CROWD + (_TO_THE_DEAD - CROWD) * (len(dead) - 1) // 13  # the first dead key is known only after it has answered
    return [
        served(calls, "callers"),
        Check(f"{wasted} calls to {len(dead)} dead ones, {allowed} are allowed", wasted <= allowed),
        Check(f"the first took {first:.2f} s, the slowest {slowest:.2f} s: {_BESIDE} s longer are allowed", slowest <= first + _BESIDE),
    ]


_OVERDUE: Final = ("co-insufficient", "co-overdue", "ca-billing", "cg-billed")
"""Words for accounts that are certainly dead.

Invalid keys are left out: a gateway never passes that error on as its own (K07).
"""
_CREDENTIAL = wordings.about(wordings.CREDENTIAL)
ROWS: Final = (
    row(
        "P04",
        "all keys at one host that answers 503",
        "an error",
        "two calls a request; 64 at once: at most 20 % more calls than requests",
        Cases(_p04, few=1),
    ),
    row(
        "P05",
        "one key, its account dead for certain, 60 requests in 3 s",
        "the provider's own error, at once but for the tried ones",
        "at most 3 calls",
        Cases(_p05, [one for one in _CREDENTIAL if one.id in _OVERDUE], seats=(1,)),
    ),
    row(
        "P14",
        "a key dies while five slow answers run on it",
        "every one served",
        "at most 5 further calls to it",
        Cases(_p14, _CREDENTIAL, few=1),
    ),
    row(
        "P15",
        "all keys dead, 20 requests a second, one repaired after 20 s",
        "served within 1 s (possible), 2 s (likely), 6 s (certain)",
        "at most ten requests a second",
        Cases(_p15, _CREDENTIAL, seats=(3, 5, 15), variants=("middle", "first", "last"), few=1),
    ),
    row(
        "P16",
        "64 requests at once while all keys but the last are dead",
        "all served, none waits 0.3 s longer than the first",
        "at most 150 calls to 14 dead ones",
        Cases(crowd_among_dead, _CREDENTIAL, few=2),
    ),
)
