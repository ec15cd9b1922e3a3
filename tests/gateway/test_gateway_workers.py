"""Several workers are one gateway to whoever looks at it, and to whoever stops it."""

import contextlib
import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from gateway_command import Command
from gateway_play import ADMIN, ADMIN_KEY, KEYS, chain, question

from real_servers import wait_until
from sparekey.lab.simulator import Simulator, faults

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")


@pytest.fixture(scope="module")
def providers():
    with Simulator() as sim:
        yield sim.provider("first"), sim.provider("second")


@pytest.fixture(scope="module")
def crew(providers, tmp_path_factory):
    """A gateway with two workers, both of which have answered; its state is in memory as far as the configuration says."""
    file = tmp_path_factory.mktemp("crew") / "sparekey.toml"
    file.write_text(chain("vlm", providers) + '\n[gateway]\nstore = "memory"\naccess_log = false\n' + ADMIN)
    with Command(file, "--workers", "2") as command:
        assert wait_until(lambda: command.state()["config"]["workers"] == 2, 90)
        yield command


def busy(crew, providers):
    """Let both workers answer; return how many requests that took."""
    asked, seen = 0, set()
    providers[0].fail(faults.slow(before=0.1))
    while len(seen) < 2:
        statuses, workers = crew.crowd(16, question())
        assert statuses == {200}
        asked, seen = asked + 16, seen | workers
    providers[0].heal()
    return asked


def test_every_worker_tells_of_all(crew, providers):
    """Requests, tokens and metrics are those of both, whichever of them answers."""
    before = crew.metric("sparekey_gateway_requests_total"), crew.rows()["first"]["requests"]
    asked = busy(crew, providers)
    assert wait_until(lambda: crew.metric("sparekey_gateway_requests_total", status="200") == before[0] + asked)
    assert wait_until(lambda: crew.rows()["first"]["requests"] == before[1] + asked)
    for _ in range(8):
        row = crew.rows()["first"]
        assert (row["requests"], row["tokens_today"]["total"] > 0) == (before[1] + asked, True)
        assert crew.metric("sparekey_attempts_total", credential="first", outcome="succeeded") >= asked
        assert crew.metric("sparekey_gateway_overhead_seconds_count") >= asked
        assert crew.metric("sparekey_credential_up", credential="first") == 1
        assert crew.metric("sparekey_gateway_running") == 0


def test_an_action_reaches_every_worker(crew, providers):
    """What one of them is told to hold, none of them uses, until it is released; the timeline of each says so."""
    served = len(providers[0].requests)
    crew.get("/admin/api/chains/chat/credentials/first/hold", {})
    assert wait_until(lambda: all(crew.rows()["first"]["held"] for _ in range(6)), 5)
    crew.crowd(16, question())
    assert len(providers[0].requests) == served
    for action in ("release", "activate"):
        assert crew.get(f"/admin/api/chains/chat/credentials/first/{action}", {})[0] == 200
    assert wait_until(lambda: all(crew.rows()["first"]["standing"] == "active" for _ in range(6)), 5)
    told = [{"held", "action"} <= {moment["kind"] for moment in crew.state()["chains"][0]["timeline"]} for _ in range(4)]
    assert wait_until(lambda: {"held", "action"} <= {m["kind"] for m in crew.state()["chains"][0]["timeline"]}), told


def test_a_failure_is_seen_by_all(crew, providers):
    """A key that one of them finds dead is parked for both, and each shows the failed attempt with the provider's words."""
    providers[0].fail(faults.auth())
    crew.get("/v1/chat/completions", question())
    providers[0].heal()
    assert wait_until(lambda: all(crew.rows()["first"]["standing"] == "parked" for _ in range(6)), 5)
    assert wait_until(lambda: all((crew.rows()["first"]["last_failure"] or {}).get("status") == 401 for _ in range(6)), 5)
    assert crew.rows()["first"]["last_failure"]["message"]
    crew.get("/admin/api/chains/chat/credentials/first/activate", {})
    assert wait_until(lambda: all(crew.rows()["first"]["standing"] == "active" for _ in range(6)), 5)


def test_a_worker_that_dies_is_replaced(crew, providers):
    """The log says so, the port is served meanwhile, and no counter goes backwards."""
    busy(crew, providers)
    time.sleep(1.2)  # a worker that is killed takes the last second along
    before = crew.metric("sparekey_gateway_requests_total")
    victim = crew.workers()[0]
    os.kill(victim, signal.SIGKILL)
    lowest = before
    while f"worker {victim} ended" not in crew.said() or len(crew.workers()) < 2:
        lowest = min(lowest, crew.metric("sparekey_gateway_requests_total"))
        time.sleep(0.05)
    assert wait_until(lambda: crew.state()["config"]["workers"] == 2, 90)
    asked = busy(crew, providers)
    assert lowest == before
    assert wait_until(lambda: crew.metric("sparekey_gateway_requests_total") == before + asked)


def test_workers_read_their_configuration_anew(crew, providers):
    """On SIGHUP all of them do, none is started anew, and nothing that runs is lost."""
    workers = crew.workers()
    text = crew.file.read_text()
    providers[0].fail(faults.slow(before=0.5), times=4)
    crew.file.write_text(text.replace(KEYS[0], "sk-rotated-9999999999999"))
    crew.process.send_signal(signal.SIGHUP)
    assert crew.crowd(8, question())[0] == {200}

    def all_new():
        since = len(providers[0].requests)
        assert crew.crowd(8, question())[0] == {200}
        return {one.headers["authorization"] for one in providers[0].requests[since:]} == {"Bearer sk-rotated-9999999999999"}

    assert wait_until(all_new)
    assert crew.workers() == workers
    crew.file.write_text(text)
    assert wait_until(lambda: {one.headers["authorization"] for one in providers[0].requests[-1:]} != {f"Bearer {KEYS[0]}"})


def test_a_stop_lets_streams_finish(crew, providers):
    """Running streams end well, whoever comes is told or refused at once, open pages hold nobody up, nothing is left.

    However many of the processes get the signal.
    """
    providers[0].fail(faults.slow(each=0.03))
    shared = Path(crew.state()["store"]["kind"].removeprefix("sqlite:///")).parent
    assert shared.is_dir()
    with contextlib.ExitStack() as open_ones:
        page, stream = (open_ones.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", crew.port))) for _ in range(2))
        page.request("GET", "/admin/api/events", headers={"authorization": f"Bearer {ADMIN_KEY}"})
        told = open_ones.enter_context(page.getresponse())
        assert told.readline().startswith(b"retry")
        stream.request("POST", "/v1/chat/completions", json.dumps(question(stream=True)), {"content-type": "application/json"})
        with stream.getresponse() as answer:
            text = answer.read(50)
            for pid in (*crew.workers(), crew.process.pid):  # as a terminal or systemd does
                os.kill(pid, signal.SIGINT)
            assert wait_until(crew.drains, 5)
            text += answer.read()
        told.read()  # to its end
    assert text.rstrip().endswith(b"data: [DONE]")
    assert crew.process.wait(60) == 0
    assert not shared.exists()
