"""P01 to P03, P12, P13, P17: a refused request and a dead credential are told apart.

One refusal in doubtful words proves neither. Several requests do: a request that every key refuses
is at fault itself, a key that refuses every request is dead (docs/blame.md). The providers here
refuse either what holds the word `POISON`, or everything.
"""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sparekey.core.policy import is_fail_fast
from sparekey.lab.drill import wordings
from sparekey.lab.drill.cases import Cases, row
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.drill.virtual_scenario import FIRM, LATENCY
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.faults import Delay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sparekey.lab.drill.virtual_scenario import Actor, MadeCall, VirtualScenario
    from sparekey.lab.drill.wordings import RefusalCase
    from sparekey.lab.simulator.faults import Fault
    from sparekey.lab.simulator.wires.base import RequestedAnswer

POISON: Final = "POISON"
WELL: Final = Delay(before=LATENCY)
"""A healthy answer."""
_LATER: Final = 0.2
"""Seconds that a healthy caller may wait beyond the time that its answer takes (P01)."""
_SOFT: Final = FIRM + 0.001
_LAST_DITCH: Final = 4.0
"""The least seconds between two calls to a credential that is parked for 5 s, give or take 20 %."""
_MORE_THAN_TWO: Final = 2.2
_PACE: Final = 0.1
_MOST: Final = 0.75
"""The share of the refusal's longer words that an error must repeat."""


def refusing(words: RefusalCase, when: str = "") -> Callable[[RequestedAnswer], Fault | None]:
    """Return a provider's behaviour: refuse each request that holds `when`, and answer the rest.

    An empty `when` refuses every request.
    """
    fault = words.fault(LATENCY)
    return lambda ask: fault if when in ask.words else WELL


def well(_: RequestedAnswer) -> Fault:
    """Answer every request."""
    return WELL


def served(calls: Sequence[MadeCall], who: str = "healthy") -> Check:
    """Check that every call got its answer; `who` names the callers in the message."""
    lost = [call for call in calls if not call.result.served]
    detail = f", first at {lost[0].at:.1f} s: {lost[0].result.first[:80]!r}" if lost else ""
    return Check(f"{who} lost {len(lost)} of {len(calls)}{detail}", not lost)


def punctual(calls: Sequence[MadeCall], most: float = LATENCY + _LATER) -> Check:
    """Check that no call took longer than `most` seconds."""
    slowest = max((call.seconds for call in calls), default=0.0)
    return Check(f"the slowest healthy one took {slowest:.2f} s, {most:g} s are allowed", slowest <= most + 1e-6)


def softly(setting: VirtualScenario, actors: Sequence[Actor]) -> Check:
    """Check that none of these credentials was ever parked for longer than a soft park lasts."""
    longest = max(((setting.longest_park.get(one.id, 0.0), one.id) for one in actors), default=(0.0, ""))
    return Check(f"{longest[1]} was parked for {longest[0]:.0f} s", longest[0] <= _SOFT)


def own_words(calls: Sequence[MadeCall], words: RefusalCase) -> list[Check]:
    """Check that callers got what the provider said: in its words, and better to the letter."""
    other = [call for call in calls if call.result.served or not repeats(call, words)]
    detail = f": {other[0].result.words[:120]!r}" if other else ""
    altered = [call for call in calls if call not in other and not repeats(call, words, to_the_letter=True)]
    shown = f": {altered[0].result.first[:120]!r}" if altered else ""
    return [
        Check(f"{len(other)} of {len(calls)} refused callers did not get the provider's words{detail}", not other),
        Check(f"{len(altered)} of {len(calls)} refused callers got the provider's words altered{shown}", not altered, Verdict.PARTIAL),
    ]


def repeats(call: MadeCall, words: RefusalCase, *, to_the_letter: bool = False) -> bool:
    """Return whether an error holds the words of a refusal, however they are escaped."""
    read = re.sub(r"<[^>]*>", " ", words.words)
    if to_the_letter:
        return any(_plain(text)[:60] in _plain(call.result.words) for text in (words.words, read))
    known = [word for word in re.findall(r"\w{4,}", read)[:12] if word.lower() != "your"]
    return sum(word in call.result.words for word in known) >= _MOST * len(known)


def _plain(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def few_each(setting: VirtualScenario, calls: Sequence[MadeCall], most: int = 2) -> Check:
    """Check that each of these requests made at most `most` calls to providers."""
    counts = [setting.tries(call.prompt) for call in calls]
    return Check(f"a refused request made {max(counts, default=0)} calls, {most} are allowed", max(counts, default=0) <= most)


async def _p01(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    for actor in actors:
        actor.acts = refusing(setting.case.words, POISON)
    same = setting.case.variant == "one body"
    poison = setting.every(0.5, 20, lambda i: f"{POISON} {'alike' if same else f'number {i} of many'}")
    bad, *good = await asyncio.gather(poison, *(setting.every(0.1, 100, _asking(who), 0.05 + who / 30) for who in (0, 1)))
    healthy = [call for calls in good for call in calls]
    checks = [served(healthy), punctual(healthy), softly(setting, actors), *own_words(bad, setting.case.words)]
    if not same:
        checks.append(few_each(setting, bad[2:]))
    else:
        calls = setting.tries(bad[0].prompt)
        most = 2 * (len(bad) - 2) + 2 * len(actors)
        checks.append(Check(f"20 alike refused requests made {calls} calls, {most} are allowed", calls <= most))
    return checks


def _asking(who: int) -> Callable[[int], str]:
    return lambda i: f"caller {who} asks ({i}.)"


async def _p02(setting: VirtualScenario) -> list[Check]:
    *dead, last = await setting.open()
    for actor in dead:
        actor.acts = refusing(setting.case.words)
    last.acts = well
    first = await setting.every(0.1, 10, lambda i: f"question ({i}.)")
    begun = setting.clock()
    checks = [served(first, "callers"), _at_most(dead, 3, "in ten requests")]
    later = await setting.every(1.0, 60, lambda i: f"later question ({i}.)")
    gaps = [b.at - a.at for one in dead for a, b in pairwise(x for x in one.arrivals if x.at >= begun)]
    shortest = min(gaps, default=_LAST_DITCH)
    checks.append(served(later, "callers"))
    checks.append(Check(f"{shortest:.1f} s between two calls to a dead one: more than one a park", shortest >= _LAST_DITCH))
    return checks


def _at_most(dead: Sequence[Actor], most: int, when: str) -> Check:
    worst = max(dead, key=lambda one: one.calls())
    return Check(f"{worst.id} got {worst.calls()} calls {when}, {most} are allowed", worst.calls() <= most)


async def _p03(setting: VirtualScenario) -> list[Check]:
    *dead, last = await setting.open()
    deaths = [one for one in _CREDENTIAL if one.wire == setting.case.wire]
    start = _REQUEST.index(setting.case.words)  # each wording of the request meets other deaths
    for i, actor in enumerate(dead):
        alike = setting.case.variant == "one death"
        actor.acts = refusing(deaths[(start + (0 if alike else i)) % len(deaths)])
    last.acts = refusing(setting.case.words, POISON)
    poison = setting.every(0.5, 12, lambda i: f"{POISON} number {i} of many")
    bad, *good = await asyncio.gather(poison, *(setting.every(0.1, 52, _asking(who), 0.25 + who / 30) for who in (0, 1)))
    healthy = [call for calls in good for call in calls]
    first, rest = healthy[:2], healthy[2:]  # the first callers find the dead keys, one after the other
    answered = Check(
        f"{sum(call.result.served for call in bad)} of 12 poisoned requests were served", not any(c.result.served for c in bad)
    )
    every = [served(healthy), punctual(first, len(dead) * LATENCY + LATENCY + _LATER), punctual(rest)]
    return [*every, softly(setting, [last]), answered, _at_most(dead, 25, "in 116 requests")]


async def _p12(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    for actor in actors:
        actor.acts = refusing(setting.case.words, POISON)
    if setting.case.variant == "warm":
        await setting.ask("a question before it")
    number = 1 if setting.case.variant == "the very first" else 100
    since = setting.clock()
    if setting.case.variant == "back to back":
        bad = [await setting.ask(f"{POISON} number {i} of many") for i in range(number)]
        await asyncio.sleep(1.0)
    else:  # ten a second: the pace at which requests go out while all refuse
        bad = await setting.every(_PACE, number, lambda i: f"{POISON} number {i} of many")
        await setting.until(since + number * _PACE)
    seconds = setting.clock() - since
    healthy = await setting.ask("a question behind it")
    made, asked = sum(setting.tries(call.prompt) for call in bad[2:]), max(1, len(bad) - 2)
    most = max(_MORE_THAN_TWO * asked, 2 * asked + (len(actors) - 2) * (seconds + 1))  # one request a second asks everybody
    by = next((actor.id for actor in actors if actor.arrivals and actor.arrivals[-1].words.endswith(healthy.prompt)), "nobody")
    return [
        served([healthy]),
        punctual([healthy]),
        Check(f"{by} served it", by == actors[0].id),
        Check(f"{made} calls of {asked} refused requests, {most:.0f} are allowed", made <= most),
        Check(f"{sum(call.result.served for call in bad)} refused requests were served", not any(call.result.served for call in bad)),
        softly(setting, actors),
    ]


async def _p13(setting: VirtualScenario) -> list[Check]:
    words = setting.case.words
    actors = await setting.open(max(2, setting.case.seats))
    for actor in actors:
        actor.acts = refusing(words, POISON)
    for i in range(10):  # teaches the chain that these words are about the request
        await setting.ask(f"{POISON} number {i} of many")
        await setting.ask(f"a question between ({i}.)")
        await asyncio.sleep(0.5)
    limited, dead, last = actors[:-2][:1], actors[1:-1] or actors[:1], actors[-1]  # of two, one dies and one is well
    for actor in limited:
        actor.acts = lambda _: faults.rate_limit(retry_after=30)
    for actor in dead:
        actor.acts = refusing(words)
    last.acts = well
    after = await setting.every(0.25, 40, lambda i: f"a question behind it ({i}.)")
    return [served(after, "callers")]


_NEEDS: Final = ("TOOLS", "PICTURES")


async def _p17(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    fault = setting.case.words.fault(LATENCY)
    for i, actor in enumerate(actors):
        if actor is actors[-1]:
            actor.acts = well
        else:  # of two keys the first takes neither, of more they take turns
            lacks = _NEEDS if len(actors) == 2 else (_NEEDS[i % 2],)
            actor.acts = lambda ask, lacks=lacks: fault if any(need in ask.words for need in lacks) else WELL  # type: ignore[misc]
    plain, *special = await asyncio.gather(
        setting.every(0.1, 100, lambda i: f"a plain question ({i}.)"),
        *(setting.every(0.5, 20, lambda i, need=need: f"{need} are needed here ({i}.)", 0.03) for need in _NEEDS),  # type: ignore[misc]
    )
    mixed = [call for calls in special for call in calls]
    return [served(plain, "plain callers"), served(mixed, "callers with a need"), punctual(plain), softly(setting, actors)]


_REQUEST = wordings.about(wordings.REQUEST)
_CREDENTIAL = wordings.about(wordings.CREDENTIAL)
_DOUBTFUL = tuple(one for one in _REQUEST if not is_fail_fast(one.read()))
"""Words in which a key could die as well. Text that names the request is believed at once."""
ROWS: Final = (
    row(
        "P01",
        "a request that every key refuses, each 0.5 s",
        "healthy callers lose nothing and wait for nothing; the other one gets the provider's words",
        "no park beyond 5 s, two calls a refused request",
        Cases(_p01, _REQUEST, variants=("many bodies", "one body"), few=2),
    ),
    row(
        "P02",
        "all keys but the last are dead, in words of any kind",
        "every request is answered",
        "at most 3 calls to each dead one in ten requests, then one a park",
        Cases(_p02, _CREDENTIAL),
    ),
    row(
        "P03",
        "P01 and P02 at once on one chain",
        "as P01 and P02",
        "at most 25 calls to a dead one in 116 requests",
        Cases(_p03, _REQUEST, seats=(2, 3, 15), variants=("one death", "many deaths"), few=2),
    ),
    row(
        "P12",
        "100 different refused requests, then a healthy one",
        "the healthy one is served at once, by the first",
        "at most 2.2 calls a refused request",
        Cases(_p12, _REQUEST, variants=("cold", "warm", "back to back", "the very first")),
    ),
    row(
        "P13",
        "words known as the request's, then keys die in them",
        "nobody is refused",
        "",
        Cases(_p13, _DOUBTFUL, seats=(2, 3, 4, 15)),
    ),
    row(
        "P17",
        "some keys take no tools, no pictures, not the model",
        "each is served by those that do",
        "nobody is firmly parked for the others' sake",
        Cases(_p17, wordings.about(wordings.FEATURE), few=2),
    ),
)
