"""The console, its API and the metrics on the gateway itself."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from gateway_play import ADMIN, ADMIN_KEY, SETTINGS, chain, question
from typer.testing import CliRunner

from sparekey.cli.app import app
from sparekey.core import manual
from sparekey.gateway.console.words import REASONS
from sparekey.lab.simulator import faults

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.read()


BEARER = {"authorization": f"Bearer {ADMIN_KEY}"}


def post(url, body, **headers):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_the_state_tells_who_serves_and_why_another_does_not(running, pair):
    """After a failover: the second one is active, the first one has its cause, and the tokens are counted."""
    pair[0].fail(faults.quota())
    post(f"{running.url}/v1/chat/completions", question())
    (shown,) = json.loads(get(f"{running.url}/admin/api/state"))["chains"]
    first, second = shown["credentials"]
    assert (shown["name"], shown["active"]) == ("chat", "second")
    assert (first["standing"], first["cause"]) == ("parked", "quota_exceeded")
    assert shown["failures"][0]["trace"][-1].startswith("decided by")
    assert second["tokens_today"]


def test_a_credential_is_tried_by_hand(serve, pair):
    """The trial is one real request, and the chain does not hear of it."""
    running = serve(chain("vlm", pair) + SETTINGS + ADMIN)
    pair[1].fail(faults.auth())
    api = f"{running.url}/admin/api/chains/chat"
    tried = [post(f"{api}/credentials/{name}/test", {}, **BEARER) for name in ("first", "second")]
    assert [len(provider.requests) for provider in pair] == [1, 1]
    assert "auth" in json.dumps(tried[1])
    (shown,) = json.loads(get(f"{running.url}/admin/api/state", **BEARER))["chains"]
    assert {c["standing"] for c in shown["credentials"]} == {"active", "ready"}


def test_the_statistics_go_on_over_a_reload(serve, pair):
    """What was counted before is still there, and what comes after is counted."""
    gateway = serve(chain("vlm", pair) + SETTINGS)
    for _ in range(2):
        post(f"{gateway.url}/v1/chat/completions", question())
        gateway.write(chain("vlm", pair, model="gpt-5-mini") + SETTINGS)
    (shown,) = json.loads(get(f"{gateway.url}/admin/api/state"))["chains"]
    assert shown["credentials"][0]["requests"] == 2


def test_a_chain_whose_requests_fail_is_down_for_whoever_asks(serve, pair):
    """Two keys out of quota and a host that is overloaded: console, `sparekey status` and /readyz agree, in a park and after it.

    A gateway whose providers are down is ready all the same, unless one asks for the chains; served again, all is told so.
    """
    running = serve(chain("vlm", pair) + SETTINGS)
    pair[0].fail(faults.quota(retry_after=3600))
    pair[1].fail(faults.overloaded(retry_after=1))

    def told():
        (shown,) = json.loads(get(f"{running.url}/admin/api/state"))["chains"]
        lines = CliRunner().invoke(app, ["status", "--url", running.url], env={"COLUMNS": "200"})
        ready, strict = running.ask("GET", "/readyz"), running.ask("GET", "/readyz?chains=strict")
        return shown["level"], shown["serving"], lines.exit_code, ready[0], ready[2]["levels"], strict[0]

    assert told() == ("ok", "first", 0, 200, {"chat": "ok"}, 200)
    assert running.ask(body=question())[0] == 503
    assert told() == ("down", None, 1, 200, {"chat": "down"}, 503)
    running.gateway.chains["chat"].chain.transact(manual.release, 1, running.gateway.chains["chat"].chain.clock())
    assert told() == ("down", None, 1, 200, {"chat": "down"}, 503)
    pair[1].heal()
    assert running.ask(body=question())[0] == 200
    assert told() == ("spare", "second", 0, 200, {"chat": "spare"}, 200)


def test_every_cause_has_plain_words():
    """What can park a credential, as docs/errors.md lists it, is said in a sentence of its own, not in that of its class."""
    rows = re.findall(r"\| (auth|quota_exceeded|model_not_found|transient|unknown) \| (\w+) \|", ERRORS.read_text())
    assert len(rows) > 50
    assert {reason for error_class, reason in rows if reason not in REASONS and reason != error_class} == set()


def test_silence_is_explained_too(serve, pair):
    """Where no answer came there is none to read: what was seen instead, and what followed from it."""
    gateway = serve(chain("vlm", pair, extra="attempt_limit = 0.2") + SETTINGS)
    pair[0].fail(faults.hang())
    post(f"{gateway.url}/v1/chat/completions", question())
    (shown,) = json.loads(get(f"{gateway.url}/admin/api/state"))["chains"]
    read, decided = shown["failures"][0]["trace"]
    assert read.startswith("no answer to read")
    assert decided.startswith("decided -> transient")


def test_without_an_admin_key_the_console_only_shows(serve, pair):
    """Whoever is on this machine may look; who holds, releases or tests needs the key, and is told which."""
    running = serve(chain("vlm", pair) + SETTINGS)
    for path in ("credentials/first/hold", "credentials/first/test", "test", "fault"):
        status, _, body = running.ask(path=f"/admin/api/chains/chat/{path}", body={})
        assert (status, "set that key" in body["error"]["message"]) == (403, True)
    _, _, state = running.ask("GET", "/admin/api/state")
    assert (state["config"]["read_only"], state["chains"][0]["credentials"][0]["held"], len(pair[0].requests)) == (True, False, 0)
    running.write(chain("vlm", pair) + SETTINGS + ADMIN)
    assert running.ask(path="/admin/api/chains/chat/credentials/first/hold", body={})[0] == 200
    _, _, state = running.ask("GET", "/admin/api/state")
    assert (state["config"]["read_only"], state["chains"][0]["credentials"][0]["held"]) == (False, True)


def test_a_chain_that_is_held_names_no_time(serve, pair):
    """Where a person holds every credential until further notice, the client is told no time at which to come again."""
    running = serve(chain("vlm", pair) + SETTINGS + ADMIN)
    for name in ("first", "second"):
        post(f"{running.url}/admin/api/chains/chat/credentials/{name}/hold", {}, **BEARER)
    status, headers, body = running.ask(body=question())
    assert (status, "retry-after" in headers, "retry_after" in body["sparekey"]) == (502, False, False)
    assert [cause["parked_for"] for cause in body["sparekey"]["causes"]] == [None, None]
    assert '"in":null' in get(f"{running.url}/admin/api/state", **BEARER).decode()


def test_metrics_name_the_chain(running, pair):
    """Prometheus' text, with what was just served."""
    post(f"{running.url}/v1/chat/completions", question())
    text = get(f"{running.url}/metrics").decode()
    assert 'sparekey_attempts_total{chain="chat",credential="first"' in text
    assert 'sparekey_gateway_requests_total{chain="chat",status="200"} 1.0' in text


def test_an_admin_key_is_asked_for(serve, pair, monkeypatch):
    """Without it nothing is shown; with it the page is."""
    monkeypatch.setenv("SPAREKEY_TEST_ADMIN", "an-admin-key-of-many-characters")
    gateway = serve(chain("vlm", pair) + '[gateway]\nadmin_key = "env:SPAREKEY_TEST_ADMIN"\n')
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{gateway.url}/admin/api/state")
    assert json.loads(get(f"{gateway.url}/admin/api/state", authorization="Bearer an-admin-key-of-many-characters"))["chains"]
