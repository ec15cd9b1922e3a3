"""The console, its API and the metrics on the gateway itself."""

import json
import urllib.error
import urllib.request

import pytest
from gateway_play import SETTINGS, chain, question

from sparekey.simulator import faults


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.read()


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
    assert second["tokens_today"]


def test_a_credential_is_tried_by_hand(running, pair):
    """The trial is one real request, and the chain does not hear of it."""
    pair[1].fail(faults.auth())
    api = f"{running.url}/admin/api/chains/chat"
    tried = [post(f"{api}/credentials/{name}/test", {}) for name in ("first", "second")]
    assert [len(provider.requests) for provider in pair] == [1, 1]
    assert "auth" in json.dumps(tried[1])
    (shown,) = json.loads(get(f"{running.url}/admin/api/state"))["chains"]
    assert {c["standing"] for c in shown["credentials"]} == {"active", "ready"}


def test_the_book_goes_on_over_a_reload(serve, pair):
    """What was counted before is still there, and what comes after is counted."""
    gateway = serve(chain("vlm", pair) + SETTINGS)
    for _ in range(2):
        post(f"{gateway.url}/v1/chat/completions", question())
        gateway.write(chain("vlm", pair, model="gpt-5-mini") + SETTINGS)
    (shown,) = json.loads(get(f"{gateway.url}/admin/api/state"))["chains"]
    assert shown["credentials"][0]["requests"] == 2


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
