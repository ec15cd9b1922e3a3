"""What a person may do to a chain: hold, release, probe now, make active."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chain_play import Play, auth, overloaded, quota, rate_limit
from fake_clock import FakeClock
from searches import drawn
from sparekey.core import manual
from sparekey.core.breaker import UNTIL_RELEASED, Phase
from sparekey.core.events import Parked, Recovered, Switched
from sparekey.core.pool import failback_due, phase
from sparekey.core.status import Standing, describe
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Credential, ErrorClass


def hold(play, index, seconds=UNTIL_RELEASED):
    now = play.clock()
    assert play.chain_state.transact(manual.hold, index, now + seconds, now) is None


def do(play, decide, index):
    assert play.chain_state.transact(decide, index, play.clock()) is None


def row(play, index):
    return describe(play.pool, play.state, play.clock()).credentials[index]


# ── what is left alone ──


def test_a_release_leaves_a_probe_out(clock):
    """The credential is no longer parked: whoever probes it goes on, and nobody else does."""
    play = Play(2, clock)
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    play.start()
    before = play.state
    do(play, manual.release, 0)
    assert play.state is before


def test_to_activate_the_active_one_changes_nothing(clock):
    """It is well, or was: there is nothing to end."""
    play = Play(2, clock)
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    play.ill = {}
    assert play.call().served == 0
    before = play.state
    do(play, manual.activate, 0)
    assert play.state is before


def test_what_is_to_be_probed_is_not_held(clock):
    """Nothing parks it but the wish to have it tried."""
    play = Play(2, clock)
    do(play, manual.activate, 1)
    do(play, manual.probe_now, 0)
    assert play.phase(0) == "DUE"
    assert not manual.is_held(play.pool, play.state, 0)


# ── hold ──


def test_a_held_credential_is_passed_over(clock):
    """The active one is held: the next one serves from now on, without a failed attempt."""
    play = Play(3, clock)
    hold(play, 0)
    assert play.call().sent == [1]
    assert play.active == 1


def test_a_hold_outlasts_due_failbacks(clock):
    """Neither time nor count brings traffic to a credential that a person holds."""
    play = Play(2, clock, failback_request_count=2)
    hold(play, 0)
    for _ in range(10):
        clock.advance(700)
        assert play.call().sent == [1]


def test_a_hold_ends_by_its_time_and_one_request_probes_it(clock):
    """After the time that the person gave, it is due like any other."""
    play = Play(2, clock)
    hold(play, 0, 60)
    play.call()
    clock.advance(60)
    probe = play.start()
    assert (probe.index, probe.step.probe) == (0, True)
    assert play.call().sent == [1], "while the probe is out, the others stay where they are"
    probe.succeed()
    assert play.active == 0


def test_nobody_rescues_a_held_credential(clock):
    """Where all are held the caller is told, and none of them gets a request."""
    play = Play(2, clock)
    hold(play, 0, 60)
    hold(play, 1, 30)
    request = play.call()
    assert request.sent == []
    assert isinstance(request.error, AllCredentialsFailedError)
    assert request.error.retry_after == 30


def test_a_lone_credential_can_be_held(clock):
    """A person may stop a chain of one."""
    play = Play(1, clock)
    hold(play, 0)
    assert play.call().sent == []


def test_a_hold_shortens_no_park(clock):
    """Held for a minute while its key is refused for ten: it is not probed after the minute."""
    play = Play(2, clock)
    play.ill[0] = auth()
    play.call()
    hold(play, 0, 60)
    assert row(play, 0).returns_in == 600


def test_a_hold_may_be_made_shorter_by_another_one(clock):
    """The last word of a person counts."""
    play = Play(2, clock)
    hold(play, 0)
    hold(play, 0, 60)
    assert row(play, 0).returns_in == 60


def test_a_hold_of_no_time_is_none(clock):
    """An end that is past already changes nothing."""
    play = Play(2, clock)
    before = play.state
    hold(play, 0, 0)
    assert play.state is before


def test_results_of_older_attempts_do_not_end_a_hold(clock):
    """What was under way when a person held it, well or not, changes nothing about the hold."""
    play = Play(2, clock)
    well, ill = play.start(), play.start()
    hold(play, 0, 60)
    well.succeed()
    ill.fail(auth())
    assert (row(play, 0).held, row(play, 0).returns_in) == (True, 60)


def test_a_hold_is_told_and_shown(clock):
    """Hooks hear of it as of any park, and the status says that it is held."""
    heard = []
    play = Play(2, clock, hooks=[heard.append])
    hold(play, 0, 60)
    assert heard == [Parked("credential:k0", 60, None, "held")]
    found = row(play, 0)
    assert (found.standing, found.held, found.stated, found.cause, found.reason) == (Standing.PARKED, True, True, None, "held")
    assert not row(play, 1).held
    clock.advance(60)
    assert (row(play, 0).standing, row(play, 0).held) == (Standing.DUE, False)


# ── release ──


def test_a_released_active_credential_serves_at_once(clock):
    """What a person held without need owes no probe: all requests go to it again."""
    heard = []
    play = Play(2, clock, hooks=[heard.append])
    hold(play, 0)
    do(play, manual.release, 0)
    assert heard[1:] == [Recovered("credential:k0")]
    first, second = play.start(), play.start()
    assert (first.index, second.index) == (0, 0)


def test_a_released_higher_credential_is_tried_by_the_next_request(clock):
    """Traffic returns without waiting for a failback, if the one request finds it well."""
    play = Play(2, clock)
    hold(play, 0)
    play.call()
    do(play, manual.release, 0)
    assert play.call().sent == [0]
    assert play.active == 0


def test_a_release_ends_a_park_that_a_failure_set(clock):
    """Even one whose end its provider stated: the account was topped up, and a person knows it."""
    play = Play([Credential("a", model="m", account="x"), Credential("b", model="m", account="y")], clock)
    play.ill[0] = quota(5000)
    play.call()
    do(play, manual.release, 0)
    assert play.phase(0) == "DUE"
    del play.ill[0]
    assert play.call().sent == [0]


def test_a_release_of_what_is_well_changes_nothing(clock):
    """No new state, so no event and no write."""
    play = Play(2, clock)
    before = play.state
    do(play, manual.release, 1)
    assert play.state is before


# ── probe now ──


def test_probe_now_sends_the_next_request_as_a_probe(clock):
    """One single request tries it; if it fails, that request falls through to the active one."""
    play = Play(2, clock)
    play.ill[0] = auth()
    play.call()
    do(play, manual.probe_now, 0)
    assert play.call().sent == [0, 1]
    assert play.call().sent == [1]


def test_probe_now_leaves_a_hold_alone(clock):
    """Only time or a release ends it."""
    play = Play(2, clock)
    hold(play, 0)
    before = play.state
    do(play, manual.probe_now, 0)
    assert play.state is before


def test_probe_now_of_a_well_credential(clock):
    """Above the active one it is tried; elsewhere there is nothing to prove, and no request is kept from it."""
    play = Play(3, clock)
    do(play, manual.activate, 1)
    for index, expected in enumerate(["DUE", "CLOSED", "CLOSED"]):
        do(play, manual.probe_now, index)
        assert play.phase(index) == expected
    assert play.call().sent == [0]


def test_probe_now_does_not_double_a_probe(clock):
    """While one is out it stays the only one."""
    play = Play(2, clock)
    play.ill[0] = overloaded()
    play.call()
    do(play, manual.probe_now, 0)
    probe = play.start()
    do(play, manual.probe_now, 0)
    assert (probe.index, play.call().sent) == (0, [1])


# ── make active ──


def test_activate_moves_traffic_and_starts_a_term(clock):
    """Requests start there from now on, and the failback timer begins anew."""
    heard = []
    play = Play(3, clock, hooks=[heard.append])
    late = play.start()
    clock.advance(1000)
    do(play, manual.activate, 2)
    assert heard == [Switched("k0", "k2", failback=False)]
    late.succeed()
    assert play.active == 2, "a success of the older term does not move it"
    assert not failback_due(play.pool, play.state, clock())
    assert play.call().sent == [2]


def test_activate_of_a_parked_one_holds_nothing_against_it(clock):
    """All requests go to it, not only a probe; if it fails again, it is parked again."""
    play = Play(2, clock)
    play.ill[0] = auth()
    play.call()
    hold(play, 0)
    do(play, manual.activate, 0)
    first, second = play.start(), play.start()
    assert (first.index, second.index, first.step.probe) == (0, 0, False)
    first.fail(auth())
    assert (play.phase(0), row(play, 0).cause) == ("PARKED", ErrorClass.AUTH)


def test_activate_of_the_active_one_changes_nothing(clock):
    """No new term without a switch."""
    play = Play(2, clock)
    before = play.state
    do(play, manual.activate, 0)
    assert play.state is before


# ── any game ──


class Operated(RuleBasedStateMachine):
    """Requests, failures and a person's actions in any order: a hold is kept, and what a person ends is ended."""

    @initialize(size=st.integers(1, 4))
    def begin(self, size):
        self.play = Play(size, FakeClock(), failback_request_count=5)
        self.holds, self.open = {}, []

    def any(self, number):
        return number % len(self.play.pool)

    @rule(seconds=st.sampled_from([0.5, 4, 20, 700]))
    def time_passes(self, seconds):
        self.play.clock.advance(seconds)
        self.holds = {i: until for i, until in self.holds.items() if until > self.play.clock()}

    @rule()
    def request(self):
        """A new request is offered no credential that is held."""
        request = self.play.start()
        self.check(request)
        if not request.over:
            self.open.append(request)

    @rule(which=st.integers(0, 9), what=st.sampled_from([None, None, auth(), rate_limit(30), overloaded(), quota()]))
    def answer(self, which, what):
        if self.open:
            request = self.open.pop(which % len(self.open))
            request.succeed() if what is None else request.fail(what)
            self.check(request)
            if not request.over:
                self.open.append(request)

    def check(self, request):
        assert request.over or request.index not in self.holds

    @rule(number=st.integers(0, 3), seconds=st.sampled_from([1, 30, UNTIL_RELEASED]))
    def hold(self, number, seconds):
        hold(self.play, self.any(number), seconds)
        self.holds[self.any(number)] = self.play.clock() + seconds

    @rule(number=st.integers(0, 3))
    def release(self, number):
        index = self.any(number)
        do(self.play, manual.release, index)
        self.holds.pop(index, None)
        assert self.play.phase(index) != Phase.PARKED.name

    @rule(number=st.integers(0, 3))
    def probe_now(self, number):
        index = self.any(number)
        do(self.play, manual.probe_now, index)
        assert index in self.holds or self.play.phase(index) != Phase.PARKED.name

    @rule(number=st.integers(0, 3))
    def activate(self, number):
        index = self.any(number)
        before = self.play.state
        do(self.play, manual.activate, index)
        self.holds.pop(index, None)
        after = self.play.state
        assert after.active == index
        assert after.term == before.term + (before.active != index)
        assert self.play.phase(index) == Phase.CLOSED.name

    @invariant()
    def holds_are_kept_and_shown(self):
        """Until its time every hold stands, whatever else happens."""
        if not hasattr(self, "play"):
            return
        now = self.play.clock()
        shown = describe(self.play.pool, self.play.state, now).credentials
        assert {r.index for r in shown if r.held} >= set(self.holds)
        assert all(phase(self.play.pool, self.play.state, i, now) is Phase.PARKED for i in self.holds)


Operated.TestCase.settings = drawn(20, stateful_step_count=40)
TestAnyGame = Operated.TestCase
