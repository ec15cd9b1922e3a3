"""How a gateway begins and ends: word to systemd, requests that run, requests that come, a second signal, a log that nobody reads."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from gateway_play import SETTINGS, chain, question

from sparekey.lab.simulator import faults


def streaming(running, pair):
    """Begin a stream that takes a second; return its connection."""
    pair[0].fail(faults.slow(each=0.02))
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(question(stream=True)), {"content-type": "application/json"})
    return connection, connection.getresponse()


def test_whoever_comes_while_it_drains_is_told(running, pair):
    """While a stream runs `/readyz` is 503 and requests are refused in words; the stream comes to its end."""
    connection, answer = streaming(running, pair)
    running.server.handle_exit(signal.SIGTERM, None)
    time.sleep(0.15)  # uvicorn looks for signals ten times a second
    assert running.ask("GET", "/readyz")[0] == 503
    assert running.ask("GET", "/healthz")[0] == 200
    status, headers, body = running.ask(body=question())
    assert (status, body["error"]["code"], headers["connection"]) == (503, "stopping", "close")
    assert answer.read().rstrip().endswith(b"data: [DONE]")
    connection.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_stop_has_a_limit(serve, pair):
    """What is not done within `stop_timeout` is told so, and its call at the provider ends."""
    running = serve(chain("vlm", pair) + SETTINGS + "stop_timeout = 0.3\n")
    pair[0].fail(faults.hang())
    answers = []
    asking = threading.Thread(target=lambda: answers.append(running.ask(body=question())))
    asking.start()
    assert pair[0].wait_for(lambda p: p.requests)
    running.server.handle_exit(signal.SIGTERM, None)
    asking.join(5)
    assert (answers[0][0], answers[0][2]["error"]["code"]) == (503, "stopping")
    assert pair[0].wait_for(lambda p: p.abandoned, 1.0)


def test_what_needs_a_restart_is_said(running, caplog):
    """A reload names the settings that it could not change; the others are in use."""
    running.write(running.file.read_text() + "max_connections = 7\nmax_body_mb = 1\n")
    assert "changed, but in use only after a restart: gateway.max_connections\n" in caplog.text
    assert running.gateway.state.config.max_body_mb == 1


@pytest.fixture
def manager(tmp_path):
    """What systemd is to a service: a socket that takes its word."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.settimeout(20)
        yield one


def word(manager, *wanted):
    """Return the next word that is one of these."""
    while True:
        said = manager.recv(4096).decode().splitlines()
        if set(wanted) & set(said):
            return said[0]


@pytest.fixture
def service(tmp_path, pair, manager):
    """The command as a service whose standard error nobody reads."""
    file = tmp_path / "sparekey.toml"
    file.write_text(chain("vlm", pair) + "\n[gateway]\nport = 0\n")
    line = [sys.executable, "-m", "sparekey", "serve", "--config", str(file)]
    place = {**os.environ, "NOTIFY_SOCKET": manager.getsockname()}
    with subprocess.Popen(line, stderr=subprocess.PIPE, env=place) as process:
        said = process.stderr.readline().decode()
        process.port = int(said.partition("http://127.0.0.1:")[2].partition(" ")[0])
        yield process
        process.kill()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals and sockets of Unix")
def test_a_service_from_its_first_word_to_its_last(service, manager, pair):
    """It says when it serves, reloads and stops; a full pipe does not stop it, a second signal does, at once."""
    assert word(manager, "READY=1") == "READY=1"
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    for _ in range(600):  # some 100 kB of log, where a pipe holds 64
        connection.request("GET", "/v1/models/" + "x" * 200)
        assert connection.getresponse().read()
    service.send_signal(signal.SIGHUP)
    assert word(manager, "RELOADING=1") == "RELOADING=1"
    assert word(manager, "READY=1") == "READY=1"
    pair[0].fail(faults.hang())
    connection.request("POST", "/v1/chat/completions", json.dumps(question()), {"content-type": "application/json"})
    assert pair[0].wait_for(lambda p: p.requests)
    service.send_signal(signal.SIGTERM)
    assert word(manager, "STOPPING=1") == "STOPPING=1"
    assert service.poll() is None
    service.send_signal(signal.SIGTERM)
    assert service.wait(10) == -signal.SIGTERM
    connection.close()
