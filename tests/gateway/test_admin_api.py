"""The admin API: who is let in, what may be changed from where, and what a client is told that asks for nonsense."""

import dataclasses
import json
import re
import time
from pathlib import Path

import httpx2
import pytest
from console_kit import ADMIN_KEY, KEYS, Stage, console
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from sparekey.cli.app import app
from sparekey.core.events import Parked
from sparekey.gateway.console.snapshot import snapshot
from sparekey.gateway.observe.metrics import Metrics
from sparekey.lab.simulator import Simulator, faults
from sparekey.stats.chain_stats import ChainStats
from sparekey.types import ErrorClass

BEARER = {"authorization": f"Bearer {ADMIN_KEY}"}
HOLD = "/admin/api/chains/chat/credentials/team-a/hold"
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"


@pytest.fixture(scope="module")
def stage():
    with Simulator() as simulator:
        yield Stage(simulator)


@pytest.fixture(scope="module")
def open_url(stage):
    with console(stage) as url:
        yield url


@pytest.fixture(scope="module")
def locked_url(stage):
    with console(stage, key=ADMIN_KEY) as url:
        yield url


def test_the_admin_key_opens_it(locked_url):
    """Without it nothing is told; as a bearer token it lets in, a wrong one does not."""
    for path in ("/admin/api/state", "/admin/api/events", "/metrics"):
        assert httpx2.get(locked_url + path).status_code == 401
    assert httpx2.post(locked_url + HOLD, json={}).status_code == 401
    assert httpx2.get(f"{locked_url}/admin/api/state", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert httpx2.get(f"{locked_url}/admin/api/state", headers=BEARER).status_code == 200


def test_a_browser_logs_in_and_gets_a_session(locked_url):
    """The page leads to the form; the cookie is out of reach of scripts and of other sites, and a changed one is worth nothing."""
    with httpx2.Client(base_url=locked_url) as client:
        assert client.get("/console").headers["location"] == "console/login"
        assert client.post("/console/login", data={"key": "wrong"}).status_code == 401
        cookie = client.post("/console/login", data={"key": ADMIN_KEY}).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert ADMIN_KEY not in cookie
        assert client.get("/admin/api/state").status_code == 200
    until, _, signature = re.search(r"sparekey_admin=([^;]+)", cookie)[1].partition(".")
    for forged in (f"{int(until) + 9}.{signature}", f"{until}.", "x.y", until):
        assert httpx2.get(f"{locked_url}/admin/api/state", headers={"cookie": f"sparekey_admin={forged}"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"host": "evil.example"},
    ],
)
def test_pages_of_elsewhere_change_nothing(open_url, stage, headers):
    """A foreign origin, a form, a name that was made to point here: refused, although no key is asked for."""
    refused = httpx2.post(open_url + HOLD, content=b"{}", headers={"content-type": "application/json", **headers})
    assert refused.status_code in {403, 415}
    assert not stage.chat.status().credentials[0].held


def test_actions_and_their_limits(open_url, stage):
    """Each does what it says; nonsense is told apart by its status, with a message."""
    chain = f"{open_url}/admin/api/chains/chat"

    def post(path, body=None):
        answer = httpx2.post(f"{chain}/{path}", json=body or {})
        return answer.status_code, answer.json().get("error", {}).get("message", "")

    assert post("credentials/elsewhere/hold", {"seconds": 60})[0] == 200
    assert stage.chat.status().credentials[2].returns_in == pytest.approx(60, abs=5)
    assert post("credentials/elsewhere/probe") == (409, "a person holds it back; release it first")
    assert post("credentials/elsewhere/release")[0] == 200
    assert post("credentials/team-b/activate")[0] == 200
    assert stage.chat.active_id == "team-b"
    assert post("credentials/team-a/activate")[0] == 200
    assert [post("credentials/team-a/hold", {"seconds": s})[0] for s in (0, -1, "x", True)] == [422] * 4
    assert post("credentials/nobody/hold")[0] == 404
    assert post("credentials/team-a/explode")[0] == 404
    assert post("fault", {"credential": "team-a", "fault": "earthquake"})[0] == 422
    assert httpx2.post(f"{open_url}/admin/api/chains/none/test", json={}).status_code == 404
    assert httpx2.post(open_url + HOLD, content=b"{", headers={"content-type": "application/json"}).status_code == 400
    assert httpx2.post(open_url + HOLD, content=b" " * 5000, headers={"content-type": "application/json"}).status_code == 413


def test_every_answer_guards_the_page(open_url):
    """No script and no frame of elsewhere, nothing kept in caches."""
    for path in ("/console", "/console/console.js", "/admin/api/state", "/console/none"):
        headers = httpx2.get(open_url + path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert (headers["x-frame-options"], headers["x-content-type-options"], headers["cache-control"]) == ("DENY", "nosniff", "no-store")


def test_events_bring_the_whole_state_and_then_each_change(open_url, stage):
    """At once the whole state, then one event when something has changed."""
    with httpx2.stream("GET", f"{open_url}/admin/api/events", timeout=5) as stream:
        states = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert not next(states)["chains"][0]["credentials"][2]["held"]
        httpx2.post(f"{open_url}/admin/api/chains/chat/credentials/elsewhere/hold", json={})
        chain, other = next(states)["chains"]
        assert chain["credentials"][2]["held"]
        assert ("timeline" in chain, "timeline" in other) == (True, False), "what has not changed is not sent again"
    httpx2.post(f"{open_url}/admin/api/chains/chat/credentials/elsewhere/release", json={})


def test_a_stream_of_events_ends_with_its_session(stage):
    """A page that listens learns nothing any more once its twelve hours are over."""
    passed = [0.0]
    late = Stage.__new__(Stage)
    late.__dict__ = {**stage.__dict__, "clock": lambda: time.time() + passed[0]}
    with console(late, key=ADMIN_KEY) as url, httpx2.Client(base_url=url) as client:
        client.post("/console/login", data={"key": ADMIN_KEY})
        with client.stream("GET", "/admin/api/events", timeout=15) as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("data: "))
            next(lines)
            passed[0] = 13 * 3600.0
            stage.watched["chat"].stats.act("team-a", "test")
            assert next(lines, None) is None


def test_no_password_of_an_address_is_in_the_state(stage):
    """What is parked with a credential may be an endpoint whose address holds a password: it goes by its host."""
    stats = ChainStats()
    stats(Parked("credential:a", 5.0, ErrorClass.TRANSIENT, "timeout"))
    stats(Parked("endpoint:https://user:pass-word-1@llm.example/v1 gpt-5", 5.0, ErrorClass.TRANSIENT, "timeout"))
    chat = dataclasses.replace(stage.watched["chat"], stats=stats)
    host = type("Host", (), {"chains": {"chat": chat}, "config": stage.config, "store": stage.store})()
    shown = snapshot(host, 0.0)["chains"][0]
    assert shown["timeline"][0]["what"] == ("credential:a", "endpoint:llm.example")


def test_no_key_is_in_the_state(open_url, stage):
    """Not even where a provider repeats it, and a test of the credential shows it no more than a failure."""
    stage.providers["team-a"].fail(faults.auth(message=f"no such key: {KEYS['team-a']}"))
    stage.ask()
    tested = httpx2.post(f"{open_url}/admin/api/chains/chat/test", json={}).text
    stage.providers["team-a"].heal()
    told = httpx2.get(f"{open_url}/admin/api/state").text + tested
    assert "no such key: ***" in told
    assert not [key for key in KEYS.values() if key in told]


def test_status_in_a_terminal(open_url, locked_url):
    """The same in a table and as JSON; it says what is missing where it is not let in or nobody answers."""

    def run(*arguments, key="", columns=140):
        return CliRunner().invoke(app, ["status", *arguments], env={"SPAREKEY_ADMIN_KEY": key, "COLUMNS": str(columns)})

    shown = run("--url", open_url)
    assert (shown.exit_code, "team-b serves" in shown.stdout) == (0, True)
    narrow = run("--url", open_url, columns=60).stdout
    assert max(map(len, narrow.splitlines())) <= 60
    assert "   credential  standing  returns in  answers in  today" in narrow, "no heading is cut"
    assert json.loads(run("--url", locked_url, "--json", key=ADMIN_KEY).stdout)["chains"][0]["name"] == "chat"
    assert run("--url", locked_url).exit_code == 2
    away = run("--url", "http://127.0.0.1:9")
    assert (away.exit_code, "sparekey serve" in away.stderr) == (2, True)


def test_the_dashboard_uses_our_metrics_only():
    """Every name in docs/grafana.json is one that /metrics tells."""
    gateway = type("Gateway", (), {"running": 0, "log": None, "store": None})()
    metrics = Metrics(gateway)
    assert isinstance(metrics.registry, CollectorRegistry)
    from sparekey.telemetry.prometheus import ROWS

    known = {row.name for row in ROWS} | set(re.findall(r"# TYPE (\w+)", metrics.text().decode()))
    used = {re.sub(r"_(total|bucket)$", "", name) for name in re.findall(r"sparekey_\w+", DASHBOARD.read_text())}
    assert used - {re.sub(r"_total$", "", name) for name in known} == set()
