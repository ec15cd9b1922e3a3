"""H01 to H06, H08, H11: hosts that are silent or slow, or that take their time to fail.

S06, S07 and K17 play some of these cases too.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Final

from sparekey.lab.drill.blame import served, well
from sparekey.lab.drill.cases import Cases, row
from sparekey.lab.drill.verdict import Check
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.faults import Delay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.lab.drill.virtual_scenario import Actor, MadeCall, VirtualScenario
    from sparekey.lab.simulator.faults import Fault

_HANDED_ON: Final = 0.25
"""Seconds that a call may take if it waits for no silent host."""
_CALLERS: Final = 5.0
"""Seconds after which the callers of H01 leave."""
_CROWD: Final = 64
_MANY: Final = "64 at once"
_LEARN: Final = 2.0
"""Further seconds for a crowd.

A few requests get a second attempt first; the others begin theirs when these have proved faster.
"""
_UNKNOWN: Final = 31.5
"""Seconds for a whole answer where the first host is silent and nothing is known of it."""
_WAYS: Final = ("async", "sdk")
"""The modes of the rows: a blocking thread takes real time, and the drivers' tests cover it."""


def _does(actor: Actor, fault: Fault) -> None:
    actor.acts = lambda _: fault


def _taking(seconds: float, *, streamed: bool) -> Delay:
    return Delay(first=seconds) if streamed else Delay(before=seconds)


def _late(calls: Sequence[MadeCall], most: float, seconds: float) -> Check:
    late = [call for call in calls if call.seconds > seconds]
    return Check(f"{len(late)} of {len(calls)} callers waited longer than {seconds:g} s, {most:g} may", len(late) <= most)


def _quick(calls: Sequence[MadeCall], seconds: float = _HANDED_ON) -> Check:
    slowest = max((call.seconds for call in calls), default=0.0)
    return Check(f"the slowest took {slowest:.2f} s, {seconds:g} s are allowed", slowest <= seconds)


async def _learned(setting: VirtualScenario, seconds: float, number: int) -> None:
    """Teach the chain the first credential's speed: `number` answers in `seconds` each."""
    _does(setting.actors[0], _taking(seconds, streamed=setting.case.streamed))
    for i in range(number):
        await setting.ask(f"before ({i}.)")


async def silent_from_the_start(setting: VirtualScenario) -> list[Check]:
    """Ask for a whole answer while the first host is silent and nothing is known of it."""
    return await _first_does(setting, faults.hang())


async def white_space_for_ever(setting: VirtualScenario) -> list[Check]:
    """Ask for a whole answer while the first host sends white space and no answer."""
    return await _first_does(setting, faults.keepalive("comment", every=1.0))


async def _first_does(setting: VirtualScenario, fault: Fault) -> list[Check]:
    first, *others = await setting.open()
    _does(first, fault)
    for actor in others:
        actor.acts = well
    call = await setting.ask("a question")
    return [served([call]), _quick([call], _UNKNOWN), Check(f"{first.calls()} tries, one is allowed", first.calls() == 1)]


async def many_behind_a_slow_start(setting: VirtualScenario) -> list[Check]:
    """Ask for 64 streams at once while the first host brings its first token after 20 s."""
    first, *others = await setting.open()
    _does(first, Delay(first=20.0))
    for actor in others:
        actor.acts = well
    calls = await setting.together(_CROWD, lambda i: f"question ({i}.)")
    return [served(calls), _quick(calls, 15.0)]


async def _h01(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    _does(first, faults.hang())
    for actor in others:
        actor.acts = well
    lost = []
    for i in range(6):
        try:
            await asyncio.wait_for(setting.ask(f"question ({i}.)"), _CALLERS)
        except TimeoutError:
            lost.append(i)
    return [
        Check(f"callers {lost} of 6 left without an answer, two may", len(lost) <= 2),
        Check(f"the second served {others[0].calls()} of 6", others[0].calls() >= 4),
    ]


async def _h02(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    for actor in others:
        _does(actor, _taking(1.0, streamed=setting.case.streamed))
    known = setting.case.variant == "learned"
    if known:
        await _learned(setting, 1.0, 10)
    _does(first, faults.hang())
    calls = await setting.together(_CROWD if setting.case.variant == _MANY else 1, lambda i: f"a question ({i}.)")
    most = 12.0 if setting.case.streamed else 5.0 if known else _UNKNOWN
    most += _LEARN if len(calls) > 1 else 0.0
    return [served(calls), _quick(calls, most)]


async def _h03(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    _does(first, faults.hang())
    for actor in others:
        actor.acts = well
    await setting.ask("the first question")
    before = first.calls()
    calls = await setting.every(3.0, 100, lambda i: f"question ({i}.)")
    return [
        served(calls),
        _quick(calls),
        Check(f"the silent one got {first.calls() - before} calls in five minutes, one a park is allowed", first.calls() - before <= 2),
    ]


async def _h04(setting: VirtualScenario) -> list[Check]:
    setting.case = replace(setting.case, streamed=True)
    actors = await setting.open()
    for actor in actors:
        _does(actor, Delay(first=20.0))
    calls = await setting.together(_CROWD, lambda i: f"question ({i}.)")
    made, middle = sum(actor.calls() for actor in actors), median(call.seconds for call in calls)
    return [
        served(calls),
        Check(f"the median took {middle:.1f} s, 21 s are allowed", middle <= 21.0),
        Check(f"{made / _CROWD:.2f} calls a request, 1.15 are allowed", made <= 1.15 * _CROWD),
    ]


async def _h05(setting: VirtualScenario) -> list[Check]:
    setting.case = replace(setting.case, streamed=True)
    first, *others = await setting.open()
    _does(first, faults.hang())
    for actor in others:
        actor.acts = well
    calls = await setting.every(37.0, 20, lambda i: f"question ({i}.)")
    return [served(calls), _late(calls, 1, 1.0), _quick(calls, 11.0)]


async def _h06(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    streamed = setting.case.streamed
    for actor in others:
        _does(actor, _taking(1.2, streamed=streamed))
    await _learned(setting, 1.0, 20)
    _does(first, _taking(10.0, streamed=streamed))
    slow = await setting.every(20.0, 60, lambda i: f"question ({i}.)")
    _does(first, _taking(1.0, streamed=streamed))
    end = setting.clock()
    after = await setting.every(20.0, 20, lambda i: f"later question ({i}.)")
    back = min((one.at for one in first.arrivals if one.at > end and "later" in one.words), default=float("inf")) - end
    return [served([*slow, *after]), _late(slow, 3, 5.0), Check(f"back after {back:.0f} s, 300 s and the pace are allowed", back <= 321)]


async def _h08(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    for actor in others:
        actor.acts = well
    crowd = _CROWD if setting.case.variant == _MANY else 1
    fault: Fault = faults.server_error() if setting.case.variant == "500" else faults.rate_limit(retry_after=1)
    limits = [fault] * crowd
    first.acts = lambda ask: limits.pop() if limits else well(ask)
    calls = await setting.together(crowd, lambda i: f"a question ({i}.)")
    again = await setting.ask("another question")
    return [
        served([*calls, again]),
        _quick([*calls, again]),
        Check(f"the first got {first.calls()} calls within a second, {crowd} are allowed", first.calls() <= crowd),
    ]


async def _h11(setting: VirtualScenario) -> list[Check]:
    first, *others = await setting.open()
    _does(first, replace(faults.html(503), before=8.0))
    for actor in others:
        actor.acts = well
    calls = await setting.every(10.0, 120, lambda i: f"question ({i}.)")
    return [served(calls), _late(calls, 12, 1.0)]


ROWS: Final = (
    row("H01", "the first host takes requests and never answers; callers leave after 5 s", "at most two lose", "", Cases(_h01), _WAYS),
    row(
        "H02",
        "as H01, with a caller who waits",
        "an answer within 31 s; within 5 s after ten answers of a second",
        "",
        Cases(_h02, variants=("nothing learned", "learned", _MANY)),
        _WAYS,
    ),
    row("H03", "as H01 while the second is active, 100 requests", "none is lost or late", "one call a park", Cases(_h03), _WAYS),
    row(
        "H04",
        "all are well and bring their first token after 20 s, 64 streams at once",
        "a median of 21 s at most",
        "1.15 calls a request at most",
        Cases(_h04),
        _WAYS,
    ),
    row("H05", "one stream each 37 s, the first host silent", "only the first one waits", "", Cases(_h05), _WAYS),
    row(
        "H06",
        "the first host becomes ten times slower for 20 minutes",
        "three slow answers, then the second serves; back within 300 s",
        "",
        Cases(_h06),
        _WAYS,
    ),
    row(
        "H08",
        "429 with Retry-After: 1, or 500, once; a spare of the same model is ready",
        "the spare answers at once",
        "nothing for a second",
        Cases(_h08, variants=("429", "500", _MANY)),
        _WAYS,
    ),
    row("H11", "the first host answers 503 after 8 s, for 20 minutes", "at most 12 callers pay for it", "", Cases(_h11), _WAYS),
)
