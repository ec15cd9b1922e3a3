"""Every block of README.md and docs/ that is not for a shell is run or read as it stands, or says here why not."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import tomllib

import pytest
import yaml
from pytest_examples import CodeExample, EvalExample, find_examples

from documented import PAGES, ROOT, SHELL, blocks
from sparekey.config import config_of
from sparekey.lab.simulator import Simulator

PYTHON = [example for page in PAGES for example in find_examples(str(page)) if example.prefix in {"python", "py"}]
NOT_RUN = {"docs/openviking.md": "it needs OpenViking, in an environment of its own: `make openviking`"}
"""Pages whose Python blocks are not run."""
FRAMEWORKS = re.compile(r"^(?:from|import) (?:langchain_openai|llama_index|pydantic_ai|instructor|agents)\b", re.MULTILINE)
"""Imports that take seconds, or are not among the development packages: tests/transport/test_transport_frameworks.py has those examples."""
READ = ("python", "py", *SHELL, "toml", "json", "yaml", "dockerfile")
ONLY_SHOWN = {
    "": "diagrams of ARCHITECTURE.md, whose paths tests/test_architecture.py looks up",
    "text": "messages; the tests of their pages compare them (tests/config/test_docs.py, tests/lab/drill/test_drill_docs.py)",
    "ini": "a unit for systemd, which a container lacks",
    "nginx": "tests/gateway/test_deploy_page.py runs nginx with it",
    "caddyfile": "Caddy is no package of Python's or Debian's base",
}
"""Languages of blocks that nothing here can run."""
REFUSED = 'space = "te3-small"\n'
"""What is in the configuration that tests/config/test_docs.py holds to be refused in the words below it."""
OF_OTHERS = 'model_provider = "sparekey"'
"""What is in the configuration of Codex."""
LEFT_OPEN = {"5d41...": "5d41402abc4b2a76b9719d911017c592ae1b2d3f4c5a6b7c8d9e0f1a2b3c4d5e"}
"""What a page abbreviates, and one that it could stand for."""


def page_of(example):
    return str(example.path.relative_to(ROOT))


def where(example):
    return f"{page_of(example)}:{example.start_line}"


def config_beside(page):
    """The first configuration of a page that has a chat chain."""
    return next((block.text for block in blocks("toml", pages=[page]) if block.text.startswith("[vlm]\n")), "")


@pytest.fixture(scope="module")
def provider():
    with Simulator() as simulator:
        yield simulator.provider("pages")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an example ends with its program, and closes nothing
@pytest.mark.parametrize("example", [one for one in PYTHON if page_of(one) not in NOT_RUN and not FRAMEWORKS.search(one.source)], ids=where)
def test_a_python_block_runs(example: CodeExample, eval_example: EvalExample, provider, tmp_path, monkeypatch):
    """It stands on its own, beside the first configuration of its page, and prints what stands behind `#>`."""
    config = config_beside(example.path)
    for name in re.findall(r'"env:(\w+)"', config):
        monkeypatch.setenv(name, f"sk-{name}")
    (tmp_path / "sparekey.toml").write_text(config.replace("[vlm]\n", f'[vlm]\napi_base = "{provider.base_url}"\n', 1), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    wrong = ""
    gc.freeze()  # so that the collection below looks at what the example leaves, and not at every SDK
    try:
        (eval_example.run_print_check if "#> " in example.source else eval_example.run)(example)
    except Exception as exc:
        wrong = f"{type(exc).__name__}: {exc}"
    gc.collect()
    assert not wrong, where(example)  # outside of the block: pytest cannot show the frames that pytest-examples makes


def test_what_is_not_run_has_a_reason_that_still_holds():
    """Each language is run, read, or named here; each page that is left out has such a block."""
    languages = {block.language for block in blocks()}
    assert {*ONLY_SHOWN} == languages - {*READ}
    assert {*NOT_RUN} <= {page_of(example) for example in PYTHON}


@pytest.mark.parametrize(
    "block", [block for block in blocks("toml") if not any(one in block.text for one in (REFUSED, OF_OTHERS))], ids=str
)
def test_a_configuration_is_one(block):
    """Its tables and keys exist and take these values."""
    text = block.text
    for short, whole in LEFT_OPEN.items():
        text = text.replace(short, whole)
    data = tomllib.loads(text)
    for client in data.get("gateway", {}).get("clients", ()):
        if chains := client.get("chains"):
            data["gateway"]["chat"] = {name: {"credentials": [{"provider": "openai", "model": "m", "api_key": "k"}]} for name in chains}
    if "rules" in data.get("vlm", {}):
        data["vlm"] |= {"credentials": [{"provider": "openai", "model": "m", "api_key": "k"}]}
    config_of(data, str(block))


@pytest.mark.parametrize("block", blocks("json", "yaml"), ids=str)
def test_a_document_can_be_read(block):
    """JSON is JSON, YAML is YAML."""
    assert json.loads(block.text) if block.language == "json" else all(yaml.safe_load_all(block.text))


@pytest.mark.parametrize("block", blocks("dockerfile"), ids=str)
def test_a_container_file_can_be_read(block):
    """Each line is an instruction, and what it runs is a shell's command."""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        word, _, rest = line.partition(" ")
        assert word in {"FROM", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT"}, line
        if word == "RUN":
            assert subprocess.run(["bash", "-nc", rest], check=False).returncode == 0
        if word == "ENTRYPOINT":
            assert json.loads(rest)[0] == "sparekey"
