"""Read exceptions by their structure: attributes and responses, so that no SDK has to be imported to know its exceptions."""

from __future__ import annotations

from typing import Any, Final

from sparekey.classify.evidence import Level, Reading, bounded, lower_headers
from sparekey.classify.exception_chain import BODIES, CODES, HEADERS, STATUSES, TELLING, get, held, kind_of

_MAX_CODE: Final = 120
_WHOLE: Final = frozenset({"body", "http_body", "error", "details"})
_CALLABLE: Final = frozenset({"code", "details"})
"""Methods of grpc errors; nothing else is called."""


def text_of(exc: BaseException) -> str:
    """Return `str(exc)`, or what can be had of its arguments if `__str__` fails."""
    try:
        return bounded(str(exc))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        args = get(exc, "args")
        return bounded(" ".join(a for a in args if isinstance(a, str))) if isinstance(args, tuple) else ""


def read_exception(exc: BaseException) -> tuple[Reading, bool]:
    """Collect the evidence that an exception carries besides its text and its causes; and whether its words are part of that."""
    attributes = _attributes(exc)
    if not attributes:
        return Reading(), False
    response = attributes.get("response")
    if isinstance(response, dict):  # botocore
        meta = response.get("ResponseMetadata")
        meta = meta if isinstance(meta, dict) else {}
        status, headers = _as_status(meta.get("HTTPStatusCode")), meta.get("HTTPHeaders")
    else:
        status = _as_status(get(response, "status_code")) or _as_status(get(response, "status"))
        headers = next((attributes[name] for name in HEADERS if attributes.get(name)), None) or get(response, "headers")
    own = (_as_status(attributes.get(name)) for name in STATUSES)
    reading = Reading(next(filter(None, own), status), lower_headers(headers) if headers else None)
    _read_body(reading, attributes, response)
    worded = any(level.texts for level in reading.levels)
    level = Level(0, "exception")
    for name in CODES:
        if name in attributes:
            _add_code(level, attributes[name])
    if level.codes or level.numbers:
        reading.levels.append(level)
    return reading, worded


def _attributes(exc: BaseException) -> dict[str, Any]:
    """Return those attributes that may tell something, also the ones that are properties of the class."""
    inside = held(exc)
    found = {name: inside[name] for name in TELLING & inside.keys()}
    for name in kind_of(exc).properties:
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


def _read_body(reading: Reading, attributes: dict[str, Any], response: Any) -> None:
    if isinstance(response, dict):
        reading.add_body({"error": response.get("Error", response)})
        return
    for name in BODIES:
        value = attributes.get(name)
        if isinstance(value, (dict, list)) and value:
            # SDKs hand out the inner object: its codes stand where `error` would have held them
            reading.add_body({"error": value} if isinstance(value, dict) and "error" not in value and "base_resp" not in value else value)
            return
        if isinstance(value, (str, bytes)) and value and name in _WHOLE:
            reading.add_body(value)
            return
    inside = held(response)  # the body is read if it is there already: reading it from the network here could block
    for name in ("_content", "content", "_body", "body", "text"):
        value = inside.get(name)
        if isinstance(value, (bytes, str)) and value and value not in {b"null", "null"}:
            reading.add_body(value)
            return
