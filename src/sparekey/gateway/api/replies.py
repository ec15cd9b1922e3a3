"""What the gateway itself says: refusals and exhausted chains, in the shape of errors of each wire, with a `sparekey` object beside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.errors import SparekeyError
from sparekey.masking import mask
from sparekey.transport import refusals
from sparekey.wire.formats import FORMATS

if TYPE_CHECKING:
    from sparekey.errors import AllCredentialsFailedError
    from sparekey.gateway.upstream.messages import Raw
    from sparekey.transport.refusals import Refused

JSON: Final = (b"content-type", b"application/json")
BREAK_OFF: Final = {"type": "sparekey.response.break_off"}
"""What is sent behind an answer that has no end: the connection is closed so that the client sees that something is missing."""
_TIRELESS: Final = (b"opencode/", b"geminicli", b"codex")
"""Beginnings of the `User-Agent` of programs that repeat a 502 or a 429 for up to several minutes and show nobody the words of it.

Measured with OpenCode 1.18 (84 s), Gemini CLI 0.61 (more than 90 s) and Codex 0.171 (25 s); `x-should-retry` is unknown to them.
"""
_FAILED_DEPENDENCY: Final = 424
"""What those do not repeat: something failed on which the answer depends."""


class RefusalError(SparekeyError):
    """The gateway does not pass a request on.

    Attributes:
        status: the HTTP status.
        code: the cause in one word.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, code: str, message: str, headers: Raw | None = None) -> None:
        """Say why, and what to do."""
        self.status, self.code, self.headers = status, code, headers or []
        super().__init__(message)


class GatewayReply(NamedTuple):
    """An answer that is there already."""

    status: int
    headers: Raw
    body: bytes


def refusal(dialect: str, error: RefusalError, request_id: str) -> GatewayReply:
    """Return what the client gets whose request is not passed on."""
    body = {**FORMATS[dialect].error_body(error.status, error.code, mask(str(error))), "sparekey": {"request_id": request_id}}
    return GatewayReply(error.status, [JSON, *error.headers], json.dumps(body).encode())


def told(dialect: str, exc: Refused | AllCredentialsFailedError, request_id: str, agent: bytes = b"") -> GatewayReply:
    """Return what the client gets whose request was refused, or whose chain is exhausted.

    Of a provider's headers only the number of its request goes on: the others are about an account that is not the client's.

    Args:
        dialect: the format that the client speaks.
        exc: what came of its request.
        request_id: its number.
        agent: the client's `User-Agent`.
    """
    found = refusals.told(exc)
    if found.lasts and agent.lower().startswith(_TIRELESS):
        found = found._replace(status=_FAILED_DEPENDENCY)
    numbers = [(name, value) for name, value in found.kept if name.lower().endswith(b"request-id")]
    return GatewayReply(found.status, [*found.headers, *numbers], found.body(dialect, request_id=request_id))
