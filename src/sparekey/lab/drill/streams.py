"""S: streams and transport. Calls are streamed where a row says nothing else, and each healthy answer is one text of sixty words.

In the cases of S08, S09, S10 and S14 the spares word their answers differently, as another model would.
"""

from __future__ import annotations

from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Final

from sparekey.classify import classify
from sparekey.lab.drill.blame import well
from sparekey.lab.drill.cases import beside_on_wires
from sparekey.lab.drill.outcome import original, whole
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.silence import many_behind_a_slow_start, silent_from_the_start
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.simulator import TEXT, faults
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Literal

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.outcome import CallOutcome
    from sparekey.lab.drill.scenario import Scenario
    from sparekey.lab.drill.virtual_scenario import VirtualScenario
    from sparekey.lab.simulator.faults import Fault

RECOVERIES: Final = ("splice", "buffer")
_LONGEST: Final = 16.0


def broken_by(fault: Fault, *, within: float = _LONGEST, prefill: bool = True) -> Callable[[VirtualScenario], Awaitable[list[Check]]]:
    """Return the function that plays a case in which a fault breaks the first credential's streams.

    Args:
        fault: what breaks them.
        within: seconds in which the caller must hear of it.
        prefill: whether the spares take a conversation that ends with an assistant message.
    """

    async def played(setting: VirtualScenario) -> list[Check]:
        first, *others = await setting.open(reworded=True, knobs={"stream_recovery": setting.case.variant})
        first.acts = lambda _: fault
        for actor in others:
            actor.acts = well if prefill else lambda _: faults.no_prefill()
        call = await setting.ask("a question")
        found = call.result
        return [
            Check(f"a text that is no whole answer came as one: {found.first[:60]!r}", found.recognizable),
            Check("the whole answer, since nothing was shown yet", found.served or setting.case.variant != "buffer"),
            Check(f"{call.seconds:.0f} s, {within:g} s are allowed", call.seconds <= within),
            Check("never the rejection of the prefill", "assistant message" not in found.words.lower()),
        ]

    return played


_CUTS: Final[tuple[Literal["close", "reset", "end"], ...]] = ("close", "reset", "end")
_KEYS: Final = 15
_IDLE: Final = 60
_MANY: Final = 16
"""Streams at once: twice as many as may be hedged in a row."""
_KNOWN: Final = 10
"""Whole answers after which it is known what they take."""
_DICE: Final = (0.0, 0.999)
"""The extremes of the engine's source of chance: a row must hold at both."""


def _at_most(tries: int, most: int) -> Check:
    return Check(f"at most {most} tries", tries <= most, Verdict.PARTIAL)


def _s01(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.rate_limit(retry_after=2), times=1)
    yield from whole(scenario.stream(), within=20)
    gaps = [later - earlier for earlier, later in pairwise(scenario.arrivals(0))]
    yield Check("the stated wait was kept", all(gap >= 1.8 for gap in gaps), Verdict.PARTIAL)


def _s02(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.rate_limit())
    yield from whole(scenario.stream())
    tries = scenario.arrivals(0)
    yield Check("at most 4 tries in 3 s", sum(at - tries[0] < 3 for at in tries) <= 4, Verdict.PARTIAL)
    yield _at_most(len(tries), 6)
    scenario = context.chat(seats=_KEYS, one_host=True)
    for seat in range(_KEYS - 1):
        scenario.fail(seat, faults.rate_limit())
    yield from whole(scenario.stream())
    yield Check(
        f"{scenario.tries()} calls of one request to {_KEYS} keys of one host, {_KEYS + 2} are allowed", scenario.tries() <= _KEYS + 2
    )


def _s03(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.server_error(), times=1)
    yield from whole(scenario.stream())
    yield Check("a second try on the same credential", scenario.tries(0) == 2, Verdict.PARTIAL)


def _s04(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.overloaded())
    yield from whole(scenario.stream())
    yield _at_most(scenario.tries(0), 6)
    scenario = context.chat(seats=_KEYS, one_host=True)
    scenario.fail_all(faults.overloaded())
    outcome = scenario.stream()
    yield Check("an error where all keys are at that host", outcome.error is not None)
    yield Check(f"{scenario.tries()} calls of one request to {_KEYS} keys of one host, 6 are allowed", scenario.tries() <= 6)


def _s05(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.reset(), times=1)
    yield from whole(scenario.stream())
    scenario = context.chat(seats=2, apart=True)
    scenario.fail(0, faults.slow(before=0.5), times=_IDLE)
    calls = [scenario.start() for _ in range(_IDLE)]
    yield Check(f"{_IDLE} requests were served side by side", all(scenario.wait(call).complete for call in calls))
    before = scenario.tries(0)
    scenario.fail(0, faults.reset())
    yield from whole(scenario.stream())
    written = scenario.tries(0) - before
    yield Check(
        f"beside {_IDLE} idle connections to a host that resets, one request was written {written} times, 2 are allowed", written <= 2
    )


def _s06(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    limit = scenario.chain.pool.policy.first_content_limit or scenario.timeout
    scenario.fail(0, faults.hang(120))
    yield from whole(scenario.stream(longest=min(limit, 240) + 35), within=limit + 15)
    yield _at_most(scenario.tries(0), 1)
    if scenario.chain.pool.policy.answer_limit is not None:
        yield from _silent_for_whole_answers(context) if context.mode == "sync" else ()
        yield from beside_on_wires(context, silent_from_the_start, 2, streamed=False)


def _silent_for_whole_answers(context: RowContext) -> Iterator[Check]:
    """Whole answers: what the first credential usually takes is known, and then it is silent."""
    scenario = context.chat()
    for _ in range(_KNOWN):
        yield from whole(scenario.ask())
    before = scenario.tries(0)
    scenario.fail(0, faults.hang(120))
    yield from whole(scenario.ask(), within=15)
    yield _at_most(scenario.tries(0) - before, 1)


def _s07(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.slow_start(20))
    yield from whole(scenario.stream(), within=15)
    if context.mode == "sync":
        scenario = context.chat()
        scenario.fail(0, faults.slow_start(20))
        for call in [scenario.start(streaming=True) for _ in range(_MANY)]:
            yield from whole(scenario.wait(call), within=15)
    yield from beside_on_wires(context, many_behind_a_slow_start, 2, streamed=True)


def _s08(context: RowContext) -> Iterator[Check]:
    for how in _CUTS:
        scenario = context.chat()
        scenario.fail(0, faults.cut(after=40, how=how))
        yield from whole(scenario.stream())
        yield from beside_on_wires(context, broken_by(faults.cut(after=4, how=how)), 2, streamed=True, variants=RECOVERIES)


def _s09(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.stall(after=20, seconds=30), times=1)
    outcome = scenario.stream()
    yield from whole(outcome)
    yield Check("within 45 s", outcome.seconds < 45)
    yield from whole(scenario.stream(), within=10)
    yield from beside_on_wires(context, broken_by(faults.stall(after=4, seconds=30), within=45), 2, streamed=True, variants=RECOVERIES)


def _s10(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.broken_event(at=10))
    outcome = scenario.stream()
    yield from whole(outcome)
    yield Check("nothing broken reaches the caller", TEXT.startswith(outcome.text))
    yield from beside_on_wires(context, broken_by(faults.broken_event(at=5)), 2, streamed=True, variants=RECOVERIES)


def _s11(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    scenario.fail(0, faults.no_done())
    outcome = scenario.stream()
    yield from whole(outcome, within=8)
    yield Check("usage is there", outcome.tokens > 0, Verdict.PARTIAL)


def _s12(context: RowContext) -> Iterator[Check]:
    scenario = context.chat()
    first = scenario.seats[0].model
    alike = [i for i, seat in enumerate(scenario.seats) if seat.model == first]
    for i in alike:
        scenario.fail(i, faults.context_length())
    outcome = scenario.stream()
    if len(alike) < len(scenario.seats):
        yield from whole(outcome)
        yield Check("the answer is another model's", outcome.model != first)
    else:
        yield original(outcome)
        yield _is_of(outcome, ErrorClass.INPUT_TOO_LARGE)
    yield _at_most(sum(scenario.tries(i) for i in alike), 1)


def _s13(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    scenario.fail_all(faults.content_filter())
    outcome = scenario.stream()
    yield original(outcome)
    yield _is_of(outcome, ErrorClass.CONTENT_SAFETY)
    yield _at_most(scenario.tries(), 1)


def _s14(context: RowContext) -> Iterator[Check]:
    for how in _CUTS:
        scenario = context.chat(seats=2)
        scenario.fail(0, faults.cut(after=40, how=how))
        for i in range(1, len(scenario.seats)):
            scenario.fail(i, faults.no_prefill())
        outcome = scenario.stream()
        yield from whole(outcome)
        yield Check("never the rejection of the prefill", "assistant message" not in str(outcome.error).lower())
        variants = (*RECOVERIES, "continue")
        yield from beside_on_wires(context, broken_by(faults.cut(after=4, how=how), prefill=False), 2, streamed=True, variants=variants)


def _s15(context: RowContext) -> Iterator[Check]:
    for dice in _DICE:
        scenario = context.chat(seats=2, dice=repeat(dice).__next__)
        scenario.fail(0, faults.overloaded())
        outcome, back, down = _once_every(scenario, 4.0, ill_for=60.0, until=60.0 + 30.0)
        yield Check("all are served", all(one.complete for one in outcome), Verdict.SAFE)
        yield Check(f"back on the first within 30 s of its recovery (the engine's dice at {dice:g})", back, Verdict.PARTIAL)
        yield Check("while it is down, at most one try a park", down <= scenario.parks(0) + 1, Verdict.PARTIAL)


def _once_every(scenario: Scenario, seconds: float, *, ill_for: float, until: float) -> tuple[list[CallOutcome], bool, int]:
    """Ask every `seconds`, and end the fault after `ill_for` seconds.

    Return the outcomes, whether traffic is back on the first credential, and its requests before.
    """
    start, outcome, down = scenario.clock(), [], 0
    for turn in range(int(until / seconds) + 1):
        scenario.clock.skip_to(start + turn * seconds)
        if turn * seconds < ill_for:
            down = scenario.tries(0)
        else:
            scenario.heal()
        outcome.append(scenario.stream())
    return outcome, scenario.chain.active_index == 0, down


def _s16(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    scenario.fail(0, faults.overloaded())
    outcome = scenario.stream()
    yield from whole(outcome)
    yield Check("it names the model that gave it", outcome.model == scenario.seats[1].model, Verdict.PARTIAL)
    yield Check("with its usage", outcome.tokens > 0, Verdict.PARTIAL)


def _is_of(outcome: CallOutcome, expected: ErrorClass) -> Check:
    return Check(f"an error of the class {expected}", outcome.error is not None and classify(outcome.error).error_class is expected)


_WHOLE: Final = "the whole answer"
_NEXT: Final = "the whole answer, from the next credential"
ROWS: Final = (
    Row("S01", "429 with Retry-After: 2 once, then healthy", f"{_WHOLE} within 20 s", "no second try before 1.8 s", _s01),
    Row("S02", "429 without a wait, for ever", _NEXT, "at most 4 tries in 3 s, 6 in all; of 15 keys at one host, 17", _s02),
    Row("S03", "500 once, then healthy", _WHOLE, "a second try on the same credential", _s03),
    Row("S04", "503 for ever", _NEXT, "at most 6 tries, of 15 keys at that host, too", _s04),
    Row("S05", "TCP reset before any byte, once", _WHOLE, "one request is written at most twice", _s05),
    Row("S06", "accepts and never answers (120 s)", f"{_WHOLE}, streamed or not, within 15 s of the limit", "one try", _s06, waits=True),
    Row("S07", "headers at once, first token after 20 s, one stream or many", f"{_WHOLE} within 15 s", "", _s07, waits=True),
    Row("S08", "stream cut after 40 of 60 words", f"{_WHOLE}, or a clean error; never a short success", "", _s08),
    Row(
        "S09",
        "silent for 30 s after 20 words, then closed",
        f"{_WHOLE}, or a clean error, within 45 s; the next call at once",
        "",
        _s09,
        waits=True,
    ),
    Row("S10", "the tenth event is not JSON", f"{_WHOLE}, nothing broken", "", _s10),
    Row("S11", "complete, but no [DONE]", f"{_WHOLE} within 8 s, with usage", "", _s11),
    Row("S12", "context length exceeded", f"{_WHOLE} from another model, else the original error", "one try a model", _s12),
    Row("S13", "content filter", "the provider's own error", "one try, no other credential", _s13),
    Row("S14", "as S08, and the next one rejects a prefill", f"{_WHOLE}, or the first fault's error", "", _s14),
    Row(
        "S15", "503 for 60 s, a call each 4 s", "every call served, back within 30 s of recovery", "at most one try a park while down", _s15
    ),
    Row("S16", "503 for ever, the next one answers", f"{_WHOLE}, with the right model and its usage", "", _s16),
)
