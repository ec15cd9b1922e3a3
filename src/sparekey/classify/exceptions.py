"""Read exceptions by their structure: attributes and class names, so that no SDK has to be imported to know its exceptions."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.evidence import Level, Reading, bounded
from sparekey.classify.headers import lower_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_CHAIN: Final = 8
_MAX_CODE: Final = 120
_STATUSES: Final = ("status_code", "http_status", "status", "code", "http_status_code")
_CODES: Final = ("code", "type", "status", "error_code", "reason", "error_type")
_BODIES: Final = ("body", "json_body", "response_json", "details", "http_body", "error_details", "error", "errors", "message")
_WHOLE: Final = frozenset({"body", "http_body", "error", "details"})
_HEADERS: Final = ("headers", "http_headers", "response_headers", "hdrs")
_NAMES: Final = frozenset({*_STATUSES, *_CODES, *_BODIES, *_HEADERS, "response"})
_RELATED: Final = ("exceptions", "reason", "last_exception", "os_error", "original_error")
_DATA_LIBRARIES: Final = frozenset({"pydantic", "pydantic_core", "jsonschema", "numpy", "yaml", "PIL"})
_SAYS_NOTHING: Final = frozenset(
    {"APIError", "APIStatusError", "ApiError", "ArkAPIError", "ArkAPIStatusError", "SDKError", "ServiceException"}
)
_CALLABLE: Final = frozenset({"code", "details"})
"""Methods of grpc errors; nothing else is called."""
_BUILTIN_BASES: Final = frozenset(
    {"Exception", "BaseException", "object", "RuntimeError", "ValueError", "OSError", "KeyError", "TypeError"}
)


def get(obj: Any, name: str) -> Any:
    """Return an attribute, or None if it is missing or reading it raises."""
    try:
        return getattr(obj, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign object may raise anything
        return None


def held(obj: Any) -> dict[str, Any]:
    """Return the instance dictionary of `obj`, or {}: looking there reads nothing from the network and runs no foreign code."""
    found = get(obj, "__dict__")
    return found if isinstance(found, dict) else {}


def text_of(exc: BaseException) -> str:
    """Return `str(exc)`, or what can be had of its arguments if `__str__` fails."""
    try:
        return bounded(str(exc))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        args = get(exc, "args")
        return bounded(" ".join(a for a in args if isinstance(a, str))) if isinstance(args, tuple) else ""


def chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc`, then what caused it, outermost first; the members of groups, and what transports hold in `reason` or `os_error`, too."""
    seen: set[int] = set()
    queue = [exc]
    while queue and len(seen) < _MAX_CHAIN:
        current = queue.pop(0)
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            queue += _causes(current)


def _causes(exc: BaseException) -> list[BaseException]:
    cause = exc.__cause__
    if cause is None and not exc.__suppress_context__:
        cause = exc.__context__
    found = [] if cause is None else [cause]
    attributes = held(exc)
    for name in _RELATED if attributes else ():
        if name in attributes or name == "exceptions":
            found += _exceptions_in(get(exc, name))
    for argument in exc.args[:3] if isinstance(exc.args, tuple) else ():
        if not isinstance(argument, (str, int)):
            found += _exceptions_in(argument) or _exceptions_in(get(argument, "reason"))
    if isinstance(exc, BaseExceptionGroup):
        found += exc.exceptions[:3]
    return found


def _exceptions_in(value: Any) -> list[BaseException]:
    items = value[:3] if isinstance(value, (list, tuple)) else (value,)
    return [item for item in items if isinstance(item, BaseException)]


def names_of(exc: BaseException) -> list[str]:
    """Return the names of the exception's class and of those it is derived from, the nearest first."""
    return [cls.__name__ for cls in type(exc).__mro__ if cls.__name__ not in _BUILTIN_BASES]


def read_exception(exc: BaseException) -> tuple[Reading, bool]:
    """Collect the evidence that an exception carries besides its text and its causes; and whether its words are part of that."""
    attributes = _attributes(exc)
    response = attributes.get("response")
    reading = Reading(_status(attributes, response))
    _read_headers(reading, attributes, response)
    _read_body(reading, attributes, response)
    worded = any(level.texts for level in reading.levels)
    own = Level(0, "exception")
    for name in _CODES:
        if name in attributes:
            _add_code(own, attributes[name])
    if own.codes or own.numbers:
        reading.levels.append(own)
    return reading, worded


def class_code(exc: BaseException) -> str:
    """Return the name of the exception's class where it is a provider's or an SDK's, else ""."""
    cls = type(exc)
    return "" if cls.__module__ == "builtins" or cls.__name__ in _SAYS_NOTHING or not is_foreign(exc) else cls.__name__


def is_foreign(exc: BaseException) -> bool:
    """Tell whether the exception's class may be a provider's or an SDK's: not Python's, nor of a library that only checks data."""
    cls = type(exc)
    root = str(get(cls, "__module__")).partition(".")[0]
    if root == "builtins":  # an exception made anew from a text of another language has no module
        return not hasattr(builtins, cls.__name__)
    return root not in sys.stdlib_module_names and root not in _DATA_LIBRARIES


def _attributes(exc: BaseException) -> dict[str, Any]:
    """Return those attributes that may tell something, also the ones that are properties of the class."""
    inside = held(exc)
    found = {name: inside[name] for name in _NAMES & inside.keys()} if inside else {}
    for cls in type(exc).__mro__:
        if cls is Exception or cls is BaseException:
            break
        for name in _NAMES & cls.__dict__.keys():
            if name not in found:
                found[name] = get(exc, name)
    for name in _CALLABLE & found.keys():
        found[name] = _called(found[name])
    return found


def _called(value: Any) -> Any:
    if not callable(value) or isinstance(value, type):
        return value
    try:
        return value()
    except Exception:  # noqa: BLE001 - a foreign method may raise anything
        return None


def _status(attributes: dict[str, Any], response: Any) -> int | None:
    for name in _STATUSES:
        if name in attributes and (status := _as_status(attributes[name])):
            return status
    if isinstance(response, dict):  # botocore
        meta = response.get("ResponseMetadata")
        return _as_status(meta.get("HTTPStatusCode")) if isinstance(meta, dict) else None
    if response is not None:
        return _as_status(get(response, "status_code")) or _as_status(get(response, "status"))
    return None


def _as_status(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and 100 <= value < 600 else None  # noqa: PLR2004 - the range of HTTP statuses


def _add_code(level: Level, value: Any) -> None:
    if not isinstance(value, (str, int)) and isinstance(name := get(value, "name"), str):  # an enum, as grpc has
        value = name
    if not isinstance(value, str) or not 0 < len(value) < _MAX_CODE or " " in value:
        return
    if value.isdigit() and value.isascii():
        level.add_number("error.code", int(value))
    else:
        level.codes.append(value)


def _read_headers(reading: Reading, attributes: dict[str, Any], response: Any) -> None:
    headers = next((attributes[name] for name in _HEADERS if attributes.get(name)), None)
    if isinstance(response, dict):
        meta = response.get("ResponseMetadata")
        headers = meta.get("HTTPHeaders") if isinstance(meta, dict) else None
    elif headers is None and response is not None:
        headers = get(response, "headers")
    if headers:
        reading.headers = lower_headers(headers)


def _read_body(reading: Reading, attributes: dict[str, Any], response: Any) -> None:
    if isinstance(response, dict):
        reading.add_body({"error": response.get("Error", response)})
        return
    for name in _BODIES:
        value = attributes.get(name)
        if isinstance(value, (dict, list)) and value:
            # SDKs hand out the inner object: its codes stand where `error` would have held them
            reading.add_body({"error": value} if isinstance(value, dict) and "error" not in value and "base_resp" not in value else value)
            return
        if isinstance(value, (str, bytes)) and value and name in _WHOLE:
            reading.add_body(value)
            return
    if response is not None:
        _read_content(reading, response)


def _read_content(reading: Reading, response: Any) -> None:
    """Read the body of a response if it is there already: reading it from the network here could block."""
    inside = held(response)
    for name in ("_content", "content", "_body", "body", "text"):
        value = inside.get(name)
        if isinstance(value, (bytes, str)) and value and value not in {b"null", "null"}:
            reading.add_body(value)
            return
