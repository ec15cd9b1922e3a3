"""The access log: one line of JSON a request, with the ledger of its attempts. No key, no text of the request or the answer."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparekey.gateway.app import Finished
    from sparekey.types import Attempt


class AccessLog:
    """Writes finished requests; give it to `Gateway.observers`."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Write to a stream; None: standard error."""
        self._stream = stream

    def __call__(self, finished: Finished) -> None:
        """Write one line. A log that cannot be written is no reason to fail."""
        stream = self._stream or sys.stderr
        try:
            stream.write(json.dumps(as_dict(finished), ensure_ascii=True) + "\n")
        except (OSError, ValueError):
            return


def as_dict(finished: Finished) -> dict[str, Any]:
    """Return what is written of a request."""
    usage = finished.usage
    told = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request": finished.request_id,
        "client": finished.client or None,
        "method": finished.method,
        "path": finished.path[:200],
        "status": finished.status,
        "chain": finished.chain or None,
        "credential": finished.credential or None,
        "stream": finished.stream or None,
        "left": finished.left or None,
        "ms": round(finished.seconds * 1000, 1),
        "overhead_ms": round(finished.overhead * 1000, 2),
        "attempts": [_attempt(one) for one in finished.attempts],
        "tokens": {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens} if usage else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    told = {"credential": attempt.credential_id, "outcome": str(attempt.outcome), "ms": round(attempt.duration * 1000, 1)}
    if attempt.failure is not None:
        told |= {"class": str(attempt.failure.error_class), "reason": attempt.failure.reason}
    return told
