"""The rows that any client can be judged by: the drill's own, and K rows as seen from outside.

A park cannot be seen from outside. What can be seen is whether a system remembers: whether it asks
a failed credential less often than there are calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill import ROWS as DRILL
from sparekey.lab.drill.outcome import original, whole
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.scenario import each_distinct
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peers.peer_scenario import PeerContext, PeerScenario
    from sparekey.lab.drill.outcome import CallOutcome

_AS_THEY_ARE: Final = tuple(row for row in DRILL if row.id[0] == "S" and row.id != "S15") + tuple(r for r in DRILL if r.id == "K06")
_POISON: Final = "rate limit exceeded, insufficient balance, invalid api key"
_ONE_MOMENT: Final = 5.0


def _remembers(tries: int, calls: int) -> Check:
    return Check("at most one try for two calls", 2 * tries <= calls, Verdict.PARTIAL)


def _every(scenario: PeerScenario, seconds: float, until: float) -> Iterator[tuple[float, CallOutcome]]:
    """Ask every `seconds`; yield the time since the start, and the outcome."""
    start = scenario.clock()
    for turn in range(int(until / seconds) + 1):
        scenario.clock.skip_to(start + turn * seconds)
        yield turn * seconds, scenario.ask()


def _s15(context: PeerContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    scenario.fail(0, faults.overloaded())
    start, outcome, down = scenario.clock(), [], 0
    for turn in range(23):
        scenario.clock.skip_to(start + 4.0 * turn)
        if turn == 15:
            down = scenario.tries(0)
            scenario.heal()
        outcome.append(scenario.stream())
    yield Check("all are served", all(one.complete for one in outcome), Verdict.SAFE)
    yield Check("back on the first within 30 s of its recovery", scenario.served_by() == 0, Verdict.PARTIAL)
    yield _remembers(down, 15)


def _k01(context: PeerContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    scenario.fail(0, faults.auth())
    for _, outcome in _every(scenario, 1.0, 9.0):
        yield from whole(outcome)
    yield _remembers(scenario.tries(0), 10)


def _k02(context: PeerContext) -> Iterator[Check]:
    for status in (402, 429):
        scenario = context.chat(seats=2, apart=True)
        scenario.fail(0, faults.refuse("quota", status=status, retry_after=20, wait_form="retry-after"))
        yield from _until_its_end(scenario, 20.0)


def _k05(context: PeerContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    scenario.fail(0, faults.rate_limit(retry_after=30))
    yield from _until_its_end(scenario, 30.0)


def _until_its_end(scenario: PeerScenario, seconds: float) -> Iterator[Check]:
    """Ask until shortly before the stated end, and once after it, when the credential is well again."""
    first = scenario.ask()
    yield from whole(first, within=_ONE_MOMENT)
    tried, start = scenario.tries(0), scenario.arrivals(0)[-1]
    for moment in (0.3, 0.5, 0.7):  # far from the end: a busy machine may ask late
        scenario.clock.skip_to(start + moment * seconds)
        yield from whole(scenario.ask())
    early = [at for at in scenario.arrivals(0)[tried:] if at < start + seconds]
    yield Check("no traffic until the stated moment", not early, Verdict.PARTIAL)
    scenario.heal()
    scenario.clock.skip_to(start + seconds + 2)
    yield from whole(scenario.ask())
    yield Check("then it serves again", scenario.served_by() == 0, Verdict.PARTIAL)


def _k03(context: PeerContext) -> Iterator[Check]:
    for fault in (faults.refuse("overdue", status=403), faults.refuse("overdue", status=400), faults.refuse("overdue", status=412)):
        scenario = context.chat(seats=2, apart=True)
        scenario.fail(0, fault)
        yield from whole(scenario.ask())


def _k09(context: PeerContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    yield from whole(scenario.ask())
    for provider in each_distinct(scenario):
        provider.unplug()
    yield Check("an error while the network is down", scenario.ask().clean_error)
    for provider in each_distinct(scenario):
        provider.plug_in()
    yield from whole(scenario.ask(), within=_ONE_MOMENT)
    yield Check("the first one serves again", scenario.served_by() == 0, Verdict.PARTIAL)


def _k12(context: PeerContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    scenario.fail_all(faults.bad_request())
    for _ in range(100):
        yield original(scenario.ask())
    yield Check("none replayed", scenario.tries(0) == 100, Verdict.PARTIAL)
    yield Check("none on a second credential", scenario.tries(1) == 0, Verdict.PARTIAL)
    yield from _well_again(scenario)


def _k13(context: PeerContext) -> Iterator[Check]:
    for refusal in (faults.overloaded(), faults.quota()):
        for streaming in (False, True):
            scenario = context.chat(seats=2, apart=True)
            scenario.fail(0, faults.error_event(refusal) if streaming else faults.error_body(refusal))
            yield from _whole_of("stream" if streaming else "answer", scenario.stream() if streaming else scenario.ask())


def _k14(context: PeerContext) -> Iterator[Check]:
    broken: dict[str, Any] = {"HTML page": faults.html(), "empty body": faults.empty_body(), "truncated JSON": faults.truncated_json()}
    for name, fault in broken.items():
        scenario = context.chat(seats=2, apart=True)
        scenario.fail(0, fault)
        yield from _whole_of(name, scenario.ask())


def _whole_of(what: str, outcome: CallOutcome) -> Iterator[Check]:
    """Check as `whole` does, and name the fault in the check."""
    return (check._replace(what=f"{check.what} ({what})") for check in whole(outcome))


def _k16(context: PeerContext) -> Iterator[Check]:
    for fault in (faults.echo_words(), faults.bad_request(message="Unsupported input: {words}")):
        scenario = context.chat(seats=2, apart=True)
        scenario.fail_all(fault)
        most = 0
        for _ in range(10):
            before = scenario.tries()
            yield Check("an error", scenario.ask(_POISON).error is not None)
            most = max(most, scenario.tries() - before)
        yield Check("at most two tries a request", most <= 2, Verdict.PARTIAL)
        yield from _well_again(scenario)


def _well_again(scenario: PeerScenario) -> Iterator[Check]:
    """End the fault; check that the first credential serves at once, so that it was not blamed."""
    scenario.heal()
    yield from whole(scenario.ask(), within=_ONE_MOMENT)
    yield Check("the first one serves the next valid request", scenario.served_by() == 0, Verdict.PARTIAL)


def _k17(context: PeerContext) -> Iterator[Check]:
    calls = []
    for fault in (faults.keepalive("comment", every=1.0), faults.keepalive("empty", every=1.0)):
        scenario = context.chat(seats=2)
        scenario.fail(0, fault)
        calls.append((fault.style, scenario, scenario.start(streaming=True)))
    for style, scenario, call in calls:
        for check in whole(scenario.wait(call), within=15):
            yield check._replace(what=f"{check.what} ({style}s)")


def _k19(context: PeerContext) -> Iterator[Check]:
    scenario = context.chat(seats=3, apart=True)
    scenario.fail(0, faults.overloaded())
    scenario.fail(1, faults.auth())
    for moment, outcome in _every(scenario, 4.0, 40.0):
        yield from whole(outcome)
        if moment == 8.0:
            scenario.seats[0].provider.heal()
    yield Check("back on the first within 30 s of its recovery", scenario.served_by() == 0, Verdict.PARTIAL)


_NEXT: Final = "the next one serves"
OUTSIDE: Final = (
    Row("S15", "503 for 60 s, a call each 4 s", "every call served, back within 30 s of recovery", "at most one try for two calls", _s15),
    Row("K01", "first key 401, 10 calls", _NEXT, "the first gets at most one try for two calls", _k01),
    Row("K02", "quota used up, with a stated reset", f"{_NEXT}, no wait", "nothing until that moment, then the first again", _k02),
    Row("K03", "account overdue, as 403, 400 and 412", _NEXT, "", _k03),
    Row("K05", "429 with Retry-After: 30", f"{_NEXT}, no wait", "nothing for 30 s, then the first again", _k05),
    Row("K09", "network down here, then back", "an error, then served at once", "the first one serves", _k09),
    Row("K12", "100 malformed requests", "the provider's own errors, then served", "one try each, none on a second credential", _k12),
    Row("K13", "200 with the error inside", _NEXT, "", _k13),
    Row("K14", "HTML page, empty body, truncated JSON", _NEXT, "", _k14),
    Row("K16", "10 poisoned requests", "an error each, then served at once", "at most two tries each, then the first again", _k16),
    Row("K17", "keep-alive for ever, no content", "the whole answer within 15 s", "", _k17),
    Row("K19", "middle key revoked, first 503 for 10 s", "all served, back on the first within 30 s", "", _k19),
)
ROWS: Final = tuple(sorted((*_AS_THEY_ARE, *OUTSIDE), key=lambda row: ("SK".index(row.id[0]), row.id)))
"""The rows to play, in the order of the catalogue."""
LONGEST_FIRST: Final = ("K17", "K02", "K05", "S06", "S15", "K16", "K19", "S09", "S07")
"""Rows that take long go first, so that the others fill the gaps."""
FIRST_ROWS: Final = ("S07", "K17")
"""Rows that a limit for the first token can change."""
