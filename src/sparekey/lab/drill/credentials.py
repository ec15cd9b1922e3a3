"""K: credentials. What a failure parks, for how long, and what it must not touch."""

from __future__ import annotations

from itertools import product, repeat
from typing import TYPE_CHECKING, Final

from sparekey.lab.drill.blame import refusing, served, well
from sparekey.lab.drill.bounds import CROWD, crowd_among_dead
from sparekey.lab.drill.cases import SEATS, beside, beside_on_wires
from sparekey.lab.drill.echoed_keys import KEY_IN_THE_TEXT
from sparekey.lab.drill.fixtures import NO_FAILBACK
from sparekey.lab.drill.outcome import original, whole
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.scenario import each_distinct
from sparekey.lab.drill.silence import white_space_for_ever
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.drill.wordings import wordings
from sparekey.lab.simulator import faults
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.scenario import Scenario
    from sparekey.lab.drill.virtual_scenario import VirtualScenario
    from sparekey.lab.simulator.faults import Fault

_TO_THE_MINUTE: Final = frozenset({"anthropic"})
"""Providers that state a reset as a time of day, rounded up to the next minute."""
_POISON: Final = "rate limit exceeded, insufficient balance, invalid api key"
_ARREARS: Final = {
    "openai": ("co-balance400", "co-quota422", "co-zh403"),
    "anthropic": ("ca-credit", "ca-billing"),
    "gemini": ("cg-billing", "cg-suspended"),
}
_NO_KEY: Final = {
    "openai": ("co-key400", "co-key401", "co-blocked403"),
    "anthropic": ("ca-disabled", "ca-key"),
    "gemini": ("cg-expired", "cg-invalid"),
}
_NO_MODEL: Final = {"openai": ("co-model404", "co-nothing404"), "anthropic": ("ca-model",), "gemini": ("cg-model",)}
"""The ids of the wordings in which keys die in K03, K06 and K11, by wire."""
_ONE_MOMENT: Final = 5.0
"""Seconds in which an answer comes if nobody waits for anything."""


def _class_is(scenario: Scenario, seat: int, expected: ErrorClass) -> Check:
    return Check(f"parked as {expected}", scenario.standing(seat).cause is expected)


def _stays_parked(scenario: Scenario, seat: int, seconds: float) -> Iterator[Check]:
    """Pass some seconds with calls in them; check that none reaches a parked credential."""
    before = scenario.tries(seat)
    for _ in range(4):
        scenario.clock.skip(seconds / 4)
        yield from whole(scenario.ask())
    yield Check("no traffic while it is parked", scenario.tries(seat) == before)


def _comes_back(scenario: Scenario, seat: int) -> Iterator[Check]:
    """End the park of a credential that is well again; check that one request probes it."""
    before = scenario.tries(seat)
    scenario.heal()
    scenario.clock.skip(scenario.parked_for(seat) + 1)
    yield from whole(scenario.ask())
    yield Check("one probe brings it back", scenario.tries(seat) == before + 1 and scenario.chain.active_index == seat)


def _k01(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True, knobs=NO_FAILBACK)
    scenario.fail(0, faults.auth())
    yield from whole(scenario.ask())
    yield _class_is(scenario, 0, ErrorClass.AUTH)
    yield from _stays_parked(scenario, 0, scenario.parked_for(0) - 5)
    yield from _comes_back(scenario, 0)
    for seats in SEATS if context.profile.full else SEATS[:1]:
        yield from beside(context, _k01_under_load, seats, "co-invalid")


async def _k01_under_load(setting: VirtualScenario) -> list[Check]:
    """Let a dead key meet four crowds, then many requests: served requests must not end its park."""
    first, *rest = await setting.open()
    first.acts = refusing(setting.case.words)
    for actor in rest:
        actor.acts = well
    crowds = [call for _ in range(4) for call in await setting.together(CROWD, lambda i: f"one of a crowd ({i}.)")]
    after = first.calls()
    number = 1000 if setting.full else 200
    calls = await setting.every(500 / number, number, lambda i: f"question ({i}.)")
    later = first.calls() - after
    return [
        served(crowds, "64 callers at once"),
        served(calls, "callers"),
        Check(f"the dead key got {after} calls of four crowds, {CROWD} are allowed", after <= CROWD),
        Check(f"the dead key got {later} of {number} later requests in 500 s", not later),
    ]


def _all_but_last(context: RowContext, deaths: Mapping[str, Sequence[str]]) -> Iterator[Check]:
    """Let all keys but the last one refuse in the same words.

    Check that the last one serves, and that the dead ones get few calls.
    """
    for name, seats in product(deaths["openai"] if not context.wire else deaths.get(context.wire, ()), SEATS[1:]):
        words = next(one for one in wordings() if one.id == name)
        scenario = context.chat(seats=seats, apart=True)
        scenario.clock.freeze()
        for seat in range(seats - 1):
            scenario.fail(seat, words.fault())
        yield from whole(scenario.ask())
        most = max(scenario.tries(seat) for seat in range(seats - 1))
        yield Check(f"{name}, {seats} keys: the first request tried a dead one {most} times, one is allowed", most <= 1, Verdict.PARTIAL)
        for _ in range(9):
            yield from whole(scenario.ask())
        most = max(scenario.tries(seat) for seat in range(seats - 1))
        yield Check(f"{name}, {seats} keys: a dead one got {most} calls in ten requests, 3 are allowed", most <= 3)


def _k02(context: RowContext) -> Iterator[Check]:
    for status in (402, 429):
        scenario = context.chat(seats=2, apart=True, knobs=NO_FAILBACK)
        scenario.fail(0, faults.refuse("quota", status=status, retry_after=120, wait_form="retry-after"))
        since = scenario.clock()
        yield from whole(scenario.ask())
        yield _class_is(scenario, 0, ErrorClass.QUOTA_EXCEEDED)
        left = scenario.parked_for(0)
        latest = 180 if scenario.chain.credentials[0].provider in _TO_THE_MINUTE else 120
        yield Check(f"status {status}: parked until the stated moment", 120 - (scenario.clock() - since) <= left <= latest)
        yield from _stays_parked(scenario, 0, scenario.parked_for(0) - 10)
        yield from _comes_back(scenario, 0)


def _k03(context: RowContext) -> Iterator[Check]:
    for fault in (faults.overdue(), faults.refuse("overdue", status=400), faults.refuse("overdue", status=412)):
        scenario = context.chat(seats=2, apart=True, knobs=NO_FAILBACK)
        scenario.fail(0, fault)
        yield from whole(scenario.ask())
        cause = scenario.standing(0).cause
        status = f"{fault.status or 'usual'} status"
        yield Check(f"{status}: parked for the account", cause in {ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED})
        before = scenario.tries(0)
        scenario.clock.skip(scenario.parked_for(0) / 2)
        yield from whole(scenario.ask())
        yield Check(f"{status}: no traffic while it is parked", scenario.tries(0) == before)
    yield from _all_but_last(context, _ARREARS)


def _k04(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    scenario.fail(0, faults.daily_quota())
    yield from whole(scenario.ask(), within=_ONE_MOMENT)
    yield _class_is(scenario, 0, ErrorClass.QUOTA_EXCEEDED)


def _k05(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True, knobs=NO_FAILBACK)
    scenario.fail(0, faults.rate_limit(retry_after=30))
    yield from whole(scenario.ask(), within=_ONE_MOMENT)
    yield Check("parked for the stated 30 s", 20 <= scenario.parked_for(0) <= 30 and scenario.standing(0).stated)
    yield from _stays_parked(scenario, 0, scenario.parked_for(0) - 10)
    yield from _comes_back(scenario, 0)


def _k06(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=15, apart=True)
    last = len(scenario.seats) - 1
    for seat in range(last):
        scenario.fail(seat, faults.auth())
    yield from whole(scenario.ask())
    yield Check("each key is tried once", all(scenario.tries(seat) == 1 for seat in range(len(scenario.seats))), Verdict.PARTIAL)
    yield from _all_but_last(context, _NO_KEY)
    yield from beside(context, crowd_among_dead, 15, "co-key401")


def _k07(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=15, apart=True)
    scenario.fail_all(faults.auth())
    chain_error = scenario.ask().exhausted
    yield Check("one error about the chain", chain_error is not None)
    causes = chain_error.causes if chain_error else {}
    yield Check("with a cause for each key", causes == {seat.id: ErrorClass.AUTH for seat in scenario.seats})
    yield Check("with status 502, and never a 401 of the gateway's own", chain_error is None or chain_error.status in {0, 502})


def _k08(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=3, apart=True)
    for seat in range(len(scenario.seats)):
        scenario.fail(seat, faults.rate_limit(retry_after=40 - 5 * min(seat, 2)))
    outcome = scenario.ask()
    chain_error = outcome.exhausted
    yield Check("one error about the chain", chain_error is not None)
    soonest = chain_error.retry_after if chain_error else None
    yield Check("with the soonest return", soonest is not None and 20 <= soonest <= 30)
    yield Check("with status 429", chain_error is None or chain_error.status in {0, 429})
    yield Check("nobody waits for it", outcome.seconds < _ONE_MOMENT, Verdict.PARTIAL)


def _k09(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    yield from whole(scenario.ask())
    for provider in each_distinct(scenario):
        provider.unplug()
    yield Check("an error while the network is down", scenario.ask().error is not None)
    yield Check("no key is parked", not scenario.parked)
    yield Check("the active one does not move", scenario.chain.active_index == 0)
    for provider in each_distinct(scenario):
        provider.plug_in()
    outcome = scenario.ask()
    yield from whole(outcome, within=_ONE_MOMENT)
    yield Check("the first one serves again", outcome.model == scenario.seats[0].model and scenario.chain.active_index == 0)


def _k10(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=3, apart=True, one_account=2)
    scenario.fail(0, faults.quota())
    scenario.fail(1, faults.quota())
    yield from whole(scenario.ask())
    yield Check("both are parked", {seat.id for seat in scenario.seats[:2]} <= set(scenario.parked))
    yield Check("by one failure", scenario.tries(0) == 1 and scenario.tries(1) == 0, Verdict.PARTIAL)


def _k11(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=3, twins={2: 0}, knobs=NO_FAILBACK)
    scenario.fail(0, faults.model_not_found(), model=scenario.seats[0].model)
    first = scenario.ask()
    yield from whole(first)
    yield Check("the key without the model is parked for it", scenario.parked == [scenario.seats[0].id])
    scenario.fail(1, faults.auth())
    second = scenario.ask()
    yield from whole(second)
    yield Check("the same key serves its other model", second.model == scenario.seats[2].model)
    yield from _all_but_last(context, _NO_MODEL)
    yield from beside(context, crowd_among_dead, 3, "co-model404")


def _k12(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    scenario.fail_all(faults.bad_request())
    for _ in range(100):
        yield original(scenario.ask())
    yield Check("none replayed on a second credential", scenario.tries() == scenario.tries(0) == 100, Verdict.PARTIAL)
    yield Check("nothing parked", not scenario.parked)
    scenario.heal()
    yield from whole(scenario.ask(), within=_ONE_MOMENT)


def _k13(context: RowContext) -> Iterator[Check]:
    inside = ((faults.overloaded(), ErrorClass.TRANSIENT), (faults.quota(), ErrorClass.QUOTA_EXCEEDED))
    for refusal, expected in inside:
        for streaming in (False, True):
            scenario = context.chat(seats=2, apart=True)
            scenario.fail(0, faults.error_event(refusal) if streaming else faults.error_body(refusal))
            yield from whole(scenario.stream() if streaming else scenario.ask())
            how = "stream" if streaming else "answer"
            yield Check(f"an error in the {how}: parked as {expected}", scenario.standing(0).cause is expected)


def _k14(context: RowContext) -> Iterator[Check]:
    broken: list[Fault] = [faults.html(), faults.empty_body(), faults.truncated_json()]
    for fault in broken:
        scenario = context.chat(seats=2, apart=True)
        scenario.fail(0, fault)
        yield from whole(scenario.ask())
        yield _class_is(scenario, 0, ErrorClass.TRANSIENT)


def _k16(context: RowContext) -> Iterator[Check]:
    for fault, few in ((faults.echo_words(), SEATS[-1]), (faults.bad_request(message="Unsupported input: {words}"), SEATS[0])):
        for seats in SEATS if context.profile.full else (few,):
            scenario = context.chat(seats=seats, apart=True)
            scenario.fail_all(fault)
            longest, wide, since = 0.0, 0, scenario.clock()
            for turn in range(100):
                before = scenario.tries()
                yield Check("an error", scenario.ask(f"{_POISON} ({turn}.)").error is not None)
                longest = max(longest, *(scenario.parked_for(seat) for seat in range(len(scenario.seats))))
                wide += scenario.tries() - before > 2
            yield Check(f"{seats} keys: one was parked for {longest:.0f} s, 5 are allowed", longest <= 5)
            what = f"{seats} keys: {wide} requests made more than 2 tries; the first two and then one a second may ask everybody"
            yield Check(what, wide <= scenario.clock() - since + 2)
            scenario.heal()
            yield from whole(scenario.ask(), within=_ONE_MOMENT)
            yield Check("the first one serves the next valid request", scenario.chain.active_index == 0 and not scenario.parked_for(0))


def _k17(context: RowContext) -> Iterator[Check]:
    for fault in (faults.keepalive("comment", every=1.0), faults.keepalive("empty", every=1.0)):
        scenario = context.chat(seats=2)
        scenario.fail(0, fault)
        yield from whole(scenario.stream(longest=25), within=15)
    yield from beside_on_wires(context, white_space_for_ever, 2, streamed=False)


def _k18(context: RowContext) -> Iterator[Check]:
    for stated in (0, -5, "soon", 3600):
        scenario = context.chat(seats=2, apart=True)
        scenario.fail(0, faults.rate_limit(retry_after=stated))
        yield from whole(scenario.ask(), within=_ONE_MOMENT)
        yield Check(f"Retry-After: {stated}: parked all the same", scenario.parked_for(0) > 0)
    yield Check("the long one is believed", scenario.parked_for(0) > 3590)
    scenario.clock.skip(scenario.chain.pool.policy.failback_timeout_seconds + 1)
    left = scenario.parked_for(0)
    yield from whole(scenario.ask())
    looked = scenario.tries(0) - 1  # one look, after a tenth of the stated wait
    yield Check("a due failback does not shorten a stated end", looked <= 1 and scenario.parked_for(0) > left - 60)


def _k19(context: RowContext) -> Iterator[Check]:
    for dice in (0.0, 0.999):
        scenario = context.chat(seats=3, apart=True, dice=repeat(dice).__next__)
        scenario.fail(0, faults.overloaded())
        scenario.fail(1, faults.auth())
        start = scenario.clock()
        for turn in range(11):
            scenario.clock.skip_to(start + 4.0 * turn)
            if turn == 3:
                scenario.seats[0].provider.heal()
            yield from whole(scenario.ask())
        yield Check(
            f"back on the first within 30 s of its recovery (the engine's dice at {dice:g})",
            scenario.chain.active_index == 0,
            Verdict.PARTIAL,
        )


_NEXT: Final = "the next one serves"
ROWS: Final = (
    Row("K01", "first key 401", _NEXT, "the first gets nothing until its park ends", _k01),
    Row("K02", "quota used up, with a stated reset", _NEXT, "nothing until that moment, then one probe", _k02),
    Row("K03", "account overdue, as 403, 400 and 412", _NEXT, "as K01, by cause and not by status", _k03),
    Row("K04", 'a 429 that means "per day"', "the next one serves at once", "parked as quota, not as rate limit", _k04),
    Row("K05", "429 with Retry-After: 30", "no wait", "parked for 30 s, then one probe", _k05),
    Row("K06", "15 keys, 14 dead", "the 15th serves the first request", "one try a key", _k06),
    Row("K07", "every key 401", "one error with a cause for each", "", _k07, client="502 with a cause for each, never a 401"),
    Row("K08", "every key rate limited", "an error with the soonest return", "", _k08, client="429 with Retry-After: the soonest return"),
    Row("K09", "network down here, then back", "an error, then served at once", "nothing parked, the active one stays", _k09),
    Row("K10", "two keys of one account, its quota gone", "the third serves", "both parked by one failure", _k10),
    Row("K11", "key A lacks the model, key B has it", "B serves; A serves its other models", "", _k11),
    Row("K12", "100 malformed requests", "the provider's own errors", "none on a second credential, nothing parked", _k12),
    Row("K13", "200 with the error inside", _NEXT, "parked as the error inside says", _k13),
    Row("K14", "HTML page, empty body, truncated JSON", _NEXT, "parked as transient", _k14),
    KEY_IN_THE_TEXT,
    Row(
        "K16",
        "100 poisoned requests",
        "an error each, then served at once",
        "from the third on at most two tries each, no park beyond 5 s",
        _k16,
    ),
    Row(
        "K17", "keep-alive for ever, no content", "the whole answer within 15 s; one that is not streamed within 31 s", "", _k17, waits=True
    ),
    Row("K18", "stated waits of 0, -5, soon, 3600 s", "no wait", "parked all the same; a long one is not shortened", _k18),
    Row("K19", "middle key revoked, first 503 for 10 s", "all served, back on the first within 30 s", "", _k19),
)
