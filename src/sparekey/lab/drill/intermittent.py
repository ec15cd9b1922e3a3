"""H07, H09, H10, H12: hosts that fail now and then, dying connections, a network that is away."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Final, Literal

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded
from sparekey.lab.drill.blame import WELL, served, well
from sparekey.lab.drill.cases import Cases, row
from sparekey.lab.drill.verdict import Check
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.faults import Delay

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.lab.drill.virtual_scenario import MadeCall, VirtualScenario
    from sparekey.lab.simulator.faults import Fault
    from sparekey.lab.simulator.wires.base import RequestedAnswer

_EVERY: Final = 5.0
_HALF_AN_HOUR: Final = 360
_FEWER: Final = 120
"""Calls of an incident of half an hour, and of its shorter form."""
_FAILING: Final = 0.2
_WAITING: Final = 0.03
_CUT: Final = 0.3
_UNSERVED: Final = 0.04
_IDLE: Final = 60
_AWAY: Final = 5.0
_CUTS: Final[tuple[Literal["close", "reset", "end"], ...]] = ("close", "reset", "end")
_WAYS: Final = ("async", "sdk")
"""The modes of the rows: a blocking thread takes real time, and the drivers' tests cover it."""


def _sometimes(share: float, fault: Callable[[], Fault]) -> Callable[[RequestedAnswer], Fault | None]:
    """Return a provider's behaviour: a share of its answers is a fault, chosen by dice of its own."""
    dice = random.Random(11)  # noqa: S311 - chance of a drill, no secret
    return lambda _: fault() if dice.random() < share else WELL


async def _for_a_while(setting: VirtualScenario) -> list[MadeCall]:
    """Make a call every five seconds, for half an hour if cases are played at their full length."""
    return await setting.every(_EVERY, _HALF_AN_HOUR if setting.full else _FEWER, lambda i: f"question ({i}.)")


async def _h07(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    first.acts = _sometimes(_FAILING, faults.server_error)
    for actor in others:
        actor.acts = well
    calls = await _for_a_while(setting)
    late = sum(call.seconds > 1.0 for call in calls)
    return [served(calls), Check(f"{late} of {len(calls)} waited for more than a second, 3 % may", late <= _WAITING * len(calls))]


async def _h09(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    first.acts = lambda _: Delay(before=0.5)
    for actor in others:
        actor.acts = well
    before = await setting.together(_IDLE, lambda i: f"beforehand ({i}.)")
    first.acts = lambda _: faults.reset()
    begun = len(setting.events)
    call = await setting.ask("the question")
    written = sum("the question" in one.words for one in first.arrivals)
    checks = [
        served([*before, call]),
        Check(f"the request was written {written} times to the first host, twice is allowed", 1 <= written <= 2),
    ]
    if setting.case.way != "gateway":
        return checks  # the connections are the SDK's own, which tells nobody how often it wrote
    ended = [one.attempt for one in setting.events[begun:] if isinstance(one, AttemptFailed | AttemptSucceeded) and one.attempt]
    counted, stated = sum(one.writes for one in ended), int((call.result.headers or {}).get("x-sparekey-attempts", 0))
    every = setting.tries("the question")
    return [
        *checks,
        Check(f"the log and the metrics count {counted} writes, {every} were made", counted == every),
        Check(f"the header counts {stated} writes, {every} were made", stated == every),
    ]


async def _h10(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    for actor in actors:
        actor.acts = well
    first = await setting.ask("while all is well")
    lasting = _AWAY if setting.case.variant == "5 s" else float("inf")
    away = asyncio.ensure_future(setting.unplugged(lasting))
    await asyncio.sleep(0.1)
    begun, since = len(setting.events), setting.clock()
    calls = await setting.together(3, lambda i: f"question ({i}.)")
    span = setting.clock() - since
    await away
    made = [one for one in setting.events[begun:] if isinstance(one, AttemptAbandoned | AttemptFailed | AttemptSucceeded)]
    most = max((sum(one.credential_id == actor.id for one in made) for actor in actors), default=0)
    parked = [one.id for one in setting.chain.status().credentials if one.returns_in]
    checks = [
        served([first]),
        Check(f"a host was tried {most} times in {span:.1f} s, once a second and request is allowed", most <= span + 3 * 2),
        Check(f"{parked} are parked, nobody is to be", not parked),
    ]
    if lasting < float("inf"):
        slowest = max(call.seconds for call in calls)
        return [*checks, served(calls), Check(f"the slowest took {slowest:.1f} s", slowest <= lasting + 2.0)]
    late = max(call.seconds for call in calls)
    return [
        *checks,
        Check(f"the error came after {late:.1f} s, 12 s are allowed", late <= 12.0 and not any(c.result.served for c in calls)),
    ]


async def _h12(setting: VirtualScenario) -> list[Check]:
    recovery = setting.case.variant
    setting.case = replace(setting.case, streamed=True)
    first, *others = await setting.open(reworded=True, knobs={"stream_recovery": recovery})
    ends = cycle(_CUTS)
    first.acts = _sometimes(_CUT, lambda: faults.cut(after=4, how=next(ends)))
    for actor in others:
        actor.acts = well
    calls = await _for_a_while(setting)
    lost = [call for call in calls if not call.result.served]
    most = 0 if recovery == "buffer" else _UNSERVED * len(calls)
    unrecognized = [call for call in lost if not call.result.recognizable]
    return [
        Check(f"{len(lost)} of {len(calls)} got no whole answer, {most:g} may", len(lost) <= most),
        Check(f"{len(unrecognized)} of {len(calls)} cannot tell that theirs is none", not unrecognized),
    ]


ROWS: Final = (
    row(
        "H07",
        "one of five calls to the first host fails with 500 for half an hour",
        "every one served, at most 3 % wait for more than a second",
        "",
        Cases(_h07),
        _WAYS,
    ),
    row(
        "H09",
        "60 idle connections to a host that resets each request from now on",
        "served",
        "one request is written at most twice; header, log and metrics count every write",
        Cases(_h09),
        _WAYS,
    ),
    row(
        "H10",
        "the network is away, for 5 s or for good",
        "5 s: every one served; for good: an error within 12 s",
        "each host is tried at most once a second, nobody is parked",
        Cases(_h10, variants=("5 s", "for good")),
        _WAYS,
    ),
    row(
        "H12",
        "three of ten streams of the first host are cut after content, spares word their answers differently",
        "at most 4 % get no whole answer with `splice`, none with `buffer`",
        "",
        Cases(_h12, variants=("splice", "buffer")),
        _WAYS,
    ),
)
