"""The rows that any client can be judged by: those of the drill as they are, and some of its K rows seen from outside.

From outside nobody sees a park. What shows is whether a system remembers: whether a credential that has failed is asked less often than
there are calls.
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

    from peers.outside import OutsideStage, OutsideWorld
    from sparekey.lab.drill.outcome import CallOutcome

_AS_THEY_ARE: Final = tuple(row for row in DRILL if row.id[0] == "S" and row.id != "S15") + tuple(r for r in DRILL if r.id == "K06")
_POISON: Final = "rate limit exceeded, insufficient balance, invalid api key"
_ONE_MOMENT: Final = 5.0


def _remembers(tries: int, calls: int) -> Check:
    return Check("at most one try for two calls", 2 * tries <= calls, Verdict.PARTIAL)


def _every(world: OutsideWorld, seconds: float, until: float) -> Iterator[tuple[float, CallOutcome]]:
    """Ask regularly; yield when the call began, and what was heard."""
    start = world.clock()
    for turn in range(int(until / seconds) + 1):
        world.clock.skip_to(start + turn * seconds)
        yield turn * seconds, world.ask()


def _s15(stage: OutsideStage) -> Iterator[Check]:
    world = stage.chat(seats=2)
    world.fail(0, faults.overloaded())
    start, heard, down = world.clock(), [], 0
    for turn in range(23):
        world.clock.skip_to(start + 4.0 * turn)
        if turn == 15:
            down = world.tries(0)
            world.heal()
        heard.append(world.stream())
    yield Check("all are served", all(one.complete for one in heard), Verdict.SAFE)
    yield Check("back on the first within 30 s of its recovery", world.served_by() == 0, Verdict.PARTIAL)
    yield _remembers(down, 15)


def _k01(stage: OutsideStage) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    world.fail(0, faults.auth())
    for _, heard in _every(world, 1.0, 9.0):
        yield from whole(heard)
    yield _remembers(world.tries(0), 10)


def _k02(stage: OutsideStage) -> Iterator[Check]:
    for status in (402, 429):
        world = stage.chat(seats=2, apart=True)
        world.fail(0, faults.refuse("quota", status=status, retry_after=20, wait_form="retry-after"))
        yield from _until_its_end(world, 20.0)


def _k05(stage: OutsideStage) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    world.fail(0, faults.rate_limit(retry_after=30))
    yield from _until_its_end(world, 30.0)


def _until_its_end(world: OutsideWorld, seconds: float) -> Iterator[Check]:
    """Ask until shortly before the stated end, and once after it, when the credential is well again."""
    first = world.ask()
    yield from whole(first, within=_ONE_MOMENT)
    tried, start = world.tries(0), world.arrivals(0)[-1]
    for moment in (0.3, 0.5, 0.7):  # far from the end: a busy machine may ask late
        world.clock.skip_to(start + moment * seconds)
        yield from whole(world.ask())
    early = [at for at in world.arrivals(0)[tried:] if at < start + seconds]
    yield Check("no traffic until the stated moment", not early, Verdict.PARTIAL)
    world.heal()
    world.clock.skip_to(start + seconds + 2)
    yield from whole(world.ask())
    yield Check("then it serves again", world.served_by() == 0, Verdict.PARTIAL)


def _k03(stage: OutsideStage) -> Iterator[Check]:
    for fault in (faults.refuse("overdue", status=403), faults.refuse("overdue", status=400), faults.refuse("overdue", status=412)):
        world = stage.chat(seats=2, apart=True)
        world.fail(0, fault)
        yield from whole(world.ask())


def _k09(stage: OutsideStage) -> Iterator[Check]:
    world = stage.chat(seats=2, apart=True)
    yield from whole(world.ask())
    for provider in each_distinct(world):
        provider.unplug()
    yield Check("an error while the network is down", world.ask().clean_error)
    for provider in each_distinct(world):
        provider.plug_in()
    yield from whole(world.ask(), within=_ONE_MOMENT)
    yield Check("the first one serves again", world.served_by() == 0, Verdict.PARTIAL)


def _k12(stage: OutsideStage) -> Iterator[Check]:
    world = stage.chat(seats=2)
    world.fail_all(faults.bad_request())
    for _ in range(100):
        yield original(world.ask())
    yield Check("none replayed", world.tries(0) == 100, Verdict.PARTIAL)
    yield Check("none on a second credential", world.tries(1) == 0, Verdict.PARTIAL)
    yield from _well_again(world)


def _k13(stage: OutsideStage) -> Iterator[Check]:
    for refusal in (faults.overloaded(), faults.quota()):
        for streaming in (False, True):
            world = stage.chat(seats=2, apart=True)
            world.fail(0, faults.error_event(refusal) if streaming else faults.error_body(refusal))
            yield from _whole_of("stream" if streaming else "answer", world.stream() if streaming else world.ask())


def _k14(stage: OutsideStage) -> Iterator[Check]:
    broken: dict[str, Any] = {"HTML page": faults.html(), "empty body": faults.empty_body(), "truncated JSON": faults.truncated_json()}
    for name, fault in broken.items():
        world = stage.chat(seats=2, apart=True)
        world.fail(0, fault)
        yield from _whole_of(name, world.ask())


def _whole_of(what: str, heard: CallOutcome) -> Iterator[Check]:
    """Check as `whole` does, and say of which fault."""
    return (check._replace(what=f"{check.what} ({what})") for check in whole(heard))


def _k16(stage: OutsideStage) -> Iterator[Check]:
    for fault in (faults.echo_words(), faults.bad_request(message="Unsupported input: {words}")):
        world = stage.chat(seats=2, apart=True)
        world.fail_all(fault)
        most = 0
        for _ in range(10):
            before = world.tries()
            yield Check("an error", world.ask(_POISON).error is not None)
            most = max(most, world.tries() - before)
        yield Check("at most two tries a request", most <= 2, Verdict.PARTIAL)
        yield from _well_again(world)


def _well_again(world: OutsideWorld) -> Iterator[Check]:
    """End the fault, and check that nobody was blamed: the first credential serves the next call at once."""
    world.heal()
    yield from whole(world.ask(), within=_ONE_MOMENT)
    yield Check("the first one serves the next valid request", world.served_by() == 0, Verdict.PARTIAL)


def _k17(stage: OutsideStage) -> Iterator[Check]:
    calls = []
    for fault in (faults.keepalive("comment", every=1.0), faults.keepalive("empty", every=1.0)):
        world = stage.chat(seats=2)
        world.fail(0, fault)
        calls.append((fault.style, world, world.start(streaming=True)))
    for style, world, call in calls:
        for check in whole(world.wait(call), within=15):
            yield check._replace(what=f"{check.what} ({style}s)")


def _k19(stage: OutsideStage) -> Iterator[Check]:
    world = stage.chat(seats=3, apart=True)
    world.fail(0, faults.overloaded())
    world.fail(1, faults.auth())
    for moment, heard in _every(world, 4.0, 40.0):
        yield from whole(heard)
        if moment == 8.0:
            world.seats[0].provider.heal()
    yield Check("back on the first within 30 s of its recovery", world.served_by() == 0, Verdict.PARTIAL)


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
"""What is played, in the order of the catalogue."""
LONGEST_FIRST: Final = ("K17", "K02", "K05", "S06", "S15", "K16", "K19", "S09", "S07")
"""Rows that take long go first, so that the others fill the gaps."""
FIRST_ROWS: Final = ("S07", "K17")
"""Rows that a limit for the first token can change."""
