"""What a gateway knew before it was started anew is there again, and what nobody may read was never written."""

import contextlib
import sqlite3

import pytest
from gateway_command import Command
from gateway_play import ADMIN, ADMIN_KEY, chain, question
from typer.testing import CliRunner

from real_servers import wait_until
from sparekey.cli.app import app
from sparekey.lab.simulator import faults
from sparekey.stats.history import History

SECRET = "the caller's very own words"


@pytest.fixture
def kept(serve, pair, tmp_path):
    """Start a gateway whose state is in a file; again and again the same."""
    text = chain("vlm", pair) + f'\n[gateway]\nport = 0\naccess_log = false\nstore = "sqlite:///{tmp_path}/state.db"\n{ADMIN}'
    return lambda: serve(text)


def shown(running):
    """The chain as the console sees it, without what moves."""
    (told,) = running.ask("GET", "/admin/api/state")[2]["chains"]
    rows = [
        {key: row[key] for key in ("id", "requests", "succeeded", "failed", "abandoned", "errors", "tokens_today", "standing")}
        for row in told["credentials"]
    ]
    return rows, told["timeline"], told["failures"]


def test_a_restart_forgets_nothing(kept, pair):
    """Today's counts and tokens, the timeline with what people did, the last failed attempts: all but the providers' words."""
    first = kept()
    pair[0].fail(faults.quota(retry_after=3600))
    for _ in range(3):
        first.ask(body=question())
    first.ask(path="/admin/api/chains/chat/credentials/first/hold", body={})
    rows, timeline, failures = shown(first)
    first.stop()
    again, later, failed = shown(kept())
    assert again == rows
    assert rows[1]["tokens_today"]["total"] > 0
    assert [moment["kind"] for moment in later] == [moment["kind"] for moment in timeline]
    assert {"failover", "parked", "held"} <= {moment["kind"] for moment in later}
    assert [(one["class"], one["reason"], one["status"], one["rule"], one["remedy"]) for one in failed] == [
        (one["class"], one["reason"], one["status"], one["rule"], one["remedy"]) for one in failures
    ]
    assert failures[0]["message"]
    assert not failed[0]["message"]


def test_what_is_remembered_is_not_written_twice(kept, pair):
    """However often it is started, a day's requests are counted once."""
    running = kept()
    running.ask(body=question())
    for _ in range(2):
        running.stop()
        running = kept()
    running.ask(body=question())
    running.stop()
    assert shown(kept())[0][0]["requests"] == 2


def test_status_in_a_terminal_knows_today(kept, pair, tmp_path):
    """After a restart `sparekey status` shows the requests and tokens of the whole day, and what is wrong with the files."""

    def status(running):
        return CliRunner().invoke(app, ["status", "--url", running.url], env={"COLUMNS": "200", "SPAREKEY_ADMIN_KEY": ADMIN_KEY}).stdout

    running = kept()
    for _ in range(3):
        running.ask(body=question())
    running.stop()
    running = kept()
    running.ask(body=question())
    (row,) = (line.split() for line in status(running).splitlines() if {"first", "serving"} <= set(line.split()))
    tokens = running.ask("GET", "/admin/api/state")[2]["chains"][0]["credentials"][0]["tokens_today"]["total"]
    assert {"4", "0", str(tokens)} <= set(row)
    assert tokens % 4 == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        running.ask(path="/admin/api/chains/chat/credentials/first/hold", body={})
        assert "is away" in status(running)
        other.execute("ROLLBACK")


def test_no_key_and_no_text_is_written(kept, pair, tmp_path):
    """K15: neither the key that a provider repeats nor the words of a caller stand in any file."""
    running = kept()
    text = question(messages=[{"role": "user", "content": SECRET}])
    for fault in (faults.echo_words(), faults.bad_request(message=f"Unsupported parameter: {SECRET}"), faults.echo_key()):
        pair[0].fail(fault, times=1)
        running.ask(body=text)
    running.stop()
    assert len(pair[0].requests) == 3
    files = [file for file in tmp_path.iterdir() if ".db" in file.name]
    assert {"state.db", "state-history.db"} <= {file.name for file in files}
    whole = b"".join(file.read_bytes() for file in files)
    assert b"invalid_key" in whole
    for secret in ("sk-first", "sk-second", SECRET, "spare key?", "very own"):
        assert secret.encode() not in whole


def test_a_history_that_is_away_stops_nobody(kept, pair, tmp_path, caplog, monkeypatch):
    """Locked by another program: requests are served, one warning is written, and what happened meanwhile is in it later."""
    monkeypatch.setattr("sparekey.stats.history._WAIT", 0.05)
    running = kept()
    running.ask(body=question())
    history = running.gateway.admin._host._history
    assert wait_until(history.usage)
    with contextlib.closing(sqlite3.connect(tmp_path / "state-history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            assert running.ask(body=question())[0] == 200
        assert wait_until(lambda: history.away)
        assert running.ask("GET", "/admin/api/state")[2]["store"]["history_away"]
        other.execute("COMMIT")
    assert wait_until(lambda: sum(row.requests for row in history.usage()) == 6)
    assert caplog.text.count("cannot be written") == 1


def test_a_killed_gateway_remembers(tmp_path, pair):
    """M09: after a SIGKILL the parks are there, and so is what was counted until the last second, in a place that it tells.

    Its workers do not go on without it: they would hold the port.
    """
    file = tmp_path / "sparekey.toml"
    file.write_text(chain("vlm", pair))
    pair[0].fail(faults.auth())
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    with Command(file, "--workers", "2", **environ) as command:
        command.get("/v1/chat/completions", question())
        folder = tmp_path / "state/sparekey"
        assert f"sqlite:///{folder}/sparekey-" in command.said()
        with History(next(folder.glob("*-history.db"))) as history:
            assert wait_until(history.usage)
        command.kill()
        assert wait_until(command.refuses)
    pair[0].heal()
    with Command(file, **environ) as command:
        assert command.get("/v1/chat/completions", question())[1]["x-sparekey-credential"] == "second"
        rows = command.rows()
        assert (rows["first"]["standing"], rows["first"]["failed"], rows["second"]["requests"]) == ("parked", 1, 2)
