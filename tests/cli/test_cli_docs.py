"""The examples of docs/cli.md are run, and show what the page says."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from sparekey.cli import toml
from sparekey.config.environment import USUAL
from sparekey.lab.simulator import faults

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
EXAMPLES = [block.partition("\n") for block in re.findall(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)]
RUNNING = ("sparekey serve", "sparekey status")
"""What needs a gateway that runs: tests/gateway/test_gateway_status.py."""
OLD = {
    "vlm": {
        "provider": "openai",
        "model": "gpt-4o",
        "api_key": "env:FIRST",
        "backup": {"backend": "ark", "model": "ep-1", "api_key": "env:SECOND"},
    }
}


@pytest.fixture
def page_config(provider, folder, monkeypatch):
    """The configuration of the page, its providers simulated: team-a is out of quota."""
    dead, well = provider(), provider(text="For the day when the first one breaks.", dimension=1536)
    dead.fail(faults.quota())
    config = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    first, second = config["vlm"]["credentials"]
    first["api_base"], second["api_base"], config["embedding"]["dense"]["credentials"][0]["api_base"] = (
        dead.base_url,
        well.base_url,
        well.base_url,
    )
    (folder / "sparekey.toml").write_text(toml.dumps(config))
    (folder / "old.json").write_text(json.dumps(OLD))
    monkeypatch.setenv("TEAM_A_KEY", "sk-a")
    monkeypatch.setenv("TEAM_B_KEY", "sk-b")
    for usual in USUAL:
        for name in (*usual.keys.names, *usual.keys.base):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-c")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-d")


def told(text):
    """A text without what differs from run to run: latencies, spaces between columns."""
    return [re.sub(r"\s+", " ", re.sub(r"\d+ ms", "N ms", line)).strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("command", "shown"), [(command, shown) for command, _, shown in EXAMPLES if not command.startswith(RUNNING)])
def test_example_shows_what_the_page_says(sparekey, page_config, folder, command, shown):
    """A command of the page ends well and prints what stands below it."""
    if command == "sparekey init":
        (folder / "sparekey.toml").unlink()  # it writes one
    result = sparekey(*shlex.split(command)[1:], columns=80)
    assert result.exit_code == 0
    assert told(result.output) == told(shown)


def test_every_command_has_an_example(sparekey):
    """`--help` of each command shows how it is used; the page names each command."""
    names = re.findall(r"^  ([a-z]+) ", sparekey("--help").stdout.partition("Commands:")[2].partition("\n\n")[0], re.MULTILINE)
    assert len(names) > 10
    for name in names:
        assert f"  sparekey {name}" in sparekey(name, "--help").stdout
        assert f"| `sparekey {name}" in PAGE
