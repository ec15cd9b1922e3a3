"""The README keeps its word: its examples run, its commands exist."""

from __future__ import annotations

import gc
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples
from typer.testing import CliRunner

from real_servers import spawned
from sparekey.cli.app import app
from sparekey.lab.simulator import Simulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = [e for e in find_examples(str(ROOT / "README.md")) if e.prefix == "python"]
BY_ITSELF = [e for e in PYTHON if "sparekey.toml" not in e.source]
WITH_A_FILE = [e for e in PYTHON if "sparekey.toml" in e.source]


def block(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the README's sparekey.toml, its provider played by the simulator."""
    with Simulator() as simulator:
        provider = simulator.provider("openai", wire="openai", keys=["sim-key-team", "sim-key-spare"])
        toml = block("toml")[0].replace("[vlm]\n", f'[vlm]\napi_base = "{provider.base_url}"\n', 1)
        (tmp_path / "sparekey.toml").write_text(toml, encoding="utf-8")
        monkeypatch.setenv("OPENAI_API_KEY", "sim-key-team")
        monkeypatch.setenv("OPENAI_API_KEY_SPARE", "sim-key-spare")
        monkeypatch.chdir(tmp_path)
        yield tmp_path


@pytest.mark.parametrize("example", BY_ITSELF, ids=str)
def test_examples_run_and_print_what_they_say(example: CodeExample, eval_example: EvalExample):
    """An example that needs no file runs and prints what stands behind `#>`."""
    eval_example.run_print_check(example)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("example", WITH_A_FILE, ids=str)
def test_the_example_with_the_configuration_runs(example: CodeExample, folder):
    """The example that reads sparekey.toml gets an answer with the README's own file."""
    said = []
    exec(compile(example.source, "README.md", "exec"), {"print": lambda *words: said.append(words)})
    gc.collect()  # it ends with its program, and closes nothing
    assert said


def commands() -> list[str]:
    lines = [line for text in block("console") for line in text.splitlines()]
    return [line[2:].partition("  #")[0].strip() for line in lines if line.startswith("$ sparekey") and line != "$ sparekey serve"]


@pytest.mark.parametrize("command", commands())
def test_the_commands_with_keys_succeed(command, folder):
    """Each `sparekey ...` line of the README ends with exit code 0 and says something."""
    out = CliRunner().invoke(app, shlex.split(command)[1:], prog_name="sparekey")
    assert (out.exit_code, bool(out.stdout.strip())) == (0, True), out.stderr


def test_the_make_commands_exist():
    """Each `make ...` line of the README and of CONTRIBUTING.md names a target of the Makefile."""
    pages = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^\$ make ([a-z-]+)", pages, re.MULTILINE)) <= targets


def test_the_pages_it_links_exist():
    """No link of the README leads nowhere."""
    assert [p for p in re.findall(r"\]\(([^)#:]+)\)", README) if not (ROOT / p).exists()] == []


@pytest.fixture
def gateway(folder):
    """`sparekey serve` as the README starts it, on a free port; its address."""
    pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed")
    words = [sys.executable, "-m", "sparekey", "serve", "--port", "0", "--store", "memory"]
    with spawned(words, cwd=folder, stderr=subprocess.PIPE) as serving:
        lines = iter(serving.stderr.readline, "")
        first = next(lines)
        assert any(line.startswith("stop ") for line in lines)
        yield first
        serving.terminate()
        serving.communicate(timeout=60)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_gateway_answers_curl_as_the_readme_asks(gateway):
    """The README's greeting is the command's own, and its curl gets an answer that says who gave it."""
    address = re.search(r"http://\S+", gateway)[0]
    assert gateway.replace(address, "http://127.0.0.1:8080") in README
    (command,) = [text for text in block("bash") if text.startswith("curl")]
    words = shlex.split(command.replace("http://127.0.0.1:8080", address).replace("\\\n", " "))
    words += ["--retry-connrefused", "--retry", "30", "--retry-delay", "1"]  # it greets a moment before it listens
    answer = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "x-sparekey-credential: team" in answer
