"""The frameworks of docs/transports.md, by the lines that stand there: with a configuration whose first key is dead.

Some are not among the development packages: `make frameworks` installs all of them and runs this module there.
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
"""Of examples that name a chain of the configuration."""

pytestmark = pytest.mark.slow  # they take seconds to import; what they hand over is what the SDKs of test_transport_sdk.py get


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


@pytest.mark.parametrize("example", [one for one in find_examples(PAGE) if NAMED in one.source], ids=str)
def test_the_second_credential_answers(example: CodeExample, eval_example: EvalExample, pair):
    """Each framework gets its answer; the dead key is asked once."""
    for package in _missing(example.source):
        pytest.skip(f"{package} is not installed")
    eval_example.run(example)
    assert [len(one.requests) for one in pair] == [1, 1]


def _missing(source):
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom | ast.Import)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    return sorted(name for name in {one.partition(".")[0] for one in names} if find_spec(name) is None)
