"""The command itself, as a process: its log, its exit codes, HTTPS."""

import hashlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from gateway_play import chain, question

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")


def ask(url, path="/v1/chat/completions", body=None, context=None):
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url + path, data), timeout=30, context=context) as response:
        return response.headers, json.load(response)


@pytest.fixture
def command(tmp_path):
    """Run `sparekey serve` with a configuration; return the process, its address and its file."""
    started = []

    def start(text, *options):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        file = tmp_path / "sparekey.toml"
        file.write_text(text)
        line = [sys.executable, "-m", "sparekey", "serve", "--config", str(file), "--port", str(port), *options]
        with (tmp_path / "log").open("w") as log:  # a pipe that nobody reads would fill up, and stop the gateway
            process = subprocess.Popen(line, stderr=log)
        started.append(process)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        return process, f"http://127.0.0.1:{port}", file

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def test_the_access_log_is_json(command, pair, tmp_path):
    """Each line names client, chain, credential and attempts, and no key."""
    process, url, _ = command(chain("vlm", pair))
    ask(url, body=question())
    process.terminate()
    process.wait(60)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    assert [(one["chain"], one["credential"], one["status"], len(one["attempts"])) for one in lines] == [("chat", "first", 200, 1)]


def test_a_wrong_configuration_starts_nothing(command, pair, tmp_path):
    """Exit code 2, with what is wrong and where."""
    process, _, _ = command(chain("vlm", pair) + '\n[gateway]\nhost = "0.0.0.0"\n')
    assert process.wait(60) == 2
    assert "gateway.host" in (tmp_path / "log").read_text()


def test_https(command, pair, tmp_path):
    """With a certificate the gateway speaks TLS, and asks for keys like anywhere."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    digest = hashlib.sha256(b"spk-some-key-0123456789").hexdigest()
    clients = f'[[gateway.clients]]\nname = "a"\nkey_sha256 = "{digest}"\n'
    files = f'certfile = "{tmp_path / "cert.pem"}"\nkeyfile = "{tmp_path / "key.pem"}"\n'
    _, url, _ = command(chain("vlm", pair) + f"\n[gateway]\n{files}{clients}")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(url.replace("http", "https"), "/v1/models", context=context)
    assert ask(url.replace("http", "https"), "/healthz", context=context)[1] == {"status": "ok"}


def test_a_new_key_fits_its_digest():
    """`--new-key` prints a key and what the configuration holds of it."""
    done = subprocess.run([sys.executable, "-m", "sparekey", "serve", "--new-key"], capture_output=True, text=True, check=True)
    told = dict(line.split() for line in done.stdout.splitlines())
    assert hashlib.sha256(told["key"].encode()).hexdigest() == told["key_sha256"]
