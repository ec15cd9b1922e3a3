"""The pair's switcher and a circuit breaker, for programs with a call loop of their own.

Both only keep state: the rules for order, terms, parks and probes are in `sparekey.core`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify import classify
from sparekey.core import breaker, policy, pool, settlement
from sparekey.core.breaker import Breaker, Phase
from sparekey.core.timing import park_seconds
from sparekey.engine.switcher import OrderedCredentialSwitcher, monotonic
from sparekey.errors import CircuitBreakerOpen
from sparekey.stores.memory import MemoryStore
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

logger = logging.getLogger("sparekey")


_PRIMARY, _BACKUP = 0, 1


class PrimaryBackupSwitcher:
    """The predecessor for two credentials: it decides between a primary and a backup."""

    SWITCHES_ON: Final = frozenset({ErrorClass.PERMANENT, ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED})
    BLAMES_REQUEST: Final = frozenset({ErrorClass.INPUT_TOO_LARGE, ErrorClass.CONTENT_SAFETY})

    def __init__(
        self,
        failback_timeout_seconds: float = 600.0,
        failback_request_count: int = 200,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start with the primary.

        Args:
            failback_timeout_seconds: seconds on the backup after which the primary is tried again.
            failback_request_count: requests to the backup after which the primary is tried again.
            clock: returns seconds; for tests.
        """
        self._switcher = OrderedCredentialSwitcher(2, failback_timeout_seconds, failback_request_count, clock=clock)
        self._chain_state = self._switcher._chain_state  # noqa: SLF001 - both classes share one state

    @property
    def is_using_backup(self) -> bool:
        """Whether requests go to the backup."""
        return self._chain_state.state.active == _BACKUP

    def should_try_primary(self) -> bool:
        """Return whether the next request goes to the primary: it is in use, or a failback is due."""
        return not self.is_using_backup or pool.failback_due(self._chain_state.pool, self._chain_state.state, self._chain_state.clock())

    def record_primary_success(self) -> None:
        """Note that the primary served; it is in use again."""
        self._switcher.commit_success(_PRIMARY)

    def record_primary_failure(self, error: BaseException) -> bool:
        """Note a failure of the primary; return whether to try the backup.

        A failed failback restarts its time and count. Only failures that blame the request (an
        input too large, refused content) leave them, because they say nothing about the primary.
        """
        error_class, now = classify(error).error_class, self._chain_state.clock()
        switches = error_class in self.SWITCHES_ON
        if self.is_using_backup:
            if error_class not in self.BLAMES_REQUEST:
                self._chain_state.change(lambda s: pool.restarted(s, now))
        elif switches:
            self._chain_state.change(lambda s: settlement.commit(s, _BACKUP, now) if s.active == _PRIMARY else s)
        return switches

    def record_backup_request(self) -> None:
        """Count a request to the backup towards the failback."""
        self._switcher.on_success(_BACKUP)


class _Counted(NamedTuple):
    """A breaker, and the number of failures in a row while it is closed."""

    breaker: Breaker = breaker.CLOSED
    failures: int = 0


class CircuitBreaker:
    """A circuit breaker for a single instance.

    After some failures in a row it lets no request through for a while, then one, as a probe.
    """

    RETRY_AFTER_CAP: Final = 30.0
    SHORTEST_LEASE: Final = 30.0
    TRIPS_AT_ONCE: Final = frozenset({ErrorClass.PERMANENT, ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED})
    IGNORES: Final = PrimaryBackupSwitcher.BLAMES_REQUEST

    def __init__(
        self,
        failure_threshold: int = 5,
        reset_timeout: float = 300,
        max_reset_timeout: float | None = None,
        *,
        trips_at_once: Collection[str] = TRIPS_AT_ONCE,
        probe_lease: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start closed.

        Args:
            failure_threshold: failures in a row that open the breaker.
            reset_timeout: seconds until a probe. A failed probe doubles them, a success resets
                them.
            max_reset_timeout: the most seconds that they double to; None: they are not doubled.
            trips_at_once: the error classes that open the breaker with the first failure.
            probe_lease: seconds after which a probe without a result counts as lost; None:
                `reset_timeout`, and at least 30, because a probe may take as long as any call.
            clock: returns seconds; for tests.
        """
        self._threshold, self._trips_at_once, self._clock = failure_threshold, frozenset(trips_at_once), clock
        cap = reset_timeout if max_reset_timeout is None else max(max_reset_timeout, reset_timeout)
        self._parking = policy.Parking(reset_timeout, 2, cap)
        self._lease = max(reset_timeout, self.SHORTEST_LEASE) if probe_lease is None else probe_lease
        self._store: MemoryStore[_Counted] = MemoryStore(_Counted())

    def check(self) -> None:
        """Let the request through, or raise.

        After a park exactly one request gets through, as the probe.

        Raises:
            CircuitBreakerOpen: the breaker is open, or its probe is still running.
        """
        while True:
            now, counted = self._clock(), self._store.value
            old = counted.breaker
            found = breaker.phase(old, now)
            if found is Phase.CLOSED:
                return
            if found is not Phase.DUE:
                wait = self.retry_after
                raise CircuitBreakerOpen(f"circuit breaker is open ({old.cause}: {old.reason}); retry after {wait:.0f} s", wait)
            if self._store.compare_and_set(counted, _Counted(breaker.leased(old, now + self._lease))):
                logger.info("circuit breaker: half-open, one request probes")
                return

    @property
    def retry_after(self) -> float:
        """Seconds until a request may be let through, at most 30; 0 if the breaker is not open."""
        found = self._store.value.breaker
        return 0.0 if found.until is None else min(max(found.until - self._clock(), 0.0), self.RETRY_AFTER_CAP)

    def record_success(self) -> None:
        """Note a success: the breaker closes and forgets all failures."""
        before = self._change(lambda _: _Counted())
        if before.breaker.until is not None:
            logger.info("circuit breaker: closed, the probe succeeded")

    def record_failure(self, error: BaseException) -> None:
        """Note a failure; one that blames the request (too large, refused content) is ignored."""
        failure = classify(error)
        if failure.error_class in self.IGNORES:
            self._change(lambda c: c._replace(breaker=breaker.released(c.breaker)))
            return
        now = self._clock()
        before = self._change(lambda c: self._after_failure(c, failure.error_class, failure.reason, now))
        after = self._store.value.breaker
        if after.until is not None and after.level != before.breaker.level:
            probed = "" if before.breaker.until is None else ", the probe failed"
            logger.warning(
                "circuit breaker: open for %g s%s (%s: %s)", after.until - now, probed, failure.error_class, failure.reason or "unknown"
            )

    def _after_failure(self, counted: _Counted, error_class: ErrorClass, reason: str, now: float) -> _Counted:
        """Return the state after a failure.

        While the breaker is open, a late failure changes nothing. A failed probe doubles the time;
        a trip from the closed state starts with the first time.
        """
        found = counted.breaker
        standing = breaker.phase(found, now)
        if standing is Phase.PARKED:
            return counted
        if standing is Phase.CLOSED and counted.failures + 1 < self._threshold and error_class not in self._trips_at_once:
            return counted._replace(failures=counted.failures + 1)
        level = 1 if standing is Phase.CLOSED else found.level + 1
        return _Counted(breaker.parked(found, now, park_seconds(self._parking, level, 0.5), level, error_class, reason))

    def _change(self, edit: Callable[[_Counted], _Counted]) -> _Counted:
        """Change the state, and return the previous one."""
        while True:
            old = self._store.value
            new = edit(old)
            if new is old or self._store.compare_and_set(old, new):
                return old

    @property
    def _current_reset_timeout(self) -> float:
        return park_seconds(self._parking, max(self._store.value.breaker.level, 1), 0.5)
