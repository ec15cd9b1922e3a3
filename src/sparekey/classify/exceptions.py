"""Read exceptions by their structure: their causes, their classes, and what they carry; and sparekey's own as causes.

No SDK has to be imported: classes are known by name, and attributes by the names that SDKs use.
"""

from __future__ import annotations

import builtins
import sys
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify.evidence import ErrorLayer, ErrorReading, bounded, lower_headers
from sparekey.classify.reasons import Reason
from sparekey.classify.tables import exceptions
from sparekey.errors import (
    AllCredentialsFailedError,
    CircuitBreakerOpen,
    CredentialParkedError,
    DeadlineExceeded,
    LimitExceeded,
    OverloadedError,
)
from sparekey.types import ErrorClass, Evidence, Failure, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.classify.tables import Meaning

_OURS: Final = (AllCredentialsFailedError, CircuitBreakerOpen, CredentialParkedError, DeadlineExceeded, LimitExceeded, OverloadedError)


def classify_ours(exc: BaseException) -> Failure | None:
    """Return what an exception of sparekey's means; None if it is not one of them."""
    if not isinstance(exc, _OURS):
        return None
    error_class, scope, evidence, wait = ErrorClass.TRANSIENT, Scope.UNKNOWN, Evidence.CERTAIN, None
    if isinstance(exc, AllCredentialsFailedError):
        error_class, reason, wait = _of_all(exc), "all_credentials_failed", exc.retry_after
    elif isinstance(exc, CredentialParkedError):
        reason, wait = "parked", exc.seconds
    elif isinstance(exc, CircuitBreakerOpen):
        reason, wait = "breaker_open", getattr(exc, "retry_after", None)
    elif isinstance(exc, OverloadedError):
        reason, wait = "concurrency", exc.retry_after
    elif isinstance(exc, LimitExceeded):
        # silence is the endpoint's fault, but a slow beginning is the credential's: another key of
        # the endpoint may be faster. An attempt that the caller's own deadline cut short proves
        # little.
        reason = exc.reason
        scope = Scope.CREDENTIAL if reason in {"deadline", "slow_start", "slow_answer"} else Scope.ENDPOINT
        evidence = Evidence.POSSIBLE if reason == "deadline" else Evidence.CERTAIN
    else:
        reason, evidence = "deadline", Evidence.POSSIBLE
    return Failure(
        error_class,
        reason,
        scope,
        retry_after=wait if isinstance(wait, (int, float)) and wait >= 0 else None,
        message=str(exc)[:300],
        evidence=evidence,
        timed_out=isinstance(exc, (LimitExceeded, DeadlineExceeded)),
        rule=f"exception: {type(exc).__name__}",
    )


def ours_within(exc: BaseException) -> Failure | None:
    """Return what the exception of sparekey's means that `exc` is or was raised from; None if none.

    An exception with an HTTP status speaks for itself, and ends the search.
    """
    current: BaseException | None = exc
    for _ in range(8):
        if current is None or "status_code" in getattr(current, "__dict__", ()):
            break
        if failure := classify_ours(current):
            return failure
        current = current.__cause__
    return None


def _of_all(exc: AllCredentialsFailedError) -> ErrorClass:
    """Return the class of an exhausted chain.

    It is transient if any credential's is, else quota if any is, auth if all are, else unknown.
    """
    classes = {str(entry.error_class) for entry in exc.errors}
    for error_class in (ErrorClass.TRANSIENT, ErrorClass.QUOTA_EXCEEDED):
        if error_class in classes:
            return error_class
    return ErrorClass.AUTH if classes == {"auth"} else ErrorClass.UNKNOWN


_MAX_CHAIN: Final = 8
_RELATED: Final = frozenset({"exceptions", "reason", "last_exception", "os_error", "original_error"})
_DATA_LIBRARIES: Final = frozenset({"pydantic", "pydantic_core", "jsonschema", "numpy", "yaml", "PIL"})
_SAYS_NOTHING: Final = frozenset(
    ["APIError", "APIStatusError", "ApiError", "ArkAPIError", "ArkAPIStatusError", "Refused", "SDKError", "ServiceException"]
)
NAMES_OF_STATUSES: Final = frozenset({"BadRequestError", "UnprocessableEntityError"})
"""SDKs' names for a status that blames the request. Beside the status they say nothing: a response has no such name."""
STATUSES: Final = ("status_code", "http_status", "status", "code", "http_status_code")
CODES: Final = ("code", "type", "status", "error_code", "reason", "error_type")
BODIES: Final = ("body", "json_body", "response_json", "details", "http_body", "error_details", "error", "errors", "message")
HEADERS: Final = ("headers", "http_headers", "response_headers", "hdrs")
TELLING: Final = frozenset({*STATUSES, *CODES, *BODIES, *HEADERS, "response"})
"""The attributes that are read; all others of an exception are left alone."""
_MAX_CODE: Final = 120
_WHOLE: Final = frozenset({"body", "http_body", "error", "details"})
_CALLABLE: Final = frozenset({"code", "details"})  # methods of grpc errors; nothing else is called


class ExceptionKind(NamedTuple):
    """What the class of an exception tells by itself."""

    properties: tuple[str, ...]  # the attributes of `TELLING` that the class defines, and not the instance
    wire: Meaning | None  # what a transport's exception of this name means; None if it is none
    foreign: bool  # whether it may be a provider's or an SDK's: not Python's own, nor of a library that only checks data
    code: str  # the class's name, if it is a provider's own word; else ""
    grouped: bool  # whether it has a property `exceptions`


_KINDS: Final[dict[type[BaseException], ExceptionKind]] = {}
_MAX_KINDS: Final = 4096


def kind_of(exc: BaseException) -> ExceptionKind:
    """Return what the class of `exc` tells; each class is read once."""
    if (kind := _KINDS.get(type(exc))) is None:
        if len(_KINDS) >= _MAX_KINDS:
            _KINDS.clear()  # a program makes a class for each error
        kind = _KINDS[type(exc)] = _read_kind(type(exc))
    return kind


def _read_kind(cls: type[BaseException]) -> ExceptionKind:
    bases = tuple(takewhile(lambda base: base not in {Exception, BaseException}, cls.__mro__))
    root = str(get(cls, "__module__")).partition(".")[0]
    # an exception that was rebuilt from another language's text has no module
    of_python = hasattr(builtins, cls.__name__) if root == "builtins" else root in sys.stdlib_module_names
    foreign = not of_python and root not in _DATA_LIBRARIES
    return ExceptionKind(
        properties=tuple(dict.fromkeys(name for base in bases for name in sorted(TELLING & base.__dict__.keys()))),
        wire=next((known for base in bases if (known := exceptions().get(base.__name__))), None),
        foreign=foreign,
        code=cls.__name__ if foreign and root != "builtins" and cls.__name__ not in _SAYS_NOTHING else "",
        grouped=any("exceptions" in base.__dict__ for base in bases),
    )


def get(obj: Any, name: str) -> Any:
    """Return an attribute; None if it is missing or reading it raises."""
    try:
        return getattr(obj, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign object may raise anything
        return None


def held(obj: Any) -> dict[str, Any]:
    """Return the instance dictionary of `obj`; {} if there is none.

    Looking there reads nothing from the network and runs no foreign code.
    """
    found = get(obj, "__dict__")
    return found if isinstance(found, dict) else {}


def chain(exc: BaseException) -> list[BaseException]:
    """Return `exc` and what caused it, outermost first.

    Causes are explicit and implicit ones, members of groups, and exceptions that transports keep in
    attributes like `reason` or `os_error`.
    """
    found = [exc]
    for current in found:  # the list grows while it is read
        for cause in _causes(current):
            if len(found) < _MAX_CHAIN and not any(cause is known for known in found):
                found.append(cause)
    return found


def _causes(exc: BaseException) -> list[BaseException]:
    cause = exc.__cause__ if exc.__cause__ is not None or exc.__suppress_context__ else exc.__context__
    found = [] if cause is None else [cause]
    attributes = held(exc)
    for name in _RELATED & attributes.keys():
        found += _exceptions_in(attributes[name])
    if kind_of(exc).grouped:
        found += _exceptions_in(get(exc, "exceptions"))
    for argument in exc.args[:3] if isinstance(exc.args, tuple) else ():
        if not isinstance(argument, (str, int)):
            found += _exceptions_in(argument) or _exceptions_in(get(argument, "reason"))
    return found + list(exc.exceptions[:3]) if isinstance(exc, BaseExceptionGroup) else found


def _exceptions_in(value: Any) -> list[BaseException]:
    items = value[:3] if isinstance(value, (list, tuple)) else (value,)
    return [item for item in items if isinstance(item, BaseException)]


def wire_of(chained: Iterable[BaseException]) -> Meaning | None:
    """Return what the transport's exceptions among these mean; None if there are none.

    A cancellation decides first, then a file system's error, then whether a connection came about.
    """
    found: Meaning | None = None
    for exc in chained:
        known = kind_of(exc).wire
        if known is None and isinstance(exc, OSError):
            known = exceptions().get(exc.errno) if isinstance(exc.errno, int) else None
        if known is None or (known.reason is Reason.CANCELLED and found is not None):
            continue  # a timeout cancels the wait, so the exception above says what happened
        if known.reason in {Reason.CANCELLED, Reason.FILE_SYSTEM} and (found is None or not found.unreached):
            return known
        if found is None or found.wrapper or (known.unreached and not found.unreached and not found.reached):
            found = known
    return found


def text_of(exc: BaseException) -> str:
    """Return `str(exc)`; the texts of its arguments if `__str__` fails."""
    try:
        return bounded(str(exc))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        args = get(exc, "args")
        return bounded(" ".join(a for a in args if isinstance(a, str))) if isinstance(args, tuple) else ""


def read_exception(exc: BaseException) -> tuple[ErrorReading, bool]:
    """Collect the evidence that an exception carries, apart from its text and its causes.

    Return the reading, and whether it holds the exception's words already.
    """
    attributes = _attributes(exc)
    if not attributes:
        return ErrorReading(), False
    response = attributes.get("response")
    if isinstance(response, dict):  # botocore
        meta = response.get("ResponseMetadata")
        meta = meta if isinstance(meta, dict) else {}
        status, headers = _as_status(meta.get("HTTPStatusCode")), meta.get("HTTPHeaders")
    else:
        status = _as_status(get(response, "status_code")) or _as_status(get(response, "status"))
        headers = next((attributes[name] for name in HEADERS if attributes.get(name)), None) or get(response, "headers")
    own = (_as_status(attributes.get(name)) for name in STATUSES)
    reading = ErrorReading(next(filter(None, own), status), lower_headers(headers) if headers else None)
    _read_body(reading, attributes, response)
    worded = any(layer.texts for layer in reading.layers)
    layer = ErrorLayer(0, "exception")
    for name in CODES:
        if name in attributes:
            _add_code(layer, attributes[name])
    if layer.codes or layer.numbers:
        reading.layers.append(layer)
    return reading, worded


def _attributes(exc: BaseException) -> dict[str, Any]:
    """Return the attributes of `TELLING` that the exception has, properties of its class included."""
    inside = held(exc)
    found = {name: inside[name] for name in TELLING & inside.keys()}
    for name in kind_of(exc).properties:
        if name not in found:
            found[name] = get(exc, name)
    for name in _CALLABLE & found.keys():
        if callable(found[name]) and not isinstance(found[name], type):
            with suppress(Exception):  # a foreign method may raise anything
                found[name] = found[name]()
    return found


def _as_status(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and 100 <= value < 600 else None  # noqa: PLR2004 - the range of HTTP statuses


def _add_code(layer: ErrorLayer, value: Any) -> None:
    if not isinstance(value, (str, int)) and isinstance(name := get(value, "name"), str):  # an enum, as grpc has
        value = name
    if not isinstance(value, str) or not 0 < len(value) < _MAX_CODE or " " in value:
        return
    if value.isdigit() and value.isascii():
        layer.add_number("error.code", int(value))
    else:
        layer.codes.append(value)


def _read_body(reading: ErrorReading, attributes: dict[str, Any], response: Any) -> None:
    if isinstance(response, dict):
        reading.add_body({"error": response.get("Error", response)})
        return
    for name in BODIES:
        value = attributes.get(name)
        if isinstance(value, (dict, list)) and value:
            # SDKs hand out the object that stood in `error`: put it back, so that its codes are
            # found at their place
            reading.add_body({"error": value} if isinstance(value, dict) and "error" not in value and "base_resp" not in value else value)
            return
        if isinstance(value, (str, bytes)) and value and name in _WHOLE:
            reading.add_body(value)
            return
    inside = held(response)  # only a body that has been read already: reading it from the network here could block
    for name in ("_content", "content", "_body", "body", "text"):
        value = inside.get(name)
        if isinstance(value, (bytes, str)) and value and value not in {b"null", "null"}:
            reading.add_body(value)
            return
