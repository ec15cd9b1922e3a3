"""Imports run downwards only, and the core is pure: import-linter holds the contracts of pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sparekey.core

CONTRACTS = Path(__file__).parents[1] / "pyproject.toml"
CORE = sorted(Path(sparekey.core.__file__).parent.glob("*.py"))
PURE = {
    *("__future__", "array", "collections", "contextlib", "copy", "dataclasses", "enum", "functools", "hashlib", "itertools", "math", "re"),
    *("types", "typing"),
}


def test_the_contracts_are_kept():
    """Every layer imports what stands below it, and no layer is left out; what is broken is printed."""
    # in a process of its own: it sets up logging anew, which would silence the loggers that other tests listen to
    code = f"import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports({str(CONTRACTS)!r}, no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_the_core_imports_no_more_than_values_need(path):
    """The whole list: a module that is not on it has no place in the core."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add(node.module)
    foreign = {name for name in found if name.split(".")[0] not in PURE}
    assert all(name.startswith(("sparekey.core", "sparekey.types", "sparekey.errors", "sparekey.masking")) for name in foreign)


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.stem)
def test_the_core_keeps_no_globals_that_change(path):
    """Nothing that a test would have to reset."""
    assert not [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, (ast.Global, ast.Nonlocal))]
