"""A record: one thing that happened in a chain. Timeline, list of failures and history share it.

`record_of` makes it from an event of `core.events`, and nothing else does: there, texts are masked
and bounded once. From then on the same value is kept in memory (`ChainStats`), sent between workers
(`worker_reports`), written to SQLite (`History`) and shown by the console. Events of every served
request make no record; they only count.

A list of records is bounded, and a repeated event must not push its beginning out. So `append`
counts repetitions instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sparekey.core.events import AttemptFailed, Exhausted, Parked, Probed, Recovered, Switched
from sparekey.core.manual import HELD
from sparekey.masking import secrets_of
from sparekey.types import Failure  # noqa: TC001 - pydantic reads the annotations of what is sent between workers

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableSequence

    from sparekey.core.events import Event
    from sparekey.types import Credential

LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 600
MOST_STEPS: Final = 12
"""The most steps of the way to a verdict that are kept."""
RECORDED: Final = frozenset({Switched, Parked, Probed, Recovered, AttemptFailed, Exhausted})
"""The events that make a record."""
_TOGETHER: Final = 0.05
"""Seconds within which the parks of one failure (a credential with its account) are one record."""
_SPREADING: Final = frozenset({"parked", "probed", "recovered"})
"""Kinds that reach a credential and its account or endpoint at the same time."""
_MOST_TOGETHER: Final = 40
"""The most credentials, accounts and endpoints in one record."""
_REPEATING: Final = frozenset({"parked", "probed", "exhausted"})
"""Kinds that add nothing when they are repeated."""


@dataclass(frozen=True, slots=True)
class Record:
    """Something that happened in a chain.

    Its texts are masked and bounded; `message` is untrusted nevertheless.

    Attributes:
        at: the time of day, in seconds since 1970.
        kind: `failover`, `failback`, `parked`, `held` (a person parked it), `probed`, `recovered`,
            `failed` (an attempt), `exhausted` (a call), `action` (a person did something; `reason`
            says what) or `tested` (a person asked for one tiny request).
        what: whom it is about, as `credential:a`, `account:x` or `endpoint:host`; several if one
            failure parked several; for a switch the credential that is active now; empty for the
            whole chain.
        old: for a switch the credential that was active before, as `a`.
        seconds: for a park its length, None until it is released; for a failed or tested attempt
            its duration; for an exhausted call the wait until the first credential comes back.
        cause: the error class.
        reason: the finer cause.
        message: the provider's words.
        failure: for a failed attempt all that is known of it.
        call: the number of the call in its process.
        attempt: the number of the attempt in the call; 0 if there is none.
        chain: the chain's name.
        times: how often it happened since something else changed.
        since: when it happened first; None if it happened once.
        number: the number of its row in the history, which grows; 0 until it is written.
    """

    at: float
    kind: str
    what: tuple[str, ...] = ()
    old: str = ""
    seconds: float | None = None
    cause: str = ""
    reason: str = ""
    message: str = ""
    failure: Failure | None = None
    call: int = 0
    attempt: int = 0
    chain: str = ""
    times: int = 1
    since: float | None = None
    number: int = 0

    @property
    def credential(self) -> str:
        """The id of the credential that it is about; empty if it is about none."""
        return next((name.partition(":")[2] for name in self.what if name.startswith("credential:")), "")

    @property
    def who(self) -> str:
        """A former name, until June 2027: `old` for a switch, else whom it is about."""
        return self.old or (self.what[0] if self.kind in {*_SPREADING, "held"} and self.what else self.credential)

    @property
    def other(self) -> str:
        """A former name, until June 2027: for a switch the credential that is active now."""
        return self.credential if self.old else ""


class Masker:
    """Removes secrets, and whatever looks like one, from texts, and shortens them."""

    def __init__(self, credentials: Iterable[Credential] = ()) -> None:
        """Take the secrets of some credentials."""
        self._secrets = secrets_of(credentials)

    def __call__(self, text: object, longest: int = LONGEST_TEXT) -> str:
        """Return the part of `text` that may be shown and kept, on one line."""
        shown = " ".join(self._secrets.cut(str(text)).split())
        return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"

    def failure(self, failure: Failure) -> Failure:
        """Return a failure with its texts masked and bounded."""
        steps = tuple(self(step) for step in failure.trace[:MOST_STEPS])
        return replace(failure, message=self(failure.message), rule=self(failure.rule, LONGEST_NAME), trace=steps)


PLAIN: Final = Masker()
"""A masker without secrets: it removes what looks like a key."""


def record_of(event: Event, at: float, chain: str = "", mask: Masker = PLAIN) -> Record | None:
    """Return the record of an event; None for events of every request.

    Args:
        event: the event.
        at: when it happened, in seconds since 1970.
        chain: the chain's name.
        mask: removes the chain's keys from texts.
    """
    chain, record = chain[:LONGEST_NAME], None
    match event:
        case Switched(old, new, failback):
            kind = "failback" if failback else "failover"
            record = Record(at, kind, (named(f"credential:{new}", mask),), mask(old, LONGEST_NAME), chain=chain)
        case Parked(what, seconds, cause, reason):
            kind = "held" if cause is None and reason == HELD else "parked"
            record = Record(at, kind, (named(what, mask),), "", seconds, str(cause or ""), mask(reason, LONGEST_NAME), chain=chain)
        case Probed(what):
            record = Record(at, "probed", (named(what, mask),), chain=chain)
        case Recovered(what):
            record = Record(at, "recovered", (named(what, mask),), chain=chain)
        case AttemptFailed(credential, failure):
            took = None if event.attempt is None else event.attempt.duration
            record = of_attempt("failed", at, credential, failure, took, chain, mask, event.call, event.number)
        case Exhausted(error):
            record = Record(at, "exhausted", seconds=error.retry_after, message=mask(error), call=event.call, chain=chain)
    return record


def of_attempt(
    kind: str,
    at: float,
    credential: str,
    failure: Failure | None,
    seconds: float | None,
    chain: str = "",
    mask: Masker = PLAIN,
    call: int = 0,
    attempt: int = 0,
) -> Record:
    """Return the record of one attempt, `failed` or `tested`; `failure` None: it was answered."""
    what = (named(f"credential:{credential}", mask),)
    if failure is None:
        return Record(at, kind, what, "", seconds, call=call, attempt=attempt, chain=chain)
    shown = mask.failure(failure)
    reason = mask(failure.reason, LONGEST_NAME)
    return Record(at, kind, what, "", seconds, str(failure.error_class), reason, shown.message, shown, call, attempt, chain)


def of_action(at: float, credential: str, what: str, chain: str = "", mask: Masker = PLAIN) -> Record:
    """Return the record of a person's action (`release`, ...); without a credential on the chain."""
    return Record(
        at, "action", (named(f"credential:{credential}", mask),) if credential else (), reason=mask(what, LONGEST_NAME), chain=chain
    )


def named(what: str, mask: Masker) -> str:
    """Return the name of something that is parked: of an endpoint only the host.

    The rest of an address may hold a password.
    """
    kind, _, name = what.partition(":")
    if kind == "endpoint":
        return f"endpoint:{urlsplit(name.partition(' ')[0]).netloc.rpartition('@')[2]}"[:LONGEST_NAME]
    return mask(what, LONGEST_NAME)


# ── lists that repetition does not fill ──


def append(records: MutableSequence[Record], record: Record) -> None:
    """Append a record to a list.

    Parks and recoveries of one failure become one record; repetitions are counted.
    """
    last = records[-1] if records else None
    if last is not None and last.kind == record.kind == "failed":
        if _alike(last, record):
            records[-1] = replace(record, times=last.times + record.times, since=last.since or last.at)
        else:
            records.append(record)
    elif last is not None and last.kind in _SPREADING and _together(last, record):
        records[-1] = replace(last, what=tuple(dict.fromkeys((*last.what, *record.what))))
    elif (before := _repeated(records, record)) is not None:
        records.remove(before)
        records.append(replace(record, what=before.what, times=before.times + record.times, since=before.since or before.at))
    else:
        records.append(record)


def _together(last: Record, record: Record) -> bool:
    cause = (last.kind, last.cause, last.reason) == (record.kind, record.cause, record.reason)
    return cause and record.at - last.at < _TOGETHER and len(last.what) < _MOST_TOGETHER


def _alike(last: Record, record: Record) -> bool:
    return (last.what, last.cause, last.reason, last.message) == (record.what, record.cause, record.reason, record.message)


def _repeated(records: MutableSequence[Record], record: Record) -> Record | None:
    """Return an equal record that came after the last change; None if there is none."""
    if record.kind in _REPEATING:
        for before in reversed(records):
            if before.kind not in _REPEATING:
                break
            if _repeats(before, record):
                return before
    return None


def _repeats(before: Record, record: Record) -> bool:
    """Return whether both say the same about the same credential.

    What is parked with it (its account) has an event of its own.
    """
    alone = sum(what.startswith("credential:") for what in before.what) == 1
    whole = before.what == record.what or (alone and set(record.what) <= set(before.what))
    return whole and (before.kind, before.cause, before.reason) == (record.kind, record.cause, record.reason)
