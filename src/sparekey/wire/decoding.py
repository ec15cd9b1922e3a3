"""JSON as the wires read it: every request, answer and event of a stream passes here.

msgspec (the extra `gateway` brings it) reads twice as fast as the standard library, which is asked where msgspec is not installed, and
about whatever msgspec refuses: it is the stricter one (no NaN, no lone surrogates).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["loads"]


def _fastest() -> Callable[[bytes | str], Any]:
    try:
        import msgspec  # noqa: PLC0415 - an extra
    except ImportError:
        return json.loads
    decode, refused, slow = msgspec.json.Decoder().decode, msgspec.DecodeError, json.loads

    def loads(text: bytes | str) -> Any:
        try:
            return decode(text)
        except (refused, UnicodeError):  # it does not encode lone surrogates either
            return slow(text)

    return loads


loads = _fastest()
"""Read a JSON text; what is none raises `ValueError`, what is nested too deeply `RecursionError`."""
