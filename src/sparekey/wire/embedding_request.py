"""What a request for vectors asks for: how many, how long, in which form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.wire.request import WireRequest

_ASKED: Final = {"openai": ("dimensions", "output_dimension"), "gemini": ("outputDimensionality", "output_dimensionality")}
"""Fields of a request that say how long its vectors shall be."""
LENGTH_FIELDS: Final = frozenset(name for names in _ASKED.values() for name in names)
_FAULTY_REQUEST: Final = (400, 422)
_OF_THE_LENGTH: Final = re.compile(r"matryoshka|dimension", re.IGNORECASE)
_KINDS_OF_NUMBERS: Final = ("output_dtype", "embedding_type")
"""Fields that ask for numbers of another kind than floats (voyage, mistral, jina)."""


def asked_lengths(call: WireRequest) -> list[int | None]:
    """Return the length that a request asks for: one for all, or one an input (batches of Gemini)."""
    requests = call.get("requests")
    several = [one for one in requests if isinstance(one, dict)] if isinstance(requests, list) else []
    fields = several or [call.document.fields if call.document else {}]
    return [_length(one, _ASKED.get(call.dialect, ())) for one in fields]


def names_length(call: WireRequest, added: Mapping[str, Any]) -> bool:
    """Tell whether a request for vectors says how long they shall be, with the fields that are `added` to it."""
    fields = _ASKED.get(call.dialect, ())
    return call.kind == "embed" and (any(one is not None for one in asked_lengths(call)) or not added.keys().isdisjoint(fields))


def refuses_length(status: int | None, text: str) -> bool:
    """Tell whether a host refuses a request because it names the length of its vectors.

    vLLM says of models that have one: "does not support matryoshka representation, changing output dimensions ...".
    """
    return status in _FAULTY_REQUEST and _OF_THE_LENGTH.search(text) is not None


def inputs(call: WireRequest) -> int | None:
    """Return how many inputs a request has; None where its provider may count them in its own way."""
    if call.dialect == "gemini":
        requests = call.get("requests")
        return len(requests) if isinstance(requests, list) else None if requests else 1
    given = call.get("input")
    if not isinstance(given, list):
        return 1 if isinstance(given, str) else None
    kinds = {type(one) for one in given}
    return len(given) if kinds in (set(), {str}, {list}) else 1 if kinds == {int} else None


def _length(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    nested = fields.get("embedContentConfig")
    found = [one.get(name) for one in (fields, nested) if isinstance(one, dict) for name in names]
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool) and value > 0), None)


def wants_base64(call: WireRequest) -> bool:
    """Tell whether a request asks for vectors in base64."""
    return "base64" in (call.get("encoding_format"), call.get("embedding_type"))


def wants_other_numbers(call: WireRequest) -> bool:
    """Tell whether a request asks for numbers of another kind than floats: only their model understands those."""
    return any(call.get(name) not in (None, "float", "base64") for name in _KINDS_OF_NUMBERS)
