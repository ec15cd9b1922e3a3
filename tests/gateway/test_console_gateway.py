"""The console over the real gateway: its chains, its tests of credentials, its metrics."""

import httpx2
import pytest
from console_kit import serving

from sparekey.config import Config
from sparekey.gateway.app import Gateway
from sparekey.gateway.mount import mounted
from sparekey.gateway.upstream import Pooled
from sparekey.simulator import Simulator


@pytest.fixture
def providers():
    with Simulator() as simulator:
        yield {name: simulator.provider(name, keys=[f"sim-key-{name}"]) for name in ("first", "second")}


def configuration(providers, *names):
    rows = [{"id": n, "api_base": providers[n].base_url, "api_key": f"sim-key-{n}"} for n in names]
    return Config.model_validate({"vlm": {"provider": "openai", "model": "sim-chat", "credentials": rows}})


def ask(url):
    return httpx2.post(f"{url}/v1/chat/completions", json={"model": "chat", "messages": [{"role": "user", "content": "hello"}]})


def act(url, path, body=None):
    return httpx2.post(f"{url}/admin/api/chains/{path}", json=body or {}).json()


def test_the_console_follows_the_gateway(providers):
    """Requests, a failover, tests, faults and a reload are all seen there, and Prometheus is told."""
    gateway = Gateway(configuration(providers, "first", "second"), Pooled())
    gateway.admin = mounted(gateway, simulated=providers.values())
    with serving(gateway) as url:
        assert act(url, "chat/fault", {"credential": "first", "fault": "key refused"}) == {"done": "fault"}
        assert ask(url).status_code == 200
        found = {r["credential"]: r["ok"] for r in act(url, "chat/test")["results"]}
        state = httpx2.get(f"{url}/admin/api/state").json()["chains"][0]
        metrics = httpx2.get(f"{url}/metrics").text
        gateway.reload(configuration(providers, "second"))
        assert ask(url).status_code == 200
        after = httpx2.get(f"{url}/admin/api/state").json()["chains"][0]
    assert found == {"first": False, "second": True}
    assert state["headline"] == "second serves in place of first"
    assert [c["requests"] for c in state["credentials"]] == [1, 1]
    assert 'sparekey_failovers_total{chain="chat",new="second",old="first"} 1.0' in metrics
    assert 'sparekey_gateway_requests_total{chain="chat",status="200"} 1.0' in metrics
    assert [(c["id"], c["requests"]) for c in after["credentials"]] == [("second", 2)]
