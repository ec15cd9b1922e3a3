"""`sparekey drill` as a person uses it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sparekey.cli.app import app
from sparekey.lab.drill import GATEWAY_ROWS, NOT_THROUGH, ROWS, Check, Row, Verdict

KEYLESS = '[vlm]\nprovider = "openai"\nmodel = "m"\n[[vlm.credentials]]\nid = "mine"\napi_key = "env:NOT_THERE"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty working directory, and no configuration from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPAREKEY_CONFIG", raising=False)
    return tmp_path


def drill(*arguments, columns=120):
    """Run the command line."""
    return CliRunner().invoke(app, ["drill", *arguments], env={"COLUMNS": str(columns)}, prog_name="sparekey")


def test_a_row_that_passes_ends_with_zero():
    """The table has the row, what both sides saw, and a summary."""
    done = drill("--only", "S03", "--fast")
    assert done.exit_code == 0
    assert "the whole answer after" in done.stdout
    assert "first 2" in done.stdout
    assert "1 pass · 0 partial · 0 safe · 0 fail" in done.stdout
    assert "built-in" in done.stderr


def made_up(monkeypatch, otherwise):
    """Let the catalogue have one row only, whose one check does not hold."""
    row = Row("X01", "a fault", "an answer", "", lambda context: iter([Check("an answer", False, otherwise)]), ("sync",))
    monkeypatch.setattr("sparekey.cli.drill.ROWS", (row,))


def test_a_row_that_fails_ends_with_one_and_says_what_did_not_hold(monkeypatch):
    """A fail is an exit code of 1; its reason stands below the table."""
    made_up(monkeypatch, Verdict.FAIL)
    done = drill("--fast")
    assert done.exit_code == 1
    assert "X01  an answer" in done.stdout


@pytest.mark.parametrize("otherwise", [Verdict.SAFE, Verdict.PARTIAL])
def test_what_is_not_wrong_is_no_failure(monkeypatch, otherwise):
    """A clean error or a late answer ends with 0, and is not called a pass."""
    made_up(monkeypatch, otherwise)
    done = drill("--fast")
    assert done.exit_code == 0
    assert "0 pass" in done.stdout
    assert f"1 {otherwise.value}" in done.stdout


def test_json_has_both_views_of_each_run():
    """Nothing but one JSON object on standard output."""
    found = json.loads(drill("--only", "S03,E01", "--json", "--fast").stdout)
    assert found["summary"] == {"pass": 2, "partial": 0, "safe": 0, "fail": 0}
    assert [row["id"] for row in found["rows"]] == ["S03", "E01"]
    assert [run["mode"] for run in found["rows"][0]["runs"]] == ["sync", "async"]
    assert all({"caller_saw", "provider_saw", "verdict", "broken"} <= run.keys() for run in found["rows"][0]["runs"])


def test_ones_own_chain_is_drilled_without_its_keys(folder):
    """The configuration that is found is drilled; a key that is nowhere is not missed, and copies fill the seats."""
    (folder / "sparekey.toml").write_text(KEYLESS)
    done = drill("--only", "K04", "--fast")
    assert done.exit_code == 0
    assert "mine 1, mine-copy-1 1" in done.stdout
    assert "it has no embedding" in done.stderr


def test_the_gateway_is_drilled_as_its_clients_see_it():
    """The same row against a gateway says which status its client got, in a mode of its own; rows of hostile callers come on top."""
    done = drill("--gateway", "--only", "K07,C03", "--fast", columns=200)
    assert done.exit_code == 0
    assert "client of the gateway saw" in done.stdout
    assert "InternalServerError 502 after" in done.stdout
    assert "2 pass · 0 partial" in done.stdout
    assert "through a gateway" in done.stderr
    found = json.loads(drill("--gateway", "--only", "S03", "--json", "--fast").stdout)
    assert (found["against"], [run["mode"] for run in found["rows"][0]["runs"]]) == ("gateway", ["gateway"])


def test_a_chain_that_only_the_gateway_has_is_drilled(folder):
    """Without [vlm], the first of the gateway's own chains plays; a line says so."""
    (folder / "sparekey.toml").write_text(KEYLESS.replace("vlm", "gateway.chat.fast"))
    done = drill("--gateway", "--only", "K04,C01", "--fast")
    assert done.exit_code == 0
    assert "mine 1, mine-copy-1 1" in done.stdout
    assert "it has no vlm: those rows play with the chain gateway.chat.fast" in done.stderr


def test_what_the_gateway_cannot_serve_is_no_failed_row(folder):
    """Two formats in one chain: the person is told what to change, and where."""
    other = '[[vlm.credentials]]\nid = "other"\nprovider = "anthropic"\nmodel = "m"\napi_key = "env:NOT_THERE"\n'
    (folder / "sparekey.toml").write_text(KEYLESS + other)
    done = drill("--gateway", "--only", "S03", "--fast")
    assert done.exit_code == 2
    assert "sparekey.toml: vlm: credentials of one chain must speak one format" in " ".join(done.stderr.split())


def test_the_list_plays_nothing():
    """Every row is listed with what it asks for; rows that are not played, with the reason."""
    done = drill("--list", columns=200)
    assert done.exit_code == 0
    assert all(f"{row.id} " in done.stdout for row in ROWS)
    assert "M11  needs the gateway" in done.stdout
    assert [row["id"] for row in json.loads(drill("--list", "--json").stdout)["rows"]] == [row.id for row in ROWS]
    through = json.loads(drill("--gateway", "--list", "--json").stdout)
    assert [row["id"] for row in through["rows"]] == [row.id for row in GATEWAY_ROWS]
    assert through["not_run"] == NOT_THROUGH


@pytest.mark.parametrize(("only", "said"), [("S99", "no row 'S99'"), ("M11", "M11 is not played"), ("S03,Q", "no row 'Q'")])
def test_a_row_that_there_is_not_is_refused(only, said):
    """The message names it; nothing is played."""
    done = drill("--only", only)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_it_fits_eighty_columns():
    """No line is longer than the terminal is wide."""
    done = drill("--only", "S03,E01", "--fast", columns=80)
    assert max(map(len, done.stdout.splitlines())) <= 80
