"""The attempts of one request, as they are told to the caller, the log and the console.

The one place where they are read. The engine tells of each attempt through the hooks of its chain, in the context of the request that
made it.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded
from sparekey.types import Attempt, Outcome

if TYPE_CHECKING:
    from sparekey.core.events import Event
    from sparekey.types import Usage


class Ledger:
    """What one request tried, in order, and how long it waited for providers."""

    __slots__ = ("_begun", "attempts", "first", "last", "usage")

    def __init__(self) -> None:
        """Start before the first attempt."""
        self.attempts: list[Attempt] = []
        self._begun: dict[str, float] = {}
        self.first = self.last = 0.0
        self.usage: Usage | None = None

    def begins(self, credential_id: str) -> None:
        """Note that a request goes out."""
        now = time.perf_counter()
        self.first = self.first or now
        self.last = now
        self._begun[credential_id] = now

    def heard(self) -> None:
        """Note that something came from a provider."""
        self.last = time.perf_counter()

    def ended(self, credential_id: str, outcome: Outcome, failure: Any = None) -> None:
        """Enter an attempt."""
        begun = self._begun.pop(credential_id, None)
        if begun is not None or failure is not None:
            self.attempts.append(Attempt(credential_id, outcome, failure, time.perf_counter() - begun if begun else 0.0))

    def abandoned(self) -> None:
        """Enter those that are still out: the caller went away, or another one was faster."""
        for credential_id in list(self._begun):
            self.ended(credential_id, Outcome.ABANDONED)

    @property
    def number(self) -> int:
        """How many attempts were made, the ones that are still out included."""
        return len(self.attempts) + len(self._begun)


current: ContextVar[Ledger | None] = ContextVar("sparekey_ledger", default=None)
"""The ledger of the request that this task serves."""


def enter(event: Event) -> None:
    """Enter what the engine tells: the hook of every chain that the gateway serves."""
    ledger = current.get()
    if ledger is None:
        return
    if isinstance(event, AttemptFailed):
        ledger.ended(event.credential_id, Outcome.FAILED, event.failure)
    elif isinstance(event, AttemptSucceeded):
        ledger.ended(event.credential_id, Outcome.SUCCEEDED)
    elif isinstance(event, AttemptAbandoned):
        ledger.ended(event.credential_id, Outcome.ABANDONED)
