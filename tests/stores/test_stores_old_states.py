"""An older program and this one share a store: neither loses a park of the other, and what the older one cannot say is not forgotten.

`states_of_old.jsonl` holds states as the program of 27 November 2026 wrote them.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest
from stores_kit import AUTH, ask, chain, parked

from sparekey.core.breaker import UNTIL_RELEASED, Breaker, Phase, due_at, phase
from sparekey.core.manual import is_hold
from sparekey.core.memory import UNTOLD, Memory, RefusedWords
from sparekey.core.pool import Pool, PoolState
from sparekey.stores import Keeper
from sparekey.stores.base import Stamp
from sparekey.stores.codec import Codec
from sparekey.stores.memory import MemoryValues
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope

NOW, STAMP = 1000.0, Stamp("boot", 50.0, 9_000_000.0)
POOL = Pool(tuple(Credential(f"k{i}", model="m", account="a" if i < 2 else None) for i in range(3)))
LINES = Path(__file__).with_name("states_of_old.jsonl").read_text(encoding="utf-8").splitlines()
OLD = {line["what"]: line["raw"].encode() for line in map(json.loads, LINES)}

OLD_STATE = {
    "v": int,
    "by": str,
    "stamp": list,
    "active": str,
    "term": int,
    "epoch": int,
    "served": int,
    "switched": float,
    "breakers": dict,
}
OLD_GUARD = {
    "epoch": int, "strikes": int, "level": int, "until": float, "firm": bool, "cause": str, "reason": str, "weak": bool, "lease": float,
}  # fmt: skip
"""What the older program knows, and of which type."""


def read(raw):
    return Codec(POOL, "me").decode(raw, NOW, STAMP)


def rewritten(raw, now):
    """The bytes as the older program writes them again, a while later: it skips what it does not know."""
    data = json.loads(raw)
    passed = now - data["stamp"][1]
    data["breakers"] = {
        name: {key: round(value - passed, 6) if key in {"until", "lease"} else value for key, value in guard.items() if key in OLD_GUARD}
        for name, guard in data["breakers"].items()
    }
    data |= {"by": "old", "stamp": ["boot", now, now], "switched": data["switched"] - passed}
    return json.dumps({key: value for key, value in data.items() if key in {*OLD_STATE, "rescued"}}).encode()


@pytest.mark.parametrize("what", OLD)
def test_what_an_older_program_wrote_is_read(what):
    """Who is active, since when, and every park with its cause and its end."""
    state, written = read(OLD[what]), json.loads(OLD[what])
    assert (state.active, state.term, state.epoch, state.served, state.switched_at) == (1, 4, 9, 7, 900.0)
    for name, guard in written["breakers"].items():
        found = state.breakers[name]
        assert (found.until, found.epoch, found.reason) == (NOW + guard["until"], guard["epoch"], guard["reason"])
        assert (found.stated, found.cause) == (guard.get("firm", False), guard.get("cause") and ErrorClass(guard["cause"]))


def test_its_parks_do_what_this_programs_parks_do():
    """Passing faults and weak evidence are soft, a dead key is firm, a stated end is looked at, a hold and a probe are what they were."""
    guard = {what: read(raw).breakers["credential:k0"] for what, raw in OLD.items()}
    assert {what: g.soft for what, g in guard.items() if g.soft} == {"passing": True, "weak": True, "probed": True}
    assert due_at(guard["stated"]) == NOW + 600
    assert (is_hold(guard["held"]), due_at(guard["held"])) == (True, NOW + UNTIL_RELEASED)
    assert phase(guard["probed"], NOW) is Phase.PROBING


def test_an_older_program_can_read_what_this_one_writes():
    """Every name that it knows is there in the type that it expects, a stated end under `firm`, a soft park under `weak`."""
    guard = Breaker(
        epoch=3, level=2, until=NOW + 300, stated=True, soft=True, cause=ErrorClass.AUTH, reason="invalid_key", lease=NOW + 60,
        since=NOW - 5, against=("ab",), shapes=("cd",), looked=NOW - 1, look_after=30.0, looks=2,
    )  # fmt: skip
    state = PoolState(
        breakers=MappingProxyType({"credential:k0": guard}), switched_at=NOW - 7, memory=Memory(words={"w": RefusedWords(NOW)})
    )
    written = json.loads(Codec(POOL, "me").encode(state, NOW, STAMP))
    assert {key: type(written[key]) for key in OLD_STATE} == OLD_STATE
    assert (written["v"], written["rescued"]) == (1, None)
    found = written["breakers"]["credential:k0"]
    assert {key: type(found[key]) for key in OLD_GUARD if key in found} == {
        key: kind for key, kind in OLD_GUARD.items() if key != "strikes"
    }
    assert (found["firm"], found["weak"], found["cause"], found["until"]) == (True, True, "auth", 300.0)


# ── both at once ──

SLOW = 3600.0
SIX_DAYS = Failure(ErrorClass.QUOTA_EXCEEDED, "period_quota", Scope.ACCOUNT, 6 * 86400.0, evidence=Evidence.CERTAIN)
REFUSED = Failure(ErrorClass.AUTH, "refused", Scope.CREDENTIAL, status=403, fingerprint="you may not")


class Values(MemoryValues):
    """A store whose clock is that of the test."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def stamp(self):
        return Stamp("boot", self._clock(), self._clock())


class Both:
    """A chain of this program in a store that an older program writes to as well."""

    def __init__(self, clock):
        self.clock, self.values = clock, Values(clock)
        self.keeper = Keeper(self.values, poll=SLOW)
        self.chain = chain(self.keeper, clock)

    def old_writes(self, change=None):
        """The older program reads, changes something, and writes."""
        raw = self.values.read(["chat"])["chat"]
        data = json.loads(rewritten(raw, self.clock()))
        if change is not None:
            change(data)
        assert self.values.compare_and_set("chat", raw, json.dumps(data).encode())
        self.keeper._worker.ask(5, self.keeper._poll)

    def another(self):
        """A chain of this program that comes later."""
        self.keeper._worker.ask(5, self.keeper._poll)
        with Keeper(self.values, poll=SLOW) as keeper:
            return chain(keeper, self.clock)


@pytest.fixture
def both(clock):
    play = Both(clock)
    yield play
    play.keeper.close()


def park(name, seconds, **more):
    """A change that parks something as the older program does."""

    def change(data):
        data["epoch"] += 1
        data["breakers"][name] = {"epoch": data["epoch"], "strikes": 1, "level": 1, "until": seconds, **more}

    return change


def test_neither_loses_a_park_of_the_other(both):
    """A stated end, a dead key, and one that the older program parks between them."""
    ask(both.chain, k0=SIX_DAYS)
    both.old_writes(park("credential:k1", 600.0, cause="auth", reason="invalid_key"))
    assert {name: round(left, -1) for name, left in parked(both.chain).items()} == {"k0": 518400, "k1": 600}
    assert ask(both.chain) == "k2"
    assert set(parked(both.another())) == {"k0", "k1"}


def test_the_looks_at_a_stated_end_go_on(both, clock):
    """However often the older program writes what it has understood of it."""
    ask(both.chain, k0=SIX_DAYS)
    tried = []
    for _ in range(11):
        tried.append(ask(both.chain))
        clock.advance(60)
        both.old_writes()
    assert tried == ["k1"] * 10 + ["k0"]


def test_the_memory_of_refusals_is_put_back(both, clock):
    """By a process that has it; so that one that comes later has it too."""
    for seconds in (0, 6):
        clock.advance(seconds)
        ask(both.chain, **({"k0": REFUSED} if not seconds else {}))
    known = both.chain.state.memory
    assert known.words
    both.old_writes(park("credential:k2", 5.0, cause="transient", reason="overloaded"))
    assert both.chain.state.memory.words == known.words
    later = both.another().state.memory
    assert later.words.keys() == known.words.keys()
    assert [one.acquitted for one in later.words.values()] == [one.acquitted for one in known.words.values()]


def test_what_was_counted_against_a_credential_is_kept(both, clock):
    """Two requests that it refused and another one served still count, until it has a success, here or there."""
    for _ in range(2):
        ask(both.chain, k0=REFUSED)
        clock.advance(6)
    before = both.chain.state.breakers["credential:k0"]
    assert len(before.against) == 2
    both.old_writes()
    assert both.chain.state.breakers["credential:k0"].against == before.against

    def served(data):
        data["epoch"] += 1
        data["breakers"]["credential:k0"] = {"epoch": data["epoch"]}

    both.old_writes(served)
    assert both.chain.state.breakers["credential:k0"].against == ()


def test_nothing_is_written_for_nothing(both):
    """A process that knows no more than the older one leaves its bytes alone."""
    ask(both.chain, k0=AUTH)
    quiet = Both(both.clock)
    quiet.values.compare_and_set(
        "chat", quiet.values.read(["chat"]).get("chat"), rewritten(both.values.read(["chat"])["chat"], both.clock())
    )
    written = quiet.values.read(["chat"])["chat"]
    for _ in range(3):
        quiet.keeper._worker.ask(5, quiet.keeper._poll)
    assert quiet.chain.state.memory is UNTOLD
    assert (set(parked(quiet.chain)), quiet.values.read(["chat"])["chat"]) == ({"k0"}, written)
    quiet.keeper.close()
