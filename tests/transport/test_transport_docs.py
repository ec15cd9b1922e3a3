"""The page about transports, run as it stands: with a configuration in place, whose first key is dead.

`make frameworks` runs the examples of frameworks, those too that are not among the development packages.
"""

import ast
import gc
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

from sparekey.lab.simulator import Simulator, faults

PAGE = Path(__file__).parents[2] / "docs" / "transports.md"
NAMED = 'sdk_options("chat"'
"""Of examples of frameworks: they name a chain of the configuration, and take seconds to import."""


def _examples():
    for one in find_examples(PAGE):
        yield pytest.param(one, marks=[pytest.mark.slow] if NAMED in one.source else [], id=str(one))


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Two providers behind the chain `chat` of a configuration in the working directory; the first one's key is dead."""
    with Simulator() as simulator:
        made = [simulator.provider(name) for name in ("first", "second")]
        made[0].fail(faults.auth())
        rows = [f'[[vlm.credentials]]\nid = "{one.name}"\napi_key = "key"\napi_base = "{one.base_url}"\n' for one in made]
        (tmp_path / "sparekey.toml").write_text('[vlm]\nprovider = "openai"\nmodel = "small"\n' + "".join(rows))
        monkeypatch.chdir(tmp_path)
        yield made
        with warnings.catch_warnings(action="ignore"):
            gc.collect()  # some frameworks have no way to close their client


@pytest.mark.parametrize("example", _examples())
def test_examples_run(example: CodeExample, eval_example: EvalExample, pair):
    """Every example of the page runs by itself and its assertions hold; one that names a chain is answered by the second credential."""
    for package in packages(example.source):
        pytest.importorskip(package, reason=f"{package} is not installed")
    eval_example.run(example)
    if NAMED in example.source:
        assert [len(one.requests) for one in pair] == [1, 1]


def packages(source):
    """Return the packages that an example imports."""
    found = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    found |= {alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names}
    return sorted({name.partition(".")[0] for name in found if find_spec(name.partition(".")[0]) is None})
