"""Structured output: the JSON schema of a request, and a value that fits it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

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
