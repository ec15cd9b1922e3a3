"""Hypothesis plays two processes on one store: calls, people, time, and a store that refuses, hangs or loses its answer.

What every decision promises (a park, a probe, a switch) is written down, and held against both copies whenever they have met.
"""

import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule, run_state_machine_as_test

from chain_play import InFlight, auth, names, overloaded, permanent, quota, rate_limit, refusal, silent
from fake_clock import FakeClock
from searches import drawn
from sparekey.core import manual
from sparekey.core.breaker import CLOSED
from sparekey.core.flow import Pause
from sparekey.core.policy import Policy
from sparekey.core.pool import Pool
from sparekey.engine.chain_state import ChainState
from sparekey.stores import Keeper
from sparekey.stores.base import Stamp, StoreAwayError
from sparekey.stores.memory import MemoryValues
from sparekey.stores.sqlite import SQLiteStore

POOL = Pool(names(3), Policy(failback_request_count=3))
NEVER, SOON = 3600.0, 0.005
NEAR = 0.01
"""Seconds by which a time may differ that came through a store."""
ANSWERS = st.sampled_from(
    ["well", "well", rate_limit(), rate_limit(30), overloaded(), silent(), auth(), quota(5000), refusal(), permanent()]
)


class Line:
    """A store as one process reaches it, on a clock for tests. `fault` is what is wrong with it."""

    def __init__(self, store, clock):
        self._store, self._clock, self.label = store, clock, "line"
        self.fault, self.asked, self._gate = None, 0, threading.Event()

    def _passed(self, work, *args):
        self.asked += 1
        gate, fault = self._gate, self.fault
        if fault == "refused":
            raise StoreAwayError(fault)
        if fault == "hangs before":
            assert gate.wait(30)
        found = work(*args)
        if fault == "answer lost":
            raise StoreAwayError(fault)
        if fault == "hangs behind":
            assert gate.wait(30)
        return found

    def mend(self):
        self.fault = None
        self._gate.set()
        self._gate = threading.Event()

    def read(self, names):
        return self._passed(self._store.read, names)

    def compare_and_set(self, name, old, new):
        return self._passed(self._store.compare_and_set, name, old, new)

    def changed(self):
        return self._passed(self._store.changed)

    def stamp(self):
        return Stamp("boot", self._clock(), self._clock())

    def tidy(self):
        pass

    def close(self):
        self._store.close()

    def forget(self):
        self._store.forget()


class Process(ChainState):
    """One process: its copy of the chain, and who is told of its decisions."""

    def __init__(self, store, clock, decided):
        self.line, self._decided = Line(store, clock), decided
        self.keeper = Keeper(self.line, poll=NEVER, patience=5)
        super().__init__(POOL, clock, store=self.keeper, name="chat")
        self.chain_state = self

    @property
    def attached(self):
        return self.line.fault is None and self.keeper.away is None

    def transact(self, decide, *args):
        seen = []

        def watched(pool, state, *rest):
            new, answer = decide(pool, state, *rest)
            seen[:] = state, new
            return new, answer

        attached, away, asked = self.attached, self.keeper.away, self.line.asked
        answer = super().transact(watched, *args)
        assert away is None or self.line.asked == asked, "a store that is away is waited for once"
        self._decided(self, *seen, answer, attached=attached and self.attached)
        return answer

    def look(self):
        """Look at the store, on the thread that does."""
        with suppress(TimeoutError):
            self.keeper._worker.ask(SOON if self.line.fault else 5, self.keeper._poll)

    def spoil(self, fault):
        self.line.fault, self.keeper._patience = fault, SOON

    def mend(self):
        self.line.mend()
        self.keeper._patience = 5


class TwoProcesses(RuleBasedStateMachine):
    """`promised` are the parks that nobody has knowingly ended, `probes` those that are out, `switches` the moves since both met."""

    flying = Bundle("flying")

    def __init__(self):
        super().__init__()
        self.clock, self.promised, self.probes, self.changes, self.switches = FakeClock(), {}, [], {}, []
        self.met = 0
        self.processes = [Process(store, self.clock, self._decided) for store in self._stores()]

    def _stores(self):
        values = MemoryValues()
        return [values, values]

    # ── what happens ──

    @rule(target=flying, who=st.sampled_from([0, 1]), some=st.integers(1, 3))
    def start(self, who, some):
        requests = [InFlight(self.processes[who], None) for _ in range(some)]
        return multiple(*(request for request in requests if not request.over))

    @rule(target=flying, request=consumes(flying), answer=ANSWERS)
    def answer(self, request, answer):
        before = request.step
        if isinstance(before, Pause):
            request.wake()
        elif answer == "well":
            request.succeed()
        else:
            request.fail(answer)
        self._back(before)
        return multiple() if request.over else multiple(request)

    @rule(request=consumes(flying))
    def cancel(self, request):
        before = request.step
        request.cancel()
        self._back(before)

    @rule(seconds=st.sampled_from([0.5, 5, 31, 601, 6000]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(who=st.sampled_from([0, 1]))
    def look(self, who):
        self.processes[who].look()

    @rule(who=st.sampled_from([0, 1]), fault=st.sampled_from(["refused", "refused", "answer lost", "hangs before", "hangs behind"]))
    def spoil(self, who, fault):
        self.processes[who].spoil(fault)

    @rule(who=st.sampled_from([0, 1]), look=st.booleans())
    def mend(self, who, look):
        self.processes[who].mend()
        if look:
            self.processes[who].look()

    @rule(who=st.sampled_from([0, 1]), index=st.sampled_from([0, 1, 2]), what=st.sampled_from(["hold", "release", "probe_now", "activate"]))
    def person(self, who, index, what):
        until = [self.clock() + 50_000] if what == "hold" else []
        self.processes[who].transact(getattr(manual, what), index, *until, self.clock())

    @rule()
    def meet(self):
        """Both reach the store, and have looked until there is nothing new."""
        for process in self.processes * 3:
            process.mend()
            process.look()
        one, two = (process.state for process in self.processes)
        assert [process.keeper.away for process in self.processes] == [None, None]
        assert (one.active, one.term, one.epoch) == (two.active, two.term, two.epoch)
        assert known(one, self.clock()) == known(two, self.clock())
        for name, until in self.promised.items():
            assert until <= self.clock() or (one.breakers[name].until or 0.0) >= until - NEAR, f"{name} was to be parked for longer"
        moments = [moment for _, _, moment in self.switches]
        if len({who for who, _, _ in self.switches}) == 1 and len(set(moments)) == len(moments):
            assert one.active == self.switches[-1][1], "one of them has moved, and the other one follows"
        self.switches.clear()

    @invariant()
    def reading_changes_nothing(self):
        for process in self.processes:
            assert process.state is process.state

    def teardown(self):
        try:
            self.meet()
        finally:
            for process in self.processes:
                process.mend()
                process.keeper.close()

    # ── what is written down ──

    def _decided(self, who, old, new, ticket, *, attached):
        if new.active != old.active:
            self.switches.append((who, new.active, self.clock()))
        for name, guard in new.breakers.items():
            was = old.breakers.get(name, CLOSED)
            if guard.until != was.until:
                self.changes[name] = self.changes.get(name, 0) + 1
                self._promise(name, was, guard)
        if getattr(ticket, "probe", False) and new is not old:
            self._probe(who, new, ticket, attached=attached)

    def _promise(self, name, was, guard):
        """A longer park is promised; one that is ended knowingly is no more."""
        promised, until = self.promised.get(name, 0.0), guard.until or 0.0
        if until > promised or (was.until or 0.0) >= promised - NEAR:
            self.promised[name] = until

    def _probe(self, who, new, ticket, *, attached):
        for name in POOL.guard_names[ticket.index]:
            if (lease := new.breakers.get(name, CLOSED).lease) is None:
                continue
            for _, other, until, count, both in self.probes:
                same = other == name and count == self.changes.get(name, 0)
                assert not (same and both and attached and self.clock() < until), f"two probes of {name} at once"
            self.probes.append((ticket, name, lease, self.changes.get(name, 0), attached))

    def _back(self, ticket):
        self.probes = [probe for probe in self.probes if probe[0] is not ticket]


class TwoProcessesOnAFile(TwoProcesses):
    """The same on SQLite."""

    def _stores(self):
        self._folder = tempfile.TemporaryDirectory(prefix="sparekey")
        return [SQLiteStore(Path(self._folder.name) / "state.db") for _ in range(2)]

    def teardown(self):
        super().teardown()
        self._folder.cleanup()


def known(state, now):
    """Who is parked until when, and where a probe is out."""
    return {
        name: tuple(None if moment is None else round(moment, 2) for moment in (guard.until, guard.lease))
        for name, guard in state.breakers.items()
        if guard.until is not None
    }


@pytest.mark.parametrize(("machine", "games"), [(TwoProcesses, 40), (TwoProcessesOnAFile, 12)])
def test_two_processes_on_one_store(machine, games):
    """No park is lost, no two probes are out at once, both end up with one state, and nobody waits for a store that is away."""
    run_state_machine_as_test(
        machine,
        settings=drawn(games, stateful_step_count=30),
    )
