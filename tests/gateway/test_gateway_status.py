"""`sparekey serve` and `sparekey status` say what docs/cli.md shows of them."""

import io
import re
import tomllib
from pathlib import Path

import pytest
from gateway_play import SETTINGS, question
from rich.console import Console
from typer.testing import CliRunner

from sparekey.cli import toml
from sparekey.cli.app import app
from sparekey.cli.serve import greet
from sparekey.config.gateway import GatewayConfig
from sparekey.core import manual
from sparekey.lab.simulator import faults

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def block(command):
    return re.search(rf"```console\n\$ {command}\n(.*?)```", PAGE, re.DOTALL)[1]


def told(text):
    """A text without what differs from run to run: countdowns, spaces between columns, empty lines."""
    text = re.sub(r"\d+ ms|\d s ago", "N", re.sub(r"\d+ min \d\d s", "N min", text))
    return [line for line in (re.sub(r"\s+", " ", line).strip() for line in text.splitlines()) if line]


@pytest.fixture
def page_gateway(serve, sim, monkeypatch):
    """A gateway on the page's configuration; team-a has no balance left, and one request was made."""
    dead, well = sim.provider("dead"), sim.provider("well")
    config = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    first, second = config["vlm"]["credentials"]
    first["api_base"], second["api_base"] = dead.base_url, well.base_url
    config["embedding"]["dense"]["credentials"][0]["api_base"] = well.base_url
    monkeypatch.setenv("TEAM_A_KEY", "sk-a")
    monkeypatch.setenv("TEAM_B_KEY", "sk-b")
    dead.fail(faults.quota())
    running = serve(toml.dumps(config) + SETTINGS)
    assert running.ask(body=question())[0] == 200
    running.last(1)
    running.provider = well
    return running


def test_status_shows_what_the_page_says(page_gateway):
    """The page's example at 80 columns, and exit code 0: both chains can serve."""
    result = CliRunner().invoke(app, ["status", "--url", page_gateway.url], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert told(result.stdout) == told(block("sparekey status"))
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_status_of_a_chain_whose_requests_fail_is_what_the_page_says(page_gateway, sim):
    """The spare is overloaded, too, and its park has run out: nobody is said to serve, and the exit code is 1."""
    page_gateway.provider.fail(faults.overloaded())
    assert page_gateway.ask(body=question())[0] == 503
    chain = page_gateway.gateway.chains["chat"].chain
    chain.transact(manual.release, 1, chain.clock())
    result = CliRunner().invoke(app, ["status", "--url", page_gateway.url], env={"COLUMNS": "80"})
    assert result.exit_code == 1
    expected = told(block("sparekey status # team-b is overloaded, too"))
    assert told(result.stdout)[: len(expected)] == expected


def test_a_wide_terminal_has_the_words_beside_the_numbers(page_gateway):
    """Where there is room, a row says all about its credential."""
    result = CliRunner().invoke(app, ["status", "--url", page_gateway.url], env={"COLUMNS": "200"})
    assert re.search(r"team-a +parked +\d+ min \d\d s .* Its account has no balance left\.", result.stdout)


KEPT = [("state", "sqlite:////home/me/.local/state/sparekey/sparekey-5f1d09ab.db")]
KEPT.append(("history", "/home/me/.local/state/sparekey/sparekey-5f1d09ab-history.db"))


def test_serve_greets_as_the_page_says(page_gateway):
    """The page's example at 80 columns."""
    out = io.StringIO()
    chains = page_gateway.gateway.chains
    greet(Console(file=out, width=80), chains, GatewayConfig(), "http://127.0.0.1:8080", KEPT)
    assert told(out.getvalue()) == told(block("sparekey serve"))


@pytest.mark.parametrize(
    ("address", "shown"), [("http://0.0.0.0:80", "http://localhost:80"), ("https://[::]:443", "https://localhost:443")]
)
def test_addresses_that_mean_all_are_shown_as_one_that_can_be_opened(page_gateway, address, shown):
    """A browser cannot open 0.0.0.0."""
    out = io.StringIO()
    greet(Console(file=out, width=80), page_gateway.gateway.chains, GatewayConfig(workers=2), address, KEPT)
    assert f"console  {shown}/console" in out.getvalue()
    assert "workers  2" in out.getvalue()
