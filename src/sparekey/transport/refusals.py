"""A provider said no: as an exception for the engine, and as the response that the SDK is handed in the end."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import classify
from sparekey.errors import LimitExceeded
from sparekey.types import ErrorClass
from sparekey.wire.reading import error_of

if TYPE_CHECKING:
    from sparekey.errors import AllCredentialsFailedError, CredentialError

_ORDER: Final = (
    ErrorClass.TRANSIENT,
    ErrorClass.QUOTA_EXCEEDED,
    ErrorClass.UNKNOWN,
    ErrorClass.MODEL_NOT_FOUND,
    ErrorClass.INPUT_TOO_LARGE,
    ErrorClass.CONTENT_SAFETY,
    ErrorClass.PERMANENT,
    ErrorClass.AUTH,
)
"""Which failure of several tells the caller most: what will pass before what will not, a dead key last."""
_STATUSES: Final = {
    ErrorClass.PERMANENT: 400,
    ErrorClass.CONTENT_SAFETY: 400,
    ErrorClass.INPUT_TOO_LARGE: 400,
    ErrorClass.AUTH: 401,
    ErrorClass.QUOTA_EXCEEDED: 429,
    ErrorClass.MODEL_NOT_FOUND: 404,
    ErrorClass.TRANSIENT: 503,
    ErrorClass.UNKNOWN: 502,
}
"""The status of an error that came without one."""
_OURS: Final = frozenset({"retry-after", "retry-after-ms", "x-should-retry", "x-ms-retry-after-ms"})
_OF_THE_BODY: Final = frozenset({"content-type", "content-length", "content-encoding", "transfer-encoding"})
_ERROR: Final = 400
"""The first status that says no."""


class Refused(Exception):  # noqa: N818 - it is the provider who refuses; nobody outside this package sees it
    """A response that is an error. The classifier reads `status_code`, `headers` and `body`.

    Attributes:
        response: the response; its stream may be read out already, `raw` is then what was in it.
        raw: the body's bytes as they came.
        body: the body's bytes without their encoding, or the data of an error event.
        event: the bytes of the error event, where the error came in a stream.
        aside: the request was about something else than the chain's model.
        rare: it asked the model in a way that not every host has.
        empty: it asked for the vectors of no input: whatever is answered, it is the caller's own fault.
    """

    def __init__(self, response: Any, raw: bytes, body: bytes, *, event: bytes = b"", aside: bool = False, rare: bool = False) -> None:
        """Take the response apart for the classifier."""
        self.status_code: int = response.status_code
        self.headers = dict(response.headers)
        self.answer, self.raw, self.body, self.event, self.aside = response, raw, body, event, aside
        self.rare, self.empty = rare, False
        super().__init__(self.status_code)

    def __str__(self) -> str:
        """Say it for a person: the status and what the classifier read."""
        return f"HTTP {self.status_code}: {classify(self).message}"


def handed(refused: Refused, lib: Any) -> Any:
    """Return the provider's own response, or the error inside a success as the error response that it should have been."""
    response = refused.answer
    if refused.status_code >= _ERROR:
        response.stream = lib.ByteStream(refused.raw)
        return response
    if refused.status_code >= 300 and not refused.event:  # noqa: PLR2004 - a redirect: nobody follows it
        response.headers.pop("location", None)
        response.stream = lib.ByteStream(refused.raw)
        return response
    failure = classify(refused)
    status = failure.status if failure.status and failure.status >= _ERROR else _STATUSES[failure.error_class]
    headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _OF_THE_BODY]
    return _response(lib, status, _as_error(refused.body), headers)


def exhausted(error: AllCredentialsFailedError, lib: Any) -> Any:
    """Return the most telling response of an exhausted chain, which no SDK will try again by itself.

    Raises:
        Exception: the transport's own, if there was never a response because nobody could be reached.
    """
    entries = sorted(error.errors, key=lambda entry: _ORDER.index(ErrorClass(entry.error_class)))
    refused = next((entry.exception for entry in entries if isinstance(entry.exception, Refused)), None)
    if refused is not None:
        response = handed(refused, lib)
    elif faults := [kind for entry in entries if (kind := _transport_fault(entry.exception, lib))]:
        telling = next((kind for kind in faults if not issubclass(kind, lib.ConnectError)), faults[0])
        raise telling(str(error)) from error
    else:
        response = _parked(error, entries, lib)
    if error.retry_after is not None:
        for name in _OURS:
            response.headers.pop(name, None)
        response.headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    response.headers["x-should-retry"] = "false"
    return response


def _parked(error: AllCredentialsFailedError, entries: list[CredentialError], lib: Any) -> Any:
    """Make a response where nobody was asked: every credential is parked."""
    error_class = ErrorClass(entries[0].error_class) if entries else ErrorClass.UNKNOWN
    body = {"type": "all_credentials_failed", "code": "all_credentials_failed", "message": str(error), "param": None}
    return _response(lib, _STATUSES[error_class], json.dumps({"type": "error", "error": body}).encode(), [])


def _transport_fault(exc: BaseException, lib: Any) -> Any:
    """Return the library's own class for what kept an answer from coming; a limit of the chain's is a timeout for the SDK."""
    if isinstance(exc, LimitExceeded):
        return lib.ReadTimeout
    return type(exc) if isinstance(exc, lib.TransportError) else None


def _as_error(body: bytes) -> bytes:
    try:
        return json.dumps(error_of(json.loads(body))).encode()
    except (ValueError, RecursionError):
        return body


def _response(lib: Any, status: int, body: bytes, headers: list[tuple[str, str]]) -> Any:
    own = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return lib.Response(status, headers=[*headers, *own], stream=lib.ByteStream(body))
