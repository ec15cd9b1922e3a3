"""What is kept of what happened: one entry an event, one row a credential and day. Texts are masked and bounded on their way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sparekey.core.events import AttemptFailed, Exhausted, Parked, Probed, Recovered, Switched
from sparekey.masking import mask_values

if TYPE_CHECKING:
    from collections.abc import Collection

    from sparekey.core.events import Event

LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the history.

    Attributes:
        at: the time of day, in seconds since 1970.
        chain: in which chain.
        kind: `failover`, `failback`, `parked`, `probed`, `recovered`, `failed` (an attempt) or `exhausted` (a call).
        who: the credential, or what was parked, as in `account:team-a`; of a switch, who was active.
        other: of a switch, who is active now.
        cause: the error class; empty without one.
        reason: the finer cause.
        seconds: of a park, how long; of an exhausted call, until the soonest return.
        message: the provider's words, masked and bounded; untrusted text.
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


def entry_of(event: Event, at: float, chain: str, secrets: Collection[str] = ()) -> Entry | None:
    """Return what is kept of an event; None of those that come with each request. `secrets` are cut out of its texts."""

    def text(value: object, longest: int = LONGEST_NAME) -> str:
        return mask_values(" ".join(str(value).split()), *secrets)[:longest]

    entry = None
    match event:
        case Switched(old, new, failback):
            entry = Entry(at, chain, "failback" if failback else "failover", text(old), text(new))
        case Parked(what, seconds, cause, reason):
            entry = Entry(at, chain, "parked", text(what), cause=str(cause or ""), reason=text(reason), seconds=seconds)
        case Probed(what):
            entry = Entry(at, chain, "probed", text(what))
        case Recovered(what):
            entry = Entry(at, chain, "recovered", text(what))
        case AttemptFailed(who, failure):
            said = text(failure.message, LONGEST_TEXT)
            entry = Entry(at, chain, "failed", text(who), cause=str(failure.error_class), reason=text(failure.reason), message=said)
        case Exhausted(error):
            entry = Entry(at, chain, "exhausted", seconds=error.retry_after, message=text(error, LONGEST_TEXT))
    return entry
