"""The access log: one line of JSON per request, with the ledger of its attempts.

It holds no key and no text of a request or an answer.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime  # msgspec reads the annotations
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from sparekey.gateway.api.request_handler import Finished
    from sparekey.gateway.observe.log_thread import Writer
    from sparekey.types import Attempt, Usage


class LoggedAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"error_class": "class"}):
    """One attempt; docs/gateway.md describes the fields.

    Unknown fields are left out of the line.
    """

    credential: str
    outcome: str
    error_class: str | None = None
    reason: str | None = None
    status: int | None = None
    ms: float
    first_content_ms: float | None = None
    probe: bool = False
    writes: int = 1


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens as the provider counted them."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0


class AccessLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The line of one request; docs/gateway.md describes the fields."""

    at: datetime
    request: str
    client: str = ""
    method: str
    path: str
    status: int
    chain: str = ""
    credential: str = ""
    stream: bool = False
    left: bool = False
    ms: float
    first_content_ms: float | None = None
    overhead_ms: float
    attempts: list[LoggedAttempt]
    tokens: Tokens | None = None


_ENCODE: Final = msgspec.json.Encoder().encode


class AccessLog:
    """Logs finished requests; add it to `Gateway.observers`."""

    def __init__(self, writer: Writer) -> None:
        """Create the log; the thread of `writer` writes the lines, so that no request waits."""
        self._writer = writer

    def __call__(self, finished: Finished) -> None:
        """Queue the line of a finished request."""
        told = line(finished)
        try:
            text = _ENCODE(told).decode("ascii")
        except UnicodeError:  # a path may hold control characters: json escapes them as \\u....
            text = json.dumps(msgspec.to_builtins(told))
        self._writer.put(text)


def line(finished: Finished) -> AccessLine:
    """Return the log line of a request as a value."""
    first = finished.first_content
    return AccessLine(
        at=datetime.now(UTC),
        request=finished.request_id,
        client=finished.client,
        method=finished.method,
        path=finished.path[:200],
        status=finished.status,
        chain=finished.chain,
        credential=finished.credential,
        stream=finished.stream,
        left=finished.left,
        ms=round(finished.seconds * 1000, 1),
        first_content_ms=None if first is None else round(first * 1000, 1),
        overhead_ms=round(finished.overhead * 1000, 2),
        attempts=list(map(_tried, finished.attempts)),
        tokens=_tokens(finished.usage) if finished.usage else None,
    )


def as_dict(finished: Finished) -> dict[str, Any]:
    """Return the log line of a request as a reader of the JSON gets it."""
    found: dict[str, Any] = msgspec.to_builtins(line(finished))
    return found


def _tried(attempt: Attempt) -> LoggedAttempt:
    failure, first = attempt.failure, attempt.first_content
    return LoggedAttempt(
        credential=attempt.credential_id,
        outcome=attempt.outcome.value,
        error_class=failure.error_class.value if failure else None,
        reason=failure.reason if failure else None,
        status=failure.status if failure else None,
        ms=round(attempt.duration * 1000, 1),
        first_content_ms=None if first is None else round(first * 1000, 1),
        probe=attempt.probe,
        writes=attempt.writes,
    )


def _tokens(usage: Usage) -> Tokens:
    return Tokens(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens)
