"""The access log: one line of JSON a request, with the ledger of its attempts. No key, no text of the request or the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparekey.gateway.writer import moment

if TYPE_CHECKING:
    from sparekey.gateway.app import Finished
    from sparekey.gateway.writer import Writer
    from sparekey.types import Attempt, Usage


class AccessLog:
    """Writes finished requests; give it to `Gateway.observers`."""

    def __init__(self, writer: Writer) -> None:
        """Have the lines written by `writer`, so that no request waits for them."""
        self._writer = writer

    def __call__(self, finished: Finished) -> None:
        """Have one line written."""
        self._writer.put(json.dumps(as_dict(finished)))


def as_dict(finished: Finished) -> dict[str, Any]:
    """Return what is written of a request, as docs/gateway.md lists it."""
    return _known(
        {
            "at": moment(),
            "request": finished.request_id,
            "client": finished.client or None,
            "method": finished.method,
            "path": finished.path[:200],
            "status": finished.status,
            "chain": finished.chain or None,
            "credential": finished.credential or None,
            "stream": finished.stream or None,
            "left": finished.left or None,
            "ms": _ms(finished.seconds),
            "first_content_ms": _ms(finished.first_content),
            "overhead_ms": round(finished.overhead * 1000, 2),
            "attempts": [_attempt(one) for one in finished.attempts],
            "tokens": _tokens(finished.usage),
        }
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure
    return _known(
        {
            "credential": attempt.credential_id,
            "outcome": str(attempt.outcome),
            "class": str(failure.error_class) if failure else None,
            "reason": failure.reason if failure else None,
            "status": failure.status if failure else None,
            "ms": _ms(attempt.duration),
            "first_content_ms": _ms(attempt.first_content),
            "probe": attempt.probe or None,
        }
    )


def _tokens(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    parts = {"cached": usage.cached_tokens, "reasoning": usage.reasoning_tokens}
    return {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens} | {name: n for name, n in parts.items() if n}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _known(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
