"""The vectors of an embedding chain: one of another length than the chain's, or one too few, is never handed on.

Lengths are counted in the bytes of the answer. No number is read: that would cost sixteen times as much.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.dimensions import known
from sparekey.config.providers import find
from sparekey.errors import IncompleteAnswerError, VectorSpaceError
from sparekey.gateway.answers import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.config.embedding import EmbeddingModelConfig
    from sparekey.wire.model import Call

_VECTOR: Final = {
    "openai": re.compile(rb'"embedding"\s*:\s*(?:(\[)\s*|")'),
    "gemini": re.compile(rb'"values"\s*:\s*(\[)\s*'),
}
"""Where a vector begins, by the dialect of the answer: as a list of numbers (group 1), or as base64 of 32-bit floats."""
_ASKED: Final = {"openai": ("dimensions", "output_dimension"), "gemini": ("outputDimensionality", "output_dimensionality")}
"""Fields of a request that say how long its vectors shall be."""
_KINDS_OF_NUMBERS: Final = ("output_dtype", "embedding_type")
"""Fields that ask for other numbers than floats (voyage, mistral, jina): such vectors are not counted."""
_PARAMETERS: Final = {"gemini": "outputDimensionality", "mistral": "output_dimension", "voyage": "output_dimension"}
"""What a provider calls the length that a request asks for; the others call it `dimensions`."""


def parameter(config: EmbeddingModelConfig, provider: str, model: str | None) -> Mapping[str, Any]:
    """Return the field that asks a credential's provider for the chain's declared length; none where the model gives it anyway."""
    found = known(provider, model)
    if not config.dimension or (found and found.default == config.dimension):
        return {}
    row = find(provider)
    return {_PARAMETERS.get(row.name if row else provider, "dimensions"): config.dimension}


@dataclass(slots=True)
class Vectors:
    """The one length that the vectors of a chain have.

    Attributes:
        declared: the length in the configuration: no request may ask for another.
        usual: the length of vectors for which no length was asked: declared, else the model's own, else that of the first that came.
    """

    declared: int | None = None
    usual: int | None = None

    def check(self, call: Call) -> None:
        """Look at a request before anybody is asked.

        Raises:
            RefusalError: it asks for another length than the chain's declared one.
        """
        for wanted in _wanted(call):
            if self.declared and wanted not in {None, self.declared}:
                text = f"the vectors of this model have {self.declared} dimensions; ask for {self.declared}, or leave the length out"
                raise RefusalError(400, "wrong_dimensions", text)

    def admit(self, credential_id: str, call: Call, body: bytes) -> None:
        """Let an answer through whose vectors are as many as the inputs, and as long as they must be.

        Raises:
            VectorSpaceError: one has another length.
            IncompleteAnswerError: there are none, or fewer or more than inputs.
        """
        if any(call.get(name) not in {None, "float"} for name in _KINDS_OF_NUMBERS):
            return
        found, inputs = list(lengths(call.dialect, body)), _inputs(call)
        if None in found:
            return  # lists of lists: several vectors an input, which only their model understands
        if not found or inputs not in {None, len(found)}:
            raise IncompleteAnswerError(f"{credential_id!r} gave {len(found)} vectors for {inputs or 'the'} inputs")
        wanted = _wanted(call)
        each = wanted if len(wanted) == len(found) else wanted[:1] * len(found)
        for length, one in zip(found, each, strict=True):
            self._one(credential_id, length or 0, one)

    def _one(self, credential_id: str, length: int, wanted: int | None) -> None:
        if not length:
            raise IncompleteAnswerError(f"{credential_id!r} gave an empty vector")
        if wanted is None:
            self.usual = self.usual or length
        if length != (expected := wanted or self.usual):
            raise VectorSpaceError(f"{credential_id!r} gave a vector of {length} dimensions where {expected} are expected")


def vectors_of(config: EmbeddingModelConfig) -> Vectors | None:
    """Return what the vectors of a chain must be like; None if it has none that are dense."""
    return None if config.kind == "sparse" else Vectors(config.dimension, config.known_dimension)


def lengths(dialect: str, body: bytes) -> Iterator[int | None]:
    """Yield how many numbers each vector of an answer has; None for one that holds lists again."""
    begins, at = _VECTOR[dialect], 0
    while found := begins.search(body, at):
        start = found.end()
        if found[1] is None:
            at = body.find(b'"', start)
            yield _floats(body, start, at) if at > 0 else 0
        elif body[start : start + 1] == b"[":
            at = start + 1
            yield None
        else:
            at = body.find(b"]", start)
            yield 0 if at in {start, -1} else body.count(b",", start, at) + 1
        if at < 0:
            return


def _floats(body: bytes, start: int, end: int) -> int:
    """Return how many 32-bit floats stand in base64; some libraries write its signs with a backslash."""
    if body.find(b"\\", start, end) >= 0:
        body = str(json.loads(body[start - 1 : end + 1])).encode()
        start, end = 0, len(body)
    return (end - start - body.count(b"=", max(start, end - 2), end)) * 3 // 4 // 4


def _wanted(call: Call) -> list[int | None]:
    """Return the length that a request asks for: one for all, or one an input (batches of Gemini)."""
    requests = call.get("requests")
    several = [one for one in requests if isinstance(one, dict)] if isinstance(requests, list) else []
    fields = several or [call.document.fields if call.document else {}]
    return [_length(one, _ASKED.get(call.dialect, ())) for one in fields]


def _length(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    nested = fields.get("embedContentConfig")
    found = [one.get(name) for one in (fields, nested) if isinstance(one, dict) for name in names]
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool) and value > 0), None)


def _inputs(call: Call) -> int | None:
    """Return how many inputs a request has; None where its provider may count them in its own way."""
    if call.dialect == "gemini":
        requests = call.get("requests")
        return len(requests) if isinstance(requests, list) else 1
    given = call.get("input")
    if not isinstance(given, list):
        return 1 if isinstance(given, str) else None
    kinds = {type(one) for one in given}
    return len(given) if kinds in ({str}, {list}) else 1 if kinds == {int} else None
