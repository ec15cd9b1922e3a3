"""An exception and what it was raised from; and what its class tells by itself, whoever made it: no SDK has to be imported."""

from __future__ import annotations

import builtins
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify.reasons import Reason
from sparekey.classify.tables import exceptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.classify.tables import Meaning

_MAX_CHAIN: Final = 8
_RELATED: Final = frozenset({"exceptions", "reason", "last_exception", "os_error", "original_error"})
_DATA_LIBRARIES: Final = frozenset({"pydantic", "pydantic_core", "jsonschema", "numpy", "yaml", "PIL"})
_SAYS_NOTHING: Final = frozenset(
    ["APIError", "APIStatusError", "ApiError", "ArkAPIError", "ArkAPIStatusError", "SDKError", "ServiceException"]
)
STATUSES: Final = ("status_code", "http_status", "status", "code", "http_status_code")
CODES: Final = ("code", "type", "status", "error_code", "reason", "error_type")
BODIES: Final = ("body", "json_body", "response_json", "details", "http_body", "error_details", "error", "errors", "message")
HEADERS: Final = ("headers", "http_headers", "response_headers", "hdrs")
TELLING: Final = frozenset({*STATUSES, *CODES, *BODIES, *HEADERS, "response"})
"""The attributes that are read; what else an exception holds is left alone."""


class Kind(NamedTuple):
    """What the class of an exception tells by itself.

    Attributes:
        properties: the attributes of `TELLING` that the class defines, not the instance.
        wire: what the transport's exceptions of this name mean, or None.
        foreign: it may be a provider's or an SDK's: not Python's, nor of a library that only checks data.
        code: its name where that is a provider's own word, else "".
        grouped: it has a property `exceptions`.
    """

    properties: tuple[str, ...]
    wire: Meaning | None
    foreign: bool
    code: str
    grouped: bool


_MAX_KINDS: Final = 4096
_KINDS: Final[dict[type[BaseException], Kind]] = {}


def kind_of(exc: BaseException) -> Kind:
    """Return what the class of `exc` tells; it is read once a class."""
    cls = type(exc)
    kind = _KINDS.get(cls)
    if kind is None:
        if len(_KINDS) >= _MAX_KINDS:
            _KINDS.clear()  # someone makes a class for each error
        kind = _KINDS[cls] = _read_kind(cls)
    return kind


def _read_kind(cls: type[BaseException]) -> Kind:
    bases = tuple(takewhile(lambda base: base not in {Exception, BaseException}, cls.__mro__))
    root = str(get(cls, "__module__")).partition(".")[0]
    # an exception made anew from a text of another language has no module
    of_python = hasattr(builtins, cls.__name__) if root == "builtins" else root in sys.stdlib_module_names
    foreign = not of_python and root not in _DATA_LIBRARIES
    return Kind(
        properties=tuple(dict.fromkeys(name for base in bases for name in sorted(TELLING & base.__dict__.keys()))),
        wire=next((known for base in bases if (known := exceptions().get(base.__name__))), None),
        foreign=foreign,
        code=cls.__name__ if foreign and root != "builtins" and cls.__name__ not in _SAYS_NOTHING else "",
        grouped=any("exceptions" in base.__dict__ for base in bases),
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


def chain(exc: BaseException) -> list[BaseException]:
    """Return `exc`, then what caused it, outermost first: causes, members of groups, what transports hold in `reason` or `os_error`."""
    found = [exc]
    for current in found:  # it grows while it is read
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
    """Return what the transport's exceptions among these say; a cancellation first, then files, then whether anything was reached."""
    found: Meaning | None = None
    for exc in chained:
        known = kind_of(exc).wire
        if known is None and isinstance(exc, OSError):
            known = exceptions().get(exc.errno) if isinstance(exc.errno, int) else None
        if known is None or (known.reason is Reason.CANCELLED and found is not None):
            continue  # a timeout is made by cancelling the wait: what stands above it says what happened
        if known.reason in {Reason.CANCELLED, Reason.FILE_SYSTEM} and (found is None or not found.unreached):
            return known
        if found is None or found.wrapper or (known.unreached and not found.unreached and not found.reached):
            found = known
    return found
