"""Every command of README.md and docs/ is run as it stands, or says here why not."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import httpx2
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from documented import PAGES, ROOT, SHELL, blocks, commands
from sparekey import Chain, Credential
from sparekey.cli.app import app
from sparekey.lab.simulator import Simulator
from sparekey.stores import open_store

NOT_RUN = {
    "make": "it installs, or runs this suite; that its target exists is tested below",
    "pip": "it asks an index; tests/test_package.py holds the extras to pyproject.toml",
    "podman": "it needs a container engine; tests/test_documented_examples.py reads the Containerfile",
    "python -m sparekey.compat.openviking": "it needs OpenViking, in an environment of its own: `make openviking`",
}
"""What is not run, by the words that a command begins with."""
ELSEWHERE = ("docs/cli.md", "console")
"""The blocks that tests/cli/test_cli_docs.py and tests/gateway/test_gateway_status.py run, and compare word by word."""
WHOLE = {f"sparekey drill{options}" for options in ("", " --config sparekey.toml", " --gateway", " --full", " --json")}
"""These play the whole catalogue for minutes, which tests/lab/drill does row by row; one row is enough to see them work."""
COMMANDS = [one for block in blocks(*SHELL) if (block.page, block.language) != ELSEWHERE for one in commands(block)]
OLD = '{"vlm": {"provider": "openai", "model": "m", "api_key": "env:A", "backup": {"backend": "ark", "model": "ep-1", "api_key": "env:B"}}}'
FILES = {
    "old.json": OLD,
    "ov.conf": OLD,
    "config.yaml": "model_list: [{model_name: chat, litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY}}]\n",
    "error.log": "openai.RateLimitError: Error code: 429 - {'error': {'code': 'insufficient_quota'}}\n",
    "bin/sparekey": f'#!/bin/sh\nexec {sys.executable} -m sparekey "$@"\n',
}
"""The files that commands of the pages read, beside the README's sparekey.toml."""


class Newcomer:
    """Somebody in a folder with the README's configuration and a simulated provider; `sparekey serve` runs once it is asked for."""

    def __init__(self, folder, provider):
        self.folder, self.provider, self.serving, self.greeting = folder, provider, None, ""
        (folder / "bin").mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o700)
        config = next(block.text for block in blocks("toml", pages=[ROOT / "README.md"]))
        (folder / "sparekey.toml").write_text(config.replace("[vlm]\n", f'[vlm]\napi_base = "{provider.base_url}"\n', 1))
        with open_store(f"sqlite:///{folder}/sparekey.db") as store:
            assert Chain([Credential("team")], store=store, name="chat").active_id
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_KEY")},
            "HOME": str(folder),
            "XDG_STATE_HOME": f"{folder}/.local/state",
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
            "OPENAI_API_KEY": "sk-team-00000000000000",
            "OPENAI_API_KEY_SPARE": "sk-spare-11111111111111",
            "COLUMNS": "120",
        }

    @property
    def gateway(self):
        """The address of `sparekey serve` on a free port."""
        if self.serving is None:
            words = [sys.executable, "-m", "sparekey", "serve", "--port", "0"]
            self.serving = subprocess.Popen(words, cwd=self.folder, env=self.environ, stderr=subprocess.PIPE, text=True)
            while not self.greeting.endswith("\n") or "\nstop " not in self.greeting:
                self.greeting += self.serving.stderr.readline()
            httpx2.HTTPTransport(retries=20).handle_request(httpx2.Request("GET", f"http://{self._address()}/readyz")).close()
        return self._address()

    def _address(self):
        return re.search(r"http://([\d.]+:\d+)", self.greeting)[1]

    def run(self, words):
        """Exit code, and what was said."""
        if words == "sparekey serve":
            return 0 if self.gateway else 1, self.greeting
        if words in WHOLE:
            words += " --only S08"
        if words.startswith("sparekey ") and not re.search(r"[|<>&]", words):
            runner = CliRunner(env={**self.environ, "SPAREKEY_CONFIG": None})
            result = runner.invoke(app, [*shlex.split(words)[1:]], prog_name="sparekey")
            return result.exit_code, result.output
        done = subprocess.run(
            ["bash", "-ec", self._here(words)], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def _here(self, words):
        """The words with this machine's addresses and files in the place of the page's."""
        if "8080" in words or "history.db" in words:
            words = re.sub(r"(localhost|127\.0\.0\.1):8080", self.gateway, words)
            (history,) = (self.folder / ".local/state").rglob("*-history.db")
            words = re.sub(r"~/\S+-history\.db", str(history), words)
        return words.replace("https://api.openai.com/v1", self.provider.base_url)

    def close(self):
        if self.serving is not None:
            self.serving.terminate()
            self.serving.communicate(timeout=60)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    with Simulator() as simulator:
        one = Newcomer(tmp_path_factory.mktemp("newcomer"), simulator.provider("openai"))
        yield one
        one.close()


def lines(text):
    """The lines of an output without what differs by machine and run: addresses, paths, numbers, widths of columns."""
    text = re.sub(r"http://[\w.]+:\d+", "http://HERE", text)
    text = re.sub(r"/\S*(?=/\.local/)", "HOME", re.sub(r"sparekey-[0-9a-f]{8}", "sparekey-N", text))
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def is_shown(line, said):
    """Whether a line of a page is among those that were said; a word that ends in `...` stands for any, and for all behind it."""
    begin = line.partition("...")[0].rpartition(" ")[0]
    return any(one == line or ("..." in line and one.startswith(begin)) for one in said)


def begins(command, known):
    return f"{command.words} ".startswith(tuple(f"{one} " for one in known))


@pytest.mark.parametrize("command", [one for one in COMMANDS if not begins(one, NOT_RUN)], ids=str)
def test_a_command_does_what_its_page_says(newcomer, command, monkeypatch):
    """It ends with exit code 0 and says what stands below it; a request to the gateway is answered."""
    monkeypatch.chdir(newcomer.folder)
    code, said = newcomer.run(re.sub(r"\s+# .*", "", command.words))
    assert code == 0, said
    assert [line for line in lines(command.output) if not is_shown(line, lines(said))] == []
    if command.words.startswith("curl") and "8080" in command.words:
        assert '"choices"' in said
        assert ("x-sparekey-credential: team" in said) == ("-si" in command.words)


def test_each_reason_is_one_of_a_command():
    """Nothing stays in the tables that no page has any more."""
    words = {re.sub(r"\s+# .*", "", one.words) for one in COMMANDS}
    assert {one for one in NOT_RUN if not any(begins(command, [one]) for command in COMMANDS)} == set()
    assert words >= WHOLE


def test_a_prompt_stands_in_a_block_that_is_run():
    """No block of another language shows what to type."""
    assert [str(block) for block in blocks() if block.language not in SHELL and re.search(r"^\$ ", block.text, re.MULTILINE)] == []


def test_every_target_of_make_exists():
    """In blocks and in sentences."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        (page.name, target)
        for page in PAGES
        for words in re.findall(r"(?:`|\$ )make ([a-z -]+?)(?=`|  |\s#|\n)", page.read_text(encoding="utf-8"))
        for target in words.split()
    }
    assert len(named) > 10
    assert [one for one in named if one[1] not in targets] == []


def spoken():
    """The commands of sparekey in sentences, and in the examples of `--help`."""
    for page in PAGES:
        for words in re.findall(r"`(sparekey [^`]+)`", page.read_text(encoding="utf-8")):
            yield pytest.param(words, id=f"{page.name}: {words}")
    for name, command in get_command(app).commands.items():
        for line in re.findall(r"^  (.*\bsparekey .*)$", command.help or "", re.MULTILINE):
            yield pytest.param(line[line.index("sparekey ") :], id=f"{name} --help: {line}")


@pytest.mark.parametrize("words", spoken())
def test_a_command_in_a_sentence_can_be_typed(words):
    """It exists, and so do its options; what the sentence leaves out may be missing."""
    name, *arguments = shlex.split(re.split(r" [|>] ", words)[0])[1:]
    known = get_command(app).commands
    assert name in known
    with known[name].make_context(name, [*arguments], resilient_parsing=True) as context:
        assert not context.args
    options = {option for param in known[name].params for option in (*param.opts, *param.secondary_opts)}
    assert {word for word in arguments if re.match(r"--?\w", word)} <= options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_leads_nowhere(page):
    """Files and headings that a page links exist."""
    for target, _, anchor in re.findall(r"\]\(([^)#:\s]*)(#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, f"{target}#{anchor}"
