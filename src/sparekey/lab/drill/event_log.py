"""The events of a scenario's chain, as its hook collects them."""

from __future__ import annotations

from typing import Final

from sparekey.core.events import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptSucceeded,
    CallFailed,
    ContentStarted,
    Event,
    Exhausted,
    Parked,
    Probed,
    Recovered,
    Switched,
)


class EventLog(list[Event]):
    """What the engine has reported, in order. It is the hook itself.

    It does not hear of attempts that begin: a gateway tells of those only where somebody asks, and
    then serves nothing on its quick path. Each of them ends in one of the events that are heard.
    """

    hears: Final = frozenset(
        {AttemptAbandoned, AttemptFailed, AttemptSucceeded, CallFailed, ContentStarted, Exhausted, Parked, Probed, Recovered, Switched}
    )

    def __call__(self, event: Event) -> None:
        """Keep an event."""
        self.append(event)
