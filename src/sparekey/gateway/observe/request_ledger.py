"""The attempts of one request, for the answer's headers, the log and the console.

This is the only place that collects them. The engine reports each attempt through the chain's
hooks, in the context of the request that made it.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded, ContentStarted
from sparekey.wire.writes import RUNNING

if TYPE_CHECKING:
    from sparekey.core.events import Event
    from sparekey.types import Attempt, Usage
    from sparekey.wire.writes import CountsWrites


class RequestLedger:
    """The attempts of one request in order, and how long it waited for providers."""

    __slots__ = ("_out", "attempts", "content", "first", "last", "usage")

    def __init__(self) -> None:
        """Create an empty ledger."""
        self.attempts: list[Attempt] = []
        self._out: dict[str, CountsWrites | None] = {}
        self.first = self.last = self.content = 0.0
        self.usage: Usage | None = None

    def begins(self, credential_id: str, at: float | None = None) -> None:
        """Note that a request is sent with this credential, or that it was sent `at` this time of `time.perf_counter`."""
        now = time.perf_counter() if at is None else at
        self.first = self.first or now
        self.last = now
        self._out[credential_id] = RUNNING.get()

    def goes_on(self, credential_id: str, at: float, content: float, heard: float) -> None:
        """Note that a request goes on that was sent `at` this time.

        Args:
            credential_id: with which.
            at: when it was sent,
            content: when its first content came, and
            heard: when its last bytes came, all of them times of `time.perf_counter`.
        """
        self.begins(credential_id, at)
        self.content, self.last = content, heard

    def heard(self) -> None:
        """Note that bytes came from a provider."""
        self.last = time.perf_counter()

    def ended(self, attempt: Attempt) -> None:
        """Enter a finished attempt."""
        self._out.pop(attempt.credential_id, None)
        self.attempts.append(attempt)
        self.usage = attempt.usage or self.usage

    @property
    def number(self) -> int:
        """The number of writes so far, running attempts included."""
        return sum(max(1, one.writes) for one in self.attempts) + sum(max(1, one.writes) if one else 1 for one in self._out.values())


current: ContextVar[RequestLedger | None] = ContextVar("sparekey_ledger", default=None)
"""The ledger of the request that the current task serves."""


class Enter:
    """A hook that enters finished attempts into the current ledger; each served chain has it."""

    hears: Final = frozenset({AttemptFailed, AttemptSucceeded, AttemptAbandoned, ContentStarted})

    def __call__(self, event: Event) -> None:
        """Enter the attempt of an event, if it has one."""
        ledger, attempt = current.get(), getattr(event, "attempt", None)
        if ledger is not None and attempt is not None:
            ledger.ended(attempt)
        elif ledger is not None and isinstance(event, ContentStarted):
            ledger.content = ledger.content or time.perf_counter()
