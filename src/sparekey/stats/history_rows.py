"""Conversion between the rows of the history's file and values: records and counts of a day.

The columns of the events table differ from `Record`'s fields. People read them with clients of
their own, so they stay. Only this module translates, and it reads the rows of earlier versions as
well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.manual import HELD
from sparekey.stats.record import Record
from sparekey.types import ErrorClass, Evidence, Failure, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = "at, chain, kind, who, other, cause, reason, seconds, message, detail"
_SWITCHES: Final = frozenset({"failover", "failback"})
_BY_ID: Final = frozenset({"failed", "tested", "action"})
"""Kinds whose row names the credential by its bare id."""
_DETAILS: Final = ("status", "scope", "evidence", "retry_after", "unreached", "timed_out", "rule")
"""Fields of a failure that a row keeps besides class, reason and message.

None can hold a prompt.
"""
_BLANK: Final = Failure(ErrorClass.UNKNOWN)
_OF_FAILURE: Final = frozenset(one.name for one in fields(Failure))


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One credential's tokens on one day (UTC, as `2026-11-25`).

    `requests` counts attempts that were answered or cost tokens.
    """

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
    """How often one credential's attempts ended one way on one day.

    Failures have cause and reason.
    """

    day: str
    chain: str
    credential: str
    outcome: str
    cause: str = ""
    reason: str = ""
    attempts: int = 0


def row_of(record: Record) -> tuple[Any, ...]:
    """Return the columns of a record, in the order of `COLUMNS`."""
    who, other = record.what[0] if record.what else "", ""
    if record.kind in _SWITCHES:
        who, other = record.old, record.credential
    elif record.kind in _BY_ID:
        who = record.credential
    detail_fields: dict[str, Any] = {}
    if record.failure is not None:
        known = {name: getattr(record.failure, name) for name in _DETAILS}
        detail_fields = {name: value for name, value in known.items() if value != getattr(_BLANK, name)}
    if record.kind == "failed":
        detail_fields |= {"call": record.call, "number": record.attempt}
    detail = json.dumps(detail_fields) if detail_fields else ""
    cause = str(record.cause)
    return record.at, record.chain, record.kind, who, other, cause, record.reason, record.seconds, record.message, detail


def record_of_row(row: Sequence[Any]) -> Record:
    """Return the record of a row of any version; unknown details of a failure are left out."""
    at, chain, kind, who, other, cause, reason, seconds, message, detail, number = row
    plain = Record(at, kind, (who,) if who else (), "", seconds, cause, reason, message, chain=chain, number=number)
    if kind in _SWITCHES:
        return replace(plain, what=(f"credential:{other}",), old=who)
    if kind == "parked" and not cause and reason == HELD:
        return replace(plain, kind="held")
    if kind not in _BY_ID:
        return plain
    plain = replace(plain, what=(f"credential:{who}",) if who else ())
    return _with_failure(plain, detail) if kind == "failed" or (kind == "tested" and cause) else plain


def _with_failure(plain: Record, detail: str) -> Record:
    try:
        detail_fields: dict[str, Any] = json.loads(detail or "{}")
        known = {name: value for name, value in detail_fields.items() if name in _OF_FAILURE}
        evidence = detail_fields.get("evidence")
        known["scope"] = Scope(detail_fields.get("scope", Scope.UNKNOWN))
        known["evidence"] = Evidence(evidence) if evidence in set(Evidence) else Evidence.LIKELY  # that of another version
        failure = Failure(ErrorClass(plain.cause), plain.reason, message=plain.message, **known)
        seconds = plain.seconds if plain.seconds is not None else detail_fields.get("duration")
        return replace(plain, failure=failure, seconds=seconds, call=detail_fields.get("call", 0), attempt=detail_fields.get("number", 0))
    except (ValueError, TypeError, AttributeError):  # another version has written it
        return replace(plain, cause=str(ErrorClass.UNKNOWN), failure=replace(_BLANK, reason=plain.reason, message=plain.message))
