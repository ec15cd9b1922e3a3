"""What a caller over HTTP is told where no answer came: decided here once, for the SDK transports
and the gateway.

A refusal that is the request's (or may be, as far as anybody can tell) is handed on as the provider
wrote it. An exhausted chain says that it was a chain, and what each of its credentials said. Three
things never happen. A provider's 401 is not handed on: it would say that the *caller's* key is bad.
No provider's words about "your API key" stand there without the name of the credential whose key
they mean (Claude Code reads `x-api-key` anywhere in an error as "log in again"). And no header makes
a client sleep for longer than a minute, since several do so in silence: a longer wait stands in the
body.
"""  # noqa: D205 - one line is too short for it

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify import classify, classify_response
from sparekey.errors import AllCredentialsFailedError, CredentialParkedError, LimitExceeded, OverloadedError, SparekeyError
from sparekey.transport import wording
from sparekey.transport.wording import Cause
from sparekey.types import ErrorClass
from sparekey.wire import json_body
from sparekey.wire.broken_stream import error_of
from sparekey.wire.formats import FORMATS
from sparekey.wire.large_json import is_slow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparekey.errors import CredentialError
    from sparekey.types import Failure
    from sparekey.wire.json_body import Document

UNKNOWN_REFERENCE: Final = "unknown_reference"
"""The reason of a failure that says: this account has no such response, file or conversation."""
ABSENT: Final = frozenset({404, 405, 501})
"""Statuses of a host that has none of what was asked for."""
LONGEST_WAIT: Final = 60.0
"""Seconds up to which `Retry-After` says when to come again; a longer wait stands in the body alone."""
_ERROR: Final = 400
"""The first status that says no."""
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_BAD_GATEWAY: Final = 502
_UNAVAILABLE: Final = 503
_TOLD_AS: Final = {402: 400, 407: 400}
"""Statuses between a provider and us (a bill, a proxy): for the caller it is a request that is refused."""
_BY_CLASS: Final = {
    ErrorClass.PERMANENT: 400,
    ErrorClass.CONTENT_SAFETY: 400,
    ErrorClass.INPUT_TOO_LARGE: 400,
    ErrorClass.TRANSIENT: 503,
}
"""The status of a refusal that came without one; 502 for any other class."""
_RATE: Final = frozenset({"rate_limited", "concurrency", "long_wait", "daily_quota", "period_quota", "usage_limit"})
"""Reasons that are about how much in how much time: time lifts them, and the answer is 429 where they are everybody's."""
_OF_THE_MESSAGE: Final = frozenset(
    {
        *("content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "location"),
        *("set-cookie", "www-authenticate", "proxy-authenticate", "x-should-retry"),
    }
)
"""Headers that are not handed on with a refusal: they are about its bytes, about the connection, or about how to log in."""
_A_WAIT: Final = re.compile(r"retry-after|reset")
"""Headers that say when to come again (`retry-after-ms`, `x-ratelimit-reset-requests`, `anthropic-ratelimit-tokens-reset`, ...)."""
_WORDLESS: Final = "the provider failed without saying why"
"""What a caller is told of an error without words. The classifier never sees it: any words would sway it."""
Raw = list[tuple[bytes, bytes]]


class Refused(Exception):  # noqa: N818 - it is the provider who refuses; nobody outside this package sees it
    """A response that is an error. The classifier reads `status_code`, `headers` and `body`.

    Attributes:
        response: the response; its stream may be read out already, `raw` is then what was in it.
        raw: the body's bytes as they came.
        body: the body's bytes without their encoding, or the data of an error event.
        event: the bytes of the error event, where the error came in a stream.
        aside: the request was about something else than the chain's model.
        rare: it asked the model in a way that not every host has.
        credential_id: whose request was refused.
        empty: it asked for the vectors of no input: whatever is answered, it is the caller's own fault.
    """

    def __init__(
        self,
        response: Any,
        raw: bytes,
        body: bytes,
        *,
        event: bytes = b"",
        aside: bool = False,
        rare: bool = False,
        credential_id: str = "",
    ) -> None:
        """Take the response apart for the classifier."""
        self.status_code: int = response.status_code
        self.headers = dict(response.headers)
        self.answer, self.raw, self.body, self.event, self.aside = response, raw, body, event, aside
        self.rare, self.credential_id, self.empty = rare, credential_id, False
        super().__init__(self.status_code)

    def __str__(self) -> str:
        """Say it for a person: the status and the words in the body. The classifier reads this text where the body has none."""
        words = classify_response(self.status_code, None, self.body).message
        return f"HTTP {self.status_code}: {words}" if words else f"HTTP {self.status_code}"

    def failure(self) -> Failure:
        """Return what the classifier reads in it, with a sentence for a person where the provider has no words."""
        found = classify(self)
        return replace(found, message=_WORDLESS) if found.message in {"", f"HTTP {self.status_code}"} else found


class UnservableError(SparekeyError):
    """A request that no credential of the chain can serve."""


class ErrorReply(NamedTuple):
    """What a caller is told.

    Attributes:
        status: the HTTP status.
        code: the cause in one word.
        message: the words, where we speak for ourselves.
        about: the `sparekey` object that goes beside the error.
        own: the provider's JSON, where it is handed on; then `message` stands in no answer.
        wait: seconds until it is worth asking again, or None.
        kept: the provider's headers that may be handed on.
        repeatable: an SDK may ask again by itself, in `wait` seconds: no provider was asked.
    """

    status: int
    code: str
    message: str
    about: dict[str, Any]
    own: Document | None = None
    wait: float | None = None
    kept: Sequence[tuple[bytes, bytes]] = ()
    repeatable: bool = False

    @property
    def lasts(self) -> bool:
        """Whether nothing is won by asking again within a minute, although the status may say so."""
        return self.status == _BAD_GATEWAY or (self.status == _TOO_MANY and self.wait is not None and self.wait > LONGEST_WAIT)

    @property
    def headers(self) -> Raw:
        """Ours: that no SDK repeats the request by itself, and when to come again, if that is soon."""
        found = [(b"content-type", b"application/json"), (b"x-should-retry", b"true" if self.repeatable else b"false")]
        if self.wait is not None and self.wait <= LONGEST_WAIT:
            found.append((b"retry-after", b"%d" % max(1, math.ceil(self.wait))))
        return found

    def body(self, dialect: str, **more: Any) -> bytes:
        """Return the body for the SDKs of a dialect; `more` goes into the `sparekey` object."""
        about = {"sparekey": {**more, **self.about}}
        if self.own is not None:
            return json_body.completed(self.own, about).text.encode()
        return json.dumps({**FORMATS[dialect].error_body(self.status, self.code, self.message), **about}).encode()


def reply_to(exc: Refused | AllCredentialsFailedError | OverloadedError) -> ErrorReply:
    """Return what a caller is told of a refusal that is his, of an exhausted chain, or of one that has no room.

    Nothing of `exc` is changed: one refusal may be told to many callers.
    """
    if isinstance(exc, Refused):
        return _handed(exc)
    if isinstance(exc, OverloadedError):
        return ErrorReply(_UNAVAILABLE, "overloaded", str(exc), {}, wait=exc.retry_after, repeatable=True)
    agreed = exc.agreed
    return _handed(agreed, [cause(entry) for entry in exc.errors]) if isinstance(agreed, Refused) else _exhausted(exc)


def response(exc: Refused | AllCredentialsFailedError | OverloadedError | UnservableError, dialect: str, lib: Any) -> Any:
    """Return the reply as a response of an HTTP library, with headers that keep SDKs from repeating the request in vain.

    Raises:
        Exception: the library's own, if nobody in the chain could be reached: no response ever came.
    """
    if isinstance(exc, AllCredentialsFailedError) and (fault := _unreached(exc, lib)):
        raise fault(_exhausted(exc).message) from exc
    found = ErrorReply(_ERROR, "invalid_request_error", str(exc), {}) if isinstance(exc, UnservableError) else reply_to(exc)
    body = found.body(dialect)
    headers = [*found.kept, *found.headers, (b"content-length", b"%d" % len(body))]
    return lib.Response(found.status, headers=headers, stream=lib.ByteStream(body))


def merged(faults: list[AllCredentialsFailedError]) -> AllCredentialsFailedError:
    """Merge the errors of several sets of credentials that a request was sent to in turn."""
    if len(faults) == 1:
        return faults[0]
    waits = [fault.retry_after for fault in faults if fault.retry_after is not None]
    entries = [entry for fault in faults for entry in fault.errors]
    error = AllCredentialsFailedError(entries, min(waits, default=None), secrets=faults[0].secrets)
    agreed = [fault.agreed for fault in faults if fault.agreed is not None]
    if len(agreed) == len(faults) and len({classify(one).fingerprint for one in agreed}) == 1:
        error.agreed = agreed[0]
    error.attempts = tuple(one for fault in faults for one in fault.attempts)
    return error


def cause(entry: CredentialError) -> Cause:
    """Return what became of one credential."""
    exc, error_class = entry.exception, str(entry.error_class)
    if isinstance(exc, CredentialParkedError):
        return Cause(entry.credential_id, error_class, exc.cause.partition(": ")[2] or "parked", parked=True, seconds=exc.seconds)
    failure = exc.failure() if isinstance(exc, Refused) else classify(exc)
    return Cause(entry.credential_id, error_class, failure.reason, failure.status, failure.message)


def _handed(refused: Refused, causes: Sequence[Cause] = ()) -> ErrorReply:
    """The provider's own words, in its own JSON if it sent an object, with the status that the caller may see."""
    failure, who = refused.failure(), refused.credential_id
    status = _status(refused, failure)
    about: dict[str, Any] = {"class": str(failure.error_class), "reason": failure.reason}
    if who:
        about["credential"] = who
    if causes:
        about["causes"] = [one.fields for one in causes]
    if failure.retry_after is not None:
        about["retry_after"] = round(failure.retry_after, 3)
    own = None if status == _UNAUTHORIZED else _own(refused, failure, len(causes))
    several = len(causes) > 1
    message = wording.exhausted(causes, failure.retry_after) if several else wording.refused(failure, who, failure.status)
    shown = _BAD_GATEWAY if status == _UNAUTHORIZED else status
    return ErrorReply(shown, failure.reason, message, about, own, failure.retry_after, _kept(refused))


def _status(refused: Refused, failure: Failure) -> int:
    """Return the provider's status, or for an error inside a success (or a redirect, which nobody follows) the one it should have had."""
    status = refused.status_code
    if status < _ERROR:
        inner = failure.status or 0
        status = inner if inner >= _ERROR else _BY_CLASS.get(failure.error_class, _BAD_GATEWAY)
    return _TOLD_AS.get(status, status)


def _own(refused: Refused, failure: Failure, many: int) -> Document | None:
    """Return the provider's JSON object; if it speaks of a key, an account or a model, with a note on whose it is. None: it sent no object.

    `many` credentials of the chain were refused in these words.
    """
    document = None if is_slow(refused.body) else json_body.read(refused.body, built=True)
    if document is None:
        return None
    if refused.status_code < _ERROR:
        document = json_body.read(json.dumps(error_of(document.fields)).encode()) or document
    own_model = refused.aside and failure.error_class is ErrorClass.MODEL_NOT_FOUND
    about = "" if own_model else wording.about_whom(failure, refused.credential_id, many)
    return wording.noted(document, about) if about else document


def _kept(refused: Refused) -> Raw:
    found = [(name, name.decode("latin-1").lower(), value) for name, value in refused.answer.headers.raw]
    return [(raw, value) for raw, name, value in found if name not in _OF_THE_MESSAGE and not _A_WAIT.search(name)]


def _exhausted(error: AllCredentialsFailedError) -> ErrorReply:
    """That it was a chain, with the cause of each of its credentials."""
    causes = [cause(entry) for entry in error.errors]
    about: dict[str, Any] = {"causes": [one.fields for one in causes]}
    if error.retry_after is not None:
        about["retry_after"] = round(error.retry_after, 3)
    message = wording.exhausted(causes, error.retry_after)
    return ErrorReply(_status_of_all(error, causes), "all_credentials_failed", message, about, wait=error.retry_after)


def _status_of_all(error: AllCredentialsFailedError, causes: Sequence[Cause]) -> int:
    """Return the status of an exhausted chain. It is never a provider's 401: the caller's own key is good.

    404 if nobody has what the request names or the path that it asks for, 429 if the rate of all is
    limited (in a minute or in a week), 503 if something will pass by itself, else 502.
    """
    passing = [one for one in causes if one.error_class == ErrorClass.TRANSIENT]
    if causes and (all(one.reason == UNKNOWN_REFERENCE for one in causes) or all(_lacks(e.exception) for e in error.errors)):
        return _NOT_FOUND
    if causes and all(one.reason in _RATE for one in causes):
        return _TOO_MANY
    return _UNAVAILABLE if passing else _BAD_GATEWAY


def _lacks(exc: BaseException) -> bool:
    """Tell whether a host has none of what was asked for, where not every host has it."""
    return isinstance(exc, Refused) and (exc.aside or exc.rare) and exc.status_code in ABSENT


def _unreached(error: AllCredentialsFailedError, lib: Any) -> Any:
    """Return the library's own class for what kept every answer from coming; None if somebody did answer, or is parked for what he said.

    A limit of the chain's is a timeout for the SDK.
    """
    kinds = []
    for entry in error.errors:
        if isinstance(entry.exception, LimitExceeded):
            kinds.append(lib.ReadTimeout)
        elif isinstance(entry.exception, lib.TransportError):
            kinds.append(type(entry.exception))
        elif not isinstance(entry.exception, CredentialParkedError) or entry.error_class != ErrorClass.TRANSIENT:
            return None
    return next((kind for kind in kinds if not issubclass(kind, lib.ConnectError)), kinds[0] if kinds else None)
