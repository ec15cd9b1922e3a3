"""The attempts of one request, as they are told to the caller, the log and the console.

The one place where they are read. The engine tells of each attempt through the hooks of its chain, in the context of the request that
made it.
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
    """What one request tried, in order, and how long it waited for providers."""

    __slots__ = ("_out", "attempts", "content", "first", "last", "usage")

    def __init__(self) -> None:
        """Start before the first attempt."""
        self.attempts: list[Attempt] = []
        self._out: dict[str, CountsWrites | None] = {}
        self.first = self.last = self.content = 0.0
        self.usage: Usage | None = None

    def begins(self, credential_id: str) -> None:
        """Note that a request goes out."""
        now = time.perf_counter()
        self.first = self.first or now
        self.last = now
        self._out[credential_id] = RUNNING.get()

    def heard(self) -> None:
        """Note that something came from a provider."""
        self.last = time.perf_counter()

    def ended(self, attempt: Attempt) -> None:
        """Enter an attempt that is over."""
        self._out.pop(attempt.credential_id, None)
        self.attempts.append(attempt)
        self.usage = attempt.usage or self.usage

    @property
    def number(self) -> int:
        """How many attempts were made, those that are still out included; one that wrote its request twice counts as two."""
        return sum(max(1, one.writes) for one in self.attempts) + sum(max(1, one.writes) if one else 1 for one in self._out.values())


current: ContextVar[RequestLedger | None] = ContextVar("sparekey_ledger", default=None)
"""The ledger of the request that this task serves."""


class Enter:
    """Enters what the engine tells: the hook of every chain that the gateway serves."""

    hears: Final = frozenset({AttemptFailed, AttemptSucceeded, AttemptAbandoned, ContentStarted})

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        ledger, attempt = current.get(), getattr(event, "attempt", None)
        if ledger is not None and attempt is not None:
            ledger.ended(attempt)
        elif ledger is not None and isinstance(event, ContentStarted):
            ledger.content = ledger.content or time.perf_counter()
