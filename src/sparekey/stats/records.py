"""What is kept of what happened: one entry an event, one row a credential and day. Texts are masked and bounded on their way in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.events import AttemptFailed, Exhausted, Parked, Probed, Recovered, Switched
from sparekey.masking import mask_values
from sparekey.types import ErrorClass, Failure

if TYPE_CHECKING:
    from collections.abc import Collection

    from sparekey.core.events import Event

LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 300
RARE: Final = frozenset({Switched, Parked, Probed, Recovered, AttemptFailed, Exhausted})
"""The events of which an entry is kept: none of those that come with each request that is served."""
_TOLD: Final = ("status", "scope", "evidence", "retry_after", "unreached", "timed_out", "rule")
_BLANK: Final = Failure(ErrorClass.UNKNOWN)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event of the history.

    Attributes:
        at: the time of day, in seconds since 1970.
        chain: in which chain.
        kind: `failover`, `failback`, `parked`, `probed`, `recovered`, `failed` (an attempt), `exhausted` (a call) or `action` (a person
            did something: `reason` says what).
        who: the credential, or what was parked, as in `account:team-a`; of a switch, who was active.
        other: of a switch, who is active now.
        cause: the error class; empty without one.
        reason: the finer cause.
        seconds: of a park, how long; of an exhausted call, until the soonest return.
        message: the provider's words, masked and bounded; untrusted text.
        detail: of a failed attempt: JSON with what else is known of it (`status`, `rule`, `duration`, ...), without the provider's words.
        number: grows with each entry; 0 until it is written.
    """

    at: float
    chain: str
    kind: str
    who: str = ""
    other: str = ""
    cause: str = ""
    reason: str = ""
    seconds: float | None = None
    message: str = ""
    detail: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What one credential was used for on one day (UTC, as `2026-11-25`); `requests` were answered, or cost tokens."""

    day: str
    chain: str
    credential: str
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class DayAttempts:
    """How often attempts of one credential ended in one way on one day; `cause` and `reason` are those of failures."""

    day: str
    chain: str
    credential: str
    outcome: str
    cause: str = ""
    reason: str = ""
    attempts: int = 0


def entry_of(event: Event, at: float, chain: str, secrets: Collection[str] = (), *, words: bool = True) -> HistoryEntry | None:
    """Return what is kept of an event; None of those that come with each request.

    Args:
        event: what happened.
        at: when, in seconds since 1970.
        chain: in which chain.
        secrets: are cut out of its texts.
        words: whether the provider's own words are kept: they may repeat those of the caller.
    """
    chain = chain[:LONGEST_NAME]

    def text(value: object, longest: int = LONGEST_NAME) -> str:
        return mask_values(" ".join(str(value).split()), *secrets)[:longest]

    entry = None
    match event:
        case Switched(old, new, failback):
            entry = HistoryEntry(at, chain, "failback" if failback else "failover", text(old), text(new))
        case Parked(what, seconds, cause, reason):
            entry = HistoryEntry(at, chain, "parked", text(what), cause=str(cause or ""), reason=text(reason), seconds=seconds)
        case Probed(what):
            entry = HistoryEntry(at, chain, "probed", text(what))
        case Recovered(what):
            entry = HistoryEntry(at, chain, "recovered", text(what))
        case AttemptFailed(who, failure):
            said, why = text(failure.message, LONGEST_TEXT) if words else "", str(failure.error_class)
            entry = HistoryEntry(at, chain, "failed", text(who), "", why, text(failure.reason), None, said, _detail(event))
        case Exhausted(error):
            entry = HistoryEntry(at, chain, "exhausted", seconds=error.retry_after, message=text(error, LONGEST_TEXT) if words else "")
    return entry


def _detail(event: AttemptFailed) -> str:
    told: dict[str, Any] = {name: getattr(event.failure, name) for name in _TOLD}
    told = {name: value for name, value in told.items() if value != getattr(_BLANK, name)}
    told |= {"call": event.call, "number": event.number}
    if event.attempt is not None:
        told["duration"] = round(event.attempt.duration, 4)
    return json.dumps(told)
