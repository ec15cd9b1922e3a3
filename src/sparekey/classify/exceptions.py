"""Read exceptions by their structure: attributes and class names, so that no SDK has to be imported to know its exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.evidence import Level, Reading, bounded
from sparekey.classify.headers import lower_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_CHAIN: Final = 8
_STATUS_NAMES: Final = ("status_code", "http_status", "status", "code", "http_status_code")
_CODE_NAMES: Final = ("code", "type", "status", "error_code", "reason", "error_type")
_BODY_NAMES: Final = ("body", "json_body", "response_json", "details", "http_body", "error_details", "error", "errors", "message")


def get(obj: Any, name: str) -> Any:
    """Return an attribute, or None if it is missing or reading it raises."""
    try:
        return getattr(obj, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign object may raise anything
        return None


def text_of(exc: BaseException) -> str:
    """Return `str(exc)`, or what can be had of its arguments if `__str__` fails."""
    try:
        return bounded(str(exc))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        pass
    try:
        return bounded(" ".join(a for a in exc.args if isinstance(a, str)))
    except Exception:  # noqa: BLE001 - and so may args
        return ""


def chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and its explicit causes, outermost first; where there is none, what was being handled, and the members of groups."""
    seen: set[int] = set()
    queue = [exc]
    while queue and len(seen) < _MAX_CHAIN:
        current = queue.pop(0)
        if id(current) in seen or not isinstance(current, BaseException):
            continue
        seen.add(id(current))
        yield current
        queue += _causes(current)


def _causes(exc: BaseException) -> list[BaseException]:
    cause = get(exc, "__cause__")
    if cause is None and not get(exc, "__suppress_context__"):
        cause = get(exc, "__context__")
    found = [cause] if isinstance(cause, BaseException) else []
    for name in ("exceptions", "reason", "last_exception", "os_error", "original_error", "args"):
        value = get(exc, name)
        for item in value[:3] if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, BaseException):
                found.append(item)
            elif name == "args" and isinstance(get(item, "reason"), BaseException):
                found.append(item.reason)
    return found


def names_of(exc: BaseException) -> list[str]:
    """Return the names of the exception's class and of those it is derived from, the nearest first."""
    return [cls.__name__ for cls in type(exc).__mro__[:-3]] or [type(exc).__name__]


def read_exception(exc: BaseException) -> Reading:
    """Collect the evidence of one exception, without its causes."""
    reading = Reading(status=_status_of(exc))
    _read_response(reading, exc)
    own = Level(0, "exception")
    for name in _CODE_NAMES:
        _add_code(own, get(exc, name))
    if own.codes or own.numbers:
        reading.levels.append(own)
    if not any(level.texts for level in reading.levels):
        reading.add_text(text_of(exc))
    return reading


def _status_of(exc: BaseException) -> int | None:
    for source in (exc, get(exc, "response")):
        for name in _STATUS_NAMES if source is not None else ():
            value = get(source, name)
            if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600:  # noqa: PLR2004 - HTTP
                return int(value)
    response = get(exc, "response")
    if isinstance(response, dict) and isinstance(meta := response.get("ResponseMetadata"), dict):  # botocore
        status = meta.get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    return None


def _add_code(level: Level, value: Any) -> None:
    if callable(value) and not isinstance(value, type):  # grpc: code() gives an enum
        value = _called(value)
    if not isinstance(value, str) and isinstance(name := get(value, "name"), str):
        value = name
    if isinstance(value, str) and 0 < len(value) < 120 and " " not in value:  # noqa: PLR2004 - a code, not a sentence
        if value.isdigit():
            level.numbers += [value] if len(value) > 3 else []  # noqa: PLR2004 - three digits are a status
        else:
            level.codes.append(value)


def _called(method: Any) -> Any:
    if get(method, "__name__") not in {"code", "details"}:
        return None
    try:
        return method()
    except Exception:  # noqa: BLE001 - a foreign method may raise anything
        return None


def _read_response(reading: Reading, exc: BaseException) -> None:
    response = get(exc, "response")
    reading.headers = lower_headers(get(exc, "headers") or get(exc, "http_headers") or get(response, "headers"))
    if isinstance(response, dict):
        meta = response.get("ResponseMetadata")
        reading.headers = lower_headers(meta.get("HTTPHeaders")) if isinstance(meta, dict) else {}
        reading.add_body({"error": response.get("Error", response)})
        return
    if not _read_bodies(reading, exc) and response is not None:
        reading.add_body(_content_of(response))


def _read_bodies(reading: Reading, exc: BaseException) -> bool:
    for name in _BODY_NAMES:
        value = get(exc, name)
        if callable(value):
            value = _called(value)
        if isinstance(value, (dict, list)) and value:
            reading.add_body({"error": value} if isinstance(value, dict) and "error" not in value else value)
            return True
        if isinstance(value, (str, bytes)) and value and name in {"body", "http_body", "error", "details"}:
            reading.add_body(value)
            return True
    return False


def _content_of(response: Any) -> Any:
    """Return the body of a response that was already read: reading it here could block."""
    held = response.__dict__ if isinstance(get(response, "__dict__"), dict) else {}
    for name in ("_content", "content", "_body", "body", "text"):
        value = held.get(name)
        if isinstance(value, (bytes, str)) and value:
            return value
    return None
