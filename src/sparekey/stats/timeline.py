"""The timeline of a chain: what changed for its credentials, and which attempts failed, in lists that repetition does not fill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sparekey.core.events import Exhausted, Parked, Probed, Recovered, Switched
from sparekey.core.manual import HELD
from sparekey.types import Failure  # noqa: TC001 - pydantic reads the annotations of what is written down

if TYPE_CHECKING:
    from collections.abc import MutableSequence

    from sparekey.core.events import Event

MOMENTS: Final = 200
MISSES: Final = 50
_TOGETHER: Final = 0.05
"""Seconds within which the parks of one failure (a credential with its account) are one moment."""
_SPREADING: Final = frozenset({"parked", "probed", "recovered"})
"""Kinds of moments that come to a credential and its account or endpoint at once."""
_TOLD: Final = 40
"""Credentials of which one moment tells."""
_REPEATING: Final = frozenset({"parked", "probed", "exhausted"})
"""Kinds of moments that say no more when they come again."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry of the timeline.

    Attributes:
        at: when.
        kind: `failover`, `failback`, `parked`, `held`, `probed`, `recovered`, `exhausted`, or `action` (a person did something).
        what: whom it is about, as `credential:a`; several where one failure parked several.
        old: of a switch: who was active before.
        seconds: of a park: how long.
        cause: of a park: the error class, and
        reason: the finer word; of an action: what was done.
        times: how often it happened since the last switch, and
        since: when it did for the first time.
    """

    at: float
    kind: str
    what: tuple[str, ...]
    old: str = ""
    seconds: float | None = None
    cause: str = ""
    reason: str = ""
    times: int = 1
    since: float | None = None


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """One failed attempt; `times`: how many like it came in a row."""

    at: float
    call: int
    number: int
    credential: str
    failure: Failure
    duration: float | None
    times: int = 1


def _same(last: TimelineEntry, moment: TimelineEntry) -> bool:
    cause = (last.kind, last.cause, last.reason) == (moment.kind, moment.cause, moment.reason)
    return cause and moment.at - last.at < _TOGETHER and len(last.what) < _TOLD


def moment_of(event: Event, now: float) -> TimelineEntry:
    """Return the entry for a change in a chain."""
    match event:
        case Switched(old, new, failback):
            return TimelineEntry(now, "failback" if failback else "failover", (f"credential:{new}",), old)
        case Parked(what, seconds, cause, reason):
            held = cause is None and reason == HELD
            return TimelineEntry(now, "held" if held else "parked", (what,), seconds=seconds, cause=cause or "", reason=reason)
        case Probed(what):
            return TimelineEntry(now, "probed", (what,))
        case Recovered(what):
            return TimelineEntry(now, "recovered", (what,))
        case Exhausted(error):
            return TimelineEntry(now, "exhausted", (), seconds=error.retry_after)
        case _:
            raise TypeError(f"{event!r} is no entry of a timeline")


def remember(moments: MutableSequence[TimelineEntry], moment: TimelineEntry) -> None:
    """Append an entry to a timeline; parks and recoveries of one failure become one.

    What repeats itself is counted: a night without a working key must not push its beginning out of the list.
    """
    last = moments[-1] if moments else None
    if last is not None and last.kind in _SPREADING and _same(last, moment):
        moments[-1] = replace(last, what=tuple(dict.fromkeys((*last.what, *moment.what))))
    elif (before := _repeated(moments, moment)) is not None:
        moments.remove(before)
        moments.append(replace(moment, what=before.what, times=before.times + 1, since=before.since or before.at))
    else:
        moments.append(moment)


def note(misses: MutableSequence[FailedAttempt], miss: FailedAttempt) -> None:
    """Append a failed attempt. Those that are alike are one, so that a client who repeats a bad request hides no other failure."""
    last = misses[-1] if misses else None
    if last is not None and _alike(last, miss):
        misses[-1] = replace(miss, times=last.times + miss.times)
    else:
        misses.append(miss)


def _repeated(moments: MutableSequence[TimelineEntry], moment: TimelineEntry) -> TimelineEntry | None:
    """Return the same moment, if it is there since the last one that changed something."""
    if moment.kind in _REPEATING:
        for before in reversed(moments):
            if before.kind not in _REPEATING:
                break
            if _repeats(before, moment):
                return before
    return None


def _alike(last: FailedAttempt, miss: FailedAttempt) -> bool:
    a, b = last.failure, miss.failure
    return (last.credential, a.error_class, a.reason, a.message) == (miss.credential, b.error_class, b.reason, b.message)


def _repeats(before: TimelineEntry, moment: TimelineEntry) -> bool:
    """Whether the same happened to the same credential; what is parked with it (its account) is told in an event of its own."""
    alone = sum(what.startswith("credential:") for what in before.what) == 1
    whole = before.what == moment.what or (alone and set(moment.what) <= set(before.what))
    return whole and (before.kind, before.cause, before.reason) == (moment.kind, moment.cause, moment.reason)
