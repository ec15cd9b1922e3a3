"""The public names, as people and type checkers see them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sparekey

STUB = Path(sparekey.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("name", sparekey.__all__)
def test_every_public_name_can_be_imported(name):
    """Each name of `sparekey.__all__` leads to something."""
    assert getattr(sparekey, name) is not None


def test_type_checkers_see_the_same_names():
    """The stub has exactly the names of `sparekey.__all__`, each from the module it lives in."""
    imports = [n for n in ast.parse(STUB.read_text(encoding="utf-8")).body if isinstance(n, ast.ImportFrom)]
    homes = {alias.asname: node.module for node in imports for alias in node.names}
    assert homes == sparekey._HOME_OF


def test_an_unknown_name_is_an_attribute_error():
    """A name that does not exist is refused as Python does it."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = sparekey.nothing
