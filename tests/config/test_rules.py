"""An operator's own rules in a configuration: checked when it is loaded, used by its chains, shown by `explain`."""

import json

import pytest
from typer.testing import CliRunner

from sparekey import ConfigError, load_config
from sparekey.cli.app import app

CHAIN = """
[vlm]
model = "gpt-5-mini"
provider = "openai"
credentials = [{ api_key = "env:A" }, { api_key = "env:B" }]
"""
EVERYWHERE = """
[[rules]]
name = "seats"
status = 418
contains = "seat limit"
then = "quota_exceeded"
"""
OWN = """
[[vlm.rules]]
contains = "seat"
then = "next-and-park"
"""


class Teapot(Exception):  # noqa: N818 - its name must say nothing
    status_code = 418


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "sparekey.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_chain_reads_failures_with_the_rules_of_the_file(write):
    """What no built-in rule knows has the class that the file gives it."""
    read = load_config(write(EVERYWHERE + CHAIN)).vlm.classifier()
    assert (read(Teapot("Seat limit of 5")).error_class, read(Teapot("Seat limit of 5")).rule) == ("quota_exceeded", "operator: seats")
    assert read(Teapot("nothing")).rule != "operator: seats"


def test_a_chains_own_rules_come_first(write):
    """The narrower table wins."""
    failure = load_config(write(EVERYWHERE + CHAIN + OWN)).vlm.classifier()(Teapot("Seat limit of 5"))
    assert failure.action == "next-and-park"


def test_the_model_is_built_with_them(write, monkeypatch):
    """The chain behind the configured model asks them."""
    monkeypatch.setenv("A", "sk-test-0123456789a")
    monkeypatch.setenv("B", "sk-test-0123456789b")
    with_rules = load_config(write(EVERYWHERE + CHAIN)).vlm.get_vlm_instance()
    assert with_rules.chain.classify(Teapot("Seat limit of 5")).rule == "operator: seats"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('then = "explode"\nstatus = 400', "rules[0]: rule status=400: then='explode' is neither"),
        ('then = "auth"', "rules[0]: rule ?: it has no condition"),
        ('then = "auth"\nregex = "(a+)+b"', "can take for ever"),
        ('then = "auth"\nstatus = 4000', "is no HTTP status"),
        ('then = "auth"\nstatuss = 400', "rules[0].statuss: unknown key; did you mean 'status'?"),
        ("status = 400", "rules[0].then: is missing"),
    ],
)
def test_a_wrong_rule_is_one_line_with_its_place(write, rule, says):
    """Load-time faults name the file, the rule and what is wrong."""
    with pytest.raises(ConfigError) as caught:
        load_config(write(f"[[rules]]\n{rule}\n{CHAIN}"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_explain_shows_that_a_rule_decided(write):
    """With `--config` the rules of the file are tried first, and the path says so."""
    error = json.dumps({"status": 418, "body": {"error": {"message": "Seat limit of 5"}}})
    shown = CliRunner().invoke(app, ["explain", error, "--config", str(write(EVERYWHERE + CHAIN)), "--json"])
    told = json.loads(shown.stdout)
    assert (told["class"], told["rule"]) == ("quota_exceeded", "operator: seats")
    assert "overruled by operator rule seats" in told["trace"][-1]
