"""The gateway's own errors, for refusals and exhausted chains.

Each has the form of the client's wire, with a `sparekey` object beside it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.errors import SparekeyError
from sparekey.masking import mask
from sparekey.transport import refusals
from sparekey.wire.formats import FORMATS

if TYPE_CHECKING:
    from sparekey.errors import AllCredentialsFailedError, OverloadedError
    from sparekey.gateway.upstream.messages import Raw
    from sparekey.transport.refusals import Refused

JSON: Final = (b"content-type", b"application/json")
BREAK_OFF: Final = {"type": "sparekey.response.break_off"}
"""Sent after an answer that broke off: the connection closes so that the client notices it."""
_TIRELESS: Final = (b"opencode/", b"geminicli", b"codex")
"""Beginnings of the `User-Agent` of programs that repeat a 502 or a 429 for up to several minutes
without showing its message.


Measured with OpenCode 1.18 (84 s), Gemini CLI 0.61 (more than 90 s) and Codex 0.171 (25 s). They do
not know `x-should-retry`.
"""
_FAILED_DEPENDENCY: Final = 424
"""A status that these programs do not repeat."""


class RefusalError(SparekeyError):
    """The gateway refuses a request without asking a provider.

    Attributes:
        status: the HTTP status.
        code: the cause in one word.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, code: str, message: str, headers: Raw | None = None) -> None:
        """Create a refusal whose message says why, and what the client can do."""
        self.status, self.code, self.headers = status, code, headers or []
        super().__init__(message)


class GatewayReply(NamedTuple):
    """A complete answer: status, headers, body."""

    status: int
    headers: Raw
    body: bytes


def refusal(dialect: str, error: RefusalError, request_id: str) -> GatewayReply:
    """Return the answer to a request that the gateway does not pass on, in the client's format."""
    body = {**FORMATS[dialect].error_body(error.status, error.code, mask(str(error))), "sparekey": {"request_id": request_id}}
    return GatewayReply(error.status, [JSON, *error.headers], json.dumps(body).encode())


def told(dialect: str, exc: Refused | AllCredentialsFailedError | OverloadedError, request_id: str, agent: bytes = b"") -> GatewayReply:
    """Return the answer to a request whose chain gave none: refused, exhausted, or without room.

    Of the provider's headers only its request id is passed on: the others describe an account that
    is not the client's.

    Args:
        dialect: the client's wire.
        exc: how the call ended.
        request_id: the gateway's id of the request.
        agent: the client's `User-Agent`.
    """
    found = refusals.reply_to(exc)
    if found.lasts and agent.lower().startswith(_TIRELESS):
        found = found._replace(status=_FAILED_DEPENDENCY)
    numbers = [(name, value) for name, value in found.kept if name.lower().endswith(b"request-id")]
    return GatewayReply(found.status, [*found.headers, *numbers], found.body(dialect, request_id=request_id))
