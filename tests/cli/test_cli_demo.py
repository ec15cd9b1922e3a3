"""The demo, as a newcomer runs it: `sparekey demo --keep` in a process of its own, stopped with Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass

import pytest
from rich.console import Console

import sparekey.gateway.process
from sparekey.cli import demo
from sparekey.errors import MissingExtraError
from sparekey.lab.simulator import Simulator

LONGEST = 60


@dataclass
class Shown:
    """What the process printed, in its parts, and how it ended."""

    text: str
    kept: str
    errors: str
    code: int


def read_until(process, words):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            break
    return "".join(lines)


@pytest.fixture(scope="module")
def shown():
    """The whole demo at 80 columns; then the first provider is given a fault through the console; then Ctrl-C."""
    environment = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "sparekey", "demo", "--keep"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as process:
        guard = threading.Timer(LONGEST, process.kill)
        guard.start()
        text = read_until(process, "read anew when it changes")
        url = re.search(r"console +(http://\S+)/console", text)[1]
        body = json.dumps({"credential": "first", "fault": "key refused"}).encode()
        asked = urllib.request.Request(f"{url}/admin/api/chains/chat/fault", body, {"content-type": "application/json"})
        urllib.request.urlopen(asked, timeout=10).close()
        kept = read_until(process, "x-sparekey-attempts: 2")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
        guard.cancel()
    return Shown(text, kept + rest, errors, process.returncode)


def test_ctrl_c_ends_it_with_zero(shown):
    """The gateway runs on until Ctrl-C, which is how it is meant to end: exit code 0, and not a word on standard error."""
    assert (shown.code, shown.errors) == (0, "")
    assert shown.kept.endswith("stopped\n")


def test_it_tells_why_the_others_did_not_answer(shown):
    """The dead and the overloaded key are named with class, reason and park."""
    assert re.search(r"✗ first\s+quota_exceeded \(\w+\): parked 3 s \(stated\)", shown.text)
    assert re.search(r"✗ second\s+transient \(overloaded\): parked \d+ s", shown.text)


def test_it_shows_failover_and_failback(shown):
    """In the program the third key takes over, and the first one is active again at the end."""
    assert "is active now: failover from first" in shown.text
    assert "is active now: failback from third" in shown.text


def test_it_counts_tokens_by_credential(shown):
    """The table of tokens has the third key with chat and embedding tokens, and none for the second."""
    rows = dict(re.findall(r"│ (\w+)\s+│\s+(\d+) │\s+\d+ │", shown.text))
    assert int(rows["third"]) > 0
    assert rows["second"] == "0"


def test_the_gateway_tells_the_client_who_answered(shown):
    """The openai client reads from the header that the second took over, and later that the first is back."""
    answers = re.findall(r"x-sparekey-credential: (\w+), x-sparekey-attempts: (\d)", shown.text)
    assert answers[:2] == [("first", "1"), ("second", "2")]
    assert answers[-1] == ("first", "1")
    assert re.search(r"✗ first\s+transient \(rate_limited\): parked 3 s \(stated\)", shown.text)
    assert "is active now: failback from second" in shown.text


def test_the_console_gives_faults_to_the_kept_gateway(shown):
    """A fault chosen in the console meets the requests that go on, and the terminal tells what becomes of it."""
    assert re.search(r"✗ first\s+auth \(invalid_key\): parked 600 s", shown.kept)


def test_it_reads_well_at_80_columns(shown):
    """No line is longer than the terminal, and none was broken."""
    assert max(map(len, (shown.text + shown.kept).splitlines())) <= 80
    assert not re.search(r"^\S+ back\.$", shown.text, re.MULTILINE)


def test_it_shows_no_key(shown):
    """No key of the simulated providers appears."""
    assert "sim-key" not in shown.text + shown.kept


@pytest.fixture
def console():
    """A console that writes into `console.file`."""
    return Console(file=io.StringIO(), width=80, force_terminal=False)


@pytest.fixture
def without_gateway(monkeypatch):
    """An installation without the extra `gateway`; the first part is not played, to save time."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in ("sparekey.cli.demo.gateway", "sparekey.gateway.process.server"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr(demo, "gateway", raising=False)
    monkeypatch.delattr(sparekey.gateway.process, "server", raising=False)
    monkeypatch.setattr(demo.program, "play", lambda *_: True)


def test_without_the_gateway_it_says_what_is_missing(console, without_gateway):
    """The first part is played, the second is named with what installs it, and it ends well."""
    assert demo.run(console) == 0
    assert "pip install 'sparekey[gateway]'" in console.file.getvalue()


def test_keep_needs_the_gateway(console, without_gateway):
    """What cannot be kept is refused before anything is played."""
    with pytest.raises(MissingExtraError, match="gateway"):
        demo.run(console, keep=True)


def test_ctrl_c_in_the_middle_stops_the_gateway(console, monkeypatch, capfd):
    """Ctrl-C while it plays ends the gateway's thread and leaves no traceback behind."""
    gateway = pytest.importorskip("sparekey.cli.demo.gateway", reason="the extra `gateway` is not installed")

    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(gateway.time, "sleep", interrupted)
    before = set(threading.enumerate())
    with Simulator() as simulator:
        providers = [simulator.provider(name, keys=[f"sim-key-{name}"]) for name in demo.NAMES]
        with pytest.raises(KeyboardInterrupt):
            gateway.play(console, providers)
    assert not set(threading.enumerate()) - before
    assert capfd.readouterr().err == ""
