"""The command line as a person uses it: in a folder of its own, with simulated providers behind the real SDKs."""

import itertools
import json

import pytest
from typer.testing import CliRunner

from sparekey.cli.app import app
from sparekey.lab.simulator import Simulator

_names = itertools.count()


@pytest.fixture(scope="module")
def simulator():
    """One simulator a module."""
    with Simulator() as running:
        yield running


@pytest.fixture
def provider(simulator):
    """Make a provider of the simulator."""

    def make(**options):
        return simulator.provider(f"p{next(_names)}", **options)

    return make


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working directory, and no configuration from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("SPAREKEY_CONFIG", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def sparekey():
    """Run a command line; the result has `exit_code`, `stdout`, `stderr`."""

    def run(*arguments, stdin=None, columns=120):
        return CliRunner().invoke(app, [*map(str, arguments)], input=stdin, env={"COLUMNS": str(columns)}, prog_name="sparekey")

    return run


@pytest.fixture
def write_config(folder):
    """Write a `sparekey.json` with a chat chain and an embedding chain over providers; `(id, provider, key)` each."""

    def write(vlm=(), embedding=(), **settings):
        config = {}
        if vlm:
            config["vlm"] = {"provider": "openai", "model": "sim-chat", "credentials": [*map(_credential, vlm)], **settings}
        if embedding:
            chain = {"provider": "openai", "model": "sim-embedding", "credentials": [*map(_credential, embedding)]}
            config["embedding"] = {"dense": chain}
        path = folder / "sparekey.json"
        path.write_text(json.dumps(config))
        return path

    return write


def _credential(row):
    name, provider, key = row
    return {"id": name, "api_base": provider.base_url, "api_key": key}
