"""What the gateway itself says: refusals and exhausted chains, in the shape of errors of each wire, with a `sparekey` object beside."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify import classify
from sparekey.errors import CredentialParkedError, SparekeyError
from sparekey.masking import mask
from sparekey.transport.exchange import UNKNOWN_REFERENCE
from sparekey.transport.refusals import Refused
from sparekey.types import ErrorClass
from sparekey.wire import edit
from sparekey.wire.reading import error_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.errors import AllCredentialsFailedError, CredentialError
    from sparekey.gateway.lib import Raw

JSON: Final = (b"content-type", b"application/json")
_RATE: Final = frozenset({"rate_limited", "concurrency"})
_ERROR: Final = 400
_ABSENT: Final = frozenset({404, 405, 501})
_UNTOLD: Final = frozenset({401, 402, 403, 407})
"""A provider's words about its key: between it and us. The client's key is another one."""
_STATUSES: Final = {
    ErrorClass.PERMANENT: 400,
    ErrorClass.CONTENT_SAFETY: 400,
    ErrorClass.INPUT_TOO_LARGE: 400,
    ErrorClass.TRANSIENT: 503,
    ErrorClass.MODEL_NOT_FOUND: 502,
}
"""The status of an error inside a success."""
_ANTHROPIC: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_OPENAI: Final = {429: "rate_limit_error", 500: "server_error", 502: "server_error", 503: "server_error", 504: "server_error"}
_GEMINI: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


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


class Reply(NamedTuple):
    """An answer that is there already."""

    status: int
    headers: Raw
    body: bytes


def refusal(dialect: str, error: RefusalError, request_id: str) -> Reply:
    """Return what the client gets whose request is not passed on."""
    return _reply(dialect, error.status, error.code, str(error), {"request_id": request_id}, error.headers)


def exhausted(dialect: str, error: AllCredentialsFailedError, request_id: str) -> Reply:
    """Return what the client gets where every credential failed: the causes, and when to come again.

    429 if the rate of all is limited, 503 if it will pass by itself, 404 if nobody has what the request names or the path that it asks
    for, else 502. Never a provider's 401: the client's own key is good.
    """
    causes = [cause(entry) for entry in error.errors]
    rate_limited = causes and all(one["class"] == ErrorClass.TRANSIENT and one["reason"] in _RATE for one in causes)
    passing = any(one["class"] == ErrorClass.TRANSIENT for one in causes)
    unknown = causes and (
        all(one["reason"] == UNKNOWN_REFERENCE for one in causes) or all(_lacks(entry.exception) for entry in error.errors)
    )
    status = 404 if unknown else 429 if rate_limited else 503 if passing else 502
    told: dict[str, Any] = {"request_id": request_id, "causes": causes}
    headers: Raw = [(b"x-should-retry", b"false")]
    if error.retry_after is not None:
        told["retry_after"] = round(error.retry_after, 3)
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    text = f"all {len(causes)} credentials of this model failed: " + ", ".join(f"{one['credential']} ({one['reason']})" for one in causes)
    return _reply(dialect, status, "all_credentials_failed", text, told, headers)


def _lacks(exc: BaseException) -> bool:
    """Tell whether a host has none of what was asked for, where not every host has it."""
    return isinstance(exc, Refused) and (exc.aside or exc.rare) and exc.status_code in _ABSENT


def cause(entry: CredentialError) -> dict[str, Any]:
    """Return what became of one credential, for the `sparekey` object."""
    if isinstance(entry.exception, CredentialParkedError):
        reason = entry.exception.cause.partition(": ")[2] or "parked"
        seconds = entry.exception.seconds
        found: dict[str, Any] = {"parked_for": seconds if seconds is None else round(seconds, 3)}
    else:
        failure = classify(entry.exception)
        reason = failure.reason
        found = {"status": failure.status, "message": failure.message}
    return {"credential": entry.credential_id, "class": str(entry.error_class), "reason": reason, **found}


def handed(dialect: str, refused: Refused, request_id: str) -> Reply:
    """Return the provider's own refusal, its bytes as they came, with a `sparekey` object at their end."""
    failure = classify(refused)
    told = {"request_id": request_id, "class": str(failure.error_class), "reason": failure.reason}
    document = edit.read(refused.body)
    status = refused.status_code
    if status < _ERROR:  # the error stood inside a success: now it is the error response that it should have been
        status = failure.status if failure.status and failure.status >= _ERROR else _STATUSES.get(failure.error_class, 502)
        document = edit.read(json.dumps(error_of(document.fields)).encode()) if document else None
    if status in _UNTOLD:
        return _reply(dialect, 502, failure.reason, f"the provider refused: {failure.message}", told, [])
    if document is None:
        return _reply(dialect, status, failure.reason, failure.message or "the provider refused the request", told, [])
    kept = [pair for pair in refused.answer.headers.raw if pair[0] == b"retry-after" or pair[0].endswith(b"request-id")]
    return Reply(status, [JSON, *kept], edit.completed(document, {"sparekey": told}).text.encode())


def broken(dialect: str, resource: str, exc: Exception, request_id: str) -> bytes:
    """Return the event that ends a stream which cannot go on: an error in the shape of its wire."""
    if isinstance(exc, Refused) and exc.event:
        return exc.event if exc.event.endswith((b"\n\n", b"\r\n\r\n")) else exc.event + b"\n\n"
    failure = classify(exc)
    text = f"the stream broke off: {failure.message or failure.reason}"
    told = {"request_id": request_id, "class": str(failure.error_class), "reason": failure.reason}
    if dialect == "openai" and resource == "responses":
        data: dict[str, Any] = {"type": "error", "code": "stream_broken", "message": text, "param": None, "sparekey": told}
    else:
        data = {**_SHAPES[dialect](503, "stream_broken", text), "sparekey": told}
    name = b"" if "type" not in data else b"event: error\n"
    return b"%bdata: %b\n\n" % (name, json.dumps(data).encode())


def _reply(dialect: str, status: int, code: str, text: str, told: dict[str, Any], headers: Raw) -> Reply:
    body = {**_SHAPES[dialect](status, code, mask(text)), "sparekey": told}
    return Reply(status, [JSON, *headers], json.dumps(body).encode())


def _openai(status: int, code: str, text: str) -> dict[str, Any]:
    return {"error": {"message": text, "type": _OPENAI.get(status, "invalid_request_error"), "param": None, "code": code}}


def _anthropic(status: int, code: str, text: str) -> dict[str, Any]:
    del code
    return {"type": "error", "error": {"type": _ANTHROPIC.get(status, "api_error"), "message": text}}


def _gemini(status: int, code: str, text: str) -> dict[str, Any]:
    del code
    return {"error": {"code": status, "message": text, "status": _GEMINI.get(status, "INTERNAL")}}


_SHAPES: Final[dict[str, Callable[[int, str, str], dict[str, Any]]]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
