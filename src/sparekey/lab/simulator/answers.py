"""The answers of a healthy simulated provider: one fixed text, JSON of the shape that was asked for, and vectors made from the text."""

from __future__ import annotations

import array
import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TEXT: Final = (
    "A spare key lies under the third stone beside the old garden gate. Nobody thinks of it while the first one turns "
    "in the lock, and that is how it should be. On the night when the first key breaks, somebody kneels in the "
    "rain, lifts the stone, opens the door, and goes to bed as if nothing had happened."
)
"""The healthy chat answer: sixty words, so that "complete" can mean word for word."""


def pieces(text: str) -> tuple[str, ...]:
    """Split `text` into words, each with the white space before it: joined they give `text` again."""
    return tuple(re.findall(r"\s*\S+(?:\s+$)?", text))


def count_tokens(text: str) -> int:
    """Return the number of words: the simulator's idea of a token."""
    return len(text.split())


_LONGEST: Final = 65_536


def unit_vector(text: str, length: int, space: str = "") -> list[float]:
    """Return a vector of norm 1, which `text` and `space` alone decide.

    A shorter vector is the beginning of a longer one, normalised again, like that of providers with
    a `dimensions` parameter.

    Raises:
        ValueError: `length` is not positive.
    """
    if not isinstance(length, int) or not 1 <= length <= _LONGEST:
        raise ValueError(f"{length} dimensions")
    seed = hashlib.shake_256(f"{space}\0{text}".encode("utf-8", "surrogatepass"))
    numbers = array.array("h", seed.digest(2 * length))
    norm = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [round(number / norm, 8) for number in numbers]


def base64_floats(vector: list[float]) -> str:
    """Encode `vector` as base64 of little-endian 32-bit floats, OpenAI's SDK's default format."""
    return base64.b64encode(array.array("f", vector).tobytes()).decode()


@dataclass(frozen=True, slots=True)
class Voice:
    """What one provider answers when it is well.

    Attributes:
        text: the chat answer.
        reasoning: the reasoning that precedes it; empty for none. Wires without reasoning leave it
            out.
        cached_tokens: how many prompt tokens it says were read from its cache.
        dimension: the length of its vectors when the request does not ask for another.
        space: vectors of different spaces have nothing to do with each other.
        models: the models it lists.
        force_length: the length of its vectors whatever the request asks for; None: as asked.
    """

    text: str = TEXT
    reasoning: str = ""
    cached_tokens: int = 0
    dimension: int = 1536
    space: str = ""
    models: tuple[str, ...] = ("sim-chat", "sim-embedding")
    force_length: int | None = None

    @property
    def pieces(self) -> tuple[str, ...]:
        """The answer, one word an item."""
        return pieces(self.text)

    @property
    def reasoning_pieces(self) -> tuple[str, ...]:
        """The reasoning, one word an item."""
        return pieces(self.reasoning)

    @property
    def completion_tokens(self) -> int:
        """How many tokens it says it wrote, reasoning included."""
        return count_tokens(self.text) + self.reasoning_tokens

    @property
    def reasoning_tokens(self) -> int:
        """How many of them were reasoning."""
        return count_tokens(self.reasoning)

    def vector(self, text: str, dimensions: int | None = None) -> list[float]:
        """Return the embedding of `text`, `dimensions` long if the request asked for that."""
        return unit_vector(text, self.force_length or dimensions or self.dimension, self.space)


_PLACES: Final = (
    ("response_format", "json_schema", "schema"),  # OpenAI's chat completions
    ("text", "format", "schema"),  # OpenAI's responses
    ("output_config", "format", "schema"),  # Anthropic
    ("output_format", "schema"),  # Anthropic, before
    ("generationConfig", "responseJsonSchema"),  # Gemini
    ("generationConfig", "responseSchema"),
)
_MODES: Final = (("response_format", "type", "json_object"), ("generationConfig", "responseMimeType", "application/json"))
_ANY_OBJECT: Final = {"type": "object", "properties": {"text": {"type": "string"}}}
_WORDS: Final = "spare key"


def structured(body: Mapping[str, Any]) -> str:
    """Return a JSON answer in the form that a request asks for; "" if it asks for plain text."""
    schema = _schema(body)
    return "" if schema is None else json.dumps(_Maker(schema).make(schema))


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = (_at(body, place) for place in _PLACES)
    schema = next((one for one in found if isinstance(one, Mapping)), None)
    if schema is None and any(_at(body, place[:2]) == place[2] for place in _MODES):
        return _ANY_OBJECT
    return schema


def _at(body: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


class _Maker:
    """Makes the simplest value that fits a schema: one item, one word, or 1.

    A schema that refers to itself ends.
    """

    def __init__(self, root: Mapping[str, Any], within: frozenset[str] = frozenset()) -> None:
        """Create it with the whole schema, where references point, and the references it is in."""
        self.root, self.within = root, within

    def make(self, schema: Mapping[str, Any]) -> Any:
        """Return a value for a part of the schema."""
        if ref := schema.get("$ref"):
            target = _at(self.root, tuple(str(ref).removeprefix("#/").split("/")))
            return _Maker(self.root, self.within | {ref}).make(target)
        if "const" in schema or "enum" in schema:
            return schema.get("const", next(iter(schema.get("enum", ())), None))
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self.make(next((one for one in schema[several] if not self.repeats(one)), {"type": "null"}))
        return self.plain(_type(schema), schema)

    def repeats(self, schema: Mapping[str, Any]) -> bool:
        """Return whether a value for this part is being made already: the schema refers to itself."""
        return schema.get("$ref") in self.within

    def plain(self, kind: str, schema: Mapping[str, Any]) -> Any:
        """Return a value of a type."""
        match kind:
            case "object":
                return {name: self.make(one) for name, one in schema.get("properties", {}).items()}
            case "array":
                items = schema.get("items", {})
                return [] if self.repeats(items) else [self.make(items)] * max(1, schema.get("minItems", 1))
            case "integer" | "number":
                return schema.get("minimum", min(1, schema.get("maximum", 1)))
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return _WORDS


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type, the first of several; Gemini writes it in capitals."""
    named = schema.get("type", "object" if "properties" in schema else "string")
    return str(named if isinstance(named, str) else named[0]).lower()
