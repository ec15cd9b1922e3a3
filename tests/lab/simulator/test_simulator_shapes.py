"""Structured output: the answer fits the schema that the request brings."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from sparekey.lab.simulator.answers import structured


class Tree(BaseModel):
    name: str
    kind: Literal["oak", "elm"]
    age: int = Field(ge=10)
    tall: bool
    height: float | None
    birds: list[str] = Field(min_length=2)
    beside: Tree | None
    branches: list[Tree]


SCHEMA = Tree.model_json_schema()
PLACES = {
    "chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "tree", "schema": SCHEMA}}},
    "responses": {"text": {"format": {"type": "json_schema", "name": "tree", "schema": SCHEMA}}},
    "anthropic": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "gemini": {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}},
}


@pytest.mark.parametrize("place", PLACES)
def test_it_fits_wherever_the_schema_stands(place):
    """Nested, recursive, bounded: the value is one that the model takes."""
    tree = Tree.model_validate_json(structured(PLACES[place]))
    assert (tree.name, tree.age, len(tree.birds)) == ("spare key", 10, 2)


def test_types_in_capitals():
    """Gemini's own schemas write them so."""
    schema = {"type": "OBJECT", "properties": {"where": {"type": "STRING"}, "steps": {"type": "INTEGER"}}}
    assert json.loads(structured({"generationConfig": {"responseSchema": schema}})) == {"where": "spare key", "steps": 1}


def test_any_object():
    """Without a schema any object will do; without either the answer stays plain text."""
    assert json.loads(structured({"response_format": {"type": "json_object"}})) == {"text": "spare key"}
    assert not structured({"messages": [], "text": "plain", "response_format": {"type": "text"}})
