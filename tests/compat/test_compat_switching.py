"""The stateful faces of the core: two switchers and a circuit breaker, as their users know them."""

import logging
import threading
import time

import pytest

from chain_play import Fault, auth, no_model, overloaded, permanent, quota, rate_limit, too_large, unknown, unsafe
from sparekey import CircuitBreaker, OrderedCredentialSwitcher, PrimaryBackupSwitcher
from sparekey.compat import switching
from sparekey.errors import CircuitBreakerOpen


@pytest.fixture(autouse=True)
def _read_faults(monkeypatch):
    """Failures are written on the exceptions of these tests."""
    monkeypatch.setattr(switching, "classify", lambda exc: exc.failure)


def in_threads(work, n=8):
    """Run `work` in `n` threads that start together."""
    gate = threading.Barrier(n)
    threads = [threading.Thread(target=lambda: (gate.wait(), work())) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


class TestOrdered:
    """OrderedCredentialSwitcher."""

    @pytest.mark.parametrize("n", [0, -1])
    def test_it_needs_a_credential(self, n):
        """Fewer than one is refused."""
        with pytest.raises(ValueError, match="Number of credentials must be >= 1"):
            OrderedCredentialSwitcher(n)

    def test_it_begins_with_the_first(self):
        """Index 0, nothing counted."""
        s = OrderedCredentialSwitcher(3)
        assert (s.n, s.get_active_index(), s._active_idx, s._active_request_count) == (3, 0, 0, 0)

    def test_the_defaults(self, clock):
        """600 s or 50 requests."""
        s = OrderedCredentialSwitcher(2, clock=clock)
        s.commit_success(1)
        clock.advance(599)
        assert s.maybe_failback() == 1
        clock.advance(1)
        assert s.maybe_failback() == 0
        s.commit_success(1)
        for _ in range(49):
            s.on_success(1)
        assert s.maybe_failback() == 1
        s.on_success(1)
        assert s.maybe_failback() == 0

    def test_reading_moves_nothing(self, clock):
        """A due failback waits for `maybe_failback`."""
        s = OrderedCredentialSwitcher(2, clock=clock)
        s.commit_success(1)
        clock.advance(1e6)
        assert [s.get_active_index() for _ in range(3)] == [1, 1, 1]

    def test_one_step_at_a_time(self, clock, caplog):
        """At most one step a call, and the next one is due only after its own time; each is logged."""
        s = OrderedCredentialSwitcher(4, 10, clock=clock)
        s.commit_success(3)
        clock.advance(100)
        caplog.clear()
        with caplog.at_level(logging.INFO, "sparekey"):
            assert [s.maybe_failback(), s.maybe_failback()] == [2, 2]
        assert [r.levelname for r in caplog.records] == ["INFO"]
        assert "failback: active credential 3 -> 2" in caplog.text
        clock.advance(10)
        assert s.maybe_failback() == 1

    def test_a_success_at_the_first_counts_nothing(self):
        """There is nowhere to fail back to."""
        s = OrderedCredentialSwitcher(2)
        s.on_success(0)
        s.commit_success(0)
        assert s._active_request_count == 0

    def test_only_the_active_ones_successes_are_counted(self):
        """A success of another index is none of its business."""
        s = OrderedCredentialSwitcher(3)
        s.commit_success(1)
        s.on_success(2)
        s.on_success(0)
        s.on_success(1)
        assert (s.get_active_index(), s._active_request_count) == (1, 1)

    def test_commit_moves_or_counts(self, clock):
        """Whoever served is active; if it was already, the request is counted."""
        s = OrderedCredentialSwitcher(3, clock=clock)
        clock.advance(5)
        s.commit_success(2)
        assert (s._active_idx, s._last_switch_time, s._active_request_count) == (2, clock(), 0)
        clock.advance(5)
        s.commit_success(2)
        assert (s._active_idx, s._last_switch_time, s._active_request_count) == (2, clock() - 5, 1)

    @pytest.mark.parametrize("index", [-1, 3])
    def test_an_index_out_of_range(self, index):
        """There is no such credential."""
        with pytest.raises(IndexError, match=f"index {index} is out of range: the chain has 3"):
            OrderedCredentialSwitcher(3).commit_success(index)

    def test_a_fresh_switch_is_not_undone_at_once(self, clock):
        """Every switch sets the time."""
        s = OrderedCredentialSwitcher(2, 10, clock=clock)
        clock.advance(100)
        s.commit_success(1)
        assert s.maybe_failback() == 1

    def test_the_default_clock_is_time_monotonic(self, monkeypatch):
        """Looked up when it is read, so that a test may put its own in place."""
        now = 50.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        s = OrderedCredentialSwitcher(2)
        s.commit_success(1)
        assert s._last_switch_time == 50.0
        now = 650.0
        assert s.maybe_failback() == 0

    def test_the_state_can_be_set(self, clock):
        """Where it lives is part of what is known of it."""
        s = OrderedCredentialSwitcher(3, clock=clock)
        s._active_idx, s._last_switch_time = 2, clock() - 600
        assert s.maybe_failback() == 1
        s._active_request_count = 50
        assert s.maybe_failback() == 0

    @pytest.mark.parametrize(("name", "answer"), [("permanent", True), ("input_too_large", True), ("auth", False), ("transient", False)])
    def test_fail_fast_is_static(self, name, answer):
        """No instance needed."""
        assert OrderedCredentialSwitcher.is_fail_fast(name) is answer

    def test_threads_lose_no_count(self):
        """Eight threads, 500 successes each."""
        s = OrderedCredentialSwitcher(2, failback_request_count=10**6)
        s.commit_success(1)
        in_threads(lambda: [s.on_success(1) for _ in range(500)])
        assert s._active_request_count == 4000

    def test_threads_move_it_one_step(self, clock):
        """However many see that a failback is due."""
        s = OrderedCredentialSwitcher(9, 10, clock=clock)
        s.commit_success(8)
        clock.advance(10)
        in_threads(s.maybe_failback)
        assert s.get_active_index() == 7


class TestPrimaryBackup:
    """PrimaryBackupSwitcher."""

    def test_it_begins_with_the_primary(self):
        """Nothing has happened."""
        s = PrimaryBackupSwitcher()
        assert (s.is_using_backup, s.should_try_primary()) == (False, True)

    @pytest.mark.parametrize("failure", [permanent(), auth(), quota()], ids=lambda f: f.error_class.value)
    def test_what_switches(self, failure):
        """Three classes switch to the backup."""
        s = PrimaryBackupSwitcher()
        assert s.record_primary_failure(Fault(failure)) is True
        assert (s.is_using_backup, s.should_try_primary()) == (True, False)

    @pytest.mark.parametrize("failure", [overloaded(), unknown(), unsafe(), too_large(), no_model()], ids=lambda f: f.error_class.value)
    def test_what_does_not(self, failure):
        """The others are the caller's."""
        s = PrimaryBackupSwitcher()
        assert s.record_primary_failure(Fault(failure)) is False
        assert not s.is_using_backup

    def test_failback_by_time(self, clock):
        """After 600 s the primary is tried; until it serves, the backup is in use."""
        s = PrimaryBackupSwitcher(clock=clock)
        s.record_primary_failure(Fault(auth()))
        clock.advance(599)
        assert not s.should_try_primary()
        clock.advance(1)
        assert (s.should_try_primary(), s.is_using_backup) == (True, True)
        s.record_primary_success()
        assert not s.is_using_backup

    def test_failback_by_count(self):
        """After 200 requests to the backup."""
        s = PrimaryBackupSwitcher()
        s.record_backup_request()
        s.record_primary_failure(Fault(auth()))
        for _ in range(199):
            s.record_backup_request()
        assert not s.should_try_primary()
        s.record_backup_request()
        assert s.should_try_primary()

    @pytest.mark.parametrize(("failure", "switches"), [(auth(), True), (overloaded(), False)])
    def test_a_failed_failback_starts_again(self, clock, failure, switches):
        """Timer and count, whatever it failed of: else every request would pay for the primary."""
        s = PrimaryBackupSwitcher(failback_request_count=1, clock=clock)
        s.record_primary_failure(Fault(auth()))
        s.record_backup_request()
        clock.advance(600)
        assert s.record_primary_failure(Fault(failure)) is switches
        assert (s.is_using_backup, s.should_try_primary()) == (True, False)

    @pytest.mark.parametrize("failure", [unsafe(), too_large()], ids=lambda f: f.error_class.value)
    def test_a_refused_request_is_no_failed_failback(self, clock, failure):
        """It says nothing about the primary: the next request tries it."""
        s = PrimaryBackupSwitcher(clock=clock)
        s.record_primary_failure(Fault(auth()))
        clock.advance(600)
        assert s.record_primary_failure(Fault(failure)) is False
        assert s.should_try_primary()

    def test_a_success_of_a_primary_in_use_changes_nothing(self, clock):
        """Nor does it count."""
        s = PrimaryBackupSwitcher(clock=clock)
        s.record_primary_success()
        assert not s.is_using_backup


class TestBreaker:
    """CircuitBreaker."""

    def open(self, breaker):
        try:
            breaker.check()
        except CircuitBreakerOpen:
            return True
        return False

    def test_it_begins_closed(self):
        """And says so."""
        b = CircuitBreaker()
        assert (self.open(b), b.retry_after) == (False, 0.0)

    @pytest.mark.parametrize("failure", [permanent(), auth(), quota()], ids=lambda f: f.error_class.value)
    def test_it_trips_at_once(self, clock, failure):
        """A lone instance has nowhere else to go."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(failure))
        assert self.open(b)

    def test_which_classes_trip_is_a_parameter(self, clock):
        """Only these, at once."""
        b = CircuitBreaker(2, clock=clock, trips_at_once={"transient"})
        b.record_failure(Fault(auth()))
        assert not self.open(b)
        b.record_failure(Fault(overloaded()))
        assert self.open(b)

    @pytest.mark.parametrize("failure", [overloaded(), unknown(), no_model()], ids=lambda f: f.error_class.value)
    def test_others_trip_at_the_threshold(self, clock, failure):
        """The fifth in a row."""
        b = CircuitBreaker(clock=clock)
        for _ in range(4):
            b.record_failure(Fault(failure))
        assert not self.open(b)
        b.record_failure(Fault(failure))
        assert self.open(b)

    @pytest.mark.parametrize("failure", [too_large(), unsafe()], ids=lambda f: f.error_class.value)
    def test_the_requests_own_faults_are_ignored(self, clock, failure):
        """However many."""
        b = CircuitBreaker(1, clock=clock)
        for _ in range(10):
            b.record_failure(Fault(failure))
        assert not self.open(b)

    def test_a_success_forgets_the_failures(self, clock):
        """In a row means in a row."""
        b = CircuitBreaker(2, clock=clock)
        b.record_failure(Fault(overloaded()))
        b.record_success()
        b.record_failure(Fault(overloaded()))
        assert not self.open(b)

    def test_retry_after_is_capped(self, clock):
        """Never more than 30 s, whatever the rest."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        assert b.retry_after == 30
        clock.advance(290)
        assert b.retry_after == 10
        clock.advance(20)
        assert b.retry_after == 0

    def test_the_error_says_why(self, clock):
        """Cause, reason, and when to return."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        with pytest.raises(CircuitBreakerOpen, match=r"circuit breaker is open \(auth: invalid_key\); retry after 30 s"):
            b.check()

    def test_half_open_lets_one_probe_through(self, clock):
        """The others wait for its result."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        clock.advance(300)
        assert [self.open(b) for _ in range(4)] == [False, True, True, True]
        b.record_success()
        assert not self.open(b)

    def test_a_failed_probe_doubles_the_time(self, clock):
        """300, 600, 1200 s where it may grow; a success starts again with 300."""
        b = CircuitBreaker(max_reset_timeout=86400, clock=clock)
        b.record_failure(Fault(auth()))
        for seconds in (300, 600, 1200):
            assert b._current_reset_timeout == seconds
            clock.advance(seconds - 0.1)
            assert self.open(b)
            clock.advance(0.1)
            assert not self.open(b)
            b.record_failure(Fault(overloaded()))
        b.record_success()
        b.record_failure(Fault(auth()))
        assert b._current_reset_timeout == 300

    def test_it_stays_at_its_time_by_default(self, clock):
        """Six failed probes later it is still 300 s."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        for _ in range(6):
            clock.advance(300)
            assert not self.open(b)
            b.record_failure(Fault(overloaded()))
        assert b._current_reset_timeout == 300

    @pytest.mark.parametrize("reset_timeout", [0, 0.001, 1, 300, 1e9])
    def test_one_probe_at_any_time(self, clock, reset_timeout):
        """However short the time, one request probes and the others wait for its result."""
        b = CircuitBreaker(reset_timeout=reset_timeout, clock=clock)
        b.record_failure(Fault(auth()))
        clock.advance(reset_timeout)
        assert [self.open(b) for _ in range(3)] == [False, True, True]
        b.record_success()
        assert not self.open(b)

    def test_it_logs_when_it_opens_and_closes(self, clock, caplog):
        """With the cause, the time, and that a probe failed."""
        caplog.set_level(logging.INFO, "sparekey")
        b = CircuitBreaker(1, 60, clock=clock)
        b.record_failure(Fault(overloaded()))
        clock.advance(60)
        b.check()
        b.record_failure(Fault(overloaded()))
        clock.advance(60)
        b.check()
        b.record_success()
        told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("circuit breaker")]
        assert [text.partition(" (")[0] for text in told] == [
            "circuit breaker: open for 60 s",
            "circuit breaker: half-open, one request probes",
            "circuit breaker: open for 60 s, the probe failed",
            "circuit breaker: half-open, one request probes",
            "circuit breaker: closed, the probe succeeded",
        ]

    def test_the_time_has_a_longest(self, clock):
        """`max_reset_timeout` bounds the doubling."""
        b = CircuitBreaker(reset_timeout=100, max_reset_timeout=150, clock=clock)
        b.record_failure(Fault(auth()))
        clock.advance(100)
        b.check()
        b.record_failure(Fault(auth()))
        assert b._current_reset_timeout == 150

    def test_a_probe_that_the_request_spoils_is_no_verdict(self, clock):
        """Another one is let through."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        clock.advance(300)
        b.check()
        b.record_failure(Fault(too_large()))
        assert not self.open(b)

    def test_a_lost_probe_expires(self, clock):
        """After as long as the reset time, or the lease that was given."""
        for lease, seconds in ((None, 300), (7, 7)):
            b = CircuitBreaker(probe_lease=lease, clock=clock)
            b.record_failure(Fault(auth()))
            clock.advance(300)
            b.check()
            clock.advance(seconds - 0.1)
            assert self.open(b)
            clock.advance(0.1)
            assert not self.open(b)

    def test_a_late_failure_changes_nothing(self, clock):
        """Open is open: it neither prolongs nor doubles."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        clock.advance(200)
        b.record_failure(Fault(auth()))
        clock.advance(100)
        assert not self.open(b)

    def test_the_default_clock_is_time_monotonic(self, monkeypatch):
        """Looked up when it is read."""
        now = 50.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        b = CircuitBreaker()
        b.record_failure(Fault(auth()))
        assert self.open(b)
        now = 350.0
        assert not self.open(b)

    def test_threads_get_one_probe(self, clock):
        """Eight at the same moment."""
        b = CircuitBreaker(clock=clock)
        b.record_failure(Fault(auth()))
        clock.advance(300)
        through = []
        in_threads(lambda: through.append(not self.open(b)))
        assert sum(through) == 1

    def test_threads_lose_no_failure(self, clock):
        """The threshold is met exactly."""
        b = CircuitBreaker(8 * 100, clock=clock)
        in_threads(lambda: [b.record_failure(Fault(rate_limit())) for _ in range(100)] if not self.open(b) else None)
        assert self.open(b)
