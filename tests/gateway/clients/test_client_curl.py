"""A shell is a client, too: curl."""

import json
import shutil
import subprocess

import pytest
from client_play import ARGUMENTS, DIMENSION, HELLO, Find, decoded

from sparekey.lab.simulator import TEXT, unit_vector

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")

TOOL = {"type": "function", "function": {"name": "find", "parameters": Find.model_json_schema()}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "find", "schema": Find.model_json_schema()}}


@pytest.fixture
def curl(house):
    """Post a body to a path; return curl's exit code and what it printed."""

    def post(path, *options, **body):
        command = [CURL, "-sS", f"{house.url}/v1/{path}", "-d", json.dumps(body), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout

    return post


@pytest.mark.parametrize(
    ("asked", "field", "expected"),
    [
        ({}, lambda message: message["content"], TEXT),
        ({"tools": [TOOL]}, lambda message: json.loads(message["tool_calls"][0]["function"]["arguments"]), ARGUMENTS),
        ({"response_format": SCHEMA}, lambda message: json.loads(message["content"]), ARGUMENTS),
    ],
    ids=["whole", "tools", "structured"],
)
def test_chat(house, curl, asked, field, expected):
    """Each way to ask is answered, although the first key is dead."""
    code, said = curl("chat/completions", model="chat", messages=HELLO, **asked)
    assert (code, field(json.loads(said)["choices"][0]["message"])) == (0, expected)
    assert house.failed_over("chat")


def test_a_stream(house, curl):
    """Event by event, with the last line that everybody waits for."""
    code, said = curl("chat/completions", "-N", model="chat", messages=HELLO, stream=True)
    *events, last = [line.removeprefix("data: ") for line in said.splitlines() if line]
    deltas = [choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"]]
    assert (code, last, "".join(deltas)) == (0, "[DONE]", TEXT)
    assert house.failed_over("chat")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(house, curl, encoding):
    """Floats and base64."""
    code, said = curl("embeddings", model="embedding", input="a", encoding_format=encoding)
    vector = decoded(json.loads(said)["data"][0]["embedding"])
    assert (code, vector) == (0, pytest.approx(unit_vector("a", DIMENSION), abs=1e-7))
    assert house.failed_over("embedding")


def test_an_error(house, curl):
    """`--fail` fails, the status and the wait are told."""
    house.fail("chat", "rate_limit")
    code, said = curl("chat/completions", "--fail", "-w", "%{http_code} %header{retry-after}", model="chat", messages=HELLO)
    status, wait = said.split()
    assert (code, status, int(wait) > 0) == (22, "429", True)
